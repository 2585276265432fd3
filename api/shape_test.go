package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/engine"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// told is what a client understands of a stream of any dialect.
type told struct {
	text, thoughts, calls, end string
	events                     int
}

// understand reads a stream as strictly as the strictest client library does.
func understand(t *testing.T, stream string) (x told) {
	t.Helper()
	sequence := 0.0
	for line := range strings.Lines(stream) {
		data, sse := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data: ")
		if !sse && !strings.HasPrefix(line, "{") {
			if data != "" && !strings.HasPrefix(data, "event: ") && strings.Trim(data, ": ") != "" {
				t.Fatalf("a line that no client knows: %q", line)
			}
			continue
		}
		if data == "[DONE]" {
			x.end += data
			continue
		}
		var e struct {
			Type     string
			Sequence *float64 `json:"sequence_number"`
			Delta    json.RawMessage
			Choices  []struct {
				Text  string
				Delta struct {
					Content   string
					Reasoning string                                          `json:"reasoning_content"`
					Calls     []struct{ Function struct{ Arguments string } } `json:"tool_calls"`
				}
				Finish string `json:"finish_reason"`
			}
			Message  json.RawMessage
			Response json.RawMessage
			Thinking string
			Done     bool
			Error    any
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%v: %q", err, data)
		}
		x.events++
		if e.Sequence != nil {
			if *e.Sequence != sequence {
				t.Fatalf("event %v comes after event %v", *e.Sequence, sequence-1)
			}
			sequence++
		}
		for _, c := range e.Choices {
			x.text += c.Text + c.Delta.Content
			x.thoughts += c.Delta.Reasoning
			x.end += c.Finish
			for _, call := range c.Delta.Calls {
				x.calls += call.Function.Arguments
			}
		}
		var m struct {
			Content, Thinking string
			Calls             []struct {
				Function struct{ Arguments json.RawMessage }
			} `json:"tool_calls"`
		}
		_ = json.Unmarshal(e.Message, &m) // a text in one dialect, and absent in others
		x.text += m.Content
		x.thoughts += m.Thinking + e.Thinking
		for _, c := range m.Calls {
			x.calls += string(c.Function.Arguments)
		}
		var plain string
		switch {
		case json.Unmarshal(e.Response, &plain) == nil:
			x.text += plain
		case json.Unmarshal(e.Delta, &plain) == nil && strings.Contains(e.Type, "reasoning"):
			x.thoughts += plain
		case json.Unmarshal(e.Delta, &plain) == nil && strings.Contains(e.Type, "arguments"):
			x.calls += plain
		case plain != "":
			x.text += plain
		default:
			var d struct {
				Text, Thinking string
				Partial        string `json:"partial_json"`
			}
			_ = json.Unmarshal(e.Delta, &d) // an object in one dialect, and absent in others
			x.text, x.thoughts, x.calls = x.text+d.Text, x.thoughts+d.Thinking, x.calls+d.Partial
		}
		if e.Error != nil {
			x.end += "error"
		}
		if e.Done || e.Type == "message_stop" || e.Type == "response.completed" {
			x.end += "done"
		}
	}
	return x
}

// Whatever the shape, a client understands the same.
func TestShapesSayTheSame(t *testing.T) {
	for _, w := range ways {
		for seed := range uint64(8) {
			var plain told
			for _, m := range []shaper.Mode{shaper.Off, shaper.Pad, shaper.Paced, shaper.Sealed} {
				synctest.Test(t, func(t *testing.T) {
					v := visit{path: w.path, body: "{" + w.ask + w.streams + "}", says: chance(seed, 5*time.Second), policy: shaper.Policy{LAN: m}}
					_, status, stream := v.look(t)
					if status != 200 && m > shaper.Off {
						t.Fatalf("%s, %s: the status tells that something failed: %d", w.path, m, status)
					}
					got := told{end: "error"}
					if status == 200 {
						got = understand(t, stream)
					}
					if m > shaper.Pad && len(stream)%shaper.FrameBytes != 0 {
						t.Errorf("%s, %s: %d bytes are no whole frames", w.path, m, len(stream))
					}
					if got.events = 0; m == shaper.Off {
						plain = got
					} else if got != plain {
						t.Errorf("%s, %s, seed %d: a client understands\n%.600s\nunshaped it is\n%.600s", w.path, m, seed, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", plain))
					}
				})
			}
		}
	}
}

// What is padded tells kinds of events, and not how long the words in them are.
func TestPadHidesWords(t *testing.T) {
	for _, w := range ways {
		var sizes [25][]int
		for i := range sizes {
			word := strings.Repeat("m", 1+10*i)
			synctest.Test(t, func(t *testing.T) {
				v := visit{path: w.path, body: "{" + w.ask + w.streams + "}", policy: shaper.Policy{LAN: shaper.Pad}}
				v.says = spaced(word, word, word)
				trace, _, _ := v.look(t)
				for _, r := range trace[:3] {
					sizes[i] = append(sizes[i], r.bytes)
				}
			})
		}
		for i, s := range sizes {
			if !slices.Equal(s, sizes[0]) {
				t.Errorf("%s: records have %v bytes, and %v with words of %d letters", w.path, sizes[0], s, 1+10*i)
			}
		}
	}
}

// spaced says words with a second between them.
func spaced(words ...string) says {
	return func(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			for d, err := range texts(words...)(ctx, p) {
				time.Sleep(time.Second)
				if !yield(d, err) {
					return
				}
			}
		}
	}
}

// A client may ask for more than is set, and never for less; what it asks is told.
func TestClientsRaise(t *testing.T) {
	const field, header = `,"stream":true,"stream_options":{"abaton_shape":"%"}`, shapeHeader
	const obfuscate, plain = "include_obfuscation", "!include_obfuscation" // OpenAI's own field, and false
	for _, c := range []struct {
		set           shaper.Mode
		header, field string
		status        int
		shape         string
		lowered       bool
	}{
		{shaper.Off, "", "", 200, "", false},
		{shaper.Off, "pad", "", 200, "pad", false},
		{shaper.Off, "off", "", 200, "", false},
		{shaper.Pad, "", "", 200, "pad", false},
		{shaper.Pad, "sealed", "paced", 200, "sealed", false},
		{shaper.Pad, "", "paced", 200, "paced", false},
		{shaper.Pad, "off", "", 400, "", true},
		{shaper.Sealed, "paced", "sealed", 400, "", true},
		{shaper.Sealed, "sealed", "off", 400, "", true},
		{shaper.Channel, "", "", 200, "sealed", false},
		{shaper.Pad, "channel", "", 400, "", true},
		{shaper.Pad, "loud", "", 400, "", true},
		{shaper.Pad, " ", "", 400, "", true},
		{shaper.Pad, "", "loud", 400, "", true},
		{shaper.Off, "", obfuscate, 200, "pad", false},
		{shaper.Off, "", plain, 200, "", false},
		{shaper.Pad, "", plain, 200, "pad", false}, // libraries of others send it, so it is no offence, and of no use
		{shaper.Sealed, "", obfuscate, 200, "sealed", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var lowered atomic.Bool
			v := visit{path: chatPath, says: texts("hi"), policy: shaper.Policy{LAN: c.set}, header: http.Header{}, prepare: func(cfg *Config) {
				cfg.Lowered = func(s vault.Session) { lowered.Store(s.Person == "ada") }
			}}
			var shape string
			v.told = func(h http.Header) { shape = h.Get(shapeHeader) }
			v.body = "{" + hi
			switch c.field {
			case "":
			case obfuscate, plain:
				v.body += fmt.Sprintf(`,"stream":true,"stream_options":{"include_obfuscation":%v}`, c.field == obfuscate)
			default:
				v.body += strings.Replace(field, "%", c.field, 1)
			}
			v.body += "}"
			if c.header != "" {
				v.header.Set(header, c.header)
			}
			_, status, body := v.look(t)
			if status != c.status || lowered.Load() != c.lowered {
				t.Errorf("%+v: %d, told of it: %v\n%s", c, status, lowered.Load(), body)
			}
			if got, _, _ := strings.Cut(shape, ";"); got != c.shape {
				t.Errorf("%+v: the answer says it is %q", c, shape)
			}
		})
	}
}

// The header of an answer says which shape it has and whether the question was
// padded; where that is a must, others are refused.
func TestUploads(t *testing.T) {
	asked := []byte("{" + hi + "}")
	for _, c := range []struct {
		body   []byte
		must   bool
		status int
	}{{asked, false, 200}, {asked, true, 400}, {shaper.PadRequest(bytes.Clone(asked)), true, 200}} {
		synctest.Test(t, func(t *testing.T) {
			v := visit{path: chatPath, body: string(c.body), says: texts("hi"), policy: shaper.Policy{LAN: shaper.Pad, Uploads: c.must}}
			_, status, body := v.look(t)
			if status != c.status || status == 400 && !strings.Contains(body, "4096 bytes") {
				t.Errorf("%d bytes: %d %s", len(c.body), status, body)
			}
			if len(body)%4096 != 0 {
				t.Errorf("%d bytes came back", len(body))
			}
		})
	}
}

// A client that hangs up in the middle of a window stops the engine.
func TestHangingUpInAWindow(t *testing.T) {
	for _, how := range []string{`,"stream":true`, ``} {
		synctest.Test(t, func(t *testing.T) {
			begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
			v := visit{path: chatPath, body: "{" + hi + how + "}", says: endless(0, begun, ended), policy: shaper.Policy{LAN: shaper.Sealed}}
			ctx, hangUp := context.WithTimeout(t.Context(), 3*time.Second)
			defer hangUp()
			if _, _, _, err := v.ask(t, ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			<-ended
		})
	}
}

// A client that reads one byte a second gets frames as fast as it takes them,
// and is let go when it takes none for too long.
func TestSlowReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit{path: chatPath, body: "{" + hi + `,"stream":true}`, says: texts("Pa", "ris"), policy: shaper.Policy{LAN: shaper.Sealed, Window: time.Second}}
		v.prepare = func(c *Config) { c.WriteTimeout = time.Hour }
		var got []byte
		v.read = func(r io.Reader) {
			one := make([]byte, 1)
			for {
				n, err := r.Read(one)
				got = append(got, one[:n]...)
				if err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}
		v.look(t)
		if x := understand(t, string(got)); x.text != "Paris" || x.end != "stop[DONE]" || len(got) != 10*shaper.FrameBytes {
			t.Errorf("%+v of %d bytes", x, len(got))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
		v := visit{path: chatPath, body: "{" + hi + `,"stream":true}`, says: endless(0, begun, ended), policy: shaper.Policy{LAN: shaper.Sealed}}
		v.prepare = func(c *Config) { c.WriteTimeout = time.Second }
		v.read = func(io.Reader) { <-ended } // it reads nothing, and the engine is stopped
		v.look(t)
	})
}

// An answer longer than any window goes on to further ones, whole, in every dialect.
func TestLongAnswers(t *testing.T) {
	words := make([]string, 100_000)
	for i := range words {
		words[i] = " word"
	}
	whole := strings.Join(words, "")
	for _, w := range ways {
		for how, field := range map[string]string{"streamed": w.streams, "whole": w.whole} {
			synctest.Test(t, func(t *testing.T) {
				v := visit{path: w.path, body: "{" + w.ask + field + "}", says: texts(words...), policy: shaper.Policy{LAN: shaper.Sealed, Jitter: func() time.Duration { return 0 }}}
				trace, status, body := v.look(t)
				if status != 200 || windowOf(trace)%32 != 0 || windowOf(trace) < 96 || len(body) != windowOf(trace)*10*shaper.FrameBytes {
					t.Errorf("%s, %s: %d, %d bytes after %d s", w.path, how, status, len(body), windowOf(trace))
				}
				if how == "whole" {
					if !json.Valid([]byte(body)) || !strings.Contains(body, whole) {
						t.Errorf("%s: the answer is not whole", w.path)
					}
					return
				}
				if x := understand(t, body); x.text != whole || strings.Contains(x.end, "error") || x.end == "" {
					t.Errorf("%s: %d letters, %q", w.path, len(x.text), x.end)
				}
			})
		}
	}
}

// A failure of the engine has one shape with success: no status tells of it.
func TestWholeFailures(t *testing.T) {
	for _, w := range ways {
		for kind, want := range map[engine.Kind]int{engine.TooLong: 400, engine.Crashed: 500, engine.Busy: 500} {
			synctest.Test(t, func(t *testing.T) {
				fault := &engine.Fault{Kind: kind, What: "It broke.", Do: "Ask again."}
				v := visit{path: w.path, body: "{" + w.ask + w.whole + "}", says: fails(fault), policy: shaper.Policy{LAN: shaper.Sealed}}
				_, status, body := v.look(t)
				if status != want || !strings.Contains(body, "It broke.") || len(body) != 320*shaper.FrameBytes {
					t.Errorf("%s, %s: %d and %d bytes: %.200s", w.path, kind, status, len(body), body)
				}
			})
		}
	}
}

// The end of a shaped answer, too, is told only when what is to be kept is kept.
func TestShapedAndKept(t *testing.T) {
	for _, how := range []string{`,"stream":true`, ``} {
		for _, fail := range []error{nil, errors.New("the disk is full")} {
			synctest.Test(t, func(t *testing.T) {
				s := &safe{kept: map[string][]byte{}, fail: fail}
				v := visit{path: "/v1/responses", body: `{"input":"hi","store":true` + how + "}", says: texts("Pa", "ris"), policy: shaper.Policy{LAN: shaper.Sealed}}
				v.prepare = func(c *Config) { c.Responses = s }
				_, _, body := v.look(t)
				if whole := strings.Contains(body, `"status":"completed"`) && !strings.Contains(body, `"error":{`); whole != (fail == nil) || len(s.kept) == 1 != whole {
					t.Errorf("%v: %d are kept\n%.2000s", fail, len(s.kept), body)
				}
				for _, b := range s.kept {
					if !strings.Contains(string(b), "Paris") {
						t.Errorf("kept: %s", b)
					}
				}
			})
		}
	}
}

// Where nobody shapes, nothing of this is seen.
func TestUnshaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, body := visit{path: chatPath, body: "{" + hi + "}", says: texts("hi")}.look(t)
		if strings.HasSuffix(body, " ") {
			t.Errorf("%q", body)
		}
	})
}

// A server that stops sends what there is of an answer and, where it is not whole,
// says so: no event breaks off.
func TestStoppingInAWindow(t *testing.T) {
	for _, w := range ways {
		for stop, want := range map[time.Duration]bool{1234 * time.Millisecond: false, 10 * time.Second: true} {
			synctest.Test(t, func(t *testing.T) {
				v := visit{path: w.path, body: "{" + w.ask + w.streams + "}", policy: shaper.Policy{LAN: shaper.Sealed}, stop: stop}
				v.says = spaced(strings.Repeat("long ", 300), "words", "come", "here")
				_, _, stream := v.look(t)
				x := understand(t, stream)
				if whole := strings.Contains(x.text, "here") && !strings.Contains(x.end, "error"); whole != want || !strings.Contains(x.text, "long ") {
					t.Errorf("%s, stopped after %v: %.100q and %q", w.path, stop, x.text, x.end)
				}
				if len(stream)%shaper.FrameBytes != 0 { // frames, and what was left in a bucket
					t.Errorf("%s, stopped after %v: %d bytes", w.path, stop, len(stream))
				}
			})
		}
	}
}

// A server that stops while an answer's end is on its way says that end once.
func TestStoppingInAnEnd(t *testing.T) {
	for _, w := range ways {
		for stop := 7600 * time.Millisecond; stop < 8200*time.Millisecond; stop += 62 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				v := visit{path: w.path, body: "{" + w.ask + w.streams + "}", policy: shaper.Policy{LAN: shaper.Sealed, Window: 8 * time.Second, Jitter: func() time.Duration { return 0 }}, stop: stop}
				v.says = texts(strings.Repeat("long ", 300), "here")
				_, _, stream := v.look(t)
				if x := understand(t, stream); x.end == "" || len(stream)%shaper.FrameBytes != 0 {
					t.Errorf("%s, stopped after %v: %d bytes, %q", w.path, stop, len(stream), x.end)
				}
				for _, end := range []string{"data: [DONE]", "event: message_stop", `"done":true`, "event: response.completed"} {
					if n := strings.Count(stream, end); n > 1 {
						t.Errorf("%s, stopped after %v: %q is said %d times", w.path, stop, end, n)
					}
				}
			})
		}
	}
}

// A server that stops before an answer's first frame says so, too.
func TestStoppingBeforeTheFirstFrame(t *testing.T) {
	for _, w := range ways {
		synctest.Test(t, func(t *testing.T) {
			v := visit{path: w.path, body: "{" + w.ask + w.streams + "}", policy: shaper.Policy{LAN: shaper.Sealed}, stop: time.Millisecond}
			v.says = spaced("words")
			if _, status, body := v.look(t); status != http.StatusServiceUnavailable || !strings.Contains(body, "Abaton is stopping") {
				t.Errorf("%s: %d %q", w.path, status, body)
			}
		})
	}
}

// A kept answer that is fetched weighs what it weighed: not even by its bucket
// are a short one and a long one told apart.
func TestFetchedAnswersWeighTheSame(t *testing.T) {
	for _, m := range []shaper.Mode{shaper.Pad, shaper.Sealed} {
		sizes := map[string][2]int{}
		for i, words := range []int{1, 9000} {
			synctest.Test(t, func(t *testing.T) {
				s := &safe{kept: map[string][]byte{}}
				v := visit{path: "/v1/responses", body: `{"input":"` + strings.Repeat("hi ", words) + `","store":true}`, says: texts(strings.Repeat("word ", words)), policy: shaper.Policy{LAN: m}}
				v.prepare = func(c *Config) { c.Responses = s }
				v.look(t)
				v.method, v.body = "GET", ""
				for id := range s.kept {
					for _, path := range []string{"", "/input_items"} {
						v.path = "/v1/responses/" + strings.TrimPrefix(id, "ada") + path
						_, status, body := v.look(t)
						if status != 200 || !json.Valid([]byte(body)) {
							t.Fatalf("%d %.200s", status, body)
						}
						x := sizes[path]
						x[i] = len(body)
						sizes[path] = x
					}
				}
			})
		}
		for path, x := range sizes {
			if same := x[0] == x[1]; same != (m == shaper.Sealed) {
				t.Errorf("%s, %q: %v bytes", m, path, x)
			}
		}
		if len(sizes) != 2 {
			t.Errorf("%s: nothing was kept", m)
		}
	}
}

// A conversation that is kept on the server is asked on in questions of one size,
// however long it has grown: the model is told all of it.
func TestKeptConversationsAskInOneSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &safe{kept: map[string][]byte{}}
		told := 0
		v := visit{path: "/v1/responses", policy: shaper.Policy{LAN: shaper.Sealed, Uploads: true}}
		v.prepare = func(c *Config) { c.Responses = s }
		v.says = func(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
			told = 0
			for _, m := range p.Messages {
				told += len(m.Content)
			}
			return texts(strings.Repeat("answer ", 200))(ctx, p)
		}
		last := ""
		for range 6 {
			asked := `{"input":"` + strings.Repeat("question ", 200) + `","store":true` + last + "}"
			v.body = string(shaper.PadRequest([]byte(asked)))
			_, status, body := v.look(t)
			var r struct{ ID string }
			if err := json.Unmarshal([]byte(body), &r); err != nil || status != 200 || len(v.body) != 4096 {
				t.Fatalf("%d, %d bytes asked, %v: %.200s", status, len(v.body), err, body)
			}
			last = `,"previous_response_id":"` + r.ID + `"`
		}
		if told < 4*4096 {
			t.Errorf("the model was told %d bytes at the sixth turn", told)
		}
	})
}
