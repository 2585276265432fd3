package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"os"
	"testing"
)

// This is the second reader: written from docs/formats, with nothing of the
// package under test. It reads every vector and makes anew whatever has no
// chance in it.

// TestTheFormatsAsWritten fails where the pages and the bytes disagree.
func TestTheFormatsAsWritten(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var lists map[string][]fields
	if err := json.Unmarshal(b, &lists); err != nil {
		t.Fatal(err)
	}
	readers := map[string]func(fields) error{
		"derive": readDerive, "mac": readMAC, "kek": readKEK, "head": readHead,
		"record": readRecord, "stream": readStream, "box": readBox, "refused": readRefused,
	}
	n := 0
	for name, read := range readers {
		for i, f := range lists[name] {
			if err := read(f); err != nil {
				t.Errorf("%s %d: %v", name, i, err)
			}
			n++
		}
		delete(lists, name)
	}
	if n < 50 || len(lists) > 0 {
		t.Errorf("%d vectors were read, at least 50 belong there; lists without a reader: %d", n, len(lists))
	}
	t.Logf("%d vectors", n)
}

// fields are those of one vector.
type fields map[string]any

func (f fields) hex(name string) []byte {
	s, _ := f[name].(string)
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(name)
	}
	return b
}

func (f fields) base64(name string) []byte {
	b, err := base64.StdEncoding.DecodeString(f[name].(string))
	if err != nil {
		panic(name)
	}
	return b
}

// number is as wide as its field: what JSON readers of 64-bit floats would
// spoil is why the vectors have such numbers.
func (f fields) number(name string, width int) []byte {
	n, ok := new(big.Int).SetString(string(f[name].(json.Number)), 10)
	if !ok {
		panic(name)
	}
	return n.FillBytes(make([]byte, width))
}

func (f fields) framed(name string) (out []byte) {
	list, _ := f[name].([]any)
	for _, s := range list {
		b, err := hex.DecodeString(s.(string))
		if err != nil {
			panic(name)
		}
		out = append(out, u32(len(b))...)
		out = append(out, b...)
	}
	return out
}

func (f *fields) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	return dec.Decode((*map[string]any)(f))
}

func (f fields) plain() []byte {
	size := int(new(big.Int).SetBytes(f.number("size", 8)).Int64())
	fill, out := f.hex("fill"), []byte{}
	for len(out) < size {
		out = append(out, fill...)
	}
	return out[:size]
}

func (f fields) place() []byte {
	p := fields(f["place"].(map[string]any))
	return join(p.hex("vault"), p.hex("record"), p.number("kind", 1), p.number("version", 8), p.number("generation", 4))
}

func u32(n int) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func text(parts ...string) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func mac(h func() hash.Hash, key []byte, parts ...[]byte) []byte {
	m := hmac.New(h, key)
	m.Write(join(parts...))
	return m.Sum(nil)
}

func expand(h func() hash.Hash, prk, info []byte, size int) (out []byte) {
	var block []byte
	for i := byte(1); len(out) < size; i++ {
		block = mac(h, prk, block, info, []byte{i})
		out = append(out, block...)
	}
	return out[:size]
}

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return a
}

func same(what string, got, want []byte) error {
	if !bytes.Equal(got, want) || len(want) == 0 {
		return fmt.Errorf("%s: %x, want %x", what, short(got), short(want))
	}
	return nil
}

func short(b []byte) []byte { return b[:min(len(b), 40)] }

func readDerive(f fields) error {
	info := join(text("abaton.local/vault/key/", f["word"].(string), "/v1\x00"), f.framed("context"))
	return same("derived key", expand(sha256.New, f.hex("key"), info, 32), f.hex("out"))
}

func readMAC(f fields) error {
	key := expand(sha256.New, f.hex("key"), text("abaton.local/vault/mac/", f["word"].(string), "/v1\x00"), 32)
	return same("MAC", mac(sha256.New, key, f.framed("parts")), f.hex("mac"))
}

func readKEK(f fields) error {
	device := []byte{0}
	if f["device"] != nil {
		device[0] = 1
	}
	prk := mac(sha256.New, f.hex("device"), f.hex("secret"))
	info := join(text("abaton.local/vault/kek/v1\x00"), device, f.number("kind", 1), f.hex("vault"), f.hex("slot"))
	return same("KEK", expand(sha256.New, prk, info, 32), f.hex("kek"))
}

func readHead(f fields) error {
	digest := sha256.Sum256(f.hex("envelope"))
	head := sha256.Sum256(join(text("abaton.local/vault/head/v1\x00"), f.hex("before"), f.number("sequence", 8), f.hex("envelope")))
	return errors.Join(same("digest", digest[:], f.hex("digest")), same("head", head[:], f.hex("head")))
}

// paddedSize is P for a payload of n bytes, by the page's words.
func paddedSize(n int) int {
	n += 4
	e := 0
	for 1<<(e+1) <= n {
		e++
	}
	s := 0
	for 1<<(s+1) <= e {
		s++
	}
	step := 1 << (e - (s + 1))
	for n%step != 0 {
		n++
	}
	return max(256, n)
}

func unpadded(b []byte) ([]byte, error) {
	if len(b) < 256 {
		return nil, errors.New("too short")
	}
	n := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	if n > 33030140 || 4+n > len(b) || paddedSize(n) != len(b) || len(bytes.Trim(b[4+n:], "\x00")) > 0 {
		return nil, errors.New("padded in another way")
	}
	return b[4 : 4+n], nil
}

func openRecord(envelope, key, place []byte) ([]byte, error) {
	if len(envelope) < 341 || len(envelope) > 33030229 || envelope[0] != 1 {
		return nil, errors.New("size or suite")
	}
	if !bytes.Equal(envelope[1:5], place[41:45]) || !bytes.Equal(envelope[5:13], place[33:41]) {
		return nil, errors.New("generation or version")
	}
	once := expand(sha256.New, key, join(text("abaton.local/vault/record/v1\x00"), envelope[:1], envelope[13:37], place), 76)
	if !hmac.Equal(once[44:], envelope[37:69]) {
		return nil, errors.New("commitment")
	}
	whole, err := gcm(once[:32]).Open(nil, once[32:44], envelope[69:], nil)
	if err != nil {
		return nil, err
	}
	return unpadded(whole)
}

func readRecord(f fields) error {
	envelope, plain := f.base64("envelope64"), f.plain()
	got, err := openRecord(envelope, f.hex("key"), f.place())
	if err != nil || !bytes.Equal(got, plain) {
		return fmt.Errorf("it does not open: %w", err)
	}
	once := expand(sha256.New, f.hex("key"), join(text("abaton.local/vault/record/v1\x00\x01"), f.hex("salt"), f.place()), 76)
	whole := join(u32(len(plain)), plain, make([]byte, paddedSize(len(plain))-4-len(plain)))
	made := join([]byte{1}, f.place()[41:], f.place()[33:41], f.hex("salt"), once[44:], gcm(once[:32]).Seal(nil, once[32:44], whole, nil))
	return same("envelope", made, envelope)
}

func readRefused(f fields) error {
	if _, err := openRecord(f.base64("envelope64"), f.hex("key"), f.place()); err == nil || err.Error() == "commitment" {
		return fmt.Errorf("%v, though it is to be refused: %v", err, f["why"])
	}
	return nil
}

func readStream(f fields) error {
	sealed, plain := f.base64("stream64"), f.plain()
	input := expand(sha256.New, f.hex("key"), text("abaton.local/vault/stream/v1\x00"), 32)
	info := join(text("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"), f.hex("salt"), f.place())
	once := expand(sha512.New, input, info, 76)
	made := join(f.hex("salt"), once[44:])
	for i := 0; ; i++ {
		nonce := new(big.Int).Xor(new(big.Int).SetBytes(once[32:44]), big.NewInt(int64(i))).FillBytes(make([]byte, 12))
		some := plain[:min(len(plain), 16384)]
		plain = plain[len(some):]
		made = gcm(once[:32]).Seal(made, nonce, some, nil)
		if len(some) < 16384 {
			break
		}
	}
	if want := 56 + len(f.plain())/16384*16400 + len(f.plain())%16384 + 16; len(sealed) != want {
		return fmt.Errorf("%d bytes, want %d", len(sealed), want)
	}
	return same("stream", made, sealed)
}

func readBox(f fields) error {
	box := f.base64("box64")
	secrets := make([]byte, 96)
	shake := sha3.NewSHAKE256()
	shake.Write(f.hex("seed"))
	shake.Read(secrets)
	lattice, err := mlkem.NewDecapsulationKey768(secrets[:64])
	if err != nil {
		return err
	}
	curve, err := ecdh.X25519().NewPrivateKey(secrets[64:])
	if err != nil {
		return err
	}
	ours := curve.PublicKey().Bytes()
	if err := same("public half", join(lattice.EncapsulationKey().Bytes(), ours), f.base64("public64")); err != nil {
		return err
	}
	if box[0] != 2 {
		return errors.New("suite")
	}
	k1, err := lattice.Decapsulate(box[1:1089])
	if err != nil {
		return err
	}
	theirs, err := ecdh.X25519().NewPublicKey(box[1089:1121])
	if err != nil {
		return err
	}
	k2, err := curve.ECDH(theirs)
	if err != nil {
		return err
	}
	shared := sha3.Sum256(join(k1, k2, box[1089:1121], ours, []byte{0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c}))

	suite := text("HPKE\x64\x7a\x00\x01\x00\x02")
	extract := func(salt []byte, label string, ikm []byte) []byte {
		return mac(sha256.New, salt, text("HPKE-v1"), suite, text(label), ikm)
	}
	info := join(text("abaton.local/vault/box/", f["word"].(string), "/v1\x00"), f.framed("context"))
	context := join([]byte{0}, extract(nil, "psk_id_hash", nil), extract(nil, "info_hash", info))
	secret := extract(shared[:], "secret", nil)
	part := func(label string, size int) []byte {
		return expand(sha256.New, secret, join([]byte{0, byte(size)}, text("HPKE-v1"), suite, text(label), context), size)
	}
	whole, err := gcm(part("key", 32)).Open(nil, part("base_nonce", 12), box[1121:], nil)
	if err != nil {
		return err
	}
	got, err := unpadded(whole)
	if err != nil || !bytes.Equal(got, f.plain()) {
		return fmt.Errorf("it does not open: %w", err)
	}
	return nil
}
