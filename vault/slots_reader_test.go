package vault_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The second reader: written from docs/formats/slots.md, with no code of ours.

func expand(key []byte, info string, n int) []byte {
	b, err := hkdf.Expand(sha256.New, key, info, n)
	if err != nil {
		panic(err)
	}
	return b
}

func macOf(key []byte, word string, part []byte) []byte {
	h := hmac.New(sha256.New, expand(key, "abaton.local/vault/mac/"+word+"/v1\x00", 32))
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
	h.Write(part)
	return h.Sum(nil)
}

func kekOf(secret, device []byte, kind byte, vault, slot []byte) []byte {
	prk, err := hkdf.Extract(sha256.New, secret, device)
	if err != nil {
		panic(err)
	}
	mixed := "\x00"
	if device != nil {
		mixed = "\x01"
	}
	return expand(prk, "abaton.local/vault/kek/v1\x00"+mixed+string(kind)+string(vault)+string(slot), 32)
}

// openSR1 opens one sealed record; it trusts the padding.
func openSR1(key, envelope []byte, vault, record []byte, kind byte, version uint64, generation uint32) ([]byte, error) {
	place := slices.Concat(vault, record, []byte{kind}, binary.BigEndian.AppendUint64(nil, version), binary.BigEndian.AppendUint32(nil, generation))
	salt, commitment, sealed := envelope[13:37], envelope[37:69], envelope[69:]
	secret := expand(key, "abaton.local/vault/record/v1\x00\x01"+string(salt)+string(place), 76)
	if envelope[0] != 1 || !bytes.Equal(secret[44:], commitment) {
		return nil, errors.New("committed to another key or place")
	}
	block, err := aes.NewCipher(secret[:32])
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	padded, err := gcm.Open(nil, secret[32:44], sealed, nil)
	if err != nil {
		return nil, err
	}
	return padded[4 : 4+binary.BigEndian.Uint32(padded)], nil
}

func recoverySecret(code string) []byte {
	var out []byte
	for group := range strings.SplitSeq(code, "-") {
		out = append(out, group[:4]...)
	}
	return out
}

func tokenBytes(token string) []byte {
	n := new(big.Int)
	for _, c := range strings.TrimPrefix(token, "abt_") {
		n.Mul(n, big.NewInt(62))
		n.Add(n, big.NewInt(int64(strings.IndexRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", c))))
	}
	return n.FillBytes(make([]byte, 32))
}

func TestSlotsAsWritten(t *testing.T) {
	b, err := os.ReadFile("testdata/slots.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Device, Passphrase, PRF, Token, Recovery, Escrow string
		Sets                                             []struct{ Name, Vault, Root, Set string }
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	device := unhex(v.Device)
	opened := map[byte]int{}
	for _, x := range v.Sets {
		set, root, vault := unhex(x.Set), unhex(x.Root), unhex(x.Vault)
		body := set[:len(set)-64]
		if !bytes.Equal(set[len(set)-64:len(set)-32], macOf(device, "slots-device", body)) || !bytes.Equal(set[len(set)-32:], macOf(root, "slots-root", body)) {
			t.Errorf("%s: a MAC does not hold", x.Name)
		}
		if body[0] != 1 || !bytes.Equal(body[1:17], vault) {
			t.Errorf("%s: another format or vault", x.Name)
		}
		generation, n, rest := binary.BigEndian.Uint32(body[25:]), body[29], body[30:]
		for range n {
			kind, slot, since := rest[0], rest[1:17], binary.BigEndian.Uint64(rest[17:])
			field := func(b []byte) ([]byte, []byte) {
				n := binary.BigEndian.Uint16(b)
				return b[2 : 2+n], b[2+n:]
			}
			params, after := field(rest[25:])
			var sealed []byte
			sealed, rest = field(after)
			var secret, mixed []byte
			switch kind {
			case 1:
				mixed = device
				secret = argon2.IDKey(norm.NFC.Bytes(unhex(v.Passphrase)), params[10:26], binary.BigEndian.Uint32(params[5:]), binary.BigEndian.Uint32(params[1:]), params[9], 32)
			case 2:
				mixed = device
				prk, err := hkdf.Extract(sha256.New, unhex(v.PRF), nil)
				if err != nil {
					t.Fatal(err)
				}
				secret = expand(prk, "abaton.local/vault/passkey-prf/v1", 32)
			case 3:
				mixed = device
				secret = expand(tokenBytes(v.Token), "abaton.local/vault/key/token-wrap/v1\x00", 32)
			case 4:
				secret = recoverySecret(v.Recovery)
			}
			var got []byte
			if kind == 5 {
				identity, err := age.ParseHybridIdentity(v.Escrow)
				if err != nil {
					t.Fatal(err)
				}
				r, err := age.Decrypt(bytes.NewReader(sealed), identity)
				if err != nil {
					t.Fatal(err)
				}
				plain, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				var ok bool
				if got, ok = bytes.CutPrefix(plain, slices.Concat([]byte("abaton.local/vault/escrow/v1\x00"), vault, slot)); !ok || string(params) != identity.Recipient().String() {
					t.Errorf("%s: the escrow's content is of another vault", x.Name)
				}
			} else if got, err = openSR1(kekOf(secret, mixed, kind, vault, slot), sealed, vault, slot, 0x40+kind, since, generation); err != nil {
				t.Errorf("%s: kind %d: %v", x.Name, kind, err)
			}
			if !bytes.Equal(got, root) {
				t.Errorf("%s: kind %d gives another root key", x.Name, kind)
			}
			opened[kind]++
		}
		if len(rest) != 0 {
			t.Errorf("%s: %d bytes are left", x.Name, len(rest))
		}
	}
	if len(opened) != 5 {
		t.Errorf("kinds read: %v", opened)
	}
}
