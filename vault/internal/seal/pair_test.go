package seal

import (
	"bytes"
	"crypto/hpke"
	"testing"
)

func newPair(t testing.TB) *Pair {
	t.Helper()
	p, _, err := NewPair()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOnlyTheWholeBoxOpensForItsPersonAndPurpose(t *testing.T) {
	pair, seed, err := NewPair()
	if err != nil {
		t.Fatal(err)
	}
	to, err := ParsePublic(pair.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 252, 253, 3000} {
		plain := noise(size)
		box, err := SealTo(to, plain, "inbox", []byte("a"), []byte("b"))
		if err != nil || len(box) != BoxOverhead+padded(size) {
			t.Fatalf("%d bytes became %d: %v", size, len(box), err)
		}
		again, err := PairOf(seed)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Open(box, "inbox", []byte("a"), []byte("b")); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes do not open: %v", size, err)
		}
		for name, open := range map[string]func() ([]byte, error){
			"another pair":   func() ([]byte, error) { return newPair(t).Open(box, "inbox", []byte("a"), []byte("b")) },
			"no pair":        func() ([]byte, error) { return new(Pair).Open(box, "inbox", []byte("a"), []byte("b")) },
			"another word":   func() ([]byte, error) { return pair.Open(box, "share", []byte("a"), []byte("b")) },
			"no context":     func() ([]byte, error) { return pair.Open(box, "inbox") },
			"joined context": func() ([]byte, error) { return pair.Open(box, "inbox", []byte("ab")) },
			"more context":   func() ([]byte, error) { return pair.Open(box, "inbox", []byte("a"), []byte("b"), nil) },
			"something more": func() ([]byte, error) {
				return pair.Open(append(box[:len(box):len(box)], 0), "inbox", []byte("a"), []byte("b"))
			},
		} {
			if got, err := open(); err != ErrOpen || got != nil {
				t.Errorf("%d bytes, %s: %v", size, name, err)
			}
		}
		if size != 1 {
			continue
		}
		for i := range 8 * len(box) {
			box[i/8] ^= 1 << (i % 8)
			// The X25519 part holds 255 bits; the last is ignored by its curve and
			// bound by the key derivation.
			if _, err := pair.Open(box, "inbox", []byte("a"), []byte("b")); err != ErrOpen {
				t.Fatalf("bit %d: %v", i, err)
			}
			box[i/8] ^= 1 << (i % 8)
		}
		for n := range box {
			if _, err := pair.Open(box[:n], "inbox", []byte("a"), []byte("b")); err != ErrOpen {
				t.Fatalf("the first %d bytes: %v", n, err)
			}
		}
		t.Logf("0 of %d bit flips, %d cuts opened", 8*len(box), len(box))
	}
}

func TestMalformedBoxIsRefused(t *testing.T) {
	pair := newPair(t)
	info := labelled(boxLabelPrefix + "inbox")
	seal := func(whole []byte) []byte {
		box, err := hpke.Seal((*pair.private).PublicKey(), hpke.HKDFSHA256(), hpke.AES256GCM(), info, whole)
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte{suiteXW1}, box...)
	}
	if got, err := pair.Open(seal(appendPadded(nil, noise(9))), "inbox"); err != nil || !bytes.Equal(got, noise(9)) {
		t.Fatalf("control: %v", err)
	}
	for _, m := range malformed() {
		if m.head != nil {
			continue
		}
		if _, why := pair.open(seal(m.whole()), info); why != badPadding && why != badSize {
			t.Errorf("%s: %q", m.why, why)
		}
	}
	zero := seal(appendPadded(nil, nil))
	clear(zero[1+1088 : 1+encapsulated])
	if _, why := pair.open(zero, info); why != notEncapsulated {
		t.Errorf("an X25519 key of zeros: %q", why)
	}
	zero[0] = suiteSR1
	if _, why := pair.open(zero, info); why != unknownSuite {
		t.Errorf("another suite: %q", why)
	}
}

func TestPublicHalves(t *testing.T) {
	good := newPair(t).Public().Bytes()
	for n := range good {
		if _, err := ParsePublic(good[:n]); err == nil {
			t.Fatalf("%d bytes are a public half", n)
		}
	}
	if _, err := ParsePublic(append(good, 0)); err == nil {
		t.Error("one byte more is a public half")
	}
	if _, err := ParsePublic(bytes.Repeat([]byte{0xff}, publicSize)); err == nil {
		t.Error("numbers above the modulus are a public half")
	}
	low := bytes.Clone(good[:publicSize])
	clear(low[1184:])
	if p, err := ParsePublic(low); err == nil {
		if _, err := SealTo(p, nil, "inbox"); err == nil {
			t.Error("sealed to a point of low order, for everyone to open")
		}
	}
	if _, err := SealTo(Public{}, nil, "inbox"); err == nil || (Public{}).Bytes() != nil || new(Pair).Public() != (Public{}) {
		t.Error("the zero public half is one")
	}
	if _, err := SealTo(newPair(t).Public(), make([]byte, MaxPayload+1), "inbox"); err == nil {
		t.Error("more than fits")
	}
}
