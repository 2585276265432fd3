package api

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/big"
	rnd "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// What follows holds what an observer of the network sees of one answer against
// what they see of another: a real server, real TLS and a real client, in virtual
// time, so that "the same" means equal to the nanosecond and to the byte.

// record is one TLS record; bytes of those from the client are negative.
type record struct {
	at    time.Duration
	bytes int
}

// tap is a connection whose writes are watched by somebody who cannot decrypt.
type tap struct {
	net.Conn
	begun time.Time

	mu      sync.Mutex
	out, in []byte   // of records that are not whole yet; guarded by mu
	trace   []record // guarded by mu
}

func (t *tap) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.note(&t.out, p[:n], 1)
	return n, err
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.note(&t.in, p[:n], -1)
	return n, err
}

func (t *tap) note(partial *[]byte, p []byte, sign int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for *partial = append(*partial, p...); len(*partial) >= 5; {
		size := 5 + int(binary.BigEndian.Uint16((*partial)[3:5]))
		if len(*partial) < size {
			break
		}
		t.trace = append(t.trace, record{time.Since(t.begun), sign * size})
		*partial = (*partial)[size:]
	}
}

// seen is the trace from the first frame of a response on: everything before it
// is the connection's own. First comes what the server sends, then what the
// client answers, by size within an instant: which of several is first is up to
// processors.
func (t *tap) seen() []record {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out, in []record
	for _, r := range t.trace {
		switch {
		case r.at == 0:
		case r.bytes > 0:
			out = append(out, r)
		default:
			in = append(in, r)
		}
	}
	slices.SortFunc(in, func(a, b record) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.bytes, b.bytes)) })
	return append(out, in...)
}

// oneConn is a listener for one connection in memory.
type oneConn struct {
	conns chan net.Conn
	close func()
}

func (l oneConn) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l oneConn) Close() error   { l.close(); return nil }
func (l oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// certificate has signatures of one length.
var certificate = sync.OnceValue(func() tls.Certificate {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// visit is one question and what is to be seen of its answer.
type visit struct {
	policy     shaper.Policy
	says       says
	http2      bool
	burst      bool // the answer comes at once, over HTTP/2
	path, body string
	header     http.Header
	read       func(io.Reader) // nil: all of it at once
	prepare    func(*Config)
	stop       time.Duration // after which the server stops; 0: it does not
	times      int           // how often it is asked, over one connection; 0 is once
}

// look asks within a bubble of virtual time.
func (v visit) look(t *testing.T) (trace []record, status int, body string) {
	t.Helper()
	trace, status, body, err := v.ask(t, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return trace, status, body
}

// ask asks until ctx ends, and gives what went wrong.
func (v visit) ask(t *testing.T, ctx context.Context) (trace []record, status int, body string, failed error) {
	t.Helper()
	near, far := net.Pipe()
	watched := &tap{Conn: near, begun: time.Now()}
	c := Config{Chat: chat.New(v.says, twoModels), Shelf: twoModels, Shape: v.policy}
	if v.prepare != nil {
		v.prepare(&c)
	}
	a := New(c)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!v.http2)
	protocols.SetHTTP2(v.http2)
	server := &http.Server{
		Protocols: protocols,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate()}, MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", "req_ABCDEFGHIJKLMNOPQRSTUVWXYZ")
			if v.stop > 0 {
				ctx, stop := context.WithTimeout(r.Context(), v.stop)
				defer stop()
				r = r.WithContext(ctx)
			}
			a.ServeSession(w, r, vault.Session{Person: "ada"})
		}),
	}
	conns := make(chan net.Conn, 1)
	conns <- watched
	l := oneConn{conns, sync.OnceFunc(func() { close(conns) })}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(l, "", "") }()
	transport := &http.Transport{Protocols: protocols, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		next := "http/1.1"
		if v.http2 {
			next = "h2"
		}
		conn := tls.Client(far, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{next}})
		return conn, conn.HandshakeContext(ctx)
	}}
	var got strings.Builder
	for range max(1, v.times) {
		if status, failed = v.once(t, ctx, transport, &got); failed != nil {
			break
		}
	}
	synctest.Wait()
	trace = watched.seen()
	transport.CloseIdleConnections()
	far.Close()
	server.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	return trace, status, got.String(), failed
}

// once asks one question over a connection.
func (v visit) once(t *testing.T, ctx context.Context, transport *http.Transport, got *strings.Builder) (status int, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://abaton"+v.path, strings.NewReader(v.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, values := range v.header {
		req.Header[name] = values
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if want := 1 + v.major(); resp.ProtoMajor != want {
		t.Errorf("the protocol is %s", resp.Proto)
	}
	if v.read != nil {
		v.read(resp.Body)
		return resp.StatusCode, nil
	}
	_, err = io.Copy(got, resp.Body)
	return resp.StatusCode, err
}

func (v visit) major() int {
	if v.http2 {
		return 1
	}
	return 0
}

// chance is an engine that says something of its own with every seed: how much,
// how fast, with stalls, with thoughts or calls, and sometimes it breaks.
func chance(seed uint64, longest time.Duration) says {
	return func(ctx context.Context, _ engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			r := rnd.New(rnd.NewPCG(seed, 2))
			begun := time.Now()
			pause := func(most time.Duration) bool {
				wait := min(time.Duration(r.Int64N(int64(most))), longest-time.Since(begun))
				select {
				case <-ctx.Done():
					return false
				case <-time.After(max(0, wait)):
					return true
				}
			}
			n := r.IntN(120)
			gap := time.Duration(1+r.IntN(300)) * time.Millisecond
			broken := seed%4 == 3
			if seed%8 == 7 {
				n = 0 // breaks before a word
			}
			if !pause(longest) {
				yield(engine.Delta{}, ctx.Err())
				return
			}
			for i := range n {
				d := engine.Delta{Text: strings.Repeat([]string{"a", "\"\\", " é漢", "\n😀"}[r.IntN(4)], 1+r.IntN(30))}
				if seed%3 == 1 && i < n/2 {
					d = engine.Delta{Reasoning: d.Text}
				}
				if seed%5 == 2 && i == n-1 {
					d = engine.Delta{Calls: []engine.CallDelta{{ID: "call_1", Name: "look_up", Arguments: fmt.Sprintf(`{"n":%d}`, r.IntN(1e9))}}}
				}
				if !yield(d, nil) {
					return
				}
				if most := gap; !pause(most) || r.IntN(50) == 0 && !pause(2*time.Second) {
					yield(engine.Delta{}, ctx.Err())
					return
				}
			}
			kinds := []engine.Kind{engine.Crashed, engine.TooLong, engine.NoMemory, engine.Poison}
			if broken {
				yield(engine.Delta{}, &engine.Fault{Kind: kinds[r.IntN(len(kinds))], What: "It broke " + strings.Repeat("so ", r.IntN(40)) + ".", Do: "Ask again."})
				return
			}
			finish := engine.Stopped
			if seed%5 == 2 && n > 0 {
				finish = engine.Called
			}
			yield(engine.Delta{Finish: finish, Usage: engine.Usage{PromptTokens: r.IntN(5000), AnswerTokens: n}}, nil)
		}
	}
}

// sameDraws is jitter as every answer meets it.
func sameDraws() func() time.Duration {
	r := rnd.New(rnd.NewPCG(3, 3))
	return func() time.Duration { return time.Duration(r.Int64N(int64(5 * time.Millisecond))) }
}

// ways are all endpoints that answer with text.
var ways = []struct{ path, ask, streams, whole string }{
	{"/v1/chat/completions", `"model":"tiny",` + hi, `,"stream":true`, ``},
	{"/v1/completions", `"model":"tiny","prompt":"hi"`, `,"stream":true`, ``},
	{"/v1/responses", `"model":"tiny","input":"hi"`, `,"stream":true`, ``},
	{"/v1/messages", `"model":"tiny","max_tokens":99,` + hi, `,"stream":true`, ``},
	{"/api/chat", `"model":"tiny",` + hi, ``, `,"stream":false`},
	{"/api/generate", `"model":"tiny","prompt":"hi"`, ``, `,"stream":false`},
}

// each runs a test for every endpoint, streamed and whole, over both protocols.
func each(t *testing.T, test func(*testing.T, visit)) {
	for _, w := range ways {
		for how, field := range map[string]string{"streamed": w.streams, "whole": w.whole} {
			for _, two := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s HTTP2=%v", strings.ReplaceAll(w.path[1:], "/", "."), how, two), func(t *testing.T) {
					test(t, visit{path: w.path, body: "{" + w.ask + field + "}", http2: two, burst: two && how == "whole"})
				})
			}
		}
	}
}

func (v visit) under(t *testing.T, m shaper.Mode, seed uint64, longest time.Duration) (trace []record) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v.policy = shaper.Policy{LAN: m, Jitter: sameDraws()}
		v.says = chance(seed, longest)
		trace, _, _ = v.look(t)
	})
	if v.burst { // the client makes room for more as often as it gets to it
		trace = slices.DeleteFunc(trace, func(r record) bool { return r.bytes < 0 })
	}
	return trace
}

// Nobody who watches the network can tell two sealed answers apart, whatever they
// say, however fast, and whether they come to their end or break.
func TestSealedTellsNothing(t *testing.T) {
	each(t, func(t *testing.T, v visit) {
		first := v.under(t, shaper.Sealed, 0, 20*time.Second)
		if len(first) < 10 {
			t.Fatalf("only %d records were seen", len(first))
		}
		for seed := uint64(1); seed < 9; seed++ {
			if other := v.under(t, shaper.Sealed, seed, 20*time.Second); !slices.Equal(first, other) {
				t.Fatalf("answer %d can be told from the first: %s", seed, difference(first, other))
			}
		}
		if slices.Equal(v.under(t, shaper.Off, 1, 20*time.Second), v.under(t, shaper.Off, 2, 20*time.Second)) {
			t.Error("unshaped answers look the same, too: nothing is proven")
		}
	})
}

// Nor can two conversations over one connection be told apart, of which one goes
// well and the other does not.
func TestSealedConversationsTellNothing(t *testing.T) {
	each(t, func(t *testing.T, v visit) {
		var traces [3][]record
		for i := range traces {
			synctest.Test(t, func(t *testing.T) {
				turn := uint64(0)
				v.times, v.policy = 3, shaper.Policy{LAN: shaper.Sealed, Jitter: sameDraws()}
				v.says = func(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
					turn++
					return chance(uint64(i)*3+turn, 20*time.Second)(ctx, p)
				}
				traces[i], _, _ = v.look(t)
			})
			if v.http2 { // what the client says of connection and windows between questions is not the same in any two runs
				traces[i] = slices.DeleteFunc(traces[i], func(r record) bool { return r.bytes < 0 })
			}
			if !slices.Equal(traces[0], traces[i]) {
				t.Fatalf("conversation %d can be told from the first: %s", i, difference(traces[0], traces[i]))
			}
		}
		if len(traces[0]) < 30 {
			t.Errorf("only %d records were seen", len(traces[0]))
		}
	})
}

// Paced answers tell in which of a few windows they ended, and nothing else.
func TestPacedTellsAWindow(t *testing.T) {
	each(t, func(t *testing.T, v visit) {
		windows := map[int][]record{}
		for seed := range uint64(6) {
			trace := v.under(t, shaper.Paced, seed, time.Duration(4+seed%2*10)*time.Second)
			window := windowOf(trace)
			if other, ok := windows[window]; ok && !slices.Equal(trace, other) {
				t.Fatalf("two answers that ended after %d s differ: %s", window, difference(trace, other))
			}
			windows[window] = trace
		}
		if len(windows) > 3 {
			t.Errorf("answers of at most 14 s ended in %d windows", len(windows))
		}
	})
}

// windowOf is when a trace ends, in whole seconds after its beginning.
func windowOf(trace []record) (window int) {
	for _, r := range trace {
		window = max(window, int(r.at/time.Second))
	}
	return window
}

func difference(a, b []record) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("record %d is %v, and %v; of %d and %d", i, a[i], b[i], len(a), len(b))
		}
	}
	return fmt.Sprintf("%d records, and %d", len(a), len(b))
}
