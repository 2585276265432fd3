package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// event is one server-sent event of the real engine, with delta and finish set.
func event(delta, finish string) string {
	return `data: {"choices":[{"finish_reason":` + finish + `,"index":0,"delta":` + delta + `}],"created":1795475229,"id":"chatcmpl-x","model":"m","system_fingerprint":"b0","object":"chat.completion.chunk"}` + "\n\n"
}

const (
	usage = `data: {"choices":[],"object":"chat.completion.chunk","usage":{"completion_tokens":5,"prompt_tokens":32,"total_tokens":37,"prompt_tokens_details":{"cached_tokens":0}},"timings":{"cache_n":0}}` + "\n\n"
	begin = `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"object":"chat.completion.chunk","prompt_progress":{"total":32,"cache":0,"processed":0,"time_ms":0}}` + "\n\n"
	done  = "data: [DONE]\n\n"
)

// read decodes a whole stream.
func read(s string) (text string, last Delta, err error) { return readFrom(strings.NewReader(s)) }

func readFrom(from io.Reader) (text string, last Delta, err error) {
	r := newStream(from, 64, Prompt{})
	for {
		step, err := r.next()
		if err != nil || step.done {
			return text, step.piece, err
		}
		text += step.piece.Text
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return " " + err.Error()
}

func TestStream(t *testing.T) {
	text, last, err := read(begin + ":\n\n" + event(`{"content":"Par"}`, "null") + event(`{"content":"is\u0000","reasoning_content":"hm"}`, "null") + event(`{}`, `"stop"`) + usage + done)
	if err != nil || text != "Paris" || last.Finish != Stopped || last.Usage != (Usage{32, 5}) {
		t.Errorf("%q %+v %v", text, last, err)
	}
	text, _, err = read(strings.ReplaceAll(begin+event(`{"content":"a"}`, "null")+event(`{}`, `"length"`)+usage+done, "\n", "\r\n"))
	if err != nil || text != "a" {
		t.Errorf("%q %v", text, err)
	}
	long := strings.Repeat("a", 100<<10) // longer than the reader's buffer
	if text, _, err = read(event(`{"content":"`+long+`"}`, `"stop"`) + usage + done); err != nil || text != long {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	_, _, err = read(begin + `data: {"error":{"code":500,"message":"secret","type":"server_error"}}` + "\n\n")
	if e, ok := errors.AsType[*engineError](err); !ok || e.kind() != "server_error" || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// What has come is one step, but for an end or an error behind it.
func TestStepsHoldWhatHasCome(t *testing.T) {
	a, b := event(`{"content":"a"}`, "null"), event(`{"content":"b"}`, "null")
	for name, c := range map[string]struct {
		s    string
		want []string
	}{
		"texts":          {begin + a + begin + b + event(`{}`, `"stop"`) + usage + done, []string{"ab", "end"}},
		"a ping between": {a + ":\n\n" + b, []string{"a", "b", "unexpected EOF"}},
		"half an event":  {a + b + b[:20], []string{"ab", "unexpected EOF"}},
		"an error":       {a + b + "data: {\n\n", []string{"ab", "an event that is not its JSON"}},
	} {
		r := newStream(strings.NewReader(c.s), 64, Prompt{})
		var got []string
		for {
			s, err := r.next()
			if s.piece.Text != "" {
				got = append(got, s.piece.Text)
			}
			if err != nil {
				got = append(got, err.Error())
				break
			}
			if s.done {
				got = append(got, "end")
				break
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestHostileStreams(t *testing.T) {
	for name, s := range map[string]string{
		"no event":          "hello\n\n",
		"html":              "<html>\n",
		"not json":          "data: {\n\n",
		"an array":          "data: []\n\n",
		"other object":      `data: {"object":"text_completion","choices":[]}` + "\n\n",
		"two choices":       `data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}` + "\n\n",
		"another choice":    `data: {"object":"chat.completion.chunk","choices":[{"index":7,"delta":{}}]}` + "\n\n",
		"user's role":       event(`{"role":"user"}`, "null"),
		"tool call":         event(`{"tool_calls":[{"function":{"name":"rm"}}]}`, "null"),
		"content's type":    event(`{"content":["a"]}`, "null"),
		"unknown finish":    event(`{}`, `"tool_calls"`),
		"finish's type":     event(`{}`, `7`),
		"text after finish": event(`{}`, `"stop"`) + event(`{"content":"a"}`, "null"),
		"done at once":      done,
		"no usage":          event(`{}`, `"stop"`) + done,
		"no finish":         usage + done,
		"usage twice":       usage + usage,
		"negative usage":    `data: {"object":"chat.completion.chunk","usage":{"completion_tokens":-1,"prompt_tokens":1}}` + "\n\n",
		"huge usage":        `data: {"object":"chat.completion.chunk","usage":{"completion_tokens":1,"prompt_tokens":99999999999}}` + "\n\n",
		"half usage":        `data: {"object":"chat.completion.chunk","usage":{"completion_tokens":1}}` + "\n\n",
		"endless line":      "data: " + strings.Repeat("a", 2*maxLine),
		"endless events":    strings.Repeat(begin, 10000),
		"too much text":     strings.Repeat(event(`{"content":"`+strings.Repeat("a", 900<<10)+`"}`, "null"), 20),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(s)
			if _, ok := errors.AsType[*badReply](err); !ok {
				t.Errorf("%v", err)
			}
		})
	}
	for _, s := range []string{"", begin, event(`{}`, `"stop"`) + usage, "data: {\"obj"} {
		if _, _, err := read(s); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add(begin + event(`{"content":"a"}`, "null") + event(`{}`, `"stop"`) + usage + done)
	f.Add(event(`{"tool_calls":[]}`, "null"))
	f.Add("data: [DONE]\n\n:\n\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		text, last, err := read(s)
		if err == nil && (last.Finish != Stopped && last.Finish != Length || last.Usage.PromptTokens < 0 || strings.Contains(text, "\x00")) {
			t.Errorf("%q gave %q %+v", s, text, last)
		}
		if len(text) > len(s) {
			t.Errorf("more text than bytes")
		}
		// However it comes, it is the same.
		byBytes, lastBytes, errBytes := readFrom(iotest.OneByteReader(strings.NewReader(s)))
		if byBytes != text || !reflect.DeepEqual(lastBytes, last) || errText(errBytes) != errText(err) {
			t.Errorf("%q byte by byte gave %q %+v %v, not %q %+v %v", s, byBytes, lastBytes, errBytes, text, last, err)
		}
	})
}

// hostile serves one fixed reply to every connection.
func hostile(t *testing.T, reply string) *client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 64<<10)
			_, _ = c.Read(b)
			_, _ = io.WriteString(c, reply)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return newClient(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	})
}

func answer(status, header, body string) string {
	return "HTTP/1.1 " + status + "\r\n" + header + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

func TestHostileReplies(t *testing.T) {
	const json = "Content-Type: application/json\r\n"
	for name, reply := range map[string]string{
		"nothing":        "",
		"not http":       "220 smtp ready\r\n",
		"long header":    "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
		"redirect":       answer("302 Found", "Location: http://example.org/\r\n", ""),
		"other type":     answer("200 OK", "Content-Type: text/html\r\n", "{}"),
		"error as text":  answer("500 Internal Server Error", json, "secret"),
		"error as array": answer("400 Bad Request", json, `[{"error":1}]`),
		"not json":       answer("200 OK", json, "{"),
		"wrong shape":    answer("200 OK", json, `{"id":0}`),
		"two slots":      answer("200 OK", json, `[{"id":0},{"id":1}]`),
		"slot without":   answer("200 OK", json, `[{}]`),
		"cut short":      "HTTP/1.1 200 OK\r\n" + json + "Content-Length: 100\r\n\r\n[",
	} {
		t.Run(name, func(t *testing.T) {
			err := hostile(t, reply).alive(t.Context(), 1)
			if err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v", err)
			}
		})
	}
	c := hostile(t, answer("400 Bad Request", json, `{"error":{"code":400,"message":"secret","type":"exceed_context_size_error","n_prompt_tokens":9031,"n_ctx":2048}}`))
	_, err := c.chat(t.Context(), []byte("{}"))
	e, ok := errors.AsType[*engineError](err)
	if !ok {
		t.Fatal(err)
	}
	if f := faultOf(t, refusedBy(e), TooLong); !strings.Contains(f.What, "9031") || !strings.Contains(f.What, "2048") || strings.Contains(f.Error(), "secret") {
		t.Errorf("%v", f)
	}
	if err := hostile(t, answer("200 OK", json, `[{"id":0}]`)).alive(t.Context(), 1); err != nil {
		t.Errorf("the control: %v", err)
	}
}

func BenchmarkEncode(b *testing.B) {
	messages := []Message{{Role: System, Content: "You are helpful."}, {Role: User, Content: strings.Repeat("What is the capital of France? ", 30)}}
	for b.Loop() {
		if _, err := encodeChat(messages, Options{MaxTokens: 256, Temperature: new(0.7)}, steering{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScrub is what looking for control tokens adds before the first token,
// with the real model and a clean conversation of some 300 tokens: two calls.
func BenchmarkScrub(b *testing.B) {
	e := start(b, nil)
	p := ask(strings.Repeat("What is the capital of France? ", 40), 1)
	if err := e.Warm(b.Context(), p.Person, p.Model); err != nil {
		b.Fatal(err)
	}
	w := workerOf(b, e, p)
	for b.Loop() {
		if _, err := cleaned(b.Context(), w, p.Messages); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode is what one token costs on our side.
func BenchmarkDecode(b *testing.B) {
	token := event(`{"content":" capital"}`, "null")
	const tokens = 256
	whole := begin + strings.Repeat(token, tokens) + event(`{}`, `"stop"`) + usage + done
	b.SetBytes(int64(len(token)))
	n := 0
	start := time.Now()
	for b.Loop() {
		r := newStream(strings.NewReader(whole), 4096, Prompt{})
		for {
			step, err := r.next()
			if err != nil {
				b.Fatal(err)
			}
			if step.done {
				break
			}
		}
		n += tokens
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(n), "ns/token")
}
