package vault

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// Joining, removing, changing secrets and rotating: the store stops answering at
// the n-th commit, for every n, as when the power goes. At the next start each
// is as before or as after, and everybody's secret opens their vault.
func TestInterruptedChangesAreAsBeforeOrAfter(t *testing.T) {
	const fresh = "a fresh passphrase"
	for name, c := range map[string]struct {
		do func(p *place, d *Directory, olga, mira Session, ticket Once) error
		// mira's vault may be gone, or be opened by fresh.
		gone, fresh bool
	}{
		"join": {do: func(p *place, d *Directory, _, _ Session, ticket Once) error {
			_, err := d.Join(p.t.Context(), Newcomer{Ticket: ticket.Reveal(), Name: "Nina", Passphrase: []byte(fresh)})
			return err
		}},
		"remove": {gone: true, do: func(p *place, d *Directory, olga, mira Session, _ Once) error {
			return d.Remove(p.t.Context(), olga, mira.Person)
		}},
		"passphrase": {fresh: true, do: func(p *place, d *Directory, _, mira Session, _ Once) error {
			return d.ChangePassphrase(p.t.Context(), mira, []byte(memberPass), []byte(fresh))
		}},
		"rotate": {do: func(p *place, d *Directory, _, mira Session, _ Once) error {
			_, err := d.Rotate(p.t.Context(), mira, []byte(memberPass), nil)
			return err
		}},
		"token": {do: func(p *place, d *Directory, _, mira Session, _ Once) error {
			_, _, err := d.MakeToken(p.t.Context(), mira, "editor", ScopeAll, p.clock.Add(time.Hour))
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			done, steps := false, 0
			for n := 1; !done; n++ {
				p := newPlace(t)
				d := p.open()
				olga := p.owner(d)
				mira := p.member(d, olga, "Mira")
				kept := p.keep(mira, "words")
				ticket, _, err := d.Invite(t.Context(), olga, RoleMember)
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Remember(); err != nil {
					t.Fatal(err)
				}
				from := p.store.n
				off := errors.New("no power")
				p.store.fail = func(i int) error {
					if i >= from+n {
						return off
					}
					return nil
				}
				err = c.do(p, d, olga, mira, ticket)
				done = p.store.n < from+n
				if done {
					if err != nil {
						t.Fatal(err)
					}
				} else {
					steps++
				}
				d.Close() // fails, of course
				p.store.fail = nil
				d = p.open()
				p.unlock(d, "Olga", ownerPass)
				p.clock = p.clock.Add(time.Hour)
				s, err := d.Unlock(t.Context(), pass("Mira", memberPass))
				if err == ErrWrong && c.fresh {
					s, err = d.Unlock(t.Context(), pass("Mira", fresh))
				}
				switch {
				case err == nil:
					p.has(s, kept, "words")
				case err == ErrWrong && c.gone:
				default:
					t.Fatalf("step %d: %v", n, err)
				}
				p.clock = p.clock.Add(time.Hour)
				olga = p.unlock(d, "Olga", ownerPass)
				list, err := d.People(t.Context(), olga)
				if err != nil {
					t.Fatal(err)
				}
				vaults, err := p.store.Vaults(t.Context())
				if err != nil || len(vaults) != len(list)+1 {
					t.Fatalf("step %d: %d people, %d vaults, %v", n, len(list), len(vaults), err)
				}
				for _, x := range list {
					if len(x.Ways) == 0 {
						t.Fatalf("step %d: a vault that nothing opens", n)
					}
				}
				if name == "join" && len(list) == 2 { // not in: the invitation is still good
					if _, err := d.Join(t.Context(), Newcomer{Ticket: ticket.Reveal(), Name: "Nina", Passphrase: []byte(fresh)}); err != nil {
						t.Fatalf("step %d: %v", n, err)
					}
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if steps == 0 {
				t.Error("nothing was interrupted")
			}
		})
	}
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
	if err := d.AddPasskey(t.Context(), olga, [32]byte{1}, make([]byte, 32)); err != nil {
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
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotPasskey, Passkey: [32]byte{1}, Secret: make([]byte, 32)}); err != ErrWrong {
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
	if err := d.AddPasskey(t.Context(), anna, [32]byte{1}, make([]byte, 32)); err != nil {
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

func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	n, _, err := d.Invite(t.Context(), olga, RoleMember)
	if err != nil {
		t.Fatal(err)
	}
	p.record.err = errors.New("the disk of the record is full")
	slots := p.store.copyOf(identity(mira.Person)).shell.Slots
	_, joined := d.Join(t.Context(), Newcomer{Ticket: n.Reveal(), Name: "Nina", Passphrase: []byte(memberPass)})
	_, rotated := d.Rotate(t.Context(), mira, []byte(memberPass), nil)
	_, _, made := d.MakeToken(t.Context(), mira, "x", ScopeAll, p.clock.Add(time.Hour))
	for name, err := range map[string]error{
		"Join": joined, "Rotate": rotated, "MakeToken": made,
		"SetRole":          d.SetRole(t.Context(), olga, mira.Person, RoleOwner),
		"SetDisabled":      d.SetDisabled(t.Context(), olga, mira.Person, true),
		"Rename":           d.Rename(t.Context(), mira, mira.Person, "Nina"),
		"Remove":           d.Remove(t.Context(), olga, mira.Person),
		"ChangePassphrase": d.ChangePassphrase(t.Context(), mira, []byte(memberPass), []byte(ownerPass)),
		"AddPasskey":       d.AddPasskey(t.Context(), mira, [32]byte{1}, make([]byte, 32)),
	} {
		if !errors.Is(err, p.record.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if x, ok := d.who(mira.Person); !ok || x.Role != RoleMember || x.State != active || x.Name != "Mira" || !mira.Unlocked() || !bytes.Equal(slots, p.store.copyOf(identity(mira.Person)).shell.Slots) {
		t.Error("something was done all the same")
	}
}
