package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abaton.local/gateway"
	"abaton.local/vault"
)

// A long call outlives the deadline that a response has, says how far it is, and
// its refusal keeps words and exit code however late it comes.
func TestLongCall(t *testing.T) {
	work := long[string, []int]{"test/long", func(ctx context.Context, _ *home, _ vault.Session, in string, p progress) ([]int, error) {
		if in == "at once" {
			return nil, vault.ErrSlots
		}
		p(7, 20)
		select {
		case <-time.After(reportEvery + reportEvery/2): // what it takes to be long
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if in == "late" {
			return nil, vault.ErrRolledBack
		}
		p(20, 20)
		return []int{1, 2, 3}, nil
	}}
	route := work.route(counter{log: slog.New(slog.DiscardHandler)}, gateway.Guest)
	dir, err := os.MkdirTemp("", "ab") // short, for a Unix socket's path
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{WriteTimeout: reportEvery / 4, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { route.Serve(w, r, vault.Session{}) })}
	go server.Serve(l)
	defer server.Close()

	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	p := &program{screen: newScreen(os.Stdin, said, said)}
	p.screen.errTTY, p.screen.moves = true, true
	d := &desk{remote: newClient(socket)}
	out, err := work.at(t.Context(), p, d, "working", "well")
	if err != nil || len(out) != 3 {
		t.Errorf("%v, %v", out, err)
	}
	b, err := os.ReadFile(said.Name())
	if err != nil || !strings.Contains(string(b), "[7/20]") {
		t.Errorf("said %q, %v", b, err)
	}
	for in, want := range map[string]error{"at once": vault.ErrSlots, "late": vault.ErrRolledBack} {
		_, err := work.at(t.Context(), p, d, "working", in)
		if text, code := words(err, slog.New(slog.DiscardHandler)); code != found || !strings.Contains(text, want.Error()) {
			t.Errorf("%s: %q, %d", in, text, code)
		}
	}
}
