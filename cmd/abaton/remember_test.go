package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

const testPassphrase = "correct horse battery staple"

// nothing is an audit log that forgets.
type nothing struct{}

func (nothing) Record(vault.Event) error { return nil }

func (nothing) Bind([32]byte, ...time.Time) error           { return nil }
func (nothing) Bound(...[32]byte) (at time.Time, which int) { return at, -1 }

// deskOfAda is a desk at a home with one person.
func deskOfAda(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	device, err := vault.MakeDevice(filepath.Join(dir, "device", "secret"), filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	h := &home{histories: map[vault.PersonID]*kept{}}
	h.people, err = vault.OpenDirectory(t.Context(), vault.Config{
		Store: vaulttest.NewMemory(), Device: device, StateDir: t.TempDir(), Audit: nothing{}, Now: time.Now,
		Cost: vault.FloorCost(), Locked: func(p vault.PersonID) { h.forget(p).stopped() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.people.Close(); err != nil {
			t.Error(err)
		}
		device.Close()
	})
	claim, err := h.people.Claim()
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.people.Join(t.Context(), vault.Newcomer{Ticket: claim.Reveal(), Name: "ada", Passphrase: []byte(testPassphrase)})
	if err != nil {
		t.Fatal(err)
	}
	return &desk{home: h, session: s, close: func() {}}
}

// What is said while the vault locks is kept when it opens again, in its order.
func TestNothingIsLostOverALock(t *testing.T) {
	d := deskOfAda(t)
	c := &conversation{answers: &roomy{room: 100}, manner: manner{model: "m", instruction: "Be brief."}, memory: &memory{desk: d}}
	if err := c.memory.question(t.Context(), "one", c.manner); err != nil {
		t.Fatal(err)
	}
	if _, err := c.say(t.Context(), "one", func(string) error { d.session.Lock(); return nil }); err != nil {
		t.Fatalf("an answer that cannot be kept yet: %v", err)
	}
	if len(c.memory.waiting) != 1 {
		t.Fatalf("%d answers wait, want 1", len(c.memory.waiting))
	}
	err := c.memory.question(t.Context(), "two", c.manner)
	if !isLocked(err) {
		t.Fatalf("a question to a locked vault: %v", err)
	}
	p := &program{cfg: config{Person: "ada"}}
	person := &asked{passphrase: testPassphrase}
	if err := d.reopen(t.Context(), p, person); err != nil {
		t.Fatal(err)
	}
	if typed := person.typed; typed.n != 0 || bytes.Contains(typed.buffer[:], []byte("horse")) {
		t.Error("the passphrase was not wiped")
	}
	if err := c.memory.question(t.Context(), "two", c.manner); err != nil {
		t.Fatal(err)
	}
	if _, err := c.say(t.Context(), "two", func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	shown, err := continued(t.Context(), d, "")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, x := range shown.Said {
		said = append(said, string(x.Role)+":"+x.Text+":"+x.Finish)
	}
	if got := strings.Join(said, " | "); got != "user:one: | assistant:fine then:stop | user:two: | assistant:fine then:stop" || shown.Instruction != "Be brief." {
		t.Errorf("%s; %q", got, shown.Instruction)
	}
}

// Why an answer is only a part of one is kept with it.
func TestPartsOfAnswersAreKept(t *testing.T) {
	d := deskOfAda(t)
	finish := func(s *roomy, show func(string) error, ctx context.Context) string {
		t.Helper()
		c := &conversation{answers: s, memory: &memory{desk: d}}
		if err := c.memory.question(ctx, "one", c.manner); err != nil {
			t.Fatal(err)
		}
		if _, err := c.say(ctx, "one", show); err == nil {
			t.Fatal("that it was only a part was not said")
		}
		shown, err := continued(t.Context(), d, c.memory.id.String())
		if err != nil || len(shown.Said) != 2 || shown.Said[1].Text != "fine " {
			t.Fatalf("%+v, %v", shown, err)
		}
		return shown.Said[1].Finish
	}
	fine := func(string) error { return nil }
	if got := finish(&roomy{room: 9, fail: &engine.Fault{Kind: engine.Crashed}}, fine, t.Context()); got != finishFailed {
		t.Error(got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if got := finish(&roomy{room: 9}, func(string) error { cancel(); return ctx.Err() }, ctx); got != finishStopped {
		t.Error(got)
	}
}

func TestAnotherConversation(t *testing.T) {
	d := deskOfAda(t)
	c := &conversation{answers: &roomy{room: 9}, memory: &memory{desk: d}}
	for _, q := range []string{"one", "two"} {
		if err := c.memory.question(t.Context(), q, c.manner); err != nil {
			t.Fatal(err)
		}
		c.forget()
	}
	list, err := listHistory().at(t.Context(), d, listIn{Most: 1})
	if err != nil || len(list.Conversations) != 1 || list.More != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestMessagesForAModel(t *testing.T) {
	user := func(s string) turnJSON { return turnJSON{Role: history.User, Text: s} }
	model := func(s string) turnJSON { return turnJSON{Role: history.Assistant, Text: s} }
	got := func(tokens int, turns ...turnJSON) string {
		var b strings.Builder
		for _, m := range messages(turns, tokens) {
			b.WriteString(m.Content[:1])
		}
		return b.String()
	}
	long := strings.Repeat("x", 17000*tokenBytes)
	for want, is := range map[string]string{
		"":     got(0),
		"abcd": got(0, user("a"), model("b"), user("c"), model("d")),
		"ab":   got(0, user("a"), model("b"), user("no answer")),
		"bcde": got(0, user("no answer"), user("b"), model("c"), user("d"), model("e")),
		"cd":   got(0, user("a"), model(long), user("c"), model("d")),
		"axcd": got(20000, user("a"), model(long), user("c"), model("d")),
		"cdef": got(0, model("no question"), user("c"), model("d"), model("again"), user("e"), model("f")),
	} {
		if is != want {
			t.Errorf("%q, want %q", is, want)
		}
	}
}

func TestAsWhom(t *testing.T) {
	for _, w := range []asWhom{{goOn: true, resume: "ab", terminal: true}, {guest: true, goOn: true, terminal: true}, {resume: "ab"}} {
		if _, ok := errors.AsType[usageError](w.check()); !ok {
			t.Errorf("%+v is taken", w)
		}
	}
	for _, w := range []asWhom{{}, {guest: true}, {goOn: true, terminal: true}, {resume: "abcd", terminal: true}} {
		if err := w.check(); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

// What was typed does not stay where it was read.
func TestKeyInputForgets(t *testing.T) {
	in := &keyInput{in: strings.NewReader("secret")}
	if _, err := in.ReadByte(); err != nil || !bytes.Contains(in.buffer[:], []byte("ecret")) {
		t.Fatalf("the control: %v, %q", err, in.buffer[:8])
	}
	for range 5 {
		if _, err := in.ReadByte(); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.ContainsAny(in.buffer[:], "secrt") {
		t.Errorf("%q is left", in.buffer[:8])
	}
}

// asked answers like a person, and counts.
type asked struct {
	passphrase string
	yes        bool
	questions  int
	typed      *secretText
}

func (a *asked) secret(context.Context, string) (*secretText, error) {
	a.typed = &secretText{}
	a.typed.n = copy(a.typed.buffer[:], a.passphrase)
	return a.typed, nil
}

func (a *asked) confirm(context.Context, string) (bool, error) { a.questions++; return a.yes, nil }
