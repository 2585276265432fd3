package vault

import (
	"bytes"
	"testing"
)

// Each parser of sealed bytes takes only what its writer writes: what parses,
// encodes to the same bytes.

func seedOps() []op {
	put := op{do: opPut, id: ID{1}, container: ID{2}, kind: KindTurn, order: 3, version: 1, generation: 1, size: 5, digest: [32]byte{6}}
	large := put
	large.id, large.large = ID{9}, true
	return []op{put, large, {do: opDelete, id: ID{1}}, {do: opDrop, id: ID{2}}}
}

func FuzzHeader(f *testing.F) {
	h := header{seq: 9, first: 3, generation: 2, old: 1, slots: slotsMark{version: 4}, ring: ringMark{keys: 300}}
	h.snapshots[0] = snapshotMark{seq: 8, records: 70}
	f.Add(h.encode())
	f.Add((&header{}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parseHeader(b); err == nil && !bytes.Equal(h.encode(), b) {
			t.Error("a header was read that is written in another way")
		}
	})
}

func FuzzJournalEntry(f *testing.F) {
	f.Add((&step{ops: seedOps(), slots: slotsMark{version: 7}}).encode())
	f.Add((&step{}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStep(b)
		if err != nil {
			return
		}
		if !bytes.Equal(s.encode(), b) {
			t.Error("an entry was read that is written in another way")
		}
		m := newManifest(1, 0)
		for i := range s.ops {
			if m.apply(&s.ops[i]) != nil {
				break
			}
		}
		m.check(t)
	})
}

func FuzzManifest(f *testing.F) {
	m := newManifest(1, 0)
	for _, o := range seedOps()[:2] {
		if err := m.apply(&o); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(m.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b, 1)
		if err != nil {
			return
		}
		m.check(t)
		if !bytes.Equal(m.encode(), b) {
			t.Error("a manifest was read that is written in another way")
		}
	})
}

// check holds the manifest's parts against each other.
func (m *manifest) check(t *testing.T) {
	t.Helper()
	n, old := 0, 0
	for _, c := range m.containers {
		if len(c.items) == 0 {
			t.Error("an empty container is left")
		}
		for at, i := range c.items {
			it := &m.items[i]
			if it.in != c || int(it.at) != at || m.find(it.id) != it {
				t.Error("a container and its records disagree")
			}
			if it.generation < m.generation {
				old++
			}
			n++
		}
	}
	if n != m.len() || n+len(m.free) != len(m.items) || old != m.old {
		t.Errorf("%d records, %d by index, %d free of %d, %d old, %d counted", n, m.len(), len(m.free), len(m.items), old, m.old)
	}
}

// A header of a later format is refused by name; one of format 0 never was.
func TestLaterFormatIsNamed(t *testing.T) {
	b := (&header{seq: 1}).encode()
	if _, err := parseHeader(b); err != nil {
		t.Fatal(err)
	}
	b[1]++
	if _, err := parseHeader(append(b, "whatever comes"...)); err != ErrNewer {
		t.Errorf("a later format: %v", err)
	}
	b[1] = 0
	if _, err := parseHeader(b); err != errShape {
		t.Errorf("format 0: %v", err)
	}
}
