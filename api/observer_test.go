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
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/chat"
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
	plain bool // what is written at once is seen as one

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
	if t.plain {
		if len(p) > 0 {
			t.trace = append(t.trace, record{time.Since(t.begun), sign * len(p)})
		}
		return
	}
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
		case t.plain && len(in) > 0 && in[len(in)-1].at == r.at:
			in[len(in)-1].bytes += r.bytes // the server reads one byte by itself while it answers, or all at once
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

// errStopped is why a server stops.
var errStopped = errors.New("the server was told to stop")

// visit is one question and what is to be seen of its answer.
type visit struct {
	policy     shaper.Policy
	says       says
	http2      bool
	plain      bool   // no TLS
	whole      bool   // the answer comes at once
	method     string // empty: POST
	path, body string
	header     http.Header
	read       func(io.Reader) // nil: all of it at once
	prepare    func(*Config)
	stop       time.Duration // after which the server stops; 0: it does not
	window     time.Duration // of a sealed answer; 0 is the usual one
	session    vault.Session // of whoever asks; nobody's: Ada's, known
	times      int           // how often it is asked, over one connection; 0 is once
	told       func(http.Header)
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
	watched := &tap{Conn: near, begun: time.Now(), plain: v.plain}
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
				ctx, stop := context.WithCancelCause(r.Context())
				defer time.AfterFunc(v.stop, func() { stop(errStopped) }).Stop()
				r = r.WithContext(ctx)
			}
			a.ServeSession(w, r, cmp.Or(v.session, vault.Session{Person: "ada"}))
		}),
	}
	conns := make(chan net.Conn, 1)
	conns <- watched
	l := oneConn{conns, sync.OnceFunc(func() { close(conns) })}
	served := make(chan error, 1)
	go func() {
		if v.plain {
			served <- server.Serve(l)
			return
		}
		served <- server.ServeTLS(l, "", "")
	}()
	transport := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) { return far, nil }, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
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
	if ctx.Err() != nil || v.read != nil {
		time.Sleep(time.Second) // a server ends at a tick what a client hung up on
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
	scheme := "https"
	if v.plain {
		scheme = "http"
	}
	req, err := http.NewRequestWithContext(ctx, cmp.Or(v.method, http.MethodPost), scheme+"://abaton"+v.path, strings.NewReader(v.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	maps.Copy(req.Header, v.header)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if v.told != nil {
		v.told(resp.Header)
	}
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

// burst tells that so much comes at once that the client makes room for more.
func (v visit) burst() bool { return v.whole && v.http2 }

func (v visit) major() int {
	if v.http2 {
		return 1
	}
	return 0
}
