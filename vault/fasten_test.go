package vault

import (
	"errors"
	"testing"
	"time"
)

// Whoever ends the program and at once puts the store back to a moment ago does
// not bring back what was taken away in between.
func TestWhatWasTakenAwayStaysAwayAfterAKill(t *testing.T) {
	for name, take := range map[string]func(p *place, d *Directory, olga, mira Session){
		"a way in": func(p *place, d *Directory, _, mira Session) {
			ways, err := d.Ways(p.t.Context(), mira)
			for _, w := range ways {
				if w.Kind == SlotPasskey {
					err = errors.Join(err, d.RemoveWay(p.t.Context(), mira, w.ID))
				}
			}
			if err != nil {
				p.t.Fatal(err)
			}
		},
		"an old passphrase": func(p *place, d *Directory, _, mira Session) {
			if err := d.ChangePassphrase(p.t.Context(), mira, []byte(memberPass), []byte(memberPass+", changed")); err != nil {
				p.t.Fatal(err)
			}
		},
		"a token": func(p *place, d *Directory, _, mira Session) {
			list, err := d.TokensOf(p.t.Context(), mira)
			if err != nil || len(list) != 1 {
				p.t.Fatal(list, err)
			}
			if err := d.RevokeToken(p.t.Context(), mira, list[0].ID); err != nil {
				p.t.Fatal(err)
			}
		},
		"access": func(p *place, d *Directory, olga, mira Session) {
			if err := d.SetDisabled(p.t.Context(), olga, mira.Person, true); err != nil {
				p.t.Fatal(err)
			}
		},
		"a person": func(p *place, d *Directory, olga, mira Session) {
			if err := d.Remove(p.t.Context(), olga, mira.Person); err != nil {
				p.t.Fatal(err)
			}
		},
		"nothing, the control": func(*place, *Directory, Session, Session) {},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			d := p.open()
			olga := p.owner(d)
			mira := p.member(d, olga, "Mira")
			if err := d.AddPasskey(t.Context(), mira, testPasskey(), make([]byte, 32)); err != nil {
				t.Fatal(err)
			}
			if _, _, err := d.MakeToken(t.Context(), mira, "editor", ScopeAsk, p.clock.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			if err := d.Remember(); err != nil { // the schedule, minutes ago
				t.Fatal(err)
			}
			id := identity(mira.Person)
			vault, directory := p.store.copyOf(id), p.store.copyOf(d.id)
			take(p, d, olga, mira)
			p.store.putBack(id, vault) // nobody closes: the program was killed
			p.store.putBack(d.id, directory)

			next, err := OpenDirectory(t.Context(), p.config)
			if err == nil {
				defer next.Close()
				_, err = next.Unlock(t.Context(), pass("Mira", memberPass))
			}
			if seen := errors.Is(err, ErrRolledBack); seen != (name != "nothing, the control") {
				t.Errorf("put back: %v", err)
			}
		})
	}
}
