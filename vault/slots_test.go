package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"abaton.local/vault/internal/seal"
	"filippo.io/age"
)

var updateSlots = flag.Bool("update-slots", false, "write testdata/slots.json anew: only for a new format")

// slotVectors is testdata/slots.json.
type slotVectors struct {
	Note       string       `json:"note"`
	Device     string       `json:"device"`
	Passphrase string       `json:"passphrase"` // hexadecimal UTF-8, not in NFC
	PRF        string       `json:"prf"`        // what the authenticator gives
	Token      string       `json:"token"`
	Recovery   string       `json:"recovery"`
	Escrow     string       `json:"escrow"` // the secret key
	Sets       []slotVector `json:"sets"`
	Refused    []slotVector `json:"refused"`
}

type slotVector struct {
	Name  string `json:"name"`
	Vault string `json:"vault,omitempty"`
	Root  string `json:"root,omitempty"`
	Set   string `json:"set"`
}

func testSmith(t testing.TB) *smith {
	t.Helper()
	d, err := MakeDevice(filepath.Join(t.TempDir(), "device"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return &smith{device: d, stove: newStove(), cost: FloorCost()}
}

// fullSet makes a set with every kind of slot, and what opens them.
func fullSet(t testing.TB, k *smith, version uint64, generation uint32) (s *slotSet, root *seal.Key, v slotVectors) {
	t.Helper()
	root = seal.NewKey()
	s = &slotSet{vault: NewID(), version: version, generation: generation}
	v.Passphrase = "Ein geho\u0308rig langer Satz"
	prf := seal.NewKey()
	v.PRF = hex.EncodeToString(prf.Bytes())
	token := newToken()
	v.Token = token.Reveal()
	v.Recovery = string(newRecoveryCode().Reveal())
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	v.Escrow = identity.String()
	x, err := s.newPassphraseSlot(t.Context(), k, root, []byte(v.Passphrase))
	add := func(x slot, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		s.put(x, false)
	}
	add(x, err)
	p := passkey{}
	rand.Read(p.credential[:])
	rand.Read(p.salt[:])
	add(s.newPasskeySlot(k, root, NewID(), p, passkeySecretOf(t, prf.Bytes())))
	b, _ := readToken(v.Token)
	_, wrap := tokenKeys(b)
	x = slot{kind: SlotToken, id: NewID(), since: version}
	s.wrap(&x, wrap.Bytes(), k.device.key, root)
	add(x, nil)
	add(s.newRecoverySlot(root, []byte(v.Recovery)))
	add(s.newEscrowSlot(root, identity.Recipient().String()))
	return s, root, v
}

// opens tells which kinds of a set open with what v holds, to root.
func opens(t testing.TB, k *smith, s *slotSet, root []byte, v slotVectors) (kinds []SlotKind) {
	t.Helper()
	prf, err := hex.DecodeString(v.PRF)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := readToken(v.Token)
	_, wrap := tokenKeys(b)
	for _, x := range s.slots {
		got := make([]byte, 32)
		var err error
		switch x.kind {
		case SlotPassphrase:
			err = s.openPassphraseSlot(t.Context(), k, got, x, []byte(v.Passphrase))
		case SlotPasskey:
			err = s.unwrap(got, x, passkeySecretOf(t, prf), k.device.key)
		case SlotToken:
			err = s.unwrap(got, x, wrap.Bytes(), k.device.key)
		case SlotRecovery:
			err = s.openRecoverySlot(got, x, []byte(v.Recovery))
		case SlotEscrow:
			err = s.openEscrowSlot(got, x, []byte(v.Escrow))
		}
		if err == nil && bytes.Equal(got, root) {
			kinds = append(kinds, x.kind)
		} else if err != nil && !errors.Is(err, errWrongSecret) {
			t.Errorf("%v: %v", x.kind, err)
		}
	}
	return kinds
}

func allKinds() []SlotKind {
	return []SlotKind{SlotPassphrase, SlotPasskey, SlotToken, SlotRecovery, SlotEscrow}
}

func TestEverySlotOpensItsVaultOnly(t *testing.T) {
	k := testSmith(t)
	s, root, v := fullSet(t, k, 3, 2)
	b := s.encode(k.device.key, root)
	again, err := decodeSlots(b)
	if err != nil {
		t.Fatal(err)
	}
	if !slotsByDevice(b, k.device.key) || !slotsByRoot(b, root) {
		t.Fatal("its own MACs do not hold")
	}
	if got := opens(t, k, again, root.Bytes(), v); !slices.Equal(got, allKinds()) {
		t.Fatalf("only %v opens", got)
	}
	// Another device secret: only what must open on another machine does.
	other := testSmith(t)
	if got := opens(t, other, again, root.Bytes(), v); !slices.Equal(got, []SlotKind{SlotRecovery, SlotEscrow}) {
		t.Errorf("with another device secret %v opens", got)
	}
	if slotsByDevice(b, other.device.key) || slotsByRoot(b, seal.NewKey()) {
		t.Error("a MAC holds under another key")
	}
	// In another vault, or moved to another slot, generation or version: nothing.
	for name, change := range map[string]func(*slotSet){
		"another vault":      func(s *slotSet) { s.vault[3] ^= 1 },
		"another generation": func(s *slotSet) { s.generation++ },
		"another slot": func(s *slotSet) {
			for i := range s.slots {
				s.slots[i].id[0] ^= 1
			}
		},
		"another version": func(s *slotSet) {
			for i := range s.slots {
				s.slots[i].since--
			}
		},
	} {
		moved, err := decodeSlots(b)
		if err != nil {
			t.Fatal(err)
		}
		change(moved)
		got := opens(t, k, moved, root.Bytes(), v)
		if name == "another generation" || name == "another version" {
			got = slices.DeleteFunc(got, func(x SlotKind) bool { return x == SlotEscrow }) // bound by the MACs alone
		}
		if len(got) != 0 {
			t.Errorf("%s: %v opens", name, got)
		}
	}
}

func TestEveryChangedBitOfASetIsSeen(t *testing.T) {
	k := testSmith(t)
	s, root, _ := fullSet(t, k, 1, 1)
	b := s.encode(k.device.key, root)
	accepted := func(b []byte) bool {
		set, err := decodeSlots(b)
		return err == nil && set.vault == s.vault && slotsByDevice(b, k.device.key) && slotsByRoot(b, root)
	}
	if !accepted(b) {
		t.Fatal("the set itself is refused")
	}
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if accepted(b) {
				t.Fatalf("byte %d, bit %d", i, bit)
			}
			b[i] ^= 1 << bit
		}
	}
	for n := range b {
		if accepted(b[:n]) || accepted(append(slices.Clone(b), b[:n+1]...)) {
			t.Fatalf("cut or lengthened at %d", n)
		}
	}
}

// refusals are sets whose MACs hold and which break a rule.
func refusals(t testing.TB, k *smith, s *slotSet) map[string]*slotSet {
	t.Helper()
	changed := func(f func(*slotSet)) *slotSet {
		n := *s
		n.slots = slices.Clone(s.slots)
		for i := range n.slots {
			n.slots[i].params = slices.Clone(n.slots[i].params)
			n.slots[i].sealed = slices.Clone(n.slots[i].sealed)
		}
		f(&n)
		return &n
	}
	cost := func(at int, v uint32) func(*slotSet) {
		return func(s *slotSet) { binary.BigEndian.PutUint32(s.slots[0].params[at:], v) }
	}
	return map[string]*slotSet{
		"memory below the floor":   changed(cost(1, floorMemory-1)),
		"memory of nothing":        changed(cost(1, 0)),
		"memory above the ceiling": changed(cost(1, ceilingMemory+1)),
		"memory of 4 TiB":          changed(cost(1, ^uint32(0))),
		"passes below the floor":   changed(cost(5, floorPasses-1)),
		"passes above the ceiling": changed(cost(5, ceilingPasses+1)),
		"no lanes":                 changed(func(s *slotSet) { s.slots[0].params[9] = 0 }),
		"too many lanes":           changed(func(s *slotSet) { s.slots[0].params[9] = ceilingLanes + 1 }),
		"another function":         changed(func(s *slotSet) { s.slots[0].params[0] = 2 }),
		"long parameters":          changed(func(s *slotSet) { s.slots[0].params = append(s.slots[0].params, 0) }),
		"version 0":                changed(func(s *slotSet) { s.version = 0 }),
		"no slots":                 changed(func(s *slotSet) { s.slots = nil }),
		"the same slot twice":      changed(func(s *slotSet) { s.slots[1].id = s.slots[0].id }),
		"slot without a name":      changed(func(s *slotSet) { s.slots[1].id = ID{} }),
		"slot of the future":       changed(func(s *slotSet) { s.slots[1].since = s.version + 1 }),
		"two passphrases":          changed(func(s *slotSet) { x := s.slots[0]; x.id[0] ^= 1; s.put(x, false) }),
		"two recovery codes":       changed(func(s *slotSet) { x := s.slots[3]; x.id[0] ^= 1; s.put(x, false) }),
		"a passkey alone":          changed(func(s *slotSet) { s.slots = s.slots[1:2] }),
		"tokens and escrow alone":  changed(func(s *slotSet) { s.slots = []slot{s.slots[2], s.slots[4]} }),
		"unknown kind":             changed(func(s *slotSet) { s.slots[1].kind = 6 }),
		"kind 0":                   changed(func(s *slotSet) { s.slots[1].kind = 0 }),
		"token with parameters":    changed(func(s *slotSet) { s.slots[2].params = []byte{1} }),
		"short passkey":            changed(func(s *slotSet) { s.slots[1].params = s.slots[1].params[1:] }),
		"short seal":               changed(func(s *slotSet) { s.slots[2].sealed = s.slots[2].sealed[1:] }),
		"empty escrow":             changed(func(s *slotSet) { s.slots[4].sealed = nil }),
	}
}

func TestSetsThatBreakARuleAreRefused(t *testing.T) {
	k := testSmith(t)
	s, root, _ := fullSet(t, k, 1, 1)
	for name, bad := range refusals(t, k, s) {
		if _, err := decodeSlots(bad.encode(k.device.key, root)); err == nil {
			t.Errorf("%s was taken", name)
		}
		if bad.check() == nil {
			t.Errorf("%s would be written", name)
		}
	}
}

func TestSlotVectors(t *testing.T) {
	const file = "testdata/slots.json"
	if *updateSlots {
		writeSlotVectors(t, file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v slotVectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	device := unhex(t, v.Device)
	path := filepath.Join(t.TempDir(), "device")
	if err := os.WriteFile(path, device, 0o400); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDevice(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	k := &smith{device: d, stove: newStove(), cost: FloorCost()}
	v.Passphrase = string(unhex(t, v.Passphrase))
	if len(v.Sets) < 3 || len(v.Refused) < 20 {
		t.Fatalf("%d sets, %d refused", len(v.Sets), len(v.Refused))
	}
	for _, x := range v.Sets {
		set, root := unhex(t, x.Set), unhex(t, x.Root)
		s, err := decodeSlots(set)
		if err != nil {
			t.Errorf("%s: %v", x.Name, err)
			continue
		}
		key, err := seal.KeyOf(root)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(s.vault[:]) != x.Vault || !slotsByDevice(set, d.key) || !slotsByRoot(set, key) || !bytes.Equal(s.encode(d.key, key), set) {
			t.Errorf("%s: another set, or its MACs do not hold", x.Name)
		}
		if got := opens(t, k, s, root, v); len(got) != len(s.slots) {
			t.Errorf("%s: only %v opens", x.Name, got)
		}
	}
	for _, x := range v.Refused {
		if _, err := decodeSlots(unhex(t, x.Set)); err == nil {
			t.Errorf("%s was taken", x.Name)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeSlotVectors(t *testing.T, file string) {
	k := testSmith(t)
	s, root, v := fullSet(t, k, 5, 2)
	v.Note = "docs/formats/slots.md; a released format keeps its vectors"
	v.Device = hex.EncodeToString(k.device.key.Bytes())
	add := func(name string, s *slotSet) {
		v.Sets = append(v.Sets, slotVector{Name: name, Vault: hex.EncodeToString(s.vault[:]), Root: hex.EncodeToString(root.Bytes()), Set: hex.EncodeToString(s.encode(k.device.key, root))})
	}
	add("every kind", s)
	only := func(kinds ...int) *slotSet {
		n := s.next()
		n.slots = nil
		for _, i := range kinds {
			n.slots = append(n.slots, s.slots[i])
		}
		return n
	}
	add("a passphrase", only(0))
	add("a recovery code and a passkey", only(3, 1))
	first := &slotSet{vault: s.vault, version: 1, generation: 1}
	x, err := first.newPassphraseSlot(t.Context(), k, root, []byte(v.Passphrase))
	if err != nil {
		t.Fatal(err)
	}
	first.put(x, true)
	add("the first of a vault", first)
	for name, bad := range refusals(t, k, s) {
		v.Refused = append(v.Refused, slotVector{Name: name, Set: hex.EncodeToString(bad.encode(k.device.key, root))})
	}
	slices.SortFunc(v.Refused, func(a, b slotVector) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	v.Passphrase = hex.EncodeToString([]byte(v.Passphrase))
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzSlots(f *testing.F) {
	b, err := os.ReadFile("testdata/slots.json")
	if err != nil {
		f.Fatal(err)
	}
	var v slotVectors
	if err := json.Unmarshal(b, &v); err != nil {
		f.Fatal(err)
	}
	for _, x := range append(v.Sets, v.Refused...) {
		b, err := hex.DecodeString(x.Set)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSlots(b)
		if err != nil {
			return
		}
		if err := s.check(); err != nil {
			t.Fatalf("what was read would not be written: %v", err)
		}
		if !bytes.Equal(s.body(), b[:len(b)-2*macSize]) {
			t.Fatal("two encodings of one set")
		}
	})
}

func TestSlotKindsAreReadAsWritten(t *testing.T) {
	for k := SlotPassphrase; k <= SlotEscrow; k++ {
		text, err := k.MarshalText()
		var back SlotKind
		if err != nil || back.UnmarshalText(text) != nil || back != k {
			t.Errorf("%v comes back as %v", k, back)
		}
	}
	if new(SlotKind).UnmarshalText([]byte("kind 9")) == nil {
		t.Error("a kind that is not is read")
	}
}
