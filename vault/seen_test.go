package vault

import (
	"errors"
	"testing"
)

// A whole machine that was put back to an earlier day, with all that remembers on
// it, is told by what a browser remembers, until its person accepts.
func TestBrowserRemembers(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	id := identity(olga.Person)
	root := p.rootOf(d, olga)
	label, early := d.Seen(olga, nil)
	if l, again := d.Seen(olga, []string{"rubbish", early}); l != "" || again != "" {
		t.Error("what a browser has is given anew")
	}
	other, foreign := d.Seen(mira, nil)
	if label == other || len(label) != 16 {
		t.Errorf("labels %q and %q", label, other)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	earlier := p.moment()

	d = p.open()
	s := p.again(d, olga, root)
	p.keep(s, "what came later")
	if l, late := d.Seen(s, []string{early}); l != label || late == early {
		t.Errorf("after a change: %q", l)
	}
	_, late := d.Seen(s, nil)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	p.back(earlier, true, true, true)
	d = p.open()
	defer d.Close()
	store := p.store.copyOf(id)
	a := pass("Olga", ownerPass)
	a.Seen = []string{foreign, early, late}
	_, err := d.Unlock(t.Context(), a)
	told, ok := errors.AsType[*RolledBack](err)
	if !ok || !told.Browser || told.Have != store.shell.Seq || told.Remembered <= told.Have {
		t.Fatalf("%v", err)
	}
	if now := p.store.copyOf(id); now.shell.Seq != store.shell.Seq {
		t.Error("looking at it wrote into it")
	}
	if p.openVaults(d) != 0 {
		t.Error("it is open")
	}

	// Somebody else of them, whose browser remembers less, has it open.
	b := pass("Olga", ownerPass)
	b.Seen = []string{foreign, early, "x", late[1:]} // an earlier day, and what is of no vault of theirs
	open, err := d.Unlock(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Unlock(t.Context(), a); !errors.Is(err, ErrRolledBack) {
		t.Errorf("beside an open session: %v", err)
	}
	wrong := *told
	wrong.Head[0]++
	for name, bad := range map[string]*RolledBack{"another state": &wrong, "this machine's word": {Have: told.Have, Head: told.Head, Remembered: told.Remembered}} {
		a.Accept = bad
		if _, err := d.Unlock(t.Context(), a); !errors.Is(err, ErrRolledBack) {
			t.Errorf("accepted: %s: %v", name, err)
		}
	}
	a.Accept = told // which has gone on since, by the other session
	p.record.take()
	in, err := d.Unlock(t.Context(), a)
	if err != nil || !p.record.saw(RollbackAccepted) {
		t.Fatalf("accepted: %v", err)
	}
	open.End()
	_, fresh := d.Seen(in, a.Seen)
	in.End()
	a.Accept, a.Seen = nil, []string{fresh}
	if in, err = d.Unlock(t.Context(), a); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	in.End()
}
