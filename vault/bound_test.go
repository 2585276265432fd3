package vault

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// moment is all that a machine holds but the device secret.
type moment struct {
	vaults map[ID]*memVault
	heads  []byte
	bound  []binding
}

func (p *place) moment() (m moment) {
	p.t.Helper()
	ids, err := p.store.Vaults(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	m.vaults = map[ID]*memVault{}
	for _, id := range ids {
		m.vaults[id] = p.store.copyOf(id)
	}
	if m.heads, err = os.ReadFile(filepath.Join(p.config.StateDir, rememberedFile)); err != nil {
		p.t.Fatal(err)
	}
	m.bound = slices.Clone(p.record.bound)
	return m
}

func (p *place) back(m moment, store, heads, record bool) {
	p.t.Helper()
	if store {
		for id, v := range m.vaults {
			p.store.putBack(id, v)
		}
	}
	if heads {
		if err := os.WriteFile(filepath.Join(p.config.StateDir, rememberedFile), m.heads, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	if record {
		p.record.bound = slices.Clone(m.bound)
	}
}

// What was put back, in whatever combination, is seen, and accepted first by
// who runs the machine and then by each person for themself. Only everything
// together, as of one moment, is a sound machine: a witness has to see that.
func TestStoreAndHeadsPutBackTogetherAreSeen(t *testing.T) {
	for name, c := range map[string]struct{ store, heads, record, seen, doubted bool }{
		"store and heads":    {store: true, heads: true, seen: true, doubted: true},
		"heads":              {heads: true, seen: true, doubted: true},
		"the record":         {record: true, seen: true, doubted: true},
		"store and record":   {store: true, record: true, seen: true, doubted: true},
		"heads and record":   {heads: true, record: true},
		"the store":          {store: true}, // by its person: the list of people is the same
		"all three":          {store: true, heads: true, record: true},
		"nothing whatsoever": {},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			d := p.open()
			olga := p.owner(d)
			first := p.keep(olga, "first")
			p.member(d, olga, "Mira").End()
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			then := p.moment()
			p.clock = p.clock.Add(24 * time.Hour)
			d = p.open()
			olga = p.unlock(d, "Olga", ownerPass)
			p.keep(olga, "second")
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			p.back(then, c.store, c.heads, c.record)

			d, err := OpenDirectory(t.Context(), p.config)
			if c.seen != errors.Is(err, ErrRolledBack) {
				t.Fatalf("seen: %v", err)
			}
			rolled, back := errors.AsType[*RolledBack](err)
			if back {
				if rolled.Stale != c.doubted {
					t.Fatalf("%+v", rolled)
				}
				p.record.take()
				config := p.config
				config.Accept = rolled
				if d, err = OpenDirectory(t.Context(), config); err != nil {
					t.Fatalf("accepted: %v", err)
				}
				if !p.record.saw(RollbackAccepted) {
					t.Error("accepting is not on the record")
				}
				d.Close()
				d = p.open() // for good, and nobody else's vault was accepted with it
			}
			for who, pass2 := range map[string]string{"Olga": ownerPass, "Mira": memberPass} {
				s, err := d.Unlock(t.Context(), pass(who, pass2))
				old, older := errors.AsType[*RolledBack](err)
				if older != (c.doubted || c.store && !c.heads && who == "Olga") || older && old.Stale != c.doubted {
					t.Fatalf("%s: %v", who, err)
				}
				if older {
					p.record.take()
					a := pass(who, pass2)
					a.Accept = old
					if s, err = d.Unlock(t.Context(), a); err != nil {
						t.Fatal(err)
					}
					if !p.record.saw(RollbackAccepted) {
						t.Error("accepting is not on the record")
					}
				}
				if who == "Olga" {
					p.has(s, first, "first")
				}
				s.End()
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d = p.open()
			p.unlock(d, "Olga", ownerPass).End()
			p.unlock(d, "Mira", memberPass).End()
			d.Close()
		})
	}
}

// torn is a record that fails, from a moment on, before or after it has written.
type torn struct {
	*record
	failing, writes bool
}

func (r *torn) Bind(heads [32]byte, at ...time.Time) error {
	if !r.failing || r.writes {
		if err := r.record.Bind(heads, at...); err != nil {
			return err
		}
	}
	if r.failing {
		r.writes = false // the record breaks off
		return errors.New("no space left on device")
	}
	return nil
}

// Whatever moment a program ends at, and whatever became of a writing that
// failed, the next start has nothing to complain of.
func TestNoCrashLooksLikeARollback(t *testing.T) {
	for _, c := range []struct {
		name            string
		failing, writes bool
		after           int // further writings
	}{
		{"killed", false, false, 0},
		{"killed after the heads were written again", false, false, 1},
		{"the record failed, and is not there", true, false, 0},
		{"the record failed, and is there", true, true, 0},
		{"the record failed, is not there, and it went on", true, false, 3},
		{"the record failed, is there, and it went on", true, true, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			r := &torn{record: p.record}
			p.config.Audit, p.config.Serving = r, true
			d := p.open()
			olga := p.owner(d)
			p.keep(olga, "first")
			r.failing, r.writes = c.failing, c.writes
			if err := d.scheduled(); (err != nil) != c.failing {
				t.Fatal(err)
			}
			for range c.after {
				p.keep(olga, "more")
				d.fasten()
				if err := d.Remember(); err != nil {
					t.Fatal(err)
				}
			}
			r.failing = false
			d = p.open() // nobody closed
			p.unlock(d, "Olga", ownerPass).End()
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			p.open().Close()
		})
	}
	// Between the two writings of one binding.
	p := newPlace(t)
	p.config.Serving = true
	d := p.open()
	p.owner(d)
	for range 2 {
		if err := d.heads.write(); err != nil {
			t.Fatal(err)
		}
		d = p.open()
	}
	d.Close()
}

// A file from before there was a bond is taken as it is, as long as nothing was
// ever bound; after that it is an old one.
func TestUnboundMemory(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	p.owner(d).End()
	heads := map[ID]Head{}
	for id, m := range d.heads.file.marks {
		heads[id] = m.Head
	}
	heads[d.id] = d.vault.Head()
	b := d.heads.sealer.Seal(nil, unbound([16]byte{9}, heads), d.heads.place)
	bound := p.record.bound
	p.record.bound = nil
	path := filepath.Join(p.config.StateDir, rememberedFile)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	p.open()
	if len(p.record.bound) == 0 {
		t.Error("nothing is bound by the first start")
	}
	p.record.bound = bound
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDirectory(t.Context(), p.config); !errors.Is(err, ErrRolledBack) {
		t.Errorf("a file from before there was a bond: %v", err)
	}
}

// A program that runs only while somebody works leaves one digest for each
// midnight, whether or not it ran in between, and nothing of when it ran.
func TestScheduleTellsNothing(t *testing.T) {
	p := newPlace(t)
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	d := p.open()
	p.owner(d)
	d.Close()
	p.record.bound = p.record.bound[len(p.record.bound)-1:]
	p.clock = p.clock.Add(5 * time.Hour) // the same day: nothing
	d = p.open()
	p.keep(p.unlock(d, "Olga", ownerPass), "words")
	d.Close()
	p.clock = time.Date(2026, 3, 5, 11, 12, 13, 0, time.UTC)
	p.open().Close()
	p.open().Close()
	var at []time.Time
	for _, b := range p.record.bound[1:] {
		at = append(at, b.at)
	}
	if want := []time.Time{day(2), day(3), day(4), day(5)}; !slices.EqualFunc(at, want, time.Time.Equal) {
		t.Errorf("bound at %v", at)
	}
	p.config.Serving = true // a server: at its start and at its stop, too
	quarter := time.Date(2026, 3, 5, 11, 0, 0, 0, time.UTC)
	d = p.open()
	n := len(p.record.bound)
	if !p.record.bound[n-1].at.Equal(quarter) {
		t.Errorf("at its start: %v", p.record.bound[n-1].at)
	}
	p.clock = p.clock.Add(20 * time.Minute)
	d.Close()
	if len(p.record.bound) != n+1 || !p.record.bound[n].at.Equal(quarter.Add(30*time.Minute)) {
		t.Errorf("at its stop: %v", p.record.bound[n:])
	}
}

// A lost file is asked about once, and bound again by who accepts.
func TestLostMemoryIsBoundAgain(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	p.owner(d).End()
	d.Close()
	if err := os.Remove(filepath.Join(p.config.StateDir, rememberedFile)); err != nil {
		t.Fatal(err)
	}
	_, err := OpenDirectory(t.Context(), p.config)
	rolled, ok := errors.AsType[*RolledBack](err)
	if !ok || !rolled.Lost {
		t.Fatal(err)
	}
	config := p.config
	config.Accept = rolled
	if d, err = OpenDirectory(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	d.Close()
	p.open().Close()
}
