package leak

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/api"
	"abaton.local/chat"
	"abaton.local/leak/corpus"
	"abaton.local/leak/learn"
	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// What follows is the whole measurement in virtual time: recorded answers through
// the real dialects, shaper, HTTP and TLS, and the attacks on what was seen. It
// has no scheduler, so it finds what the program does, not what a machine adds.

type tiny struct{}

func (tiny) List() ([]models.Passport, error)            { return nil, nil }
func (tiny) Find(string) (models.Passport, error)        { return models.Passport{Name: "tiny"}, nil }
func (tiny) Default() (models.Passport, error)           { return models.Passport{Name: "tiny"}, nil }
func (tiny) Shape(models.Passport) (models.Shape, error) { return models.Shape{}, nil }

// single is a listener for one connection.
type single struct {
	conn chan net.Conn
	once func()
}

func (l single) Accept() (net.Conn, error) {
	if c, ok := <-l.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l single) Close() error   { l.once(); return nil }
func (l single) Addr() net.Addr { return &net.TCPAddr{} }

// pane is a connection that an observer looks through.
type pane struct {
	net.Conn
	*sight
	up, down *Watcher
}

func (p pane) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.look(time.Now(), p.up, b[:n])
	return n, err
}

func (p pane) Write(b []byte) (int, error) {
	p.look(time.Now(), p.down, b)
	return p.Conn.Write(b)
}

var selfMade = sync.OnceValues(func() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return tls.Certificate{}, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(nil, c, c, public, private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, err
})

// virtually takes one trace.
func virtually(t *testing.T, w Way, job Job) (trace Trace) {
	t.Helper()
	cert, err := selfMade()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		mode, err := shaper.ParseMode(job.Mode)
		if err != nil {
			t.Fatal(err)
		}
		replay := &Replay{}
		replay.put("1", job.Recording)
		a := api.New(api.Config{Chat: chat.New(replay, tiny{}), Shelf: tiny{}, Shape: shaper.Policy{LAN: mode, Window: 8 * time.Second}})
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!w.HTTP2)
		protocols.SetHTTP2(w.HTTP2)
		server := &http.Server{Protocols: protocols, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true},
			Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
				a.ServeSession(out, r.WithContext(Asking(r.Context(), "1")), vault.Session{Person: "ada"})
			})}
		near, far := net.Pipe()
		seen := &sight{}
		conns := make(chan net.Conn, 1)
		conns <- pane{near, seen, &Watcher{Direction: Up}, &Watcher{Direction: Down}}
		var served sync.WaitGroup
		served.Go(func() { _ = server.ServeTLS(single{conns, sync.OnceFunc(func() { close(conns) })}, "", "") })
		next := "http/1.1"
		if w.HTTP2 {
			next = "h2"
		}
		client := &http.Transport{Protocols: protocols, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c := tls.Client(far, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{next}})
			return c, c.HandshakeContext(ctx)
		}}
		r, err := w.request(t.Context(), "tiny", 160, job.Prompt, shaper.PadRequest)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		h, err := w.listen(response.Body)
		if err != nil || h.text != job.said() {
			t.Errorf("%s, %s: %d bytes were heard, %d said, %v", w, job.Mode, len(h.text), len(job.said()), err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		synctest.Wait()
		trace.Observe(seen.records)
		client.CloseIdleConnections()
		far.Close()
		server.Close()
		served.Wait()
	})
	(&Collector{Way: w, Ticks: map[string]float64{"sealed": 0.1}}).label(&trace, job)
	for _, p := range job.Recording.Pieces {
		trace.TokenLengths = append(trace.TokenLengths, escaped(p.Text))
	}
	return trace
}

// told makes up an answer: on a topic it is longer and faster.
func told(r *rand.Rand, label string) (rec corpus.Recording) {
	at, n, gap := 100*time.Millisecond, 20+r.IntN(25), 30
	if label != corpus.Noise {
		n, gap = n+25, 20
	}
	for range n {
		at += time.Duration(gap+r.IntN(10)) * time.Millisecond
		rec.Pieces = append(rec.Pieces, corpus.Piece{Text: " " + strings.Repeat("é", 1+r.IntN(5)), At: at})
	}
	rec.Stopped, rec.PromptTokens = at, 9
	return rec
}

// TestMeasuredInVirtualTime: what unshaped answers are about is found out and
// their tokens are read; of sealed ones nothing is.
func TestMeasuredInVirtualTime(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	traces := make(map[string][]Trace)
	for p := range 24 {
		label := []string{corpus.Noise, "law"}[p%2]
		prompt := corpus.Prompt{ID: fmt.Sprint("p", p), Label: label, Text: strings.Repeat("why ", 1+r.IntN(9))}
		for trial := range 2 {
			for _, mode := range []string{"off", "sealed"} {
				traces[mode] = append(traces[mode], virtually(t, Way{Dialect: Dialects[p/2%3]}, Job{prompt, told(r, label), mode, trial}))
			}
		}
	}
	for _, mode := range []string{"off", "sealed"} {
		o, err := Attack{ID: "A2", Rows: named(t, "A2").Rows, Learner: learn.Forest{Trees: 40, MinLeaf: 2}}.Run(traces[mode], []string{corpus.Noise, "law"},
			Effort{Folds: 4, Draws: 100, Permutations: 39, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		tokens, ok := RecoverTokens(traces[mode], 4, 1)
		if !ok {
			t.Fatal("no lengths were asked for")
		}
		t.Logf("%s: AUC %.3f, p %.3f; %.1f %% of token lengths, %.1f %% by guessing", mode, o.AUC, o.P, tokens.Accuracy*100, tokens.Majority*100)
		if found := o.AUC >= controlAUC && o.P <= 0.05; found != (mode == "off") {
			t.Errorf("%s: AUC %.3f, p %.3f", mode, o.AUC, o.P)
		}
		if read := tokens.Accuracy > tokens.Majority+0.02; read != (mode == "off") {
			t.Errorf("%s: %.1f %% of token lengths were read, %.1f %% by guessing", mode, tokens.Accuracy*100, tokens.Majority*100)
		}
	}
}

// TestTokensReadInEveryWay: the control of token lengths works wherever answers
// are streamed.
func TestTokensReadInEveryWay(t *testing.T) {
	for _, w := range Ways(Dialects) {
		t.Run(w.Name(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(6, 6))
			var traces []Trace
			for p := range 12 {
				prompt := corpus.Prompt{ID: fmt.Sprint("p", p), Label: corpus.Noise, Text: "why"}
				traces = append(traces, virtually(t, w, Job{prompt, told(r, corpus.Noise), "off", 0}))
			}
			tokens, ok := RecoverTokens(traces, 4, 1)
			if read := ok && tokens.Accuracy >= controlTokens; read == w.Whole {
				t.Errorf("%.1f %% of token lengths were read", tokens.Accuracy*100)
			}
		})
	}
}
