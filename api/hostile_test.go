package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"abaton.local/engine"
	"abaton.local/gateway"
)

// bomb is a small body that says it becomes 64 MiB.
func bomb() string {
	var b strings.Builder
	z := gzip.NewWriter(&b)
	for range 64 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	return b.String()
}

func TestBadBodies(t *testing.T) {
	h := open(t, texts("hi"), Config{}, gateway.Config{MaxBody: 128 << 10})
	const media = "Content-Type: application/json"
	for name, c := range map[string]struct {
		body, header string
		status       int
		code         string
	}{
		"no JSON":           {"hello", media, 400, "invalid_json"},
		"empty":             {"", media, 400, "invalid_json"},
		"invalid UTF-8":     {`{"messages":[{"role":"user","content":"` + "\xff" + `"}]}`, media, 400, "invalid_json"},
		"NUL":               {`{"messages":[{"role":"user","content":"a\u0000"}]}`, media, 400, "invalid_json"},
		"tools":             {`{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"web_search"}]}`, media, 400, "unsupported_parameter"},
		"unknown model":     {`{"model":"tyny","messages":[{"role":"user","content":"a"}]}`, media, 404, "model_not_found"},
		"too large":         {`{"messages":[{"role":"user","content":"` + strings.Repeat("a", 128<<10) + `"}]}`, media, 413, "request_too_large"},
		"a form's type":     {plain, "Content-Type: text/plain", 415, "unsupported_media_type"},
		"curl's type":       {plain, "Content-Type: application/x-www-form-urlencoded", 415, "unsupported_media_type"},
		"no type":           {plain, "X: y", 415, "unsupported_media_type"},
		"nearly the type":   {plain, "Content-Type: application/jsonp", 415, "unsupported_media_type"},
		"a compressed body": {plain, media + "\r\nContent-Encoding: gzip", 415, "unsupported_media_type"},
		"a bomb":            {bomb(), media + "\r\nContent-Encoding: gzip", 415, "unsupported_media_type"},
		"a bomb, not named": {bomb(), media, 400, "invalid_json"},
	} {
		resp, body := h.ask(t, "POST", chatPath, c.body, c.header)
		if resp.StatusCode != c.status || !strings.Contains(body, `"code":"`+c.code+`"`) {
			t.Errorf("%s: %s %s", name, resp.Status, body)
		}
	}
	// In pieces, so that nobody knows beforehand.
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\n30000\r\n%s\r\n0\r\n\r\n", chatPath, h.address, h.token, media, strings.Repeat(" ", 0x30000))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 413 {
		t.Errorf("%v %v", resp, err)
	}
	resp.Body.Close()
}

// endless talks until it is told to stop, in pieces of some size.
func endless(piece int, begun, ended chan<- struct{}) says {
	text := strings.Repeat("x", piece)
	return func(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			defer func() { ended <- struct{}{} }()
			begun <- struct{}{}
			for ctx.Err() == nil {
				if !yield(engine.Delta{Text: text}, nil) {
					return
				}
				if piece == 0 {
					<-ctx.Done()
				}
			}
			yield(engine.Delta{}, ctx.Err())
		}
	}
}

func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatal("waited in vain for: " + what)
	}
}

func TestHangingUpStopsTheEngine(t *testing.T) {
	for name, request := range map[string]string{"streamed": streamed, "whole": plain} {
		t.Run(name, func(t *testing.T) {
			begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
			h := open(t, endless(0, begun, ended), Config{}, gateway.Config{})
			c, err := net.Dial("tcp", h.address)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatPath, h.address, h.token, len(request), request)
			wait(t, "the engine to begin", begun)
			c.Close()
			wait(t, "the engine to stop", ended)
		})
	}
}

// A client that never reads fills the kernel's buffers, and then the engine's
// turn is taken from it.
func TestClientThatNeverReadsIsLetGo(t *testing.T) {
	begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	h := open(t, endless(64<<10, begun, ended), Config{WriteTimeout: 200 * time.Millisecond}, gateway.Config{})
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatPath, h.address, h.token, len(streamed), streamed)
	wait(t, "the engine to begin", begun)
	wait(t, "the engine to stop", ended)
	// Others are served meanwhile and afterwards.
	if resp, _ := h.ask(t, "GET", "/v1/models", ""); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}

// A client that reads slowly, but reads, gets all of a long answer: each piece
// has its own time, the whole has none.
func TestSlowReaderGetsEverything(t *testing.T) {
	words := make([]string, 100)
	for i := range words {
		words[i] = strings.Repeat("~", 100<<10)
	}
	h := open(t, texts(words...), Config{WriteTimeout: time.Second}, gateway.Config{WriteTimeout: time.Millisecond})
	c, resp := h.send(t, "POST", chatPath, streamed)
	defer c.Close()
	n, buf := 0, make([]byte, 256<<10)
	var tail []byte
	for {
		k, err := resp.Body.Read(buf)
		n += bytes.Count(buf[:k], []byte("~"))
		tail = append(tail, buf[:k]...)
		tail = tail[max(0, len(tail)-32):]
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // slow on purpose
	}
	if n != 100*(100<<10) || !strings.HasSuffix(string(tail), "data: [DONE]\n\n") {
		t.Errorf("%d letters, then %q", n, tail)
	}
}

// Deadlines of one answer do not reach the next on the same connection.
func TestConnectionIsUsedAgain(t *testing.T) {
	h := open(t, texts("hi"), Config{WriteTimeout: 100 * time.Millisecond}, gateway.Config{BodyTimeout: 100 * time.Millisecond})
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(c)
	for i, body := range []string{plain, streamed, plain} {
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatPath, h.address, h.token, len(body), body)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(b), `"hi"`) {
			t.Errorf("request %d: %s %s %v", i, resp.Status, b, err)
		}
		time.Sleep(200 * time.Millisecond) // longer than every deadline above
	}
}

// Questions, answers, names of models that were asked for, tokens and the words
// of unforeseen errors: none may reach the log.
func TestNothingOfContentIsLogged(t *testing.T) {
	const canary = "CANARY-7f3a"
	body := func(model, stream string) string {
		return `{"model":"` + model + `","messages":[{"role":"user","content":"` + canary + `"}]` + stream + `}`
	}
	leaky := fmt.Errorf("could not say %s", canary)
	for name, g := range map[string]says{
		"answers":      texts(canary, canary),
		"fails":        fails(leaky),
		"fails in mid": fails(leaky, canary),
		"fault":        fails(fault(engine.Crashed), canary),
		"panics": func(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error] {
			return func(func(engine.Delta, error) bool) { panic(canary) }
		},
	} {
		h := open(t, g, Config{}, gateway.Config{})
		for _, stream := range []string{"", `,"stream":true`} {
			for _, b := range []string{body("tiny", stream), body(canary, stream), body("tiny", stream)[1:], body("tiny", stream+`,"`+canary+`":1`)} {
				h.ask(t, "POST", chatPath, b)
			}
		}
		h.ask(t, "GET", "/v1/models/"+canary, "")
		h.ask(t, "GET", "/"+canary+"?"+canary, "")
		h.ask(t, "POST", chatPath, canary, "Content-Type: "+canary, "X-"+canary+": "+canary)
		log := h.log.String()
		if !strings.Contains(log, "listening") {
			t.Fatalf("%s: the log is not there", name)
		}
		if i := strings.Index(log, canary); i >= 0 {
			t.Errorf("%s: content in the log: %s", name, log[max(0, i-200):i+20])
		}
		if strings.Contains(log, h.token[4:]) {
			t.Errorf("%s: the token is in the log", name)
		}
	}
}

// 1,000 clients at once ask the whole way through.
func TestAThousandQuestionsAtOnce(t *testing.T) {
	h := open(t, texts("a", "b", "c"), Config{}, gateway.Config{})
	type result struct {
		status int
		err    error
	}
	results := make(chan result, 1000)
	for i := range cap(results) {
		go func() {
			body := plain
			if i%2 == 0 {
				body = streamed
			}
			c, err := net.Dial("tcp", h.address)
			if err != nil {
				results <- result{0, err}
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(30 * time.Second))
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatPath, h.address, h.token, len(body), body)
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				results <- result{0, err}
				return
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err == nil && resp.StatusCode != 200 && (resp.Header.Get("Retry-After") == "" || !bytes.Contains(b, []byte(`"error"`))) {
				err = fmt.Errorf("refused without a word: %s", b)
			}
			results <- result{resp.StatusCode, err}
		}()
	}
	count := map[int]int{}
	for range cap(results) {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
		}
		count[r.status]++
	}
	if count[200] == 0 || count[200]+count[429]+count[503] != cap(results) {
		t.Errorf("answers: %v", count)
	}
}

// An engine can take longer to fail than the door gives a response: its reason
// is told all the same, streamed or not.
func TestLateFailuresAreTold(t *testing.T) {
	const patience = 20 * time.Millisecond
	late := says(func(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			<-time.After(5 * patience) // the deadline lies behind us, whatever the machine does
			yield(engine.Delta{}, fault(engine.Hung))
		}
	})
	h := open(t, late, Config{}, gateway.Config{WriteTimeout: patience})
	for _, body := range []string{plain, streamed} {
		resp, text := h.ask(t, "POST", chatPath, body)
		if resp.StatusCode != 500 || !strings.Contains(text, `"code":"engine_hung"`) {
			t.Errorf("%s %s", resp.Status, text)
		}
	}
}
