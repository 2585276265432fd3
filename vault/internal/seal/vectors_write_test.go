//go:build vectors

package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"
)

// TestWriteVectors writes the vectors, where there are none: they are written
// once for a format and kept.
//
//	go test -tags vectors -run TestWriteVectors ./vault/internal/seal
func TestWriteVectors(t *testing.T) {
	if _, err := os.Stat(vectorFile); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is there already: a released format keeps its vectors (%v)", vectorFile, err)
	}
	some := func(n int, name string, a ...any) hexBytes {
		b := sha256.Sum256(fmt.Appendf(nil, name, a...))
		return b[:n]
	}
	parts := [][]hexBytes{{}, {{}}, {some(1, "one")}, {some(16, "a"), some(16, "b")}, {append(some(16, "a"), some(16, "b")...)}, {{}, {}, some(32, "c")}}
	zeros, ones := make(hexBytes, 32), hexBytes(bytes.Repeat([]byte{0xff}, 32))
	v := new(vectors)
	for i, c := range parts {
		for _, k := range []hexBytes{zeros, some(32, "derive %d", i)} {
			word := []string{"header", "journal", "ring", "x", "", "two words"}[i]
			v.Derive = append(v.Derive, deriveVector{k, word, c, keyOf(t, k).Derive(word, plainParts(c)...).Bytes()})
			mac := keyOf(t, k).MAC(word, plainParts(c)...)
			v.MAC = append(v.MAC, macVector{k, word, c, mac[:]})
		}
	}
	for kind := range uint8(6) {
		for _, device := range []hexBytes{nil, zeros, some(32, "device")} {
			k := kekVector{Secret: some(16+int(kind)*3, "secret %d", kind), Device: device, Kind: kind, Vault: some(16, "vault"), Slot: some(16, "slot %d", kind)}
			var dev *Key
			if device != nil {
				dev = keyOf(t, device)
			}
			k.KEK = KEK(k.Secret, dev, kind, [16]byte(k.Vault), [16]byte(k.Slot)).Bytes()
			v.KEK = append(v.KEK, k)
		}
	}
	var head Head
	for i, seq := range []uint64{1, 2, 3, 1 << 40, 1<<64 - 1} {
		envelope := bytes.Repeat(some(7, "entry %d", i), i*20)
		digest, next := Digest(envelope), NextHead(head, seq, envelope)
		v.Head = append(v.Head, headVector{bytes.Clone(head[:]), seq, envelope, digest[:], next[:]})
		head = next
	}
	places := []placeVector{
		{some(16, "vault"), some(16, "record"), 1, 1, 1},
		{zeros[:16], zeros[:16], 0, 0, 0},
		{ones[:16], ones[:16], 255, 1<<64 - 1, 1<<32 - 1},
		{some(16, "vault"), some(16, "other"), 2, 1 << 33, 7},
	}
	for i, size := range []int{0, 1, 32, 100, 251, 252, 253, 256, 500, 1000, 1024, 1500, 2048, 4092, 4096, 10000, 16384, 32764} {
		r := recordVector{Key: some(32, "record key %d", i), Place: places[i%len(places)], plainVector: plainVector{some(1+i, "fill"), size}, Salt: some(24, "salt %d", i)}
		if i == 1 {
			r.Key, r.Salt = zeros, zeros[:24]
		}
		r.Envelope = NewSealer(keyOf(t, r.Key)).seal(nil, r.plain(), r.Place.place(), (*[saltSize]byte)(r.Salt))
		v.Record = append(v.Record, r)
	}
	for i, size := range []int{0, 1, 100, 1000, 16383, 16384, 16385, 32768, 40000} {
		s := streamVector{Key: some(32, "stream key %d", i), Place: places[i%len(places)], plainVector: plainVector{some(1+i, "fill"), size}, Salt: some(24, "salt %d", i)}
		s.Stream = streamOf(t, s.plain(), keyOf(t, s.Key), s.Place.place(), (*[saltSize]byte)(s.Salt))
		v.Stream = append(v.Stream, s)
	}
	for i, size := range []int{0, 32, 252, 253, 5000} {
		b := boxVector{Seed: some(32, "seed %d", i), Word: []string{"inbox", "share"}[i%2], Context: parts[i], plainVector: plainVector{some(5, "fill"), size}}
		pair, err := PairOf(keyOf(t, b.Seed))
		if err != nil {
			t.Fatal(err)
		}
		b.Public = pair.Public().Bytes()
		if b.Box, err = SealTo(pair.Public(), b.plain(), b.Word, plainParts(b.Context)...); err != nil {
			t.Fatal(err)
		}
		v.Box = append(v.Box, b)
	}
	for i, r := range malformed() {
		key, place := some(32, "refused key %d", i), places[i%len(places)]
		envelope := r.envelope(NewSealer(keyOf(t, key)), place.place(), (*[saltSize]byte)(some(24, "salt %d", i)))
		v.Refused = append(v.Refused, refusedVector{r.why, key, place, envelope})
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
