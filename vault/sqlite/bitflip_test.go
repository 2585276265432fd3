package sqlite

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"abaton.local/vault"
)

// flips is a store's file whose bits are turned.
type flips struct {
	image []byte
	w     *workload
	id    vault.ID
	seen  mark

	detected, same, lost, changed, panics, other atomic.Int64
}

// newFlips makes a real file with that many steps in it.
func newFlips(t *testing.T, steps int) *flips {
	path := filepath.Join(t.TempDir(), "store.db")
	st := openAt(t, path)
	f := &flips{w: newWorkload(41), id: vault.ID{9}}
	l, err := createLedger(t.Context(), st, f.id)
	if err != nil {
		t.Fatal(err)
	}
	for range steps {
		s := f.w.next()
		if err := l.write(t.Context(), s.put, s.del); err != nil {
			t.Fatal(err)
		}
	}
	f.seen = mark{l.seq, l.head}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if f.image, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return f
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
	t.Logf("%d bytes: detected %d, identical %d, lost %d, changed %d, panics %d, other %d", len(f.image),
		f.detected.Load(), f.same.Load(), f.lost.Load(), f.changed.Load(), f.panics.Load(), f.other.Load())
	if f.lost.Load()+f.changed.Load()+f.panics.Load() > 0 || f.detected.Load() == 0 || f.same.Load() == 0 {
		t.Error("a turned bit must be detected or leave the content as it was")
	}
}

func (f *flips) read(t *testing.T, image []byte) {
	d := newDisk(t, map[string][]byte{storeFile: append([]byte(nil), image...)})
	d.quiet = true
	st, err := openOn(t.Context(), d)
	if err == nil {
		defer st.Close()
		var l *ledger
		var got map[vault.ID]string
		if l, err = openLedger(t.Context(), st, f.id, f.seen); err == nil {
			got, err = l.content(t.Context())
		}
		if err == nil {
			f.compare(got)
			return
		}
	}
	f.detected.Add(1)
	trouble := new(Trouble)
	switch {
	case errors.As(err, &trouble):
		if trouble.Kind == Stopped || strings.Contains(err.Error(), "runtime error") {
			f.panics.Add(1)
			t.Log(err)
		}
	case errors.Is(err, errLedger), errors.Is(err, errShort), errors.Is(err, vault.ErrNoVault):
	default:
		f.other.Add(1)
		t.Errorf("without words for people: %v", err)
	}
}

func (f *flips) compare(got map[vault.ID]string) {
	want := f.w.past[f.seen.seq]
	for id, p := range want {
		if g, ok := got[id]; ok && g != p {
			f.changed.Add(1)
			return
		}
	}
	if len(got) != len(want) {
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
