package vault

import (
	"errors"
	"strings"
	"testing"

	"filippo.io/age"
)

func TestRecoveryCodeIsConfirmedBeforeItCounts(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	first, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	recover := func(code Once) error {
		return p.try(d, Attempt{Name: "Olga", Way: SlotRecovery, Secret: code.Reveal()})
	}
	if err := recover(first); err != ErrWrong {
		t.Errorf("not confirmed, and it opens: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, newRecoveryCode().Reveal()); err != ErrOtherCode {
		t.Errorf("another code: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, []byte("no code")); !errors.Is(err, ErrRecoveryCode) {
		t.Errorf("no code: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, []byte(strings.ToLower(string(first.Reveal())))); err != nil {
		t.Fatal(err)
	}
	if err := recover(first); err != nil {
		t.Errorf("confirmed: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, first.Reveal()); err == nil {
		t.Error("confirmed twice")
	}
	second, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := recover(first); err != nil {
		t.Errorf("the old one, while the new one waits: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, second.Reveal()); err != nil {
		t.Fatal(err)
	}
	if err := recover(first); err != ErrWrong {
		t.Errorf("the old one: %v", err)
	}
	if err := recover(second); err != nil {
		t.Errorf("the new one: %v", err)
	}
}

func TestEscrowIsAgreedListedAndOnRecord(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "age1pq1", classic.Recipient().String(), strings.ToUpper(identity.Recipient().String()), identity.Recipient().String() + "\n", identity.String()} {
		if err := d.AddEscrow(t.Context(), olga, bad); err != ErrRecipient {
			t.Errorf("recipient of %d characters: %v", len(bad), err)
		}
	}
	kept := p.keep(olga, "for the firm, too")
	recipient := identity.Recipient().String()
	if err := d.AddEscrow(t.Context(), olga, recipient); err != nil {
		t.Fatal(err)
	}
	ways, err := d.Ways(t.Context(), olga)
	if err != nil || len(ways) != 2 || ways[1].Kind != SlotEscrow || ways[1].Who != Fingerprint(recipient) {
		t.Fatalf("%+v, %v", ways, err)
	}
	olga.End()
	p.record.take()
	other, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotEscrow, Secret: []byte(other.String())}); err != ErrWrong {
		t.Errorf("another organisation: %v", err)
	}
	p.record.err = errors.New("disk full")
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotEscrow, Secret: []byte(identity.String())}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("used without a record: %v", err)
	}
	p.record.err = nil
	s, err := d.Unlock(t.Context(), Attempt{Name: "Olga", Way: SlotEscrow, Secret: []byte(identity.String())})
	if err != nil {
		t.Fatal(err)
	}
	p.has(s, kept, "for the firm, too")
	if !p.record.saw(EscrowUsed) {
		t.Error("its use is not on the shared record")
	}
	s.End()
	olga = p.unlock(d, "Olga", ownerPass)
	deeds, err := d.Deeds(t.Context(), olga)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, x := range deeds {
		told = told || x.What == DeedEscrowUsed
	}
	if !told {
		t.Error("the person does not learn of it")
	}
	if err := d.RemoveWay(t.Context(), olga, ways[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotEscrow, Secret: []byte(identity.String())}); err != ErrWrong {
		t.Errorf("after it was removed: %v", err)
	}
}

func TestPasskeyOnlyBesideSomethingThatIsNotLost(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	credential, prf := testCredential(), []byte("thirty-two bytes of PRF output!!")
	secret := passkeySecretOf(t, prf)
	if err := d.AddPasskey(t.Context(), olga, testPasskey(), secret[:31]); err == nil {
		t.Error("31 bytes were taken")
	}
	if err := d.AddPasskey(t.Context(), olga, testPasskey(), secret); err != nil {
		t.Fatal(err)
	}
	good := Attempt{Name: "Olga", Way: SlotPasskey, Passkey: credential, Secret: secret}
	if err := p.try(d, good); err != nil {
		t.Errorf("the passkey: %v", err)
	}
	for name, a := range map[string]Attempt{
		"the PRF output itself": {Name: "Olga", Way: SlotPasskey, Passkey: credential, Secret: prf},
		"another credential":    {Name: "Olga", Way: SlotPasskey, Passkey: [32]byte{2}, Secret: secret},
		"half a secret":         {Name: "Olga", Way: SlotPasskey, Passkey: credential, Secret: secret[:16]},
	} {
		if err := p.try(d, a); err != ErrWrong {
			t.Errorf("%s: %v", name, err)
		}
	}
	ways, err := d.Ways(t.Context(), olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveWay(t.Context(), olga, ways[0].ID); err != ErrLastWay {
		t.Errorf("the passphrase goes and leaves the passkey alone: %v", err)
	}
	code, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, code.Reveal()); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveWay(t.Context(), olga, ways[0].ID); err != nil {
		t.Errorf("beside a recovery code: %v", err)
	}
	if err := p.try(d, good); err != nil {
		t.Errorf("the passkey, still: %v", err)
	}
	if err := p.try(d, pass("Olga", ownerPass)); err != ErrWrong {
		t.Errorf("the passphrase that was removed: %v", err)
	}
}
