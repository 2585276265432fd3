package enginepack

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// meddling is a context that is asked before each piece of a file is read, and
// does something meanwhile, from the first such moment that counts to the last.
type meddling struct {
	context.Context
	asked, first, last int
	do                 func()
}

func (m *meddling) Err() error {
	m.asked++
	if m.first <= m.asked && m.asked <= m.last {
		m.do()
	}
	return m.Context.Err()
}

// A backup gives a file a second name while it is read: its stamp changes, its
// content does not, and the engine is used. Where that does not end, it is not.
func TestSecondNamesWhileReading(t *testing.T) {
	b := tinyReady(t)
	_, p := readyStore(t, b, onDisk(t, b))
	check := func(m *meddling) error {
		p.seen = nil // all is read anew
		folder, err := p.checked(m)
		folder.Close()
		return err
	}
	calm := &meddling{Context: t.Context()}
	if err := check(calm); err != nil {
		t.Fatal(err)
	}
	files := slices.Sorted(maps.Keys(p.Files))
	read := filepath.Join(p.Dir, files[len(files)-1]) // at the end
	other := filepath.Join(t.TempDir(), "backup")
	link := func() {
		if err := errors.Join(os.RemoveAll(other), os.Link(read, other)); err != nil {
			t.Fatal(err)
		}
	}
	once := &meddling{t.Context(), 0, calm.asked, calm.asked, link}
	if err := check(once); err != nil || once.asked <= calm.asked {
		t.Errorf("linked once: %v, and it was not read again: %d", err, once.asked)
	}
	err := check(&meddling{t.Context(), 0, calm.asked, 1 << 20, link})
	if damaged, is := errors.AsType[*DamagedError](err); !is || damaged.Reason != errChanging.Error() {
		t.Errorf("linked all the time: %v", err)
	}
}
