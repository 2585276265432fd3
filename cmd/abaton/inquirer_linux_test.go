package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"abaton.local/chat/history"
	"abaton.local/vault"
)

// Whoever unlocks within a conversation is asked there about a vault that is
// older than it was: nobody reads the terminal beside the keyboard.
func TestAnOlderVaultIsAskedAboutWhereSomebodyIs(t *testing.T) {
	h := newHouse(t)
	o := h.enter(time.Now)
	o.join(vault.Session{}, vault.RoleOwner, "ada", "correct horse battery staple")
	o.leave()
	old := filepath.Join(h.root, "old.db")
	copyFile(t, h.dirs.Store(), old, 0o600)
	o = h.enter(time.Now)
	x := o.history(o.unlock("ada", "correct horse battery staple"))
	if _, err := x.New(t.Context(), history.Start{}, history.Turn{Role: history.User, Text: "x"}); err != nil {
		t.Fatal(err)
	}
	h.must(x.Close(t.Context()))
	o.leave()
	copyFile(t, old, h.dirs.Store(), 0o600)
	o = h.enter(time.Now)
	defer o.leave()
	errs, err := os.Create(filepath.Join(t.TempDir(), "errs"))
	h.must(err)
	defer errs.Close()
	// Without anything to read from: who reads it all the same fails.
	p := &program{cfg: config{Person: "ada"}, screen: &screen{inTTY: true, errs: errs}}
	d := &desk{home: &home{people: o.people}, close: func() {}}
	no := &asked{passphrase: "correct horse battery staple"}
	err = d.open(t.Context(), p, false, no)
	if e, ok := errors.AsType[told](err); !ok || e.code != found || no.questions != 1 || d.session.Unlocked() {
		t.Fatalf("a no: %v after %d questions", err, no.questions)
	}
	yes := &asked{passphrase: "correct horse battery staple", yes: true}
	if err := d.open(t.Context(), p, false, yes); err != nil || yes.questions != 1 || !d.session.Unlocked() {
		t.Fatalf("a yes: %v after %d questions", err, yes.questions)
	}
	d.session.End()
}

func TestKeyboardConfirms(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for typed, want := range map[string]bool{"y\r": true, "Yes\r": true, " yes \r": true, "n\r": false, "\r": false, "yess\r": false, "\x04": false} {
		k := &keyboard{screen: &screen{out: out, errs: out}, editor: editor{prompt: ">>> "}, keys: make(chan key, 64),
			interrupts: make(chan os.Signal, 2), redraw: make(chan os.Signal, 1), end: make(chan struct{})}
		k.editor.remember("before")
		r := keyReader{&keyInput{in: &onceReader{text: typed}}}
		for range typed {
			x, err := r.next()
			if err != nil {
				break
			}
			k.keys <- x
		}
		got, err := k.confirm(t.Context(), "Sure?")
		if err != nil || got != want || k.editor.prompt != ">>> " || len(k.editor.history) != 1 || len(k.editor.text) > 0 {
			t.Errorf("%q: %v, %v; the editor is %+v", typed, got, err, k.editor)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := &keyboard{screen: &screen{out: out, errs: out}}
	if got, err := k.confirm(ctx, "Sure?"); got || !errors.Is(err, errStopped) {
		t.Errorf("stopped: %v, %v", got, err)
	}
}

// onceReader gives its text, and then nothing more.
type onceReader struct{ text string }

func (r *onceReader) Read(b []byte) (int, error) {
	if r.text == "" {
		return 0, io.EOF
	}
	n := copy(b, r.text)
	r.text = r.text[n:]
	return n, nil
}
