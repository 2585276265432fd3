package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/models"
	"abaton.local/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// says is a generator: a sequence made for each prompt.
type says func(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error]

func (s says) Generate(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
	return s(ctx, p)
}

// texts says these and ends.
func texts(words ...string) says {
	return func(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			for _, w := range words {
				if !yield(engine.Delta{Text: w}, nil) {
					return
				}
			}
			yield(engine.Delta{Finish: engine.Stopped, Usage: engine.Usage{PromptTokens: 5, AnswerTokens: len(words)}}, nil)
		}
	}
}

// fails says some words, then breaks.
func fails(err error, words ...string) says {
	return func(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			for _, w := range words {
				if !yield(engine.Delta{Text: w}, nil) {
					return
				}
			}
			yield(engine.Delta{}, err)
		}
	}
}

// shelf is a shelf in memory.
type shelf []models.Passport

func (s shelf) List() ([]models.Passport, error) { return s, nil }

func (s shelf) Find(name string) (models.Passport, error) {
	for _, p := range s {
		if p.Name == name || p.Digest.String() == name {
			return p, nil
		}
	}
	return models.Passport{}, &models.UnknownError{Name: name, Near: []string{"tiny"}, Where: "this machine"}
}

func (s shelf) Shape(p models.Passport) (models.Shape, error) {
	return models.Shape{ContextLength: 2048, Embedding: 576}, nil
}

func (s shelf) Default() (models.Passport, error) {
	if len(s) == 0 {
		return models.Passport{}, models.ErrEmpty
	}
	return s[0], nil
}

var twoModels = shelf{
	{Name: "tiny", Role: "chat", Digest: models.Digest{1}, FetchedAt: time.Unix(1764000000, 0)},
	{Name: "minilm", Role: "embed", Digest: models.Digest{2}},
	{Name: "org/large:q4", Role: "chat", Digest: models.Digest{3}, FetchedAt: time.Unix(1764000001, 0)},
}

// house is the whole way in, from a real listener to a generator.
type house struct {
	address, socket, token string
	log                    *journal
}

func open(t *testing.T, g says, c Config, gc gateway.Config) *house {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	journal := new(journal)
	log := slog.New(slog.NewJSONHandler(journal, &slog.HandlerOptions{Level: slog.LevelDebug}))
	gc.Address, gc.Socket, gc.Log = "127.0.0.1:0", dir+"/abaton.sock", log
	door, err := gateway.Listen(gc)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := vault.OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := tokens.First()
	if err != nil {
		t.Fatal(err)
	}
	if c.Shelf == nil {
		c.Shelf = twoModels
	}
	c.Chat, c.Log = chat.New(g, c.Shelf.(shelf)), log
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- door.Serve(ctx, tokens, New(c)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &house{door.Addr().String(), gc.Socket, token.Reveal(), journal}
}

type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// send makes a request over a connection of its own. The caller closes it.
func (h *house) send(t *testing.T, method, path, body string, header ...string) (net.Conn, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(30 * time.Second))
	r := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n", method, path, h.address, h.token, len(body))
	if len(header) == 0 {
		header = []string{"Content-Type: application/json"}
	}
	if _, err := io.WriteString(c, r+strings.Join(header, "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return c, resp
}

func (h *house) ask(t *testing.T, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	c, resp := h.send(t, method, path, body, header...)
	defer c.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

const (
	chatPath = "/v1/chat/completions"
	plain    = `{"model":"tiny","messages":[{"role":"user","content":"hi"}]}`
	streamed = `{"model":"tiny","messages":[{"role":"user","content":"hi"}],"stream":true}`
)

func TestWholeAnswer(t *testing.T) {
	h := open(t, texts("Pa", "ris"), Config{}, gateway.Config{})
	for _, path := range []string{chatPath, "/chat/completions"} {
		resp, body := h.ask(t, "POST", path, plain, "Content-Type: application/json; charset=utf-8")
		var got struct {
			ID, Object, Model string
			Choices           []struct {
				Message struct{ Content string }
				Finish  string `json:"finish_reason"`
			}
			Usage struct {
				Total int `json:"total_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err, body)
		}
		if resp.StatusCode != 200 || got.Object != "chat.completion" || got.Model != "tiny" || got.Choices[0].Message.Content != "Paris" ||
			got.Choices[0].Finish != "stop" || got.Usage.Total != 7 || !strings.HasPrefix(got.ID, "chatcmpl-") {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
}

// The generator goes on only when the client has read what it said before.
func TestAnswersStreamAsTheyAreMade(t *testing.T) {
	next := make(chan string)
	h := open(t, func(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			for word := range next {
				if !yield(engine.Delta{Text: word}, nil) {
					return
				}
			}
			yield(engine.Delta{Finish: engine.Stopped}, nil)
		}
	}, Config{}, gateway.Config{})
	go func() { next <- "word0" }()
	c, resp := h.send(t, "POST", chatPath, streamed)
	defer c.Close()
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || ct != "text/event-stream; charset=utf-8" {
		t.Fatal(resp.Status, ct)
	}
	lines := bufio.NewScanner(resp.Body)
	for i := range 20 {
		word := fmt.Sprint("word", i)
		for !strings.Contains(lines.Text(), word) {
			if !lines.Scan() {
				t.Fatalf("the stream ended before %s: %v", word, lines.Err())
			}
		}
		if i < 19 {
			next <- fmt.Sprint("word", i+1)
		}
	}
	close(next)
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
	}
	if !strings.HasSuffix(strings.TrimSpace(rest.String()), "data: [DONE]") {
		t.Errorf("the end: %s", rest.String())
	}
}

func TestModels(t *testing.T) {
	h := open(t, texts("hi"), Config{}, gateway.Config{})
	resp, body := h.ask(t, "GET", "/v1/models", "")
	want := `{"object":"list","data":[{"id":"tiny","object":"model","created":1764000000,"owned_by":"abaton"},{"id":"minilm","object":"model","created":0,"owned_by":"abaton"},{"id":"org/large:q4","object":"model","created":1764000001,"owned_by":"abaton"}]}`
	if resp.StatusCode != 200 || body != want {
		t.Errorf("%s %s", resp.Status, body)
	}
	for _, path := range []string{"/v1/models/org/large:q4", "/v1/models/org%2Flarge%3Aq4", "/models/org/large:q4"} {
		if resp, body := h.ask(t, "GET", path, ""); resp.StatusCode != 200 || !strings.Contains(body, `"id":"org/large:q4"`) {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	if resp, body := h.ask(t, "GET", "/v1/models/tyny", ""); resp.StatusCode != 404 || !strings.Contains(body, `"code":"model_not_found"`) || !strings.Contains(body, "did you mean tiny") {
		t.Errorf("%s %s", resp.Status, body)
	}
	empty := open(t, texts("hi"), Config{Shelf: shelf{}}, gateway.Config{})
	if resp, body := empty.ask(t, "GET", "/v1/models", ""); resp.StatusCode != 200 || body != `{"object":"list","data":[]}` {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, body := empty.ask(t, "POST", chatPath, `{"messages":[{"role":"user","content":"hi"}]}`); resp.StatusCode != 404 || !strings.Contains(body, "abaton pull") {
		t.Errorf("%s %s", resp.Status, body)
	}
}

// No route serves nobody, and none is there twice for one dialect.
func TestEveryRouteWantsSomebody(t *testing.T) {
	a := New(Config{Chat: chat.New(texts("hi"), twoModels), Shelf: twoModels})
	seen := map[string]bool{}
	for _, rt := range routes {
		for d := range anthropics + 1 {
			key := fmt.Sprint(rt.method, rt.path, d)
			if rt.speaks(d) && seen[key] {
				t.Errorf("%s %s is there twice", rt.method, rt.path)
			}
			seen[key] = seen[key] || rt.speaks(d)
		}
		path := rt.path
		if strings.HasSuffix(path, "/") && path != "/" {
			path += "tiny"
		}
		r := httptest.NewRequest(rt.method, path, strings.NewReader(plain))
		if slices.Contains(rt.only, anthropics) {
			r.Header.Set("anthropic-version", "2023-06-01")
		}
		w := httptest.NewRecorder()
		if a.ServeSession(w, r, vault.Session{}); w.Code != 403 {
			t.Errorf("%s %s serves nobody: %d %s", rt.method, rt.path, w.Code, w.Body)
		}
	}
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	h := open(t, texts("hi"), Config{}, gateway.Config{})
	for _, c := range []struct {
		method, path string
		status       int
		code, allow  string
	}{
		{"GET", "/v1", 404, "unknown_url", ""},
		{"POST", "/v1/images/generations", 404, "unknown_url", ""},
		{"GET", "/v1/models/", 404, "unknown_url", ""},
		{"GET", "//v1/models", 404, "unknown_url", ""},
		{"GET", "/v1/../v1/models", 404, "unknown_url", ""},
		{"GET", "/V1/models", 404, "unknown_url", ""},
		{"GET", "/v1/chat/completions/", 404, "unknown_url", ""},
		{"GET", "/slots", 404, "unknown_url", ""},
		{"GET", "/metrics", 404, "unknown_url", ""},
		{"GET", chatPath, 405, "method_not_allowed", "POST"},
		{"PUT", chatPath, 405, "method_not_allowed", "POST"},
		{"OPTIONS", chatPath, 405, "method_not_allowed", "POST"},
		{"POST", "/v1/models", 405, "method_not_allowed", "GET"},
		{"PUT", "/v1/models/tiny", 405, "method_not_allowed", "GET, DELETE"},
	} {
		resp, body := h.ask(t, c.method, c.path, "")
		if resp.StatusCode != c.status || !strings.Contains(body, `"code":"`+c.code+`"`) || resp.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %s %q %s", c.method, c.path, resp.Status, resp.Header.Get("Allow"), body)
		}
	}
}

var errInner = errors.New("inner trouble with CANARY-inner-7f3a")

func fault(k engine.Kind) *engine.Fault {
	return &engine.Fault{Kind: k, What: "Something happened.", Do: "Do something.", Detail: "temperature"}
}

// Every failure has a status that makes client libraries raise the right
// exception, and a sentence; what nobody foresaw says nothing of its inside.
func TestFailures(t *testing.T) {
	both := "Something happened. Do something."
	for name, c := range map[string]struct {
		err           error
		status        int
		kind, code    string
		message       string
		param         string
		retry, refuse bool // headers: ask again later, never ask again
	}{
		"bad model":    {fault(engine.BadModel), 500, "server_error", "bad_model", both, "", false, true},
		"crashed":      {fault(engine.Crashed), 500, "server_error", "engine_crashed", both, "", true, false},
		"killed":       {fault(engine.Killed), 500, "server_error", "engine_killed", both, "", true, false},
		"hung":         {fault(engine.Hung), 500, "server_error", "engine_hung", both, "", true, false},
		"no memory":    {fault(engine.NoMemory), 503, "server_error", "out_of_memory", both, "", false, true},
		"policy":       {fault(engine.PolicyHit), 500, "server_error", "engine_policy", both, "", false, true},
		"poison":       {fault(engine.Poison), 400, "invalid_request_error", "poison_request", both, "", false, false},
		"too long":     {fault(engine.TooLong), 400, "invalid_request_error", "context_length_exceeded", both, "messages", false, false},
		"busy":         {fault(engine.Busy), 503, "server_error", "overloaded", both, "", true, false},
		"bad request":  {fault(engine.BadRequest), 400, "invalid_request_error", "invalid_value", both, "temperature", false, false},
		"bad reply":    {fault(engine.BadReply), 500, "server_error", "engine_protocol", both, "", true, false},
		"unjailed":     {fault(engine.Unjailed), 503, "server_error", "protection_missing", both, "", false, true},
		"not read":     {fault(engine.Unread), 408, "invalid_request_error", "answer_not_read", both, "", true, false},
		"unshared":     {fault(engine.Unshared), 503, "server_error", "protection_missing", both, "", false, true},
		"paused":       {fault(engine.Paused), 503, "server_error", "engine_paused", both, "", true, false},
		"over share":   {fault(engine.OverShare), 503, "server_error", "memory_shared", both, "", true, false},
		"unknown kind": {fault("new"), 500, "server_error", "internal_error", "Internal error.", "", false, true},
		"unforeseen":   {errInner, 500, "server_error", "internal_error", "Internal error.", "", false, true},
		"wrapped":      {fmt.Errorf("while: %w", fault(engine.Busy)), 503, "server_error", "overloaded", both, "", true, false},
		"cut short":    {chat.ErrCutShort, 500, "server_error", "cut_short", "broke off", "", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, fails(c.err), Config{}, gateway.Config{})
			for _, request := range []string{plain, streamed} {
				resp, body := h.ask(t, "POST", chatPath, request)
				var got struct {
					Error struct{ Message, Type, Param, Code string }
				}
				if err := json.Unmarshal([]byte(body), &got); err != nil {
					t.Fatal(err, body)
				}
				e := got.Error
				if resp.StatusCode != c.status || e.Type != c.kind || e.Code != c.code || e.Param != c.param || !strings.Contains(e.Message, c.message) {
					t.Errorf("%s %s", resp.Status, body)
				}
				if (resp.Header.Get("Retry-After") != "") != c.retry || (resp.Header.Get("X-Should-Retry") == "false") != c.refuse {
					t.Errorf("headers: %v", resp.Header)
				}
				if strings.Contains(body, "CANARY") {
					t.Errorf("inner words: %s", body)
				}
				if c.code == "internal_error" && !strings.Contains(h.log.String(), resp.Header.Get("X-Request-Id")) {
					t.Errorf("the log does not know the request: %s", h.log)
				}
			}
			mid := open(t, fails(c.err, "Pa"), Config{}, gateway.Config{})
			resp, body := mid.ask(t, "POST", chatPath, streamed)
			if resp.StatusCode != 200 || !strings.Contains(body, `"content":"Pa"`) || !strings.Contains(body, `data: {"error":{"message":"`) ||
				!strings.Contains(body, `"code":"`+c.code+`"`) || strings.Contains(body, "[DONE]") || strings.Contains(body, "CANARY") || !strings.HasSuffix(body, "}}\n\n") {
				t.Errorf("in mid-stream: %s %s", resp.Status, body)
			}
			if resp, body := mid.ask(t, "POST", chatPath, plain); resp.StatusCode != c.status || strings.Contains(body, "Pa\"") {
				t.Errorf("half an answer, not streamed: %s %s", resp.Status, body)
			}
		})
	}
}

// The log tells what the engine did, never how much a person asked, or how well.
func TestFaultsOfAPersonAreNotLogged(t *testing.T) {
	for kind, logged := range map[engine.Kind]bool{engine.TooLong: false, engine.BadRequest: false, engine.Poison: false, engine.Busy: false, engine.Crashed: true, engine.PolicyHit: true} {
		f := fault(kind)
		f.Detail = "5000 of 4096"
		h := open(t, fails(f), Config{}, gateway.Config{})
		_, body := h.ask(t, "POST", chatPath, plain)
		if got := strings.Contains(h.log.String(), f.Detail); got != logged {
			t.Errorf("%s: logged %v, want %v", kind, got, logged)
		}
		if !strings.Contains(body, `"param":null`) && kind != engine.TooLong {
			t.Errorf("%s: a detail that is no field became one: %s", kind, body)
		}
	}
}
