package vault

import (
	"errors"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

func (p *place) try(d *Directory, a Attempt) error {
	p.t.Helper()
	p.clock = p.clock.Add(2 * time.Minute) // past every pause
	s, err := d.Unlock(p.t.Context(), a)
	if err == nil {
		s.End()
	}
	return err
}

func pass(name, secret string) Attempt {
	return Attempt{Name: name, Way: SlotPassphrase, Secret: []byte(secret)}
}

func TestWrongSecretsAndUnknownPeopleReadAlike(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	p.member(d, olga, "Mira").End()
	code := string(newRecoveryCode().Reveal())
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]Attempt{
		"wrong passphrase":                  pass("Mira", ownerPass),
		"another's passphrase":              pass("Olga", memberPass),
		"unknown person":                    pass("Nobody", memberPass),
		"name that cannot be":               pass("No\u202ebody", memberPass),
		"no name":                           pass("", memberPass),
		"recovery code of nobody":           {Name: "Nobody", Way: SlotRecovery, Secret: []byte(code)},
		"recovery code where there is none": {Name: "Mira", Way: SlotRecovery, Secret: []byte(code)},
		"passkey of nobody":                 {Name: "Nobody", Way: SlotPasskey, Secret: make([]byte, 32)},
		"passkey where there is none":       {Name: "Mira", Way: SlotPasskey, Secret: make([]byte, 32)},
		"escrow of nobody":                  {Name: "Nobody", Way: SlotEscrow, Secret: []byte(identity.String())},
		"escrow where there is none":        {Name: "Mira", Way: SlotEscrow, Secret: []byte(identity.String())},
		"a token's way":                     {Name: "Mira", Way: SlotToken, Secret: make([]byte, 32)},
		"a way that is not":                 {Name: "Mira", Way: 77, Secret: make([]byte, 32)},
	} {
		if err := p.try(d, a); err != ErrWrong {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, a := range []Attempt{{Name: "Mira", Way: SlotRecovery, Secret: []byte("typo")}, {Name: "Nobody", Way: SlotRecovery, Secret: []byte("typo")}} {
		if err := p.try(d, a); !errors.Is(err, ErrRecoveryCode) {
			t.Errorf("a mistyped code: %v", err)
		}
	}
	if err := p.try(d, pass("  mira ", memberPass)); err != nil {
		t.Errorf("the right ones: %v", err)
	}
}

// The work is equal, too: BenchmarkWrong compares the times; this counts what is
// stretched.
func TestUnknownPeopleAreStretchedForAlike(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	p.owner(d).End()
	known, ok := p.find(d, "Olga")
	if !ok {
		t.Fatal("no owner")
	}
	set, err := d.slotsOf(t.Context(), known.id)
	if err != nil {
		t.Fatal(err)
	}
	real, _ := set.of(SlotPassphrase)
	decoy, _ := d.decoy.of(SlotPassphrase)
	a, err := parsePassphraseParams(real.params)
	b, err2 := parsePassphraseParams(decoy.params)
	if err != nil || err2 != nil || a.cost != b.cost || a.salt == b.salt {
		t.Errorf("%+v and %+v", a.cost, b.cost)
	}
}

func (p *place) find(d *Directory, name string) (person, bool) { return d.find(name) }

func TestPausesDoubleAndEnd(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	p.owner(d).End()
	p.record.take()
	soon := new(TooSoon)
	for _, name := range []string{"Olga", "Nobody"} { // alike
		for range 4 {
			if _, err := d.Unlock(t.Context(), pass(name, "something wrong")); err != ErrWrong {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if _, err := d.Unlock(t.Context(), pass(name, ownerPass)); !errors.As(err, &soon) || soon.Wait != time.Second {
			t.Fatalf("%s, after four: %v", name, err)
		}
	}
	// Their recovery code is not kept out by somebody who hammers at the passphrase.
	if _, err := d.Unlock(t.Context(), Attempt{Name: "Olga", Way: SlotRecovery, Secret: newRecoveryCode().Reveal()}); err != ErrWrong {
		t.Fatalf("another way in: %v", err)
	}
	// Waiting is not counted against anybody, and the right secret is taken after.
	p.clock = p.clock.Add(time.Second)
	if s, err := d.Unlock(t.Context(), pass("Olga", ownerPass)); err != nil {
		t.Fatal(err)
	} else {
		s.End()
	}
	for n, want := range map[int]time.Duration{0: 0, 3: 0, 4: time.Second, 5: 2 * time.Second, 9: 32 * time.Second, 10: time.Minute, 1000: time.Minute, 1 << 40: time.Minute} {
		if got := Pause(n); got != want {
			t.Errorf("after %d failures %v, want %v", n, got, want)
		}
	}
	if p.record.saw(UnlockFailed) {
		t.Error("a few slips are on the shared record")
	}
	for range 8 {
		p.try(d, pass("Olga", "something wrong"))
	}
	events := p.record.take()
	failed := 0
	for _, e := range events {
		if e.What == UnlockFailed && e.Failed && e.Detail == uint32(SlotPassphrase) && e.Object != (ID{}) {
			failed++
		}
	}
	if failed != 1 || len(events) != 1 {
		t.Errorf("eight failures in a row: %+v", events)
	}
	p.clock = p.clock.Add(2 * time.Minute)
	s := p.unlock(d, "Olga", ownerPass)
	deeds, err := d.Deeds(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, x := range deeds {
		told = told || x.What == DeedFailed && x.N >= 8
	}
	if !told {
		t.Errorf("the person is not told: %+v", deeds)
	}
}

func TestFailuresAreForgottenAndBounded(t *testing.T) {
	f := newFailures()
	now := time.Unix(1e9, 0)
	for range 10 {
		f.failed("a", now)
	}
	if f.failed("a", now.Add(failuresForget+time.Second)) != 1 {
		t.Error("an hour later they still count")
	}
	for i := range 3 * maxFailing {
		now = now.Add(time.Millisecond)
		f.failed(time.Duration(i).String(), now)
	}
	if len(f.by) > maxFailing {
		t.Errorf("%d names are counted", len(f.by))
	}
	if err := f.admit("somebody else", now); err == nil {
		t.Error("very many failures hold nobody back")
	}
	if err := f.admit("somebody else", now.Add(2*time.Second)); err != nil {
		t.Errorf("two seconds later: %v", err)
	}
}

func TestTheWrongDeviceSecret(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	code, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, code.Reveal()); err != nil {
		t.Fatal(err)
	}
	kept := p.keep(olga, "words of before")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	// Another machine, with a copy of the store and no device secret.
	q := newPlace(t)
	q.store = p.store
	q.config.Store = p.store
	if _, err := OpenDirectory(t.Context(), q.config); !errors.Is(err, ErrOtherDevice) || !strings.Contains(err.Error(), "recovery code") {
		t.Fatalf("with another device secret: %v", err)
	}
	q.config.NewMachine = true
	d = q.open()
	claim, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	join := Newcomer{Ticket: claim.Reveal(), Name: "Olga", Passphrase: []byte("a new one for the new machine"), Recovery: newRecoveryCode().Reveal()}
	if _, err := d.Join(t.Context(), join); err != ErrWrong {
		t.Fatalf("another recovery code: %v", err)
	}
	join.Recovery = code.Reveal()
	olga, err = d.Join(t.Context(), join)
	if err != nil {
		t.Fatal(err)
	}
	q.has(olga, kept, "words of before")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	q.config.NewMachine = false
	d = q.open()
	defer d.Close()
	q.has(q.unlock(d, "Olga", string(join.Passphrase)), kept, "words of before")
	if err := q.try(d, pass("Olga", ownerPass)); err != ErrWrong {
		t.Errorf("the old passphrase: %v", err)
	}
	q.clock = q.clock.Add(time.Hour)
	s, err := d.Unlock(t.Context(), Attempt{Name: "Olga", Way: SlotRecovery, Secret: code.Reveal()})
	if err != nil {
		t.Fatalf("the recovery code stays good: %v", err)
	}
	// And sets a passphrase without the old one.
	if err := d.ChangePassphrase(t.Context(), s, nil, []byte("the third passphrase")); err != nil {
		t.Fatal(err)
	}
	q.has(q.unlock(d, "Olga", "the third passphrase"), kept, "words of before")
}
