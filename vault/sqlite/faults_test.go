package sqlite

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"abaton.local/vault"
)

// TestEveryOperationFails lets the n-th operation on the disk fail, for all n
// of a small workload, once and for ever after, as an error and as a full disk.
// Whatever was acknowledged is there afterwards, at once and after a power cut;
// every refusal has its words; nothing panics; and one failure that passes stops
// nothing.
func TestEveryOperationFails(t *testing.T) {
	full := func(k kind) error { return sqlite3.FULL }
	writes := func(k kind) bool { return k == opCreate || k == opWrite || k == opTruncate }
	all := func(kind) bool { return true }
	for name, c := range map[string]struct {
		forever bool
		counts  func(kind) bool
		err     func(kind) error
		want    Kind
	}{
		"an error, once":        {false, all, failing, Failing},
		"an error, for ever":    {true, all, failing, Failing},
		"a full disk, once":     {false, writes, full, Full},
		"a full disk, for ever": {true, writes, full, Full},
	} {
		t.Run(name, func(t *testing.T) {
			refused, total := 0, int64(0)
			for n := int64(0); n <= total; n++ { // at 0 nothing fails: all are counted
				f := &faulty{d: newEmpty(), p: newPerson(n0), want: c.want}
				seen := f.d.breakAt(n, c.forever && n > 0, c.counts, c.err)
				f.run(t, c.forever)
				if n == 0 {
					total = seen.Load()
				}
				refused += f.refused
				if t.Failed() {
					t.Fatalf("operation %d of %d", n, total)
				}
			}
			if refused == 0 {
				t.Error("nothing failed")
			}
			t.Logf("%d operations, %d refusals", total, refused)
		})
	}
}

const n0 = 21 // seed

type faulty struct {
	d       *disk
	p       *person
	want    Kind
	refused int
}

// run makes a few steps in two sessions, each tried twice, until one fails for
// good; then the disk heals.
func (f *faulty) run(t *testing.T, forever bool) {
	ctx := t.Context()
	try := func(what string, do func() error) bool {
		for range 2 {
			err := do()
			if err == nil {
				return true
			}
			f.refused++
			if trouble := new(Trouble); !errors.As(err, &trouble) || trouble.Kind != f.want {
				t.Errorf("%s: %v", what, err)
			}
		}
		if !forever {
			t.Errorf("%s fails a second time", what)
		}
		return false
	}
	for session := range 2 {
		var st *Store
		var v *vault.Vault
		if !try("open", func() (err error) { st, err = openOn(ctx, f.d); return err }) {
			break
		}
		ok := try("unlock", func() (err error) {
			if session == 0 {
				v, err = f.p.create(ctx, st)
			} else {
				v, err = f.p.open(ctx, st)
			}
			return err
		})
		for i := 0; ok && i < 4; i++ {
			e := f.p.next()
			ok = try("write", func() error { return f.p.write(ctx, v, e) }) &&
				try("read", func() error { _, _, err := read(ctx, v); return err })
		}
		if v != nil {
			v.Close()
		}
		if err := st.Close(); err != nil {
			f.refused++
		}
		if !ok {
			break
		}
	}
	f.d.fault = nil
	f.settle(t, "healed", f.d)
	f.settle(t, "power cut", newDisk(f.d.cut(len(f.d.log), rand.New(rand.NewPCG(n0, 2)), care{})))
}

func (f *faulty) settle(t *testing.T, when string, d *disk) {
	st, err := openOn(t.Context(), d)
	if err == nil {
		_, err = f.p.judge(t.Context(), st)
		err = errors.Join(err, st.Check(t.Context()), st.Close())
	}
	if err != nil {
		t.Errorf("%s: %v", when, err)
	}
}
