package seal

import (
	"crypto/sha256"
	"encoding"
	"hash"
)

// digest is what sha256.New promises to give.
type digest interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

func newDigest() digest { return sha256.New().(digest) }

// keyed is HMAC-SHA-256 (FIPS 198-1) under one key whose two blocks are hashed
// already. Package crypto/hmac would do, but what it holds cannot be wiped, and
// when a vault is locked it must be. It is not changed by use, so any number of
// goroutines may use it at once.
type keyed struct {
	inner, outer []byte // states of SHA-256 after the key's block; as secret as the key
}

func newKeyed(key []byte) *keyed {
	d := newDigest()
	var block [sha256.BlockSize]byte
	defer clear(block[:])
	if len(key) > len(block) {
		d.Write(key)
		d.Sum(block[:0])
		d.Reset()
	} else {
		copy(block[:], key)
	}
	k := new(keyed)
	pad := func(with byte) []byte {
		for i := range block {
			block[i] ^= with
		}
		d.Reset()
		d.Write(block[:])
		state, err := d.AppendBinary(nil)
		if err != nil {
			panic(err) // sha256 promises none
		}
		return state
	}
	k.inner = pad(0x36)
	k.outer = pad(0x36 ^ 0x5c)
	k.wipe(d)
	return k
}

// start makes d ready for the bytes of one message.
func (k *keyed) start(d digest) { restore(d, k.inner) }

// finish appends to b the code of what was written to d since start.
func (k *keyed) finish(d digest, b []byte) []byte {
	at := len(b)
	b = d.Sum(b)
	restore(d, k.outer)
	d.Write(b[at:])
	return d.Sum(b[:at])
}

// expand is HKDF-Expand (RFC 5869) with the key as PRK. It fills out, at most
// 255 blocks of 32 bytes. Info is followed by a counter in its own memory.
func (k *keyed) expand(out, info []byte) {
	if len(out) > 255*sha256.Size {
		panic("seal: more than HKDF gives")
	}
	d := newDigest()
	defer k.wipe(d)
	var block [sha256.Size]byte
	defer clear(block[:])
	info = append(info, 0)
	for counter := byte(1); len(out) > 0; counter++ {
		k.start(d)
		if counter > 1 {
			d.Write(block[:])
		}
		info[len(info)-1] = counter
		d.Write(info)
		k.finish(d, block[:0])
		out = out[copy(out, block[:]):]
	}
}

// wipe leaves nothing in d of what went through it: restoring overwrites its
// buffer, the reset its state.
func (k *keyed) wipe(d digest) {
	restore(d, k.inner)
	d.Reset()
}

// clear forgets the key. Nothing may use it afterwards.
func (k *keyed) clear() {
	clear(k.inner)
	clear(k.outer)
}

func restore(d digest, state []byte) {
	if err := d.UnmarshalBinary(state); err != nil {
		panic(err) // a state of its own, so there is none
	}
}
