package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"abaton.local/audit"
)

// asTyped runs a verb as if it was typed on a machine with these folders, and
// gives what it printed and its exit code.
func asTyped(t *testing.T, v verb, f folders, args ...string) (out, complaint string, code int) {
	t.Helper()
	o, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	p := &program{verb: v.name, in: os.Stdin, screen: newScreen(os.Stdin, o, o), log: slog.New(slog.DiscardHandler)}
	p.cfg.Folders = f
	fs := flag.NewFlagSet(v.name, flag.ContinueOnError)
	act := v.bind(fs)
	rest, err := parseMixed(fs, args)
	if err != nil {
		t.Fatal(err)
	}
	err = act(t.Context(), p, rest)
	if err != nil {
		complaint, code = words(err, p.log)
	}
	b, err := os.ReadFile(o.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b), complaint, code
}

// box is a machine with an audit log of n records.
func box(t *testing.T, n int) (folders, *audit.Log) {
	t.Helper()
	f := folders{State: t.TempDir()}
	l, err := audit.Open(filepath.Join(f.State, "audit"), audit.Keys{Seed: bytes.Repeat([]byte{1}, 32), Pseudonym: bytes.Repeat([]byte{2}, 32)}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	grow(t, l, n)
	return f, l
}

func grow(t *testing.T, l *audit.Log, n int) {
	t.Helper()
	for range n {
		if err := l.Record(audit.Event{What: audit.SlotAdded, Actor: [16]byte{1}, Object: [16]byte{2}, Detail: audit.Passkey}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sign(); err != nil {
		t.Fatal(err)
	}
}

func TestLogIsShownAndVerified(t *testing.T) {
	if out, complaint, code := asTyped(t, logVerb(), folders{State: t.TempDir()}); code != failed || !strings.Contains(complaint, "begins when") {
		t.Errorf("without a log: %q %q %d", out, complaint, code)
	}
	f, l := box(t, 5)
	out, _, code := asTyped(t, logVerb(), f, "show")
	if code != done || strings.Count(out, "slot added") != 5 || !strings.Contains(out, "passkey") {
		t.Errorf("show: %d\n%s", code, out)
	}
	out, _, _ = asTyped(t, logVerb(), f, "--json", "--since", "3")
	var list []map[string]any
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 2 || list[0]["record"] != 3.0 || list[0]["detail_word"] != "passkey" {
		t.Errorf("show --json: %v\n%s", err, out)
	}
	key, _, _ := asTyped(t, logVerb(), f, "key")
	if strings.TrimSpace(key) != l.Key() {
		t.Errorf("key: %q", key)
	}
	out, complaint, code := asTyped(t, logVerb(), f, "verify")
	if code != done || !strings.Contains(out, "5 records") || !strings.Contains(out, "Not seen this way") {
		t.Errorf("verify: %d %q\n%s", code, complaint, out)
	}
	old := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(old, l.Checkpoint(), 0o600); err != nil {
		t.Fatal(err)
	}
	grow(t, l, 5)
	if out, complaint, code = asTyped(t, logVerb(), f, "verify", "--since", old, "--key", l.Key()); code != done || !strings.Contains(out, "has grown") {
		t.Errorf("verify --since: %d %q\n%s", code, complaint, out)
	}
	// A copy on another machine, with a changed record.
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(f.State, "audit"))); err != nil {
		t.Fatal(err)
	}
	entries := filepath.Join(copied, "tile/entries/000")
	b, err := os.ReadFile(entries)
	if err != nil {
		t.Fatal(err)
	}
	b[7*98+20] ^= 1
	if err := os.WriteFile(entries, b, 0o600); err != nil {
		t.Fatal(err)
	}
	far := folders{State: t.TempDir()}
	if _, complaint, code = asTyped(t, logVerb(), far, "verify", "--key", l.Key(), copied); code != found || !strings.Contains(complaint, "record 7: ") {
		t.Errorf("a changed record: %d %q", code, complaint)
	}
	out, _, code = asTyped(t, logVerb(), far, "verify", "--json", copied)
	var verdict map[string]any
	if err := json.Unmarshal([]byte(out), &verdict); err != nil || code != found || verdict["whole"] != false || verdict["record"] != 7.0 {
		t.Errorf("verify --json: %v %d\n%s", err, code, out)
	}
	for _, args := range [][]string{{"verfy"}, {"show", "a", "b"}, {"--since", "x"}, {"verify", "--key", "x"}, {"verify", "--witness", l.Key()}} {
		if _, complaint, code := asTyped(t, logVerb(), f, args...); code != wrongUsage {
			t.Errorf("%q: %d %q", args, code, complaint)
		}
	}
}

// shows is a gateway as far as a witness sees it: it serves the log's files to
// who has the token, and counts who asks.
func shows(t *testing.T, log func() *audit.Log, witness func() note.Verifier) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer abt_auditor" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost && r.URL.Path == "/audit/cosignature" {
			b, err := io.ReadAll(io.LimitReader(r.Body, 8<<10))
			if err == nil {
				err = log().Cosign(b, witness())
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
			}
			return
		}
		http.StripPrefix("/audit/", http.FileServerFS(log().Files())).ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestWitnessVouchesForAnotherMachine(t *testing.T) {
	f, l := box(t, 300)
	now := l
	var witness note.Verifier
	url := shows(t, func() *audit.Log { return now }, func() note.Verifier { return witness })
	far := folders{State: t.TempDir()}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("abt_auditor\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) (string, string, int) {
		t.Helper()
		return asTyped(t, witnessVerb(), far, append([]string{url, "--key", l.Key(), "--token-file", token}, args...)...)
	}
	wkey, _, code := asTyped(t, witnessVerb(), far, "key")
	if again, _, _ := asTyped(t, witnessVerb(), far, "key"); code != done || again != wkey {
		t.Fatalf("two keys: %q, %q", wkey, again)
	}
	var err error
	witness, err = audit.ParseWitnessKey(strings.TrimSpace(wkey))
	if err != nil {
		t.Fatal(err)
	}
	if _, complaint, code := ask(); code != found || !strings.Contains(complaint, "--begin") {
		t.Errorf("first sight: %d %q", code, complaint)
	}
	if _, complaint, code := asTyped(t, witnessVerb(), far, url, "--key", l.Key(), "--begin"); code != failed {
		t.Errorf("without the token: %d %q", code, complaint)
	}
	first, complaint, code := ask("--begin")
	if code != done {
		t.Fatalf("begin: %d %q", code, complaint)
	}
	if err := l.Cosign([]byte(first), witness); err != nil {
		t.Fatal(err)
	}
	grow(t, l, 300)
	second, complaint, code := ask("--give-back")
	if code != done || second == first {
		t.Fatalf("grown: %d %q", code, complaint)
	}
	if out, complaint, code := asTyped(t, logVerb(), f, "verify", "--witness", strings.TrimSpace(wkey)); code != done || !strings.Contains(out, "vouches for the first 601") {
		t.Errorf("verify --witness: %d %q\n%s", code, complaint, out)
	}
	// A box that knows the witness says so unasked, and who handed in nothing.
	known := []string{strings.TrimSpace(wkey), "other.example/1+797817f9+BNYvAWoe/R5P33k+tCzYRHHhup8M8E0Sh7XMcfYWKHy4"}
	if kept, err := audit.Kept(os.DirFS(auditFolder(&program{cfg: config{Folders: f}})), known[:1]); err != nil || len(kept) != 1 {
		t.Errorf("kept: %v, %v", kept, err)
	} else if said := strings.Join(vouched(kept, known), "\n"); !strings.Contains(said, "vouches for the first 601") || !strings.Contains(said, "other.example/1 has handed in nothing") {
		t.Errorf("said: %s", said)
	}
	// The box, with its key, begins a new history of the same length.
	_, now = box(t, 700)
	if _, complaint, code := ask(); code != found || !strings.Contains(complaint, "rewritten") {
		t.Errorf("a rewritten log: %d %q", code, complaint)
	}
	fork := filepath.Join(t.TempDir(), "fork")
	if err := os.WriteFile(fork, now.Checkpoint(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, complaint, code := ask("--compare", fork); code != found {
		t.Errorf("a split view: %d %q", code, complaint)
	}
	now = l // which lacks the hashes for the checkpoint of the other history
	if out, complaint, code := ask(); code != done || out == "" {
		t.Errorf("the old log again: %d %q", code, complaint)
	}
	if out, complaint, code := ask("--compare", fork); code == done {
		t.Errorf("a split view, asked the other way: %d %q %q", code, complaint, out)
	}
	// The witness loses its memory.
	states, err := filepath.Glob(filepath.Join(far.State, "witness", "*.checkpoint"))
	if err != nil || len(states) != 1 {
		t.Fatal(states, err)
	}
	if err := os.Remove(states[0]); err != nil {
		t.Fatal(err)
	}
	if _, complaint, code := ask(); code != found || !strings.Contains(complaint, "was lost") {
		t.Errorf("state lost: %d %q", code, complaint)
	}
}

// A witness that asks again and again ends when it is told to.
func TestWitnessStops(t *testing.T) {
	_, l := box(t, 3)
	url := shows(t, func() *audit.Log { return l }, nil)
	p := &program{screen: newScreen(os.Stdin, os.Stderr, os.Stderr), log: slog.New(slog.DiscardHandler)}
	p.cfg.Folders.State = t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := witnessAction(ctx, p, []string{url}, witnessOptions{key: l.Key(), every: time.Hour, begin: true})
	if !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
}
