package vault

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Two people, every operation, each with the other's identifiers: nothing leaks
// and nothing is changed.
func TestNobodyReachesAnotherPersonsThings(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	anna, bert := p.member(d, olga, "Anna"), p.member(d, olga, "Bert")
	kept := p.keep(anna, "the words of Anna")
	token, info, err := d.MakeToken(t.Context(), anna, "Annas editor", ScopeAll, p.clock.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AddPasskey(t.Context(), anna, testPasskey(), make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	ways, err := d.Ways(t.Context(), anna)
	if err != nil {
		t.Fatal(err)
	}
	invitation, invited, err := d.Invite(t.Context(), olga, RoleMember)
	if err != nil {
		t.Fatal(err)
	}
	forged := func(s Session) []Session { // what Bert could make of his session
		a, b := s, Session{Person: anna.Person}
		a.Person = anna.Person
		return []Session{s, a, b, {Person: olga.Person}, Guest(), {}}
	}
	ids := []ID{kept, identity(anna.Person), d.id, houseRecord(), deedsContainer(), tokensContainer(), invited.ID, NewID(), {}}
	for _, w := range ways {
		ids = append(ids, w.ID)
	}
	annas := p.store.copyOf(identity(anna.Person))
	operations := 0
	leak := func(name string, s Session, err error, out ...any) {
		t.Helper()
		operations++
		text := fmt.Sprintf("%v %+v", err, out)
		for _, canary := range []string{"the words of Anna", "Annas editor", info.ID} {
			if strings.Contains(text, canary) {
				t.Errorf("%s gives away %q", name, canary)
			}
		}
	}
	for i, s := range forged(bert) {
		own := i == 0
		for _, id := range ids {
			if v, err := s.Vault(); err == nil {
				b, err := v.Read(t.Context(), id)
				leak("Read", s, err, string(b))
				r, err := v.Lookup(id)
				leak("Lookup", s, err, r)
				leak("List", s, nil, v.List(0, id))
			}
			who := PersonID(id.String())
			for name, err := range map[string]error{
				"Remove":      skipOwn(who, bert, func() error { return d.Remove(t.Context(), s, who) }),
				"SetRole":     d.SetRole(t.Context(), s, who, RoleOwner),
				"SetDisabled": d.SetDisabled(t.Context(), s, who, true),
				"Rename":      skipOwn(who, bert, func() error { return d.Rename(t.Context(), s, who, "Somebody else") }),
				"Withdraw":    d.Withdraw(t.Context(), s, id),
				"RemoveWay":   d.RemoveWay(t.Context(), s, id),
				"RevokeToken": d.RevokeToken(t.Context(), s, id.String()[:16]),
			} {
				leak(name, s, err)
				if err == nil {
					t.Errorf("%s with a forged identifier was done", name)
				}
			}
		}
		if err := d.RevokeToken(t.Context(), s, info.ID); err == nil {
			t.Error("Bert revoked Anna's token")
		}
		list, err := d.People(t.Context(), s)
		leak("People", s, err, list)
		invitations, err := d.Invitations(s)
		leak("Invitations", s, err, invitations)
		if list != nil || invitations != nil {
			t.Error("a member sees what is an owner's")
		}
		if _, _, err := d.Invite(t.Context(), s, RoleOwner); err == nil {
			t.Error("a member invites")
		}
		deeds, err := d.Deeds(t.Context(), s)
		leak("Deeds", s, err, deeds)
		tokens, err := d.TokensOf(t.Context(), s)
		leak("TokensOf", s, err, tokens)
		w, err := d.Ways(t.Context(), s)
		if own {
			leak("Ways", s, err, w)
		}
		if err := d.ChangePassphrase(t.Context(), s, []byte("not Anna's at all"), []byte("a passphrase of Bert")); err == nil {
			t.Error("changed without the old passphrase")
		}
		p.clock = p.clock.Add(2 * time.Minute)
	}
	if operations < 300 {
		t.Errorf("only %d operations were tried", operations)
	}
	// An owner reaches no further.
	for _, id := range ids {
		v, err := olga.Vault()
		if err != nil {
			t.Fatal(err)
		}
		b, err := v.Read(t.Context(), id)
		leak("an owner's Read", olga, err, string(b))
		if err := d.RevokeToken(t.Context(), olga, info.ID); err == nil {
			t.Error("an owner revoked another's token")
		}
	}
	if len(p.store.copyOf(identity(anna.Person)).rows) != len(annas.rows) || !bytes.Equal(p.store.copyOf(identity(anna.Person)).shell.Slots, annas.shell.Slots) {
		t.Error("Anna's vault was changed")
	}
	// The controls: each may do with their own.
	p.has(anna, kept, "the words of Anna")
	if _, err := d.UnlockToken(t.Context(), token.Reveal()); err != nil {
		t.Errorf("Anna's token: %v", err)
	}
	if err := d.RevokeToken(t.Context(), anna, info.ID); err != nil {
		t.Errorf("Anna revokes: %v", err)
	}
	if err := d.Withdraw(t.Context(), olga, invited.ID); err != nil {
		t.Errorf("the owner withdraws: %v", err)
	}
	_ = invitation
}

func skipOwn(who PersonID, s Session, f func() error) error {
	if who == s.Person {
		return ErrNotOwner
	}
	return f()
}
