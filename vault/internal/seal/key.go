package seal

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Key is 32 secret bytes. Whatever prints or marshals one by accident shows
// nothing. It is safe for concurrent use until it is cleared; what uses it
// after that panics, for the zero key would open to everyone.
type Key struct {
	// Two pointers, for package fmt cannot call the methods of an unexported
	// field of somebody else's struct. It prints what it finds there, and where
	// the verb suits no pointer it follows one.
	secret **[keySize]byte
}

// NewKey draws a key.
func NewKey() *Key {
	var secret [keySize]byte
	rand.Read(secret[:]) // never fails: it ends the program instead
	return KeyAt(&secret)
}

// KeyOf copies a key out of b, which must have 32 bytes.
func KeyOf(b []byte) (*Key, error) {
	if len(b) != keySize {
		return nil, errors.New("a key has 32 bytes")
	}
	return KeyAt(new([keySize]byte(b))), nil
}

// KeyAt is the key that lies at secret, which stays where it is: in memory that
// is locked and kept out of core images, for instance.
func KeyAt(secret *[32]byte) *Key { return &Key{&secret} }

// Bytes gives the key itself, not a copy: to seal it into a slot or a ring, or
// to copy it into better memory. The caller must not keep it.
func (k *Key) Bytes() []byte {
	if k.secret == nil {
		panic("seal: a key was used after it was cleared")
	}
	return (*k.secret)[:]
}

// Clear wipes the key. It must not be in use.
func (k *Key) Clear() {
	if k.secret != nil {
		clear((*k.secret)[:])
		k.secret = nil
	}
}

// String hides the key.
func (Key) String() string { return "key …" }

// Format hides the key from every verb of package fmt.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalText hides the key from package json and structured logs.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Derive gives the key for one purpose: HKDF-Expand-SHA-256 under a label
// "abaton.local/vault/key/…/v1" made of the word given, which has no NUL byte,
// and each context with its length. Different words or contexts give keys that
// tell nothing about each other.
func (k *Key) Derive(word string, context ...[]byte) *Key {
	return k.derive("key/"+word, context...)
}

func (k *Key) derive(label string, context ...[]byte) *Key {
	state := newKeyed(k.Bytes())
	defer state.clear()
	out := KeyAt(new([keySize]byte))
	state.expand(out.Bytes(), labelled(label, context...))
	return out
}

// MAC is HMAC-SHA-256 over the parts, each with its length, under a key derived
// for "abaton.local/vault/mac/…/v1" with the word given. Compare with Verify.
func (k *Key) MAC(word string, parts ...[]byte) (mac [sha256.Size]byte) {
	under := k.derive("mac/" + word)
	defer under.Clear()
	state := newKeyed(under.Bytes())
	defer state.clear()
	d := newDigest()
	defer state.wipe(d)
	state.start(d)
	d.Write(framed(nil, parts...))
	state.finish(d, mac[:0])
	return mac
}

// Verify tells in constant time whether mac is what MAC gives.
func (k *Key) Verify(mac [sha256.Size]byte, word string, parts ...[]byte) bool {
	want := k.MAC(word, parts...)
	return subtle.ConstantTimeCompare(mac[:], want[:]) == 1
}

// KEK makes of an unlocking secret the key that opens its slot: HKDF-SHA-256
// with the device secret as salt. A slot that must open on another machine has
// no device secret: nil. The secret has the strength of the key, so a passphrase
// goes through Argon2id first. The caller wipes it.
func KEK(secret []byte, device *Key, kind uint8, vault, slot [16]byte) *Key {
	var salt []byte
	info := append(labelled("kek"), 0)
	if device != nil {
		salt = device.Bytes()
		info[len(info)-1] = 1 // or a device secret of zeros would be like none
	}
	info = append(info, kind)
	info = append(info, vault[:]...)
	info = append(info, slot[:]...)

	extract := newKeyed(salt)
	defer extract.clear()
	d := newDigest()
	defer extract.wipe(d)
	var prk [sha256.Size]byte
	defer clear(prk[:])
	extract.start(d)
	d.Write(secret)
	extract.finish(d, prk[:0])

	state := newKeyed(prk[:])
	defer state.clear()
	out := KeyAt(new([keySize]byte))
	state.expand(out.Bytes(), info)
	return out
}

// labelled is the label, whole, a NUL byte, and each context with its length.
func labelled(label string, context ...[]byte) []byte {
	b := make([]byte, 0, 256)
	b = append(b, "abaton.local/vault/"...)
	b = append(b, label...)
	b = append(b, "/v1\x00"...)
	return framed(b, context...)
}

// framed appends each part behind its length in four bytes.
func framed(b []byte, parts ...[]byte) []byte {
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}
