package vault

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestFirstOwnerMemberAndRestart(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	if _, err := d.Join(t.Context(), Newcomer{Ticket: []byte("abc_guessed"), Name: "Eve", Passphrase: []byte(ownerPass)}); !errors.Is(err, ErrTicket) {
		t.Fatalf("who has no claim: %v", err)
	}
	void, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	olga := p.owner(d) // with a later claim
	if _, err := d.Join(t.Context(), Newcomer{Ticket: void.Reveal(), Name: "Eve", Passphrase: []byte(ownerPass)}); !errors.Is(err, ErrTicket) {
		t.Fatalf("an older claim: %v", err)
	}
	if _, err := d.Claim(); !errors.Is(err, ErrClaimed) {
		t.Fatalf("a second claim: %v", err)
	}
	mira := p.member(d, olga, "Mira")
	kept := p.keep(mira, "my words")
	list, err := d.People(t.Context(), olga)
	if err != nil || len(list) != 2 || list[0].Role != RoleOwner || list[1].Name != "Mira" || list[1].Role != RoleMember || !slices.Equal(list[1].Ways, []SlotKind{SlotPassphrase}) {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := mira.Vault(); !errors.Is(err, ErrLocked) {
		t.Fatalf("after Close: %v", err)
	}
	d = p.open()
	defer d.Close()
	mira = p.unlock(d, "mira", memberPass)
	p.has(mira, kept, "my words")
	if me, err := d.Me(t.Context(), mira); err != nil || me.Name != "Mira" || me.Since != "2026-03-01" {
		t.Fatalf("%+v, %v", me, err)
	}
	if _, err := d.Claim(); !errors.Is(err, ErrClaimed) {
		t.Fatalf("a claim after a restart: %v", err)
	}
}

func TestLastOwnerStays(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	for name, err := range map[string]error{
		"demoted":  d.SetRole(t.Context(), olga, olga.Person, RoleMember),
		"disabled": d.SetDisabled(t.Context(), olga, olga.Person, true),
		"removed":  d.Remove(t.Context(), olga, olga.Person),
	} {
		if err != ErrLastOwner {
			t.Errorf("%s: %v", name, err)
		}
	}
	mira := p.member(d, olga, "Mira")
	if err := d.SetRole(t.Context(), olga, mira.Person, RoleOwner); err != nil {
		t.Fatal(err)
	}
	if err := d.SetDisabled(t.Context(), olga, mira.Person, true); err != nil {
		t.Fatal(err)
	}
	if err := d.SetRole(t.Context(), olga, olga.Person, RoleMember); err != ErrLastOwner {
		t.Errorf("the other owner cannot act: %v", err)
	}
	if err := d.SetDisabled(t.Context(), olga, mira.Person, false); err != nil {
		t.Fatal(err)
	}
	if err := d.SetRole(t.Context(), olga, olga.Person, RoleMember); err != nil {
		t.Errorf("with another owner: %v", err)
	}
	if _, err := d.People(t.Context(), olga); err != ErrNotOwner {
		t.Errorf("a session of somebody who was an owner: %v", err)
	}
}

func TestPeopleAreRenamed(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	mira, nina := p.member(d, olga, "Mira"), p.member(d, olga, "Nina")
	rename := func(s Session, who Session, name string, want error) {
		t.Helper()
		if err := d.Rename(t.Context(), s, who.Person, name); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("to %q: %v, want %v", name, err, want)
		}
	}
	rename(mira, nina, "Anna", ErrNotOwner)
	rename(mira, olga, "Anna", ErrNotOwner)
	rename(mira, mira, "NINA", ErrNameTaken)
	rename(olga, mira, "olga", ErrNameTaken)
	rename(mira, mira, "Mi\u202era", ErrName)
	rename(mira, mira, "", ErrName)
	rename(Guest(), mira, "Anna", ErrLocked)
	rename(olga, Session{Person: PersonID(NewID().String())}, "Anna", ErrNoPerson)
	secret, _, err := d.MakeToken(t.Context(), mira, "editor", ScopeAll, p.clock.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	token, err := d.UnlockToken(t.Context(), secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	rename(token, mira, "Anna", ErrLocked)
	before := len(p.record.events)
	rename(mira, mira, " MIRA ", nil) // the same name, written otherwise
	rename(mira, mira, "Anna", nil)
	rename(olga, nina, "Mira", nil) // which is free now
	rename(olga, olga, "Ole", nil)
	for i, e := range p.record.events[before:] {
		if want := []Session{mira, mira, nina, olga}[i]; e.What != PersonRenamed || e.Object != identity(want.Person) || e.Detail != 0 {
			t.Errorf("event %d is %+v", i, e)
		}
	}
	if got := len(p.record.events) - before; got != 4 {
		t.Errorf("%d events for four changes", got)
	}
	check := func() {
		t.Helper()
		for name, want := range map[string]PersonID{"anna": mira.Person, "Mira": nina.Person, "ole": olga.Person, "Nina": "", "Olga": ""} {
			if x, ok := d.find(name); ok != (want != "") || ok && x.id != want {
				t.Errorf("%s is %v", name, x.id)
			}
		}
		s, err := d.Unlock(t.Context(), Attempt{Name: "Anna", Way: SlotPassphrase, Secret: []byte(memberPass)})
		if err != nil || s.Person != mira.Person {
			t.Errorf("by the new name: %v", err)
		}
		if _, err := d.Unlock(t.Context(), Attempt{Name: "Nina", Way: SlotPassphrase, Secret: []byte(memberPass)}); !errors.Is(err, ErrWrong) {
			t.Errorf("by a name of before: %v", err)
		}
	}
	check()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = p.open()
	defer d.Close()
	check()
}

func TestRotationListsWhatHasToBeMadeAnew(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	kept := p.keep(olga, "words")
	code, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, code.Reveal()); err != nil {
		t.Fatal(err)
	}
	if err := d.AddPasskey(t.Context(), olga, testPasskey(), make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	token, _, err := d.MakeToken(t.Context(), olga, "editor", ScopeAll, p.clock.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	id := identity(olga.Person)
	before := p.store.copyOf(id)
	if _, err := d.Rotate(t.Context(), olga, []byte("a wrong passphrase"), nil); err != ErrWrong {
		t.Errorf("%v", err)
	}
	if _, err := d.Rotate(t.Context(), olga, []byte(ownerPass), newRecoveryCode().Reveal()); err != ErrWrong {
		t.Errorf("another recovery code: %v", err)
	}
	gone, err := d.Rotate(t.Context(), olga, []byte(ownerPass), code.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []SlotKind
	for _, w := range gone {
		kinds = append(kinds, w.Kind)
	}
	if !slices.Equal(kinds, []SlotKind{SlotPasskey, SlotToken}) {
		t.Errorf("to be made anew: %v", kinds)
	}
	p.has(olga, kept, "words")
	if _, err := d.UnlockToken(t.Context(), token.Reveal()); err != ErrToken {
		t.Errorf("the token: %v", err)
	}
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotPasskey, Passkey: testCredential(), Secret: make([]byte, 32)}); err != ErrWrong {
		t.Errorf("the passkey: %v", err)
	}
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotRecovery, Secret: code.Reveal()}); err != nil {
		t.Errorf("the recovery code: %v", err)
	}
	after := p.store.copyOf(id).shell.Slots
	old, err := decodeSlots(before.shell.Slots)
	if err != nil {
		t.Fatal(err)
	}
	now, err := decodeSlots(after)
	if err != nil || now.generation != old.generation+1 || now.version != old.version+1 {
		t.Errorf("%+v, %v", now, err)
	}
	for _, x := range now.slots {
		for _, y := range old.slots {
			if x.id == y.id || bytes.Equal(x.sealed, y.sealed) {
				t.Error("a slot of before is still there")
			}
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = p.open()
	defer d.Close()
	p.has(p.unlock(d, "Olga", ownerPass), kept, "words")
}

func TestTenThousandPeople(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	shell := p.store.copyOf(identity(olga.Person))
	const n = 10_000
	var e Edit
	for i := range n {
		x := person{id: PersonID(NewID().String()), Name: fmt.Sprintf("Person %05d", i), Role: RoleMember, State: active, Day: "2026-03-01", order: uint64(i + 2)}
		put, err := x.put()
		if err != nil {
			t.Fatal(err)
		}
		e.Put = append(e.Put, put)
		p.store.putBack(identity(x.id), shell) // slots of another: People says nothing of them
		d.heads.note(identity(x.id), Head{})
	}
	if err := d.vault.Write(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = p.open()
	defer d.Close()
	olga = p.unlock(d, "Olga", ownerPass)
	list, err := d.People(t.Context(), olga)
	if err != nil || len(list) != n+1 || list[n].Name != fmt.Sprintf("Person %05d", n-1) {
		t.Fatalf("%d people, %v", len(list), err)
	}
	if err := d.Remove(t.Context(), olga, list[n/2].ID); err != nil {
		t.Fatal(err)
	}
	if s := p.member(d, olga, "person 04999 "); !s.Unlocked() {
		t.Error("one more does not come in")
	}
	if _, err := d.Join(t.Context(), Newcomer{Ticket: []byte("x"), Name: "y", Passphrase: []byte(memberPass)}); err != ErrTicket {
		t.Error(err)
	}
}
