package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// The vectors are described in docs/formats/README.md. They were written once,
// by vectors_write_test.go, and must open for ever.
const vectorFile = "testdata/vectors.json"

type (
	vectors struct {
		Derive  []deriveVector  `json:"derive"`
		MAC     []macVector     `json:"mac"`
		KEK     []kekVector     `json:"kek"`
		Head    []headVector    `json:"head"`
		Record  []recordVector  `json:"record"`
		Stream  []streamVector  `json:"stream"`
		Box     []boxVector     `json:"box"`
		Refused []refusedVector `json:"refused"`
	}
	deriveVector struct {
		Key     hexBytes   `json:"key"`
		Word    string     `json:"word"`
		Context []hexBytes `json:"context"`
		Out     hexBytes   `json:"out"`
	}
	macVector struct {
		Key   hexBytes   `json:"key"`
		Word  string     `json:"word"`
		Parts []hexBytes `json:"parts"`
		MAC   hexBytes   `json:"mac"`
	}
	kekVector struct {
		Secret hexBytes `json:"secret"`
		Device hexBytes `json:"device,omitempty"` // absent: none
		Kind   uint8    `json:"kind"`
		Vault  hexBytes `json:"vault"`
		Slot   hexBytes `json:"slot"`
		KEK    hexBytes `json:"kek"`
	}
	headVector struct {
		Before   hexBytes `json:"before"`
		Sequence uint64   `json:"sequence"`
		Envelope hexBytes `json:"envelope"`
		Digest   hexBytes `json:"digest"`
		Head     hexBytes `json:"head"`
	}
	placeVector struct {
		Vault      hexBytes `json:"vault"`
		Record     hexBytes `json:"record"`
		Kind       uint8    `json:"kind"`
		Version    uint64   `json:"version"`
		Generation uint32   `json:"generation"`
	}
	plainVector struct {
		Fill hexBytes `json:"fill"`
		Size int      `json:"size"`
	}
	recordVector struct {
		Key   hexBytes    `json:"key"`
		Place placeVector `json:"place"`
		plainVector
		Salt     hexBytes `json:"salt"`
		Envelope []byte   `json:"envelope64"`
	}
	streamVector struct {
		Key   hexBytes    `json:"key"`
		Place placeVector `json:"place"`
		plainVector
		Salt   hexBytes `json:"salt"`
		Stream []byte   `json:"stream64"`
	}
	boxVector struct {
		Seed    hexBytes   `json:"seed"`
		Public  []byte     `json:"public64"`
		Word    string     `json:"word"`
		Context []hexBytes `json:"context"`
		plainVector
		Box []byte `json:"box64"`
	}
	// refusedVector is a record made under the right key that no reader may open.
	refusedVector struct {
		Why      string      `json:"why"`
		Key      hexBytes    `json:"key"`
		Place    placeVector `json:"place"`
		Envelope []byte      `json:"envelope64"`
	}
)

type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

func (p placeVector) place() Place {
	return Place{[16]byte(p.Vault), [16]byte(p.Record), p.Kind, p.Version, p.Generation}
}

func (p plainVector) plain() []byte {
	return bytes.Repeat(p.Fill, p.Size/len(p.Fill)+1)[:p.Size]
}

func (v *vectors) count() int {
	return len(v.Derive) + len(v.MAC) + len(v.KEK) + len(v.Head) + len(v.Record) + len(v.Stream) + len(v.Box) + len(v.Refused)
}

func readVectors(t testing.TB) *vectors {
	t.Helper()
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	v := new(vectors)
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		t.Fatal(err)
	}
	return v
}

func keyOf(t testing.TB, b []byte) *Key {
	t.Helper()
	k, err := KeyOf(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func plainParts(in []hexBytes) (out [][]byte) {
	for _, b := range in {
		out = append(out, b)
	}
	return out
}

// TestVectors holds the package against the vectors of every released format:
// it makes the same bytes, and it opens them.
func TestVectors(t *testing.T) {
	v := readVectors(t)
	if n := v.count(); n < 50 || len(v.Record) < 16 || len(v.Stream) < 8 || len(v.Box) < 3 || len(v.Refused) < 8 {
		t.Fatalf("only %d vectors are left: a released format must open for ever", n)
	}
	for i, d := range v.Derive {
		if got := keyOf(t, d.Key).Derive(d.Word, plainParts(d.Context)...).Bytes(); !bytes.Equal(got, d.Out) {
			t.Errorf("derive %d: got %x", i, got)
		}
	}
	for i, m := range v.MAC {
		if got := keyOf(t, m.Key).MAC(m.Word, plainParts(m.Parts)...); !bytes.Equal(got[:], m.MAC) {
			t.Errorf("mac %d: got %x", i, got)
		}
	}
	for i, k := range v.KEK {
		var device *Key
		if k.Device != nil {
			device = keyOf(t, k.Device)
		}
		if got := KEK(k.Secret, device, k.Kind, [16]byte(k.Vault), [16]byte(k.Slot)).Bytes(); !bytes.Equal(got, k.KEK) {
			t.Errorf("kek %d: got %x", i, got)
		}
	}
	for i, h := range v.Head {
		digest, head := Digest(h.Envelope), NextHead(Head(h.Before), h.Sequence, h.Envelope)
		if !bytes.Equal(digest[:], h.Digest) || !bytes.Equal(head[:], h.Head) {
			t.Errorf("head %d: got %x and %x", i, digest, head)
		}
	}
	for i, r := range v.Record {
		s, p := NewSealer(keyOf(t, r.Key)), r.Place.place()
		if got := s.seal(nil, r.plain(), p, (*[saltSize]byte)(r.Salt)); !bytes.Equal(got, r.Envelope) {
			t.Errorf("record %d of %d bytes is sealed otherwise", i, r.Size)
		}
		if got, err := s.Open(nil, r.Envelope, p); err != nil || !bytes.Equal(got, r.plain()) {
			t.Errorf("record %d of %d bytes does not open: %v", i, r.Size, err)
		}
	}
	for i, r := range v.Refused {
		if _, why := NewSealer(keyOf(t, r.Key)).open(nil, r.Envelope, new(r.Place.place())); why == opened || why == notCommitted || why == notAuthentic {
			t.Errorf("refused %d (%s): %q is not the reason to refuse it", i, r.Why, why)
		}
	}
	for i, s := range v.Stream {
		k, p := keyOf(t, s.Key), s.Place.place()
		if got := streamOf(t, s.plain(), k, p, (*[saltSize]byte)(s.Salt)); !bytes.Equal(got, s.Stream) {
			t.Errorf("stream %d of %d bytes is sealed otherwise", i, s.Size)
		}
		if got, err := readStream(s.Stream, k, p); err != nil || !bytes.Equal(got, s.plain()) {
			t.Errorf("stream %d of %d bytes does not open: %v", i, s.Size, err)
		}
	}
	for i, b := range v.Box {
		pair, err := PairOf(keyOf(t, b.Seed))
		if err != nil || !bytes.Equal(pair.Public().Bytes(), b.Public) {
			t.Fatalf("box %d: another public half, %v", i, err)
		}
		if got, err := pair.Open(b.Box, b.Word, plainParts(b.Context)...); err != nil || !bytes.Equal(got, b.plain()) {
			t.Errorf("box %d of %d bytes does not open: %v", i, b.Size, err)
		}
	}
	t.Log(fmt.Sprint(v.count(), " vectors"))
}
