package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"abaton.local/vault"
)

// TestAWatchAsksNothingWithAnothersSession: of whoever is logged in after its person,
// it finds out who that is, once, and no more.
func TestAWatchAsksNothingWithAnothersSession(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	l, err := net.Listen("unix", socketName)
	if err != nil {
		t.Fatal(err)
	}
	var person atomic.Value
	var asked atomic.Int32
	person.Store("bob")
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprintf(w, `{"person":{"id":%q}}`, person.Load())
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(l) }()
	defer func() { s.Close(); <-served }()

	mine := newClient(socketName)
	mine.credential = "ada's"
	w := &watching{adding: &adding{p: &program{}, desk: &desk{remote: mine}}, person: vault.PersonID("ada"), tried: "ada's", spent: "ada's"}
	w.p.cfg.Folders.Runtime = dir
	logIn := func(secret string) {
		t.Helper()
		if err := os.WriteFile(sessionFile, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	logIn("bob's")
	if err := w.again(t.Context()); !errors.Is(err, errOther) || w.desk.remote != mine || w.tried != "bob's" {
		t.Errorf("%v, and goes on with %q", err, w.desk.remote.credential)
	}
	w.spent = w.tried // as mayWait has it
	if err := w.again(t.Context()); !errors.Is(err, errNotYet) || asked.Load() != 1 {
		t.Errorf("again: %v, asked %d times", err, asked.Load())
	}
	person.Store("ada")
	logIn("ada's second")
	if err := w.again(t.Context()); err != nil || w.desk.remote.credential != "ada's second" {
		t.Errorf("%v, and goes on with %q", err, w.desk.remote.credential)
	}
}
