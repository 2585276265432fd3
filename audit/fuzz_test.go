package audit

import (
	"bytes"
	"testing"
)

// What parses is written again as the same bytes.
func FuzzLeaf(f *testing.F) {
	leaf, _ := appendLeaf(nil, Record{What: Start, Time: newClock().now(), Digest: Digest{1}}, firstLink("x"))
	f.Add(leaf)
	for i := range 5 {
		e := event(i)
		b, _ := appendLeaf(nil, Record{What: e.What, Result: e.Result, Detail: e.Detail, Digest: e.Digest, Time: newClock().now(), more: uint8(i)}, link{byte(i)})
		f.Add(b)
	}
	f.Add(make([]byte, LeafSize))
	f.Add(bytes.Repeat([]byte{255}, LeafSize))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, l, err := parseLeaf(b)
		if err != nil {
			return
		}
		again, _ := appendLeaf(nil, r, link{})
		if !bytes.Equal(again[:linked], b[:linked]) || !bytes.Equal(l[:], b[linked:]) {
			t.Errorf("%x was read and became %x", b, again)
		}
		_, _ = r.What.MarshalText()
		_, _ = r.Time.MarshalJSON()
	})
}

// What parses is a checkpoint that can be written in this one way only.
func FuzzCheckpoint(f *testing.F) {
	log := testLogKey(f)
	good := smallLog(f, 3)
	for _, name := range []string{checkpointFile, CosignedName(testWitness(f, 1).Verifier()), keyFile} {
		f.Add(good[name].Data)
	}
	f.Add([]byte("a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"))
	f.Add([]byte("a\n00\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n\n— a AAAA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := openOwn(b, log); err == nil && !bytes.Equal(headOf(c, b).note(log), b) {
			t.Errorf("two ways to write one checkpoint: %q", b)
		}
		if c, err := parseText(string(b)); err == nil && treeText(c.Origin, c.Size, c.Root) != string(b) {
			t.Errorf("two ways to write one text: %q", b)
		}
		if v, err := ParseKey(string(b)); err == nil && len(v.Name()) == 0 {
			t.Errorf("a key without a name: %q", b)
		}
		_, _, _ = openNote(b, log, testWitness(t, 1).Verifier())
	})
}

// However a bundle's end looks, recovery neither panics nor invents records.
func FuzzTail(f *testing.F) {
	base := smallLog(f, 4)
	whole := base[tilePath(entries, 0)].Data
	f.Add(whole, 0)
	f.Add(whole[:150], 1)
	f.Add(append(bytes.Clone(whole), make([]byte, 600)...), 2)
	f.Fuzz(func(t *testing.T, b []byte, from int) {
		if len(b) > bundleSize || from < 0 || from > 3 {
			return
		}
		s := newScanner(base, testLogKey(t).Name(), 0)
		for range from {
			if len(b) < entrySize || s.take(b[:entrySize]) != nil {
				return
			}
			b = b[entrySize:]
		}
		before := s.tree.size
		if _, err := s.tail(b, int64(from*entrySize)); err == nil && int(s.tree.size-before)*entrySize > len(b) {
			t.Errorf("%d records in %d bytes", s.tree.size-before, len(b))
		}
	})
}
