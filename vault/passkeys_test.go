package vault

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// Who joins with a passkey has a recovery code from the start, and no passphrase;
// a renamed person's passkey still opens; what it is used for lies in their own vault.
func TestJoinByPasskey(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer func() { d.Close() }()
	claim, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	k, secret := testPasskey(), bytes.Repeat([]byte{7}, passkeySecret)
	n := Newcomer{Ticket: claim.Reveal(), Name: "Olga", Passkey: &k, PasskeySecret: secret}
	for name, bad := range map[string]Newcomer{
		"no secret":           {Ticket: n.Ticket, Name: "Olga", Passkey: &k},
		"half a secret":       {Ticket: n.Ticket, Name: "Olga", Passkey: &k, PasskeySecret: secret[:16]},
		"no passkey":          {Ticket: n.Ticket, Name: "Olga", PasskeySecret: secret},
		"a passphrase":        {Ticket: n.Ticket, Name: "Olga", Passkey: &k, PasskeySecret: secret, Passphrase: []byte(ownerPass)},
		"an old vault":        {Ticket: n.Ticket, Name: "Olga", Passkey: &k, PasskeySecret: secret, Recovery: []byte("x")},
		"no public key":       {Ticket: n.Ticket, Name: "Olga", Passkey: &Passkey{Credential: []byte("x"), Handle: []byte("y"), Place: "z"}, PasskeySecret: secret},
		"another ticket":      {Ticket: []byte("x"), Name: "Olga", Passkey: &k, PasskeySecret: secret},
		"a name that is none": {Ticket: n.Ticket, Name: "Ol\u202ega", Passkey: &k, PasskeySecret: secret},
	} {
		if _, _, err := d.JoinByPasskey(t.Context(), bad); err == nil {
			t.Errorf("%s: came in", name)
		}
	}
	s, code, err := d.JoinByPasskey(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	kept := p.keep(s, "a word")
	if s.Way() != SlotPasskey {
		t.Errorf("came in by %v", s.Way())
	}
	if err := d.ConfirmRecovery(t.Context(), s, code.Reveal()); err != nil {
		t.Errorf("the code typed back: %v", err)
	}
	if uses, err := d.PasskeyUses(t.Context(), s); err != nil || len(uses) != 1 || uses[0].Day != "2026-03-01" || uses[0].Place != k.Place || uses[0].Used.IsZero() {
		t.Errorf("%+v %v", uses, err)
	}
	if err := d.Rename(t.Context(), s, s.Person, "Helga"); err != nil {
		t.Fatal(err)
	}
	s.End()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = p.open()
	name, found, ok := d.FindPasskey(k.Credential)
	if !ok || name != "Helga" || !bytes.Equal(found.Key, k.Key) {
		t.Fatalf("%q %+v", name, found)
	}
	p.clock = p.clock.Add(48 * time.Hour)
	if s, err = d.Unlock(t.Context(), Attempt{Name: name, Way: SlotPasskey, Passkey: testCredential(), Secret: secret}); err != nil {
		t.Fatal(err)
	}
	p.has(s, kept, "a word")
	if uses, err := d.PasskeyUses(t.Context(), s); err != nil || len(uses) != 1 || !uses[0].Used.Equal(p.clock) {
		t.Errorf("%+v %v", uses, err)
	}
	other, err := d.Unlock(t.Context(), Attempt{Name: name, Way: SlotRecovery, Secret: code.Reveal()})
	if err != nil {
		t.Fatalf("the recovery code: %v", err)
	}
	other.End()
	for _, e := range p.record.take() {
		if e.What != PersonCreated && e.What != PersonRenamed && e.What != SlotAdded {
			t.Errorf("the shared record tells of %v", e)
		}
	}
}

// A passkey is one person's, goes with its slot, and leaves nothing behind.
func TestPasskeysComeAndGo(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	k, secret := testPasskey(), bytes.Repeat([]byte{7}, passkeySecret)
	if err := d.AddPasskey(t.Context(), olga, k, secret); err != nil {
		t.Fatal(err)
	}
	for _, s := range []Session{olga, mira} {
		if err := d.AddPasskey(t.Context(), s, k, secret); !errors.Is(err, ErrPasskeyKnown) {
			t.Errorf("the same again: %v", err)
		}
	}
	if list := d.PasskeysOf(mira); len(list) != 0 {
		t.Errorf("Mira has %v", list)
	}
	uses, err := d.PasskeyUses(t.Context(), olga)
	if err != nil || len(uses) != 1 || !uses[0].Used.IsZero() {
		t.Fatalf("%+v %v", uses, err)
	}
	if err := d.RemoveWay(t.Context(), mira, uses[0].Way); !errors.Is(err, ErrNoRecord) {
		t.Errorf("Mira removes Olga's: %v", err)
	}
	if err := d.RemoveWay(t.Context(), olga, uses[0].Way); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := d.FindPasskey(k.Credential); ok || len(d.PasskeysOf(olga)) != 0 {
		t.Error("it is still known")
	}
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotPasskey, Passkey: testCredential(), Secret: secret}); err != ErrWrong {
		t.Errorf("it opens: %v", err)
	}
	for i := range mostPasskeys {
		k.Credential = []byte{byte(i)}
		if err := d.AddPasskey(t.Context(), olga, k, secret); err != nil {
			t.Fatal(err)
		}
	}
	k.Credential = []byte("one more")
	if err := d.AddPasskey(t.Context(), olga, k, secret); !errors.Is(err, ErrPasskeys) {
		t.Errorf("one too many: %v", err)
	}
	if gone, err := d.Rotate(t.Context(), olga, []byte(ownerPass), nil); err != nil || len(gone) != mostPasskeys || len(d.PasskeysOf(olga)) != 0 {
		t.Errorf("after a new root key %d are gone and %d known: %v", len(gone), len(d.PasskeysOf(olga)), err)
	}
}

// What cannot be put on record is not done, and leaves no passkey in the directory.
func TestPasskeyThatCouldNotBeAdded(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	p.record.err = errors.New("full")
	if err := d.AddPasskey(t.Context(), olga, testPasskey(), make([]byte, passkeySecret)); err == nil {
		t.Fatal("added without a record")
	}
	p.record.err = nil
	if _, _, ok := d.FindPasskey(testPasskey().Credential); ok {
		t.Error("it is known")
	}
	if err := d.AddPasskey(t.Context(), olga, testPasskey(), make([]byte, passkeySecret)); err != nil {
		t.Error(err)
	}
}
