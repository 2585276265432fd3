package vault

import (
	"slices"
	"testing"
	"time"
)

func TestDisabledPeopleAreOutAtOnceAndKeepTheirVault(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	kept := p.keep(mira, "words")
	token, _, err := d.MakeToken(t.Context(), mira, "editor", ScopeAsk, p.clock.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := d.Issue(mira)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetDisabled(t.Context(), olga, mira.Person, true); err != nil {
		t.Fatal(err)
	}
	if mira.Unlocked() || !slices.Contains(p.left(), mira.Person) {
		t.Error("still open")
	}
	if _, err := d.Resume(secret.Reveal()); err != ErrEnded {
		t.Errorf("resumed: %v", err)
	}
	if _, err := d.UnlockToken(t.Context(), token.Reveal()); err != ErrToken {
		t.Errorf("token: %v", err)
	}
	if err := p.try(d, pass("Mira", memberPass)); err != ErrDisabled {
		t.Errorf("the right passphrase: %v", err)
	}
	if err := p.try(d, pass("Mira", "a wrong passphrase")); err != ErrWrong {
		t.Errorf("a wrong passphrase tells that she is disabled: %v", err)
	}
	if err := d.SetDisabled(t.Context(), olga, mira.Person, false); err != nil {
		t.Fatal(err)
	}
	p.has(p.unlock(d, "Mira", memberPass), kept, "words")
}

// Who has no vault open may have an engine at work all the same, by a token that
// only asks.
func TestExpelledPeopleLeaveTheirEngines(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	mira.End()
	for _, expel := range []func() error{
		func() error { return d.SetDisabled(t.Context(), olga, mira.Person, true) },
		func() error { return d.Remove(t.Context(), olga, mira.Person) },
	} {
		p.locked = nil
		if err := expel(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.locked, []PersonID{mira.Person}) {
			t.Errorf("told that their words must go: %d people", len(p.locked))
		}
	}
}

// An unlocking that was on its way writes into the vault between the look at it
// and its end.
func TestALastWordDoesNotKeepKeysAlive(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	mira.End()
	left := 3 // the first is the directory's own
	p.store.fail = func(int) error {
		if left--; left == 1 || left == 0 {
			return ErrConflict
		}
		return nil
	}
	if err := d.Remove(t.Context(), olga, mira.Person); err != nil {
		t.Errorf("removing: %v", err)
	}
	if _, err := p.store.Shell(t.Context(), identity(mira.Person)); err != ErrNoVault {
		t.Errorf("the vault: %v", err)
	}
	if left > 0 {
		t.Error("the control: nothing came in between")
	}
}

func TestRemovedPeopleAreGone(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	p.keep(mira, "words")
	token, _, err := d.MakeToken(t.Context(), mira, "editor", ScopeAll, p.clock.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), olga, mira.Person); err != nil {
		t.Fatal(err)
	}
	if _, err := p.store.Shell(t.Context(), identity(mira.Person)); err != ErrNoVault {
		t.Errorf("the vault: %v", err)
	}
	if mira.Unlocked() {
		t.Error("still open")
	}
	if err := p.try(d, pass("Mira", memberPass)); err != ErrWrong {
		t.Errorf("unlock: %v", err)
	}
	if _, err := d.UnlockToken(t.Context(), token.Reveal()); err != ErrToken {
		t.Errorf("token: %v", err)
	}
	if err := d.Remove(t.Context(), olga, mira.Person); err != ErrNoPerson {
		t.Errorf("again: %v", err)
	}
	again := p.member(d, olga, "Mira") // the name is free
	if again.Person == mira.Person {
		t.Error("the same person again")
	}
	if err := d.Remove(t.Context(), again, again.Person); err != nil {
		t.Errorf("who removes themself: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = p.open()
	defer d.Close()
	olga = p.unlock(d, "Olga", ownerPass)
	if list, err := d.People(t.Context(), olga); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if !p.record.saw(PersonRemoved) {
		t.Error("it is not on the shared record")
	}
}
