package sqlite

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"abaton.local/vault"
)

// flips is a store's file whose bits are turned.
type flips struct {
	image []byte
	p     *person

	detected, same, lost, changed, panics atomic.Int64
}

// newFlips makes a real file with that many steps in it.
func newFlips(t *testing.T, steps int) *flips {
	st, path, p, v := filled(t, steps)
	v.Close()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return &flips{image: image, p: p}
}

// run turns the bits that it is given, one at a time, and reads everything.
func (f *flips) run(t *testing.T, bits func(yield func(int) bool)) {
	work := make(chan int, 64)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			image := append([]byte(nil), f.image...)
			for bit := range work {
				image[bit/8] ^= 1 << (bit % 8)
				f.read(t, image)
				copy(image, f.image) // SQLite may have written, too
			}
		})
	}
	for bit := range bits {
		work <- bit
	}
	close(work)
	all.Wait()
	t.Logf("%d bytes: detected %d, identical %d, lost %d, changed %d, panics %d", len(f.image),
		f.detected.Load(), f.same.Load(), f.lost.Load(), f.changed.Load(), f.panics.Load())
	if f.lost.Load()+f.changed.Load()+f.panics.Load() > 0 || f.detected.Load() == 0 || f.same.Load() == 0 {
		t.Error("a turned bit must be detected or leave the content as it was")
	}
}

func (f *flips) read(t *testing.T, image []byte) {
	d := newDisk(map[string][]byte{storeFile: append([]byte(nil), image...)})
	d.quiet = true
	got, err := f.content(t, d)
	if err == nil {
		f.compare(got)
		return
	}
	f.detected.Add(1)
	if trouble, ok := errors.AsType[*Trouble](err); ok {
		if trouble.Kind == Stopped || strings.Contains(err.Error(), "runtime error") {
			f.panics.Add(1)
			t.Log(err)
		}
	} else if _, ok := errors.AsType[*vault.Damage](err); !ok && !errors.Is(err, vault.ErrRolledBack) {
		t.Errorf("without words for people: %v", err)
	}
}

func (f *flips) content(t *testing.T, d *disk) (map[vault.ID]record, error) {
	st, err := openOn(t.Context(), d)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	v, err := f.p.open(t.Context(), st)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	got, _, err := read(t.Context(), v)
	return got, err
}

func (f *flips) compare(got map[vault.ID]record) {
	for id, r := range f.p.now {
		if g, ok := got[id]; ok && g != r {
			f.changed.Add(1)
			return
		}
	}
	if len(got) != len(f.p.now) {
		f.lost.Add(1)
		return
	}
	f.same.Add(1)
}

// TestBitFlips turns random bits of a store's file: what was in it is all there,
// or the damage is seen.
func TestBitFlips(t *testing.T) {
	f := newFlips(t, 12)
	r := rand.New(rand.NewPCG(41, 5))
	f.run(t, func(yield func(int) bool) {
		for range 16384 {
			if !yield(r.IntN(len(f.image) * 8)) {
				return
			}
		}
	})
}
