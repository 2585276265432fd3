package vault

import (
	"errors"
	"testing"
)

func TestFirstOwnerMemberAndRestart(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	if _, err := d.Join(t.Context(), Newcomer{Ticket: []byte("abc_guessed"), Name: "Eve", Passphrase: []byte(ownerPass)}); !errors.Is(err, ErrTicket) {
		t.Fatalf("who has no claim: %v", err)
	}
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	kept := p.keep(mira, "my words")
	list, err := d.People(t.Context(), olga)
	if err != nil || len(list) != 2 || list[1].Name != "Mira" || list[1].Role != RoleMember || len(list[1].Ways) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, err := d.People(t.Context(), mira); !errors.Is(err, ErrNotOwner) {
		t.Fatalf("a member lists people: %v", err)
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
	if _, err := d.Claim(); !errors.Is(err, ErrClaimed) {
		t.Fatalf("a second claim: %v", err)
	}
}
