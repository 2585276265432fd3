package vault

import (
	"errors"
	"testing"

	"abaton.local/vault/internal/seal"
)

// Accepted is the state that was shown, not its number: another state of the
// same number, put there between the telling and the accepting, is asked about
// anew. Looking at a vault writes nothing into it.
func TestAcceptedIsTheVeryState(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	id, root := identity(olga.Person), p.rootOf(d, olga)
	olga.Lock()
	base := p.store.copyOf(id)
	fork := func(text string) *memVault {
		t.Helper()
		p.store.putBack(id, base)
		v, err := Open(t.Context(), p.store, id, seal.KeyAt(&root), Opening{})
		if err == nil {
			err = v.Write(t.Context(), Edit{Put: []Put{{ID: NewID(), Container: ID{1}, Kind: KindSetting, Payload: []byte(text)}}})
		}
		if err != nil {
			t.Fatal(err)
		}
		v.wipe()
		return p.store.copyOf(id)
	}
	one, two := fork("one"), fork("two")
	if one.shell.Seq != two.shell.Seq {
		t.Fatal("this test needs two states of one number")
	}
	p.store.putBack(id, base)
	p.keep(p.unlock(d, "Olga", ownerPass), "the newest")
	d.lobby.lockAll("", nil)

	p.store.putBack(id, one)
	a := pass("Olga", ownerPass)
	_, err := d.Unlock(t.Context(), a)
	told, ok := errors.AsType[*RolledBack](err)
	if !ok {
		t.Fatal(err)
	}
	if now := p.store.copyOf(id); now.shell.Seq != one.shell.Seq || len(now.journal) != len(one.journal) {
		t.Error("looking at it wrote into it")
	}
	p.store.putBack(id, two)
	a.Accept = told
	_, err = d.Unlock(t.Context(), a)
	again, ok := errors.AsType[*RolledBack](err)
	if !ok || again.Have != told.Have || again.Head == told.Head || again.Error() == told.Error() {
		t.Fatalf("another state of the same number: %v", err)
	}
	p.store.putBack(id, one)
	s, err := d.Unlock(t.Context(), a)
	if err != nil {
		t.Fatalf("the state that was shown: %v", err)
	}
	s.End()
	back, err := ParseRolledBack(told.Text())
	if err != nil || *back != *told {
		t.Errorf("%+v, %v", back, err)
	}
}

// Whoever comes back with a recovery code, where the list of people was lost,
// gets no older vault than this machine remembers, unless they accept it.
func TestRecoveryDoesNotForgetWhatIsRemembered(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	code, err := d.NewRecovery(olga)
	if err == nil {
		err = d.ConfirmRecovery(t.Context(), olga, code.Reveal())
	}
	if err != nil {
		t.Fatal(err)
	}
	id := identity(olga.Person)
	first := p.keep(olga, "first")
	olga.Lock()
	old := p.store.copyOf(id)
	second := p.keep(p.unlock(d, "Olga", ownerPass), "second")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	newest := p.store.copyOf(id)

	// The list of people is gone, and an older copy of the vault is there.
	delete(p.store.vaults, d.id)
	p.config.NewMachine = true
	_, err = OpenDirectory(t.Context(), p.config)
	gone, ok := errors.AsType[*RolledBack](err)
	if !ok {
		t.Fatal(err)
	}
	p.config.Accept = gone
	d = p.open()
	defer func() { d.Close() }()
	p.config.Accept, p.config.NewMachine = nil, false
	claim, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	n := Newcomer{Ticket: claim.Reveal(), Name: "Olga", Passphrase: []byte(memberPass), Recovery: code.Reveal()}
	p.store.putBack(id, old)
	for range 2 { // the first must not make the second good
		_, err = d.Join(t.Context(), n)
		rolled, ok := errors.AsType[*RolledBack](err)
		if !ok || rolled.Have != old.shell.Seq || rolled.Remembered != newest.shell.Seq {
			t.Fatalf("an older vault: %v", err)
		}
		if m, known := d.heads.of(id); !known || m.Seq != newest.shell.Seq {
			t.Fatalf("remembered: %d", m.Seq)
		}
		if p.store.copyOf(id).shell.Seq != old.shell.Seq {
			t.Fatal("looking at it wrote into it")
		}
	}
	if p.record.saw(PersonCreated) && len(d.people) > 0 {
		t.Error("somebody joined")
	}
	if err := d.Close(); err != nil { // and not after a restart either
		t.Fatal(err)
	}
	d = p.open()
	if claim, err = d.Claim(); err != nil {
		t.Fatal(err)
	}
	n.Ticket = claim.Reveal()
	_, err = d.Join(t.Context(), n)
	rolled, ok := errors.AsType[*RolledBack](err)
	if !ok {
		t.Fatalf("after a restart: %v", err)
	}

	// The newest is taken as it is; the older one where it is accepted, on record.
	accepted := n
	accepted.Accept = rolled
	p.record.take()
	s, err := d.Join(t.Context(), accepted)
	if err != nil {
		t.Fatal(err)
	}
	p.has(s, first, "first")
	if v, err := s.Vault(); err != nil {
		t.Fatal(err)
	} else if _, err := v.Read(t.Context(), second); !errors.Is(err, ErrNoRecord) {
		t.Errorf("what came later: %v", err)
	}
	if !p.record.saw(RollbackAccepted) {
		t.Error("not on the shared record")
	}
}
