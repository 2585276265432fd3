package seal

import (
	"bytes"
	"testing"
)

// FuzzOpen: whatever the bytes, Open returns; what opens was sealed by us at
// that place, and sealing it again gives the same bytes.
func FuzzOpen(f *testing.F) {
	records := readVectors(f).Record
	s := NewSealer(keyOf(f, make([]byte, keySize))) // one key for all: each worker makes the same seeds
	known := map[string][]byte{}
	for i, r := range records {
		if r.Size > 5000 {
			continue
		}
		p := r.Place.place()
		envelope := s.seal(nil, r.plain(), p, (*[saltSize]byte)(r.Salt))
		known[string(p.appendTo(bytes.Clone(envelope)))] = r.plain()
		f.Add(envelope, r.Place.Vault[0], p.Kind, p.Version, p.Generation)
		f.Add(envelope[:len(envelope)-i-1], byte(i), p.Kind, p.Version, p.Generation)
	}
	if len(known) < 10 {
		f.Fatal("the seeds are gone")
	}
	f.Fuzz(func(t *testing.T, envelope []byte, vault, kind uint8, version uint64, generation uint32) {
		for _, r := range records[:4] {
			p := r.Place.place()
			p.Vault[0], p.Kind, p.Version, p.Generation = vault, kind, version, generation
			got, err := s.Open(nil, envelope, p)
			if (err == nil) == (got == nil) || err != nil && err != ErrOpen {
				t.Fatalf("opened %v, %v", got != nil, err)
			}
			if err != nil {
				continue
			}
			if plain, ok := known[string(p.appendTo(bytes.Clone(envelope)))]; !ok || !bytes.Equal(plain, got) {
				t.Fatalf("forged: %x", envelope)
			}
			if again := s.seal(nil, got, p, (*[saltSize]byte)(envelope[13:])); !bytes.Equal(again, envelope) {
				t.Fatalf("sealed again it is %x", again)
			}
		}
	})
}

// FuzzUnpad: there is one way to pad, so what is read is written the same.
func FuzzUnpad(f *testing.F) {
	for _, n := range []int{0, 1, 252, 253, 1000} {
		f.Add(appendPadded(nil, noise(n)))
	}
	for _, m := range malformed() {
		f.Add(m.whole())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if payload, why := unpad(b); why == opened && !bytes.Equal(appendPadded(nil, payload), b) {
			t.Fatalf("%x is padded otherwise", payload)
		}
		if len(b) <= 1<<16 {
			if got, why := unpad(appendPadded(nil, b)); why != opened || !bytes.Equal(got, b) {
				t.Fatalf("%x does not come back: %s", b, why)
			}
		}
	})
}

// FuzzStream: whatever the bytes, opening and reading return; what is read is
// what we sealed.
func FuzzStream(f *testing.F) {
	k, p := keyOf(f, make([]byte, keySize)), somewhere()
	known := map[string][]byte{}
	for i, size := range []int{0, 1, 300, ChunkSize - 1, ChunkSize, ChunkSize + 40} {
		sealed := streamOf(f, noise(size), k, p, &[saltSize]byte{byte(i)})
		known[string(sealed)] = noise(size)
		f.Add(sealed, int64(len(sealed)), int64(0), uint16(size))
		f.Add(sealed, int64(len(sealed)-1), int64(5), uint16(7))
	}
	f.Fuzz(func(t *testing.T, sealed []byte, size, off int64, n uint16) {
		r, err := OpenStream(bytes.NewReader(sealed), size, k, p)
		if err != nil {
			if err != ErrOpen || r != nil {
				t.Fatal(err)
			}
			return
		}
		b := make([]byte, n)
		read, err := r.ReadAt(b, off)
		if err == nil && read != len(b) || read > len(b) || read < 0 {
			t.Fatalf("read %d of %d: %v", read, len(b), err)
		}
		// One chunk may have been changed, so not every one of them is whole: what
		// was read must be as it was, for one of the streams whose last chunk this is.
		for _, plain := range known {
			if int64(len(plain)) == r.Size() && (read == 0 || off >= 0 && bytes.Equal(b[:read], plain[off:off+int64(read)])) {
				return
			}
		}
		t.Fatalf("forged: %x", b[:read])
	})
}

// FuzzBox: whatever the bytes, Open returns, and opens only what was sealed.
func FuzzBox(f *testing.F) {
	v := readVectors(f).Box[1]
	pair, err := PairOf(keyOf(f, v.Seed))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(v.Box)
	f.Add(v.Box[:BoxOverhead])
	f.Add([]byte{suiteXW1})
	f.Fuzz(func(t *testing.T, box []byte) {
		got, err := pair.Open(box, v.Word, plainParts(v.Context)...)
		if err == nil && (!bytes.Equal(box, v.Box) || !bytes.Equal(got, v.plain())) || err != nil && err != ErrOpen {
			t.Fatalf("forged, or %v", err)
		}
		if p, err := ParsePublic(box); err == nil && !bytes.Equal(p.Bytes(), box) {
			t.Fatal("a public half is written otherwise")
		}
	})
}
