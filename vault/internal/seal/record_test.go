package seal

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
)

// somewhere is a place in which no two fields could be taken for each other.
func somewhere() Place {
	return Place{Vault: [16]byte{1, 2, 3}, Record: [16]byte{4, 5, 6}, Kind: 7, Version: 8, Generation: 9}
}

// elsewhere lists places that differ from p in one bit of one field each: every
// bit of every field.
func elsewhere(p Place) (places []Place) {
	for i := range 8 * 16 {
		v, r := p, p
		v.Vault[i/8] ^= 1 << (i % 8)
		r.Record[i/8] ^= 1 << (i % 8)
		places = append(places, v, r)
	}
	for i := range 64 {
		v := p
		v.Version ^= 1 << i
		places = append(places, v)
	}
	for i := range 32 {
		g := p
		g.Generation ^= 1 << i
		places = append(places, g)
	}
	for i := range 8 {
		k := p
		k.Kind ^= 1 << i
		places = append(places, k)
	}
	swapped := p
	swapped.Vault, swapped.Record = p.Record, p.Vault
	return append(places, swapped)
}

// noise is n bytes that are the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{31: byte(n)}).Read(b)
	return b
}

// TestOnlyTheWholeEnvelopeAtItsPlaceOpens changes every bit, every length and
// every bit of the place; nothing of that opens. That each part is held by the
// check which is meant for it shows that none of the checks is idle.
func TestOnlyTheWholeEnvelopeAtItsPlaceOpens(t *testing.T) {
	s, p := NewSealer(NewKey()), somewhere()
	flips, cuts, moves := 0, 0, 0
	for _, size := range []int{0, 1, 251, 252, 253, 500, 1024, 4096} {
		plain := noise(size)
		envelope := s.Seal(nil, plain, p)
		if len(envelope) != Size(size) {
			t.Fatalf("%d bytes became %d, not %d", size, len(envelope), Size(size))
		}
		intact := func() {
			if got, err := s.Open(nil, envelope, p); err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("the envelope of %d bytes does not open: %v", size, err)
			}
		}
		intact()
		for i := range envelope {
			want := notAuthentic
			switch {
			case i < 1:
				want = unknownSuite
			case i < 13:
				want = otherPlace
			case i < 69:
				want = notCommitted
			}
			for bit := range 8 {
				envelope[i] ^= 1 << bit
				if got, why := s.open(nil, envelope, &p); why != want || got != nil {
					t.Fatalf("bit %d of byte %d of %d: %q, want %q", bit, i, size, why, want)
				}
				envelope[i] ^= 1 << bit
				flips++
			}
		}
		for n := range envelope {
			if _, err := s.Open(nil, envelope[:n], p); err != ErrOpen {
				t.Fatalf("the first %d of %d bytes: %v", n, len(envelope), err)
			}
			if _, err := s.Open(nil, envelope[n+1:], p); err != ErrOpen {
				t.Fatalf("without the first %d bytes: %v", n+1, err)
			}
			cuts += 2
		}
		for n := 1; n <= 512; n++ {
			if _, err := s.Open(nil, append(envelope[:len(envelope):len(envelope)], make([]byte, n)...), p); err != ErrOpen {
				t.Fatalf("with %d bytes more: %v", n, err)
			}
			cuts++
		}
		for _, q := range elsewhere(p) {
			if _, err := s.Open(nil, envelope, q); err != ErrOpen {
				t.Fatalf("at another place: %v", err)
			}
			// Where version and generation in clear are changed to fit, too.
			binary.BigEndian.PutUint32(envelope[1:], q.Generation)
			binary.BigEndian.PutUint64(envelope[5:], q.Version)
			if _, why := s.open(nil, envelope, &q); why != notCommitted {
				t.Fatalf("at another place that it names: %q", why)
			}
			binary.BigEndian.PutUint32(envelope[1:], p.Generation)
			binary.BigEndian.PutUint64(envelope[5:], p.Version)
			moves += 2
		}
		if _, err := NewSealer(NewKey()).Open(nil, envelope, p); err != ErrOpen {
			t.Fatalf("under another key: %v", err)
		}
		intact()
	}
	t.Logf("0 of %d bit flips, %d cuts and extensions, %d moves opened", flips, cuts, moves)
}

// malformedRecord is a padded payload that no writer makes, to be sealed as it is.
type malformedRecord struct {
	why   string
	whole func() []byte
	head  func(envelope []byte) // what to change in clear, under an honest commitment; nil: nothing
}

func malformed() []malformedRecord {
	whole := func(length uint32, size int) func() []byte {
		return func() []byte {
			b := make([]byte, size)
			binary.BigEndian.PutUint32(b, length)
			return b
		}
	}
	padded := func(n int) []byte { return appendPadded(nil, noise(n)) }
	return []malformedRecord{
		{"the payload ends behind the end", whole(253, 256), nil},
		{"the payload is longer than anything", whole(1<<32-1, 256), nil},
		{"the length is that of a signed number below zero", whole(1<<31, 256), nil},
		{"a short payload, padded as a longer one", whole(0, 288), nil},
		{"a payload padded to a size that is none", whole(100, 300), nil},
		{"a payload not padded far enough", whole(301, 305), nil},
		{"padded to less than the least", whole(1, 128), nil},
		{"nothing at all", func() []byte { return nil }, nil},
		{"something in the first byte of the padding", func() []byte { b := padded(100); b[104] = 1; return b }, nil},
		{"something in the last bit of the padding", func() []byte { b := padded(100); b[255] = 1; return b }, nil},
		{"something in the padding of a large one", func() []byte { b := padded(4100); b[len(b)-1] = 0x80; return b }, nil},
		{"an unknown suite", func() []byte { return padded(100) }, func(e []byte) { e[0] = 2 }},
		{"no suite", func() []byte { return padded(100) }, func(e []byte) { e[0] = 0 }},
		{"another version in clear", func() []byte { return padded(100) }, func(e []byte) { e[12] ^= 1 }},
		{"another generation in clear", func() []byte { return padded(100) }, func(e []byte) { e[4] ^= 1 }},
	}
}

func (m *malformedRecord) envelope(s *Sealer, p Place, salt *[saltSize]byte) []byte {
	var once oneTime
	s.derive(&once, salt[:], &p)
	e := s.seal(nil, nil, p, salt)[:headSize]
	e = once.gcm().Seal(e[:headSize:headSize], once.nonce(), m.whole(), nil)
	if m.head != nil {
		m.head(e)
	}
	return e
}

// TestMalformedIsRefusedEvenFromTheKeysHolder keeps to one envelope for one
// payload: what is refused here has a true commitment and a true tag.
func TestMalformedIsRefusedEvenFromTheKeysHolder(t *testing.T) {
	s, p, salt := NewSealer(NewKey()), somewhere(), [saltSize]byte{1}
	sound := malformedRecord{"control", func() []byte { return appendPadded(nil, noise(100)) }, nil}
	if got, err := s.Open(nil, sound.envelope(s, p, &salt), p); err != nil || !bytes.Equal(got, noise(100)) {
		t.Fatalf("what is made in the same way and sound does not open: %v", err)
	}
	for _, m := range malformed() {
		e := m.envelope(s, p, &salt)
		if _, err := s.Open(nil, e, p); err != ErrOpen {
			t.Errorf("%s: %v", m.why, err)
		}
		room := bytes.Repeat([]byte{0xaa}, 8<<10)
		if got, why := s.open(room[:0], e, &p); got != nil || why == notCommitted || why == notAuthentic {
			t.Errorf("%s: refused for another reason, %q", m.why, why)
		}
		if bytes.Contains(room, noise(100)[:16]) {
			t.Errorf("%s: the payload was left in the caller's memory", m.why)
		}
	}
}

func TestSealAndOpenAppend(t *testing.T) {
	s, p := NewSealer(NewKey()), somewhere()
	for _, size := range []int{0, 1, 252, 253, 5000} {
		plain := noise(size)
		before := []byte("before")
		for _, room := range []int{0, 3, 300, 20000} {
			dst := append(make([]byte, 0, len(before)+room), before...)
			sealed := s.Seal(dst, plain, p)
			if !bytes.HasPrefix(sealed, before) || len(sealed) != len(before)+Size(size) {
				t.Fatalf("sealing %d bytes into room for %d: %d bytes came", size, room, len(sealed))
			}
			dst = append(make([]byte, 0, len(before)+room), before...)
			got, err := s.Open(dst, sealed[len(before):], p)
			if err != nil || !bytes.Equal(got, append(before, plain...)) {
				t.Fatalf("opening %d bytes into room for %d: %v", size, room, err)
			}
		}
	}
	a, b := s.Seal(nil, nil, p), s.Seal(nil, nil, p)
	if bytes.Equal(a[13:37], b[13:37]) || bytes.Equal(a[69:], b[69:]) {
		t.Error("two envelopes have the same salt")
	}
	if v, g, err := Stated(a); v != p.Version || g != p.Generation || err != nil {
		t.Errorf("it says %d, %d, %v", v, g, err)
	}
	for n := range headSize {
		if _, _, err := Stated(a[:n]); err != ErrOpen {
			t.Fatalf("%d bytes say something: %v", n, err)
		}
	}
	a[0] = 2
	if _, _, err := Stated(a); err != ErrOpen {
		t.Errorf("an unknown suite says something: %v", err)
	}
}

func TestLargestRecord(t *testing.T) {
	s, p := NewSealer(NewKey()), somewhere()
	plain := make([]byte, MaxPayload+1)
	envelope := s.Seal(nil, plain[:MaxPayload], p)
	if len(envelope) > 32<<20 {
		t.Errorf("the largest envelope has %d bytes and no row to lie in", len(envelope))
	}
	if got, err := s.Open(nil, envelope, p); err != nil || len(got) != MaxPayload {
		t.Errorf("the largest record: %d bytes, %v", len(got), err)
	}
	if !panics(func() { s.Seal(nil, plain, p) }) {
		t.Error("one byte more was sealed, and would not open")
	}
	if _, why := s.open(nil, append(envelope, 0), &p); why != badSize {
		t.Errorf("one byte more was looked at: %q", why)
	}
}

func TestClearedSealer(t *testing.T) {
	k := NewKey()
	s, p := NewSealer(k), somewhere()
	k.Clear()
	envelope := s.Seal(nil, []byte("a"), p)
	if _, err := s.Open(nil, envelope, p); err != nil {
		t.Fatalf("the sealer needs its key, which may be cleared: %v", err)
	}
	state := s.state
	s.Clear()
	s.Clear()
	if _, err := s.Open(nil, envelope, p); err != ErrOpen {
		t.Errorf("it opens after Clear: %v", err)
	}
	if !panics(func() { s.Seal(nil, nil, p) }) {
		t.Error("it seals after Clear, and under what key?")
	}
	if !bytes.Equal(append(state.inner, state.outer...), make([]byte, len(state.inner)+len(state.outer))) {
		t.Error("the state of the key was not wiped")
	}
}

func TestSealerUnderConcurrentUse(t *testing.T) {
	s, p := NewSealer(NewKey()), somewhere()
	envelope := s.Seal(nil, noise(300), p)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			plain := noise(100 * i)
			for range 200 {
				if got, err := s.Open(nil, s.Seal(nil, plain, p), p); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("what was sealed meanwhile: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if got, err := s.Open(nil, envelope, p); err == nil && !bytes.Equal(got, noise(300)) {
					t.Error("another payload came out while the key was cleared")
				}
			}
		})
	}
	s.Clear()
	wg.Wait()
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}
