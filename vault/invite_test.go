package vault

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestInvitationsLetOnePersonInOnce(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	join := func(ticket Once, name, secret string) error {
		p.clock = p.clock.Add(2 * time.Minute)
		s, err := d.Join(t.Context(), Newcomer{Ticket: ticket.Reveal(), Name: name, Passphrase: []byte(secret)})
		s.End()
		return err
	}
	n, seen, err := d.Invite(t.Context(), olga, RoleAuditor)
	if err != nil || seen.Role != RoleAuditor {
		t.Fatal(err)
	}
	// What fails does not use it up.
	for name, c := range map[string]struct {
		who, secret string
		want        error
	}{
		"name taken":       {"OLGA", memberPass, ErrNameTaken},
		"invisible name":   {"Mi\u200bra", memberPass, ErrName},
		"weak passphrase":  {"Mira", "short", ErrShortPassphrase},
		"strange password": {"Mira", "with \x07 bell inside", ErrBadPassphrase},
	} {
		if err := join(n, c.who, c.secret); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Close(); err != nil { // it survives a restart
		t.Fatal(err)
	}
	d = p.open()
	defer d.Close()
	olga = p.unlock(d, "Olga", ownerPass)
	if err := join(n, "Mira", memberPass); err != nil {
		t.Fatal(err)
	}
	if err := join(n, "Eve", memberPass); err != ErrTicket {
		t.Errorf("used twice: %v", err)
	}
	late, _, err := d.Invite(t.Context(), olga, RoleMember)
	if err != nil {
		t.Fatal(err)
	}
	gone, info, err := d.Invite(t.Context(), olga, RoleMember)
	if err != nil {
		t.Fatal(err)
	}
	if open, err := d.Invitations(olga); err != nil || len(open) != 2 {
		t.Fatalf("%+v, %v", open, err)
	}
	if err := d.Withdraw(t.Context(), olga, info.ID); err != nil {
		t.Fatal(err)
	}
	if err := join(gone, "Eve", memberPass); err != ErrTicket {
		t.Errorf("withdrawn: %v", err)
	}
	if err := d.Withdraw(t.Context(), olga, info.ID); err != ErrTicket {
		t.Errorf("withdrawn twice: %v", err)
	}
	p.clock = p.clock.Add(InvitationLasts)
	if err := join(late, "Eve", memberPass); err != ErrTicket {
		t.Errorf("expired: %v", err)
	}
	olga = p.unlock(d, "Olga", ownerPass)
	if open, err := d.Invitations(olga); err != nil || len(open) != 0 {
		t.Errorf("%+v, %v", open, err)
	}
	if _, _, err := d.Invite(t.Context(), olga, RoleMember); err != nil || len(d.notes) != 1 {
		t.Errorf("the expired one is kept: %d, %v", len(d.notes), err)
	}
}

func TestTwoAtOnceWithOneInvitation(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	n, _, err := d.Invite(t.Context(), olga, RoleMember)
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	for i := range 3 {
		go func() {
			_, err := d.Join(t.Context(), Newcomer{Ticket: n.Reveal(), Name: fmt.Sprintf("Person %d", i), Passphrase: []byte(memberPass)})
			errs <- err
		}()
	}
	in := 0
	for range 3 {
		if err := <-errs; err == nil {
			in++
		} else if err != ErrTicket {
			t.Error(err)
		}
	}
	if vaults, _ := p.store.Vaults(t.Context()); in != 1 || len(vaults) != 3 {
		t.Errorf("%d came in, %d vaults", in, len(vaults))
	}
}
