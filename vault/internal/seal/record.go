package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	suiteSR1 = 0x01
	// headSize is what stands before the ciphertext: suite, generation, version,
	// salt, commitment.
	headSize = 1 + 4 + 8 + saltSize + commitmentSize

	// Overhead is what an envelope has beside the padded payload, in bytes. The
	// padding is Padme of four bytes of length and the payload, at least 256.
	Overhead = headSize + tagSize

	recordLabel = "abaton.local/vault/record/v1\x00"
)

// Size is that of the envelope of a payload of n bytes.
func Size(n int) int { return Overhead + padded(n) }

// Sealer seals and opens records under one key: SR1, key-committing AES-256-GCM
// with key, nonce and commitment derived anew for every record from a random
// salt and the record's place. So there is no nonce to manage, and no limit to
// the number of records that a caller could reach. It is safe for concurrent
// use.
type Sealer struct {
	mu    sync.RWMutex
	state *keyed // nil after Clear; guarded by mu
}

// NewSealer makes a sealer. The key may be cleared afterwards.
func NewSealer(k *Key) *Sealer { return &Sealer{state: newKeyed(k.Bytes())} }

// Clear wipes what the sealer knows of its key, after the calls that are under
// way. From then on nothing opens, and sealing panics.
func (s *Sealer) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != nil {
		s.state.clear()
		s.state = nil
	}
}

// String hides the sealer's key.
func (*Sealer) String() string { return "sealer …" }

// Format hides the sealer's key from every verb of package fmt.
func (s *Sealer) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText hides the sealer's key from package json and structured logs.
func (s *Sealer) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Seal appends the envelope of plain at its place to dst and returns the whole.
// The spare room of dst must not overlap plain. It panics when plain has more
// than MaxPayload bytes, which callers refuse before, and after Clear.
func (s *Sealer) Seal(dst, plain []byte, p Place) []byte {
	var salt [saltSize]byte
	rand.Read(salt[:]) // never fails: it ends the program instead
	return s.seal(dst, plain, p, &salt)
}

func (s *Sealer) seal(dst, plain []byte, p Place, salt *[saltSize]byte) []byte {
	if len(plain) > MaxPayload {
		panic("seal: more than MaxPayload bytes in one record")
	}
	var once oneTime
	defer once.clear()
	if !s.derive(&once, salt[:], &p) {
		panic("seal: sealing after Clear")
	}
	dst = slices.Grow(dst, Size(len(plain)))
	dst = append(dst, suiteSR1)
	dst = binary.BigEndian.AppendUint32(dst, p.Generation)
	dst = binary.BigEndian.AppendUint64(dst, p.Version)
	dst = append(dst, salt[:]...)
	dst = append(dst, once.commitment()...)
	at := len(dst)
	dst = appendPadded(dst, plain)
	return once.gcm().Seal(dst[:at], once.nonce(), dst[at:], nil)
}

// Open appends to dst what is sealed in envelope and returns the whole. The
// spare room of dst must not overlap the envelope. Whatever is wrong is
// ErrOpen, and then nothing is returned.
func (s *Sealer) Open(dst, envelope []byte, p Place) ([]byte, error) {
	dst, why := s.open(dst, envelope, &p)
	if why != opened {
		return nil, ErrOpen
	}
	return dst, nil
}

func (s *Sealer) open(dst, envelope []byte, p *Place) ([]byte, refusal) {
	if len(envelope) < Overhead+minPadded || len(envelope) > Overhead+maxPadded {
		return nil, badSize
	}
	if envelope[0] != suiteSR1 {
		return nil, unknownSuite
	}
	version, generation, _ := Stated(envelope)
	if version != p.Version || generation != p.Generation {
		return nil, otherPlace
	}
	salt, commitment := envelope[headSize-commitmentSize-saltSize:headSize-commitmentSize], envelope[headSize-commitmentSize:headSize]
	var once oneTime
	defer once.clear()
	if !s.derive(&once, salt, p) {
		return nil, afterClear
	}
	// Before anything is decrypted: one envelope cannot be made to open under
	// two keys, so nobody can test many passphrases with it at once.
	if subtle.ConstantTimeCompare(once.commitment(), commitment) != 1 {
		return nil, notCommitted
	}
	at := len(dst)
	dst, err := once.gcm().Open(dst, once.nonce(), envelope[headSize:], nil)
	if err != nil {
		return nil, notAuthentic
	}
	payload, why := unpad(dst[at:])
	if why != opened {
		clear(dst[at:])
		return nil, why
	}
	n := copy(dst[at:], payload)
	clear(dst[at+n : at+n+lengthSize]) // the payload's end would stand there twice
	return dst[:at+n], opened
}

// Stated reads the version and the generation that an envelope says it has. Only
// opening it proves them: they help to find and to save, never to decide.
func Stated(envelope []byte) (version uint64, generation uint32, err error) {
	if len(envelope) < headSize || envelope[0] != suiteSR1 {
		return 0, 0, ErrOpen
	}
	return binary.BigEndian.Uint64(envelope[5:]), binary.BigEndian.Uint32(envelope[1:]), nil
}

// oneTime is the secret of one record.
type oneTime struct{ bytes [oneTimeSize]byte }

func (o *oneTime) gcm() cipher.AEAD   { return newGCM(o.bytes[:keySize]) }
func (o *oneTime) nonce() []byte      { return o.bytes[keySize : keySize+nonceSize] }
func (o *oneTime) commitment() []byte { return o.bytes[keySize+nonceSize:] }
func (o *oneTime) clear()             { clear(o.bytes[:]) }

// derive fills in the secret of the record with this salt at this place. It is
// false after Clear.
func (s *Sealer) derive(once *oneTime, salt []byte, p *Place) bool {
	info := make([]byte, 0, len(recordLabel)+1+saltSize+placeSize+1) // one for expand
	info = append(info, recordLabel...)
	info = append(info, suiteSR1)
	info = append(info, salt...)
	info = p.appendTo(info)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state == nil {
		return false
	}
	s.state.expand(once.bytes[:], info)
	return true
}
