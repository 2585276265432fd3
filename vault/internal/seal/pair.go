package seal

import (
	"crypto/hpke"
	"errors"
	"fmt"
	"io"
)

const (
	suiteXW1       = 0x02
	publicSize     = 1184 + 32 // ML-KEM-768 and X25519
	encapsulated   = 1088 + 32
	boxLabelPrefix = "box/"

	// BoxOverhead is what a box has beside the padded payload, in bytes.
	BoxOverhead = 1 + encapsulated + tagSize
)

// Pair is a person's key pair: whoever has the public half can seal a box that
// only the pair opens, so also while the vault is locked. It is HPKE (RFC 9180,
// base mode) with X-Wing, which a quantum computer does not break. The zero
// Pair opens nothing. It is safe for concurrent use.
type Pair struct {
	// Two pointers, as in Key: an interface is the second.
	private *hpke.PrivateKey
}

// NewPair draws a pair and gives the seed of 32 bytes that it can be made of
// again.
func NewPair() (*Pair, *Key, error) {
	seed := NewKey()
	p, err := PairOf(seed)
	return p, seed, err
}

// PairOf makes the pair of a seed, which may be cleared afterwards. What the pair
// itself holds cannot be wiped, only dropped.
func PairOf(seed *Key) (*Pair, error) {
	private, err := hpke.MLKEM768X25519().NewPrivateKey(seed.Bytes())
	if err != nil {
		return nil, fmt.Errorf("making a key pair of its seed: %w", err)
	}
	return &Pair{&private}, nil
}

// String hides the private half.
func (Pair) String() string { return "key pair …" }

// Format hides the private half from every verb of package fmt.
func (p Pair) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// MarshalText hides the private half from package json and structured logs.
func (p Pair) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Public is the half of a pair that everyone may have. The zero Public is none,
// and nothing can be sealed to it.
type Public struct{ key hpke.PublicKey }

// Public gives the public half.
func (p *Pair) Public() Public {
	if p.private == nil {
		return Public{}
	}
	return Public{(*p.private).PublicKey()}
}

// ParsePublic reads what Bytes gave.
func ParsePublic(b []byte) (Public, error) {
	key, err := hpke.MLKEM768X25519().NewPublicKey(b)
	if err != nil {
		return Public{}, errors.New("this is no public key of a person")
	}
	return Public{key}, nil
}

// Bytes is the public half as 1,216 bytes: of ML-KEM-768, then of X25519.
func (p Public) Bytes() []byte {
	if p.key == nil {
		return nil
	}
	return p.key.Bytes()
}

// SealTo seals plain into a box for whoever has the other half. It opens for
// the same word, which has no NUL byte, and the same context only. Who sealed it
// is not proven. Plain has at most MaxPayload bytes.
func SealTo(to Public, plain []byte, word string, context ...[]byte) ([]byte, error) {
	if to.key == nil {
		return nil, errors.New("sealing needs the public key of a person")
	}
	if len(plain) > MaxPayload {
		return nil, errors.New("more than fits into one box")
	}
	whole := appendPadded(nil, plain)
	defer clear(whole)
	box, err := hpke.Seal(to.key, hpke.HKDFSHA256(), hpke.AES256GCM(), labelled(boxLabelPrefix+word, context...), whole)
	if err != nil {
		return nil, fmt.Errorf("sealing to a person: %w", err)
	}
	return append([]byte{suiteXW1}, box...), nil
}

// Open opens a box. Whatever is wrong is ErrOpen.
func (p *Pair) Open(box []byte, word string, context ...[]byte) ([]byte, error) {
	plain, why := p.open(box, labelled(boxLabelPrefix+word, context...))
	if why != opened {
		return nil, ErrOpen
	}
	return plain, nil
}

func (p *Pair) open(box, info []byte) ([]byte, refusal) {
	if p.private == nil {
		return nil, afterClear
	}
	if len(box) < BoxOverhead+minPadded || len(box) > BoxOverhead+maxPadded {
		return nil, badSize
	}
	if box[0] != suiteXW1 {
		return nil, unknownSuite
	}
	enc, sealed := box[1:1+encapsulated], box[1+encapsulated:]
	r, err := hpke.NewRecipient(enc, *p.private, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	if err != nil {
		return nil, notEncapsulated
	}
	whole, err := r.Open(nil, sealed)
	if err != nil {
		return nil, notAuthentic
	}
	return unpad(whole)
}
