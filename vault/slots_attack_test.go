package vault

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The attacks on slots of somebody who can write the store.
func TestAttacksOnSlots(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	eve := p.member(d, olga, "Eve") // knows her own secret
	id := identity(mira.Person)
	token, info, err := d.MakeToken(t.Context(), mira, "editor", ScopeAll, p.clock.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	withToken := p.store.copyOf(id)
	entry := p.store.copyOf(d.id)
	if err := d.RevokeToken(t.Context(), mira, info.ID); err != nil {
		t.Fatal(err)
	}
	for _, s := range []Session{olga, mira, eve} {
		s.Lock()
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	honest := p.store.copyOf(id)
	others := p.store.copyOf(identity(eve.Person))
	decoded := func(b []byte) *slotSet {
		s, err := decodeSlots(b)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// body puts other slots under the honest MACs.
	body := func(s *slotSet) []byte {
		return append(s.body(), honest.shell.Slots[len(honest.shell.Slots)-2*macSize:]...)
	}
	for name, attack := range map[string]func() []byte{
		"a slot is added": func() []byte {
			s := decoded(honest.shell.Slots)
			x := slot{kind: SlotToken, id: NewID(), since: 1, sealed: make([]byte, 341)}
			s.put(x, false)
			return body(s)
		},
		"another person's set": func() []byte { return others.shell.Slots },
		"another person's slot": func() []byte {
			s := decoded(honest.shell.Slots)
			x, _ := decoded(others.shell.Slots).of(SlotPassphrase)
			s.put(x, true)
			return body(s)
		},
		"a slot that was taken away": func() []byte { return withToken.shell.Slots },
		"weaker parameters above the floor": func() []byte {
			s := decoded(honest.shell.Slots)
			s.slots[0].params[5+3]++
			return body(s)
		},
		"weaker parameters below the floor": func() []byte {
			s := decoded(honest.shell.Slots)
			s.slots[0].params[5+3] = 1
			return body(s)
		},
		"parameters that eat the memory": func() []byte {
			s := decoded(honest.shell.Slots)
			s.slots[0].params[1] = 0x7f
			return body(s)
		},
		"no slots": func() []byte { return nil },
		"garbage":  func() []byte { return []byte("not a set of slots") },
	} {
		t.Run(name, func(t *testing.T) {
			changed := *honest
			changed.shell.Slots = attack()
			p.store.putBack(id, &changed)
			defer p.store.putBack(id, honest)
			p.record.take()
			d := p.open()
			defer d.Close()
			_, err := d.Unlock(t.Context(), pass("Mira", memberPass))
			damage := new(Damage)
			if !errors.Is(err, ErrSlots) && !errors.As(err, &damage) {
				t.Errorf("unlocked, or unseen: %v", err)
			}
			if !p.record.saw(VerificationFailed) {
				t.Error("it is not on the shared record")
			}
		})
	}
	// The token and its entry in the directory together, revived.
	p.store.putBack(id, withToken)
	p.store.putBack(identity(PersonID(d.id.String())), entry)
	if _, err := OpenDirectory(t.Context(), p.config); !errors.Is(err, ErrRolledBack) {
		t.Errorf("the directory of before: %v", err)
	}
	p.store.putBack(id, honest)
	_ = token
	// The control: as it was, all is well. (The directory of now is gone, so the
	// owner accepts the old one, where the token still stands: its slot does not.)
	_, err = OpenDirectory(t.Context(), p.config)
	rolled := new(RolledBack)
	if !errors.As(err, &rolled) {
		t.Fatal(err)
	}
	p.config.Accept = rolled
	d = p.open()
	defer d.Close()
	if s, err := d.Unlock(t.Context(), pass("Mira", memberPass)); err != nil {
		t.Errorf("as it was: %v", err)
	} else {
		s.End()
	}
	if _, err := d.UnlockToken(t.Context(), token.Reveal()); err != ErrToken {
		t.Errorf("a revoked token, in a directory put back: %v", err)
	}
	if !p.record.saw(RollbackAccepted) {
		t.Error("accepting a rollback is not on the shared record")
	}
}

func TestRollbackIsSeenShownAndAccepted(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	id := identity(olga.Person)
	first := p.keep(olga, "first")
	olga.Lock()
	old := p.store.copyOf(id)
	olga = p.unlock(d, "Olga", ownerPass)
	second := p.keep(olga, "second")
	olga.Lock()
	newest := p.store.copyOf(id)

	p.store.putBack(id, old) // while the program runs
	_, err := d.Unlock(t.Context(), pass("Olga", ownerPass))
	rolled := new(RolledBack)
	if !errors.As(err, &rolled) || !errors.Is(err, ErrRolledBack) || rolled.Have != old.shell.Seq || rolled.Remembered != newest.shell.Seq || rolled.Lost {
		t.Fatalf("%v, %+v", err, rolled)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = p.open() // and after a restart
	accept := pass("Olga", ownerPass)
	if _, err := d.Unlock(t.Context(), accept); !errors.Is(err, ErrRolledBack) {
		t.Fatalf("after a restart: %v", err)
	}
	other := *rolled
	other.Have--
	accept.Accept = &other
	if _, err := d.Unlock(t.Context(), accept); !errors.Is(err, ErrRolledBack) {
		t.Fatalf("accepting another rollback: %v", err)
	}
	accept.Accept = rolled
	p.record.take()
	olga, err = d.Unlock(t.Context(), accept)
	if err != nil {
		t.Fatal(err)
	}
	p.has(olga, first, "first")
	if v, err := olga.Vault(); err != nil {
		t.Fatal(err)
	} else if _, err := v.Read(t.Context(), second); !errors.Is(err, ErrNoRecord) {
		t.Errorf("what came later: %v", err)
	}
	if !p.record.saw(RollbackAccepted) {
		t.Error("not on the shared record")
	}
	deeds, err := d.Deeds(t.Context(), olga)
	if err != nil || len(deeds) < 2 || deeds[len(deeds)-2].What != DeedRollback {
		t.Errorf("%+v, %v", deeds, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = p.open() // accepted for good
	p.unlock(d, "Olga", ownerPass).End()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	// What the machine remembered is lost: asked once, for the directory and then
	// for the vault.
	heads := filepath.Join(p.config.StateDir, rememberedFile)
	good, err := os.ReadFile(heads)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(heads); err != nil {
		t.Fatal(err)
	}
	_, err = OpenDirectory(t.Context(), p.config)
	if !errors.As(err, &rolled) || !rolled.Lost || rolled.Have == 0 {
		t.Fatalf("nothing is remembered: %v", err)
	}
	bad := append([]byte(nil), good...)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(heads, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = OpenDirectory(t.Context(), p.config); err == nil || !strings.Contains(err.Error(), "device secret") {
		t.Fatalf("a damaged memory: %v", err)
	}
	if err := os.WriteFile(heads, good, 0o600); err != nil {
		t.Fatal(err)
	}
	d = p.open()
	defer d.Close()
	p.unlock(d, "Olga", ownerPass).End()
}
