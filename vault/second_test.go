package vault_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
)

// This is a second reader of vaults, made from docs/formats alone: it shares no
// code with the first and uses the standard library only. It can only read.

type secondRecord struct {
	container [16]byte
	kind      byte
	large     bool
	order     uint64
	version   uint64
	gen       uint32
	size      uint32
	digest    [32]byte
	payload   string
}

var errSecond = errors.New("the second reader finds it wrong")

// cursor reads fixed widths.
type cursor struct{ b []byte }

func (c *cursor) n(n int) []byte {
	if n < 0 || n > len(c.b) {
		panic(errSecond)
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}
func (c *cursor) byte() byte     { return c.n(1)[0] }
func (c *cursor) u16() uint16    { return binary.BigEndian.Uint16(c.n(2)) }
func (c *cursor) u32() uint32    { return binary.BigEndian.Uint32(c.n(4)) }
func (c *cursor) u64() uint64    { return binary.BigEndian.Uint64(c.n(8)) }
func (c *cursor) id() [16]byte   { return [16]byte(c.n(16)) }
func (c *cursor) hash() [32]byte { return [32]byte(c.n(32)) }
func (c *cursor) long() []byte   { return c.n(int(c.u32())) }

func ensure(ok bool) {
	if !ok {
		panic(errSecond)
	}
}

func be32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
func join(parts ...[]byte) []byte {
	return bytes.Join(parts, nil)
}

func framed(label string, parts ...[]byte) []byte {
	b := []byte(label)
	for _, p := range parts {
		b = append(append(b, be32(uint32(len(p)))...), p...)
	}
	return b
}

func hkdfExpand[H hash.Hash](h func() H, key, info []byte, n int) []byte {
	b, err := hkdf.Expand(h, key, string(info), n)
	ensure(err == nil)
	return b
}

func derive2(key []byte, label string, context ...[]byte) []byte {
	return hkdfExpand(sha256.New, key, framed("abaton.local/vault/"+label+"/v1\x00", context...), 32)
}

func rowID(key []byte, word string, parts ...[]byte) [16]byte {
	m := hmac.New(sha256.New, derive2(key, "mac/"+word))
	m.Write(framed("", parts...))
	return [16]byte(m.Sum(nil))
}

func place2(vault, record [16]byte, kind byte, version uint64, gen uint32) []byte {
	return join(vault[:], record[:], []byte{kind}, be64(version), be32(gen))
}

func gcm2(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	ensure(err == nil)
	g, err := cipher.NewGCM(block)
	ensure(err == nil)
	return g
}

// openRecord opens a sealed record (docs/formats/sealed-record.md).
func openRecord(key, env, place []byte) []byte {
	c := cursor{env}
	ensure(c.byte() == 1)
	gen, version, salt, commitment := c.n(4), c.n(8), c.n(24), c.n(32)
	ensure(bytes.Equal(join(version, gen), place[33:]))
	okm := hkdfExpand(sha256.New, key, join([]byte("abaton.local/vault/record/v1\x00\x01"), salt, place), 76)
	ensure(bytes.Equal(okm[44:], commitment))
	plain, err := gcm2(okm[:32]).Open(nil, okm[32:44], c.b, nil)
	ensure(err == nil)
	p := cursor{plain}
	return p.long()
}

// openDS1 opens a stream (docs/formats/chunked.md).
func openDS1(key, sealed, place []byte) (plain []byte) {
	c := cursor{sealed}
	salt, commitment := c.n(24), c.n(32)
	okm := hkdfExpand(sha512.New, derive2(key, "stream"), join([]byte("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"), salt, place), 76)
	ensure(bytes.Equal(okm[44:], commitment))
	for n := uint64(0); ; n++ {
		nonce := bytes.Clone(okm[32:44])
		for i, b := range be64(n) {
			nonce[4+i] ^= b
		}
		chunk := c.n(min(len(c.b), 16384+16))
		p, err := gcm2(okm[:32]).Open(nil, nonce, chunk, nil)
		ensure(err == nil)
		plain = append(plain, p...)
		if len(p) < 16384 {
			ensure(len(c.b) == 0)
			return plain
		}
	}
}

func (c *cursor) record() (id [16]byte, r secondRecord) {
	id, r.container, r.kind = c.id(), c.id(), c.byte()
	large := c.byte()
	ensure(large < 2)
	r.large, r.order, r.version, r.gen, r.size, r.digest = large == 1, c.u64(), c.u64(), c.u32(), c.u32(), c.hash()
	return id, r
}

// readSecond reads the vault of that name out of an image of a store.
func readSecond(image []byte, name [16]byte, root []byte) (found map[[16]byte]secondRecord, slots []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != errSecond {
				panic(r)
			}
			found, err = nil, errSecond
		}
	}()
	// docs/formats/vault.md, image
	c := cursor{image}
	ensure(string(c.n(21)) == "abaton vault image 1\n")
	var seq uint64
	var header []byte
	type entry struct {
		seq uint64
		env []byte
	}
	var journal []entry
	rows := map[[16]byte][]byte{}
	there := false
	for range c.u32() {
		id := c.id()
		s, h, l := c.u64(), c.long(), c.long()
		var j []entry
		for range c.u32() {
			j = append(j, entry{c.u64(), c.long()})
		}
		r := map[[16]byte][]byte{}
		for range c.u32() {
			id := c.id()
			r[id] = c.long()
		}
		if id == name {
			there, seq, header, slots, journal, rows = true, s, h, l, j, r
		}
	}
	ensure(there && len(c.b) == 0)

	// header
	var none [16]byte
	h := cursor{openRecord(derive2(root, "key/header"), header, place2(name, none, 0xf0, seq, 0))}
	ensure(h.u16() == 1 && h.u64() == seq)
	head, first, gen, _ := h.hash(), h.u64(), h.u32(), h.u64()
	h.u64()
	ensure(h.hash() == sha256.Sum256(slots))
	seed, keys, ringDigest := h.hash(), h.u32(), h.hash()
	snapSeq, snapHead, snapRecords, snapDigest := h.u64(), h.hash(), h.u32(), h.hash()
	h.n(8 + 32 + 4 + 32)
	ensure(len(h.b) == 0 && (len(journal) == 0 || journal[0].seq == first))

	// stream in parts
	parts := func(key, place []byte, size int) (sealed []byte, digests []byte) {
		total := 56 + size/16384*16400 + size%16384 + 16
		for i := 0; i*(1<<20) < total; i++ {
			p := rows[rowID(key, "part row", place[16:], be32(uint32(i)))]
			sum := sha256.Sum256(p)
			sealed, digests = append(sealed, p...), append(digests, sum[:]...)
		}
		ensure(len(sealed) == total)
		return sealed, digests
	}

	// newest snapshot
	found = map[[16]byte]secondRecord{}
	if snapSeq > 0 {
		key, place := derive2(root, "key/snapshot", be32(gen)), place2(name, none, 0xf3, snapSeq, gen)
		sealed, digests := parts(key, place, int(snapRecords)*90)
		ensure(sha256.Sum256(digests) == snapDigest)
		s := cursor{openDS1(key, sealed, place)}
		for range snapRecords {
			id, r := s.record()
			found[id] = r
		}
		ensure(len(s.b) == 0)
	}

	// journal since
	at, sum := snapSeq, snapHead
	for _, e := range journal {
		if e.seq <= snapSeq {
			continue
		}
		j := cursor{openRecord(derive2(root, "key/journal", be32(gen)), e.env, place2(name, none, 0xf1, e.seq, gen))}
		ensure(e.seq == at+1 && j.hash() == sum)
		j.n(8 + 32)
		for range j.u32() {
			switch j.byte() {
			case 1:
				id, r := j.record()
				found[id] = r
			case 2:
				delete(found, j.id())
			case 3:
				in := j.id()
				for id, r := range found {
					if r.container == in {
						delete(found, id)
					}
				}
			default:
				panic(errSecond)
			}
		}
		ensure(len(j.b) == 0)
		at, sum = e.seq, sha256.Sum256(join([]byte("abaton.local/vault/head/v1\x00"), sum[:], be64(e.seq), e.env))
	}
	ensure(at == seq && sum == head)

	// ring
	page := derive2(derive2(root, "key/ring", be32(gen)), "key/ring page", seed[:])
	ring := map[string][]byte{}
	var digests []byte
	for i := uint32(0); i*256 < keys; i++ {
		id, n := rowID(page, "ring row", be32(i)), min(256, keys-i*256)
		d := sha256.Sum256(rows[id])
		digests = append(digests, d[:]...)
		p := cursor{openRecord(page, rows[id], place2(name, id, 0xf2, uint64(n), gen))}
		for range n {
			ring[string(p.n(20))] = p.n(32)
		}
		ensure(len(p.b) == 0)
	}
	ensure(sha256.Sum256(digests) == ringDigest)

	// records
	for id, r := range found {
		key := ring[string(join(r.container[:], be32(r.gen)))]
		place := place2(name, id, r.kind, r.version, r.gen)
		ensure(key != nil && sha256.Sum256(rows[id]) == r.digest)
		payload := openRecord(key, rows[id], place)
		if r.large {
			sealed, digests := parts(key, place, int(r.size))
			ensure(bytes.Equal(digests, payload))
			payload = openDS1(key, sealed, place)
		}
		ensure(len(payload) == int(r.size))
		r.payload = string(payload)
		found[id] = r
	}
	return found, slots, nil
}

// sameAsSecond compares what the second reader found with what must be there.
func sameAsSecond(found map[[16]byte]secondRecord, want map[[16]byte]string) error {
	if len(found) != len(want) {
		return fmt.Errorf("it finds %d records, want %d", len(found), len(want))
	}
	for id, s := range want {
		if found[id].payload != s {
			return fmt.Errorf("record %x holds something else", id)
		}
	}
	return nil
}
