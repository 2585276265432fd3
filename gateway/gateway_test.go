package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"abaton.local/vault"
)

func TestMain(m *testing.M) {
	if code, is := childMain(os.Args[len(os.Args)-1]); is {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

type handlerFunc func(http.ResponseWriter, *http.Request, vault.Session)

func (f handlerFunc) ServeSession(w http.ResponseWriter, r *http.Request, s vault.Session) {
	f(w, r, s)
}

// hello is a handler that proves it was reached, and by whom.
var hello = handlerFunc(func(w http.ResponseWriter, r *http.Request, s vault.Session) {
	w.Header().Set("Reached", string(s.Person))
})

// house is a gateway that serves.
type house struct {
	*Gateway
	address string // of TCP
	socket  string
	token   string
	log     *journal
	stop    func() error // ends Serve and gives its error; may be called twice
}

// open starts a gateway on loopback and on a socket.
func open(t testing.TB, c Config, h Handler) *house {
	t.Helper()
	return openWith(t, c, h, func(*Gateway) {})
}

// openWith is open, changed before it serves.
func openWith(t testing.TB, c Config, h Handler, change func(*Gateway)) *house {
	t.Helper()
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	if c.Socket == "" {
		c.Socket = filepath.Join(privateDir(t), "abaton.sock")
	}
	log := new(journal)
	c.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	change(g)
	tokens, err := vault.OpenTokens(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := tokens.First()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx, tokens, h) }()
	stop := sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(30 * time.Second):
			return errors.New("Serve did not return")
		}
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return &house{g, g.Addr().String(), c.Socket, token.Reveal(), log, stop}
}

// privateDir is a folder with a short name that only we can enter.
func privateDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// journal is a log that may be written and read at one time.
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

// answer is a response that was read whole.
type answer struct {
	*http.Response
	body string
}

// raw sends bytes over a connection of its own and reads one response.
func raw(t testing.TB, network, address, request string) answer {
	t.Helper()
	a, err := exchange(network, address, request)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func exchange(network, address, request string) (answer, error) {
	c, err := net.Dial(network, address)
	if err != nil {
		return answer{}, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		return answer{}, err
	}
	method, _, _ := strings.Cut(request, " ")
	return readAnswer(bufio.NewReader(c), method)
}

func readAnswer(r *bufio.Reader, method string) (answer, error) {
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp, string(body)}, err
}

func (h *house) get(t testing.TB, path string, header ...string) answer {
	t.Helper()
	return raw(t, "tcp", h.address, request("GET", path, h.address, header...))
}

func request(method, path, host string, header ...string) string {
	var r strings.Builder
	r.WriteString(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host))
	for _, line := range header {
		r.WriteString(line + "\r\n")
	}
	return r.String() + "\r\n"
}

func bearer(token string) string { return "Authorization: Bearer " + token }

func TestProperRequestsPass(t *testing.T) {
	h := open(t, Config{}, hello)
	if a := h.get(t, "/v1/models", bearer(h.token)); a.StatusCode != 200 || a.Header.Get("Reached") != "owner" {
		t.Errorf("by TCP with the token: %v %s", a.Status, a.body)
	}
	if a := raw(t, "unix", h.socket, request("GET", "/v1/models", "localhost")); a.StatusCode != 200 || a.Header.Get("Reached") != "owner" {
		t.Errorf("by the socket as the same account: %v %s", a.Status, a.body)
	}
}

func TestEveryResponseIsHardened(t *testing.T) {
	h := open(t, Config{}, hello)
	seen := map[string]bool{}
	for _, a := range []answer{
		h.get(t, "/health"), h.get(t, "/v1/models"), h.get(t, "/v1/models", bearer(h.token)),
		raw(t, "tcp", h.address, request("GET", "/", "rebound.example")), h.get(t, "/", "Origin: null"),
	} {
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%d: %s is %q", a.StatusCode, name, got)
			}
		}
		for name := range a.Header {
			if strings.HasPrefix(name, "Access-Control-") || name == "Server" {
				t.Errorf("%d: header %s", a.StatusCode, name)
			}
		}
		id := a.Header.Get("X-Request-Id")
		if id == "" || seen[id] {
			t.Errorf("%d: request id %q is empty or used twice", a.StatusCode, id)
		}
		seen[id] = true
	}
}

func TestHealthIsPublicAndEmptyOfFacts(t *testing.T) {
	h := open(t, Config{}, handlerFunc(func(http.ResponseWriter, *http.Request, vault.Session) { t.Error("the handler was reached") }))
	for _, a := range []answer{h.get(t, "/health"), h.get(t, "/health", bearer("abt_wrong")), raw(t, "unix", h.socket, request("GET", "/health", "localhost"))} {
		if a.StatusCode != 200 || strings.TrimSpace(a.body) != `{"status":"ok"}` {
			t.Errorf("%s %s", a.Status, a.body)
		}
	}
	if a := raw(t, "tcp", h.address, request("POST", "/health", h.address, "Content-Length: 0")); a.StatusCode != 405 || a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %s %s", a.Status, a.body)
	}
}

func TestNothingIsServedWithoutTokensOrHandler(t *testing.T) {
	for _, h := range []Handler{hello, nil} {
		g, err := Listen(Config{Address: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		address := g.Addr().String()
		if err := g.Serve(t.Context(), nil, h); err == nil {
			t.Error("served without tokens")
		}
		if _, err := net.Dial("tcp", address); err == nil {
			t.Error("the listener was left open")
		}
	}
}

func TestPanicIsAnsweredAndItsValueIsNotLogged(t *testing.T) {
	const canary = "CANARY-panic-7f3a"
	h := open(t, Config{}, handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
		if r.URL.Path == "/late" {
			io.WriteString(w, "half an ans")
			http.NewResponseController(w).Flush()
		}
		panic("a prompt: " + canary)
	}))
	a := h.get(t, "/", bearer(h.token))
	if a.StatusCode != 500 || strings.Contains(a.body, canary) || !strings.Contains(a.body, a.Header.Get("X-Request-Id")) {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if _, err := exchange("tcp", h.address, request("GET", "/late", h.address, bearer(h.token))); err == nil {
		t.Error("half an answer looked like a whole one")
	}
	if a := h.get(t, "/health"); a.StatusCode != 200 {
		t.Errorf("afterwards: %s", a.Status)
	}
	if log := h.log.String(); strings.Contains(log, canary) || strings.Count(log, "panic") < 2 || !strings.Contains(log, a.Header.Get("X-Request-Id")) {
		t.Errorf("log: %s", log)
	}
}

// contextUntilEOF ends when f does.
func contextUntilEOF(f *os.File) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, f)
		cancel()
	}()
	return ctx, cancel
}
