package vault

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

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
		"AddPasskey":       d.AddPasskey(t.Context(), mira, testPasskey(), make([]byte, 32)),
	} {
		if !errors.Is(err, p.record.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if x, ok := d.who(mira.Person); !ok || x.Role != RoleMember || x.State != active || x.Name != "Mira" || !mira.Unlocked() || !bytes.Equal(slots, p.store.copyOf(identity(mira.Person)).shell.Slots) {
		t.Error("something was done all the same")
	}
}
