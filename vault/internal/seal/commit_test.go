package seal

import (
	"crypto/aes"
	"encoding/binary"
	"math/bits"
	"testing"
)

// element is one of GF(2^128) in the order of bits that GCM has: the first bit
// is the highest of hi and stands for x⁰.
type element struct{ hi, lo uint64 }

func elementOf(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a element) bytes() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, a.hi), a.lo)
}

func (a element) add(b element) element { return element{a.hi ^ b.hi, a.lo ^ b.lo} }

func (a element) times(b element) (z element) {
	for i := range 128 {
		word := a.hi
		if i >= 64 {
			word = a.lo
		}
		if word>>(63-i%64)&1 == 1 {
			z = z.add(b)
		}
		carry := b.lo & 1
		b = element{b.hi >> 1, bits.RotateLeft64(b.hi&1, -1) | b.lo>>1}
		if carry == 1 {
			b.hi ^= 0xe1 << 56
		}
	}
	return z
}

// inverse is a to the power of 2^128-2.
func (a element) inverse() element {
	z := element{hi: 1 << 63}
	for range 127 {
		a = a.times(a)
		z = z.times(a)
	}
	return z
}

// underBoth makes a ciphertext of size bytes, a multiple of 16, whose one tag
// holds under two keys: GCM's tag is linear in the ciphertext, so one block can
// be chosen to make the two meet.
func underBoth(t *testing.T, a, b *oneTime, size int) []byte {
	t.Helper()
	ciphertext := noise(size)
	tag := func(o *oneTime) (tag, h element) {
		block, err := aes.NewCipher(o.bytes[:keySize])
		if err != nil {
			t.Fatal(err)
		}
		var zero, mask [16]byte
		block.Encrypt(zero[:], zero[:])
		copy(mask[:], o.nonce())
		mask[15] = 1
		block.Encrypt(mask[:], mask[:])
		h = elementOf(zero[:])
		var sum element
		for c := ciphertext; len(c) > 0; c = c[16:] {
			sum = sum.add(elementOf(c)).times(h)
		}
		sum = sum.add(element{lo: uint64(8 * size)}).times(h)
		return sum.add(elementOf(mask[:])), h
	}
	tagA, hA := tag(a)
	tagB, hB := tag(b)
	// The last block counts with h², so what it must change by is the difference
	// of the tags divided by that of the squares.
	change := tagA.add(tagB).times(hA.times(hA).add(hB.times(hB)).inverse())
	last := ciphertext[size-16:]
	copy(last, elementOf(last).add(change).bytes())
	tagA, _ = tag(a)
	return append(ciphertext, tagA.bytes()...)
}

// TestOneEnvelopeDoesNotOpenUnderTwoKeys: bare AES-GCM lets somebody build one
// ciphertext that opens under many keys, and so ask a server with it whether a
// passphrase is among many. With the commitment, an envelope is one key's.
func TestOneEnvelopeDoesNotOpenUnderTwoKeys(t *testing.T) {
	one, two, p, salt := NewSealer(NewKey()), NewSealer(NewKey()), somewhere(), [saltSize]byte{5}
	var a, b oneTime
	one.derive(&a, salt[:], &p)
	two.derive(&b, salt[:], &p)
	sealed := underBoth(t, &a, &b, minPadded)
	for _, o := range []*oneTime{&a, &b} {
		if _, err := o.gcm().Open(nil, o.nonce(), sealed, nil); err != nil {
			t.Fatalf("control: the attack on bare AES-GCM does not work, so nothing is shown: %v", err)
		}
	}
	for mine, s := range map[*oneTime]*Sealer{&a: one, &b: two} {
		for _, committed := range []*oneTime{&a, &b} {
			envelope := append(s.seal(nil, nil, p, &salt)[:headSize-commitmentSize], committed.commitment()...)
			want := notCommitted
			if committed == mine {
				want = badPadding // the tag does hold
			}
			if _, why := s.open(nil, append(envelope, sealed...), &p); why != want {
				t.Errorf("%q, want %q", why, want)
			}
		}
	}
}
