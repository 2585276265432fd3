package gateway

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"abaton.local/vault"
)

// Before Serve connections wait; what they sent is answered once it runs.
func TestConnectionsWaitBetweenListenAndServe(t *testing.T) {
	g, err := Listen(Config{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	c, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	go func() {
		_, err := exchange("tcp", g.Addr().String(), request("GET", "/health", "localhost"))
		got <- err
	}()
	tokens, err := vault.OpenTokens(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx, tokens, hello) }()
	if err := <-got; err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// At the end a running answer may finish; new requests find the door closed.
func TestRunningAnswerMayFinish(t *testing.T) {
	in, release := make(chan struct{}), make(chan struct{})
	h := open(t, Config{Grace: time.Minute}, handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
		close(in)
		<-release
		if r.Context().Err() != nil {
			t.Error("it was cancelled")
		}
		io.WriteString(w, "done")
	}))
	got := make(chan answer, 1)
	go func() {
		a, err := exchange("tcp", h.address, request("GET", "/", h.address, bearer(h.token)))
		if err != nil {
			t.Error(err)
		}
		got <- a
	}()
	<-in
	stopped := make(chan error, 1)
	go func() { stopped <- h.stop() }()
	for { // until the door is closed
		c, err := net.Dial("tcp", h.address)
		if err != nil {
			break
		}
		c.Close()
	}
	select {
	case err := <-stopped:
		t.Fatalf("Serve returned before the answer was done: %v", err)
	default:
	}
	close(release)
	if a := <-got; a.body != "done" {
		t.Errorf("got %q", a.body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(h.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
}

// An answer without end is cancelled after the grace, and so is one to a client
// that never reads; Serve returns when their handlers have.
func TestEndlessAnswersAreCancelled(t *testing.T) {
	in, out := make(chan struct{}, 2), make(chan struct{}, 2)
	h := open(t, Config{Grace: 50 * time.Millisecond, WriteTimeout: time.Hour}, handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
		defer func() { out <- struct{}{} }()
		in <- struct{}{}
		if r.URL.Path == "/write" {
			for b := make([]byte, 1<<16); ; {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}
		<-r.Context().Done()
	}))
	for _, path := range []string{"/wait", "/write"} {
		c, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, request("GET", path, h.address, bearer(h.token)))
		<-in
	}
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if len(out) != 2 {
		t.Errorf("Serve returned while %d handlers ran", 2-len(out))
	}
}

func TestClientThatHangsUpCancels(t *testing.T) {
	in, out := make(chan struct{}), make(chan struct{})
	h := open(t, Config{}, handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
		io.Copy(io.Discard, r.Body)
		close(in)
		<-r.Context().Done()
		close(out)
	}))
	c, err := net.Dial("unix", h.socket)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, request("POST", "/", "localhost", "Content-Length: 2")+"{}")
	<-in
	c.Close()
	select {
	case <-out:
	case <-time.After(20 * time.Second):
		t.Error("the request was not cancelled")
	}
}
