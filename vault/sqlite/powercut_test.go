package sqlite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"abaton.local/vault"
)

// recording is a workload on a disk that kept its log.
type recording struct {
	d     *disk
	p     *person
	acked []moment
}

// moment is an acknowledgement.
type moment struct {
	at   int // operations before it
	head vault.Head
}

// recordOf lets a person make n steps, with a few closings and openings, under
// the pragmas given; every so many steps there is a large record.
func recordOf(tb testing.TB, n, large int, list []pragma) *recording {
	tb.Helper()
	ctx := tb.Context()
	rec := &recording{d: newEmpty(), p: newPerson(7)}
	rec.p.large = large
	var st *Store
	var v *vault.Vault
	for i := range n + 1 {
		var err error
		if i%25 == 0 {
			if st != nil {
				v.Close()
				err = st.Close()
			}
			if err == nil {
				st, err = openWith(ctx, rec.d, list)
			}
			if err == nil && i > 0 {
				v, err = rec.p.open(ctx, st)
			}
		}
		if err == nil && i == 0 {
			v, err = rec.p.create(ctx, st)
		} else if err == nil {
			err = rec.p.write(ctx, v, rec.p.next())
		}
		if err != nil {
			tb.Fatal(err)
		}
		rec.acked = append(rec.acked, moment{len(rec.d.log), rec.p.head})
	}
	v.Close()
	if err := st.Close(); err != nil {
		tb.Fatal(err)
	}
	rec.d.quiet = true
	return rec
}

// verdict counts what power cuts did.
type verdict struct {
	whole, lost, broken int
	why                 []string
}

func (v verdict) String() string {
	return fmt.Sprintf("whole %d, acknowledged lost %d, broken %d %s", v.whole, v.lost, v.broken, strings.Join(v.why, "; "))
}

// cuts cuts the power at random operations and judges what is left.
func (rec *recording) cuts(tb testing.TB, n int, seed uint64, c care) (v verdict) {
	tb.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		at := 1 + r.IntN(len(rec.d.log))
		err := rec.after(tb, at, r, c)
		switch {
		case err == nil:
			v.whole++
		case errors.Is(err, errLost):
			v.lost++
		default:
			v.broken++
		}
		if err != nil && len(v.why) < 3 {
			v.why = append(v.why, fmt.Sprintf("cut before operation %d: %v", at, err))
		}
	}
	return v
}

func (rec *recording) after(tb testing.TB, at int, r *rand.Rand, c care) error {
	d := newDisk(rec.d.cut(at, r, c))
	d.quiet = true
	p := *rec.p // who remembers what was acknowledged before the cut
	p.acked, p.created, p.head = 0, false, vault.Head{}
	for i, m := range rec.acked {
		if m.at <= at {
			p.acked, p.created, p.head = i, true, m.head
		}
	}
	st, err := openOn(tb.Context(), d)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	defer st.Close()
	if _, err := p.judge(tb.Context(), st); err != nil {
		return err
	}
	if err := st.Check(tb.Context()); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return nil
}

const powerSteps = 60

// TestPowerCut is the promise: whatever was acknowledged is there after a power
// cut, and nothing is broken, on a disk that keeps names with files and on one
// that keeps them only when the folder is synced.
func TestPowerCut(t *testing.T) { powerCuts(t, 700, 30) }

// powerCuts cuts so many times on each kind of disk, and so many more in a
// workload in which the parts of a large record are most of what is written.
func powerCuts(t *testing.T, n, large int) {
	rec, rec2 := recordOf(t, powerSteps, 0, pragmas()), recordOf(t, powerSteps, 50, pragmas())
	t.Logf("%d and %d operations", len(rec.d.log), len(rec2.d.log))
	for name, c := range map[string]care{"journalling": {}, "strict": {strict: true}, "aloof": {aloof: true}} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []verdict{rec.cuts(t, n, 11, c), rec2.cuts(t, large, 14, c)} {
				if t.Log(v); v.lost+v.broken > 0 {
					t.Error("the power was cut, and not all is there")
				}
			}
		})
	}
}

// TestPowerCutSees is the control: the same cuts must find a store that syncs
// too little, one that switches to its log carelessly, and a disk that lies.
func TestPowerCutSees(t *testing.T) {
	without := func(name, value string) []pragma {
		return slices.DeleteFunc(pragmas(), func(p pragma) bool { return p.name == name && p.set == value })
	}
	normal := append(without("", ""), pragma{"synchronous", "NORMAL", "1"})
	for name, c := range map[string]struct {
		list []pragma
		care care
	}{
		"synchronous NORMAL": {normal, care{}},
		"FULL before WAL":    {without("synchronous", "EXTRA"), care{aloof: true}},
		"a lying disk":       {pragmas(), care{lies: true}},
	} {
		t.Run(name, func(t *testing.T) {
			v := recordOf(t, powerSteps, 0, c.list).cuts(t, 300, 12, c.care)
			if v.lost == 0 || c.care.lies && v.broken == 0 {
				t.Error("not seen: ", v)
			}
			t.Log(v)
		})
	}
}
