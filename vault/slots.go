package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"abaton.local/vault/internal/seal"
)

// SlotKind says with what a slot is opened. The numbers stand in files.
type SlotKind uint8

// The kinds of slots.
const (
	SlotPassphrase SlotKind = 1
	SlotPasskey    SlotKind = 2
	SlotToken      SlotKind = 3
	SlotRecovery   SlotKind = 4
	SlotEscrow     SlotKind = 5
)

// String is the kind in words for people.
func (k SlotKind) String() string {
	switch k {
	case SlotPassphrase:
		return "passphrase"
	case SlotPasskey:
		return "passkey"
	case SlotToken:
		return "token"
	case SlotRecovery:
		return "recovery code"
	case SlotEscrow:
		return "escrow"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// MarshalText writes the kind as String does.
func (k SlotKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *SlotKind) UnmarshalText(b []byte) error {
	for x := SlotPassphrase; x <= SlotEscrow; x++ {
		if x.String() == string(b) {
			*k = x
			return nil
		}
	}
	return errors.New("no kind of way into a vault has this name")
}

// slot is one way into a vault: public parameters, and the vault's root key
// sealed under a key that only this way yields.
type slot struct {
	kind   SlotKind
	id     ID
	since  uint64 // version of the set in which it was sealed; bound by the seal
	params []byte // by kind, of a fixed form
	sealed []byte // SR1, or an age file for escrow
}

// slotSet is all that opens one vault. docs/formats/slots.md has its bytes.
type slotSet struct {
	vault      ID
	version    uint64 // rises by one with every change
	generation uint32 // of the root key that the slots hold
	slots      []slot
}

const (
	slotFormat = 1
	maxSlots   = 64
	maxSlotSet = 128 << 10 // bytes
	slotHead   = 1 + 16 + 8 + 4 + 1
	slotFixed  = 1 + 16 + 8 + 2 + 2
	macSize    = 32
	slotPlace  = 0x40         // added to the kind where a slot is sealed
	wordRoot   = "slots-root" // seal makes labels of these words
	wordDevice = "slots-device"
)

// ErrSlots says that what opens a vault is not what this program wrote.
var ErrSlots = errors.New("what opens this vault was changed by somebody other than Abaton, or the store was made with another device secret: put back the device secret or the newest backup; nothing was opened")

var errSlotForm = errors.New("not a set of slots")

// body encodes all but the two MACs.
func (s *slotSet) body() []byte {
	b := make([]byte, 0, 1024)
	b = append(b, slotFormat)
	b = append(b, s.vault[:]...)
	b = binary.BigEndian.AppendUint64(b, s.version)
	b = binary.BigEndian.AppendUint32(b, s.generation)
	b = append(b, byte(len(s.slots)))
	for _, x := range s.slots {
		b = append(b, byte(x.kind))
		b = append(b, x.id[:]...)
		b = binary.BigEndian.AppendUint64(b, x.since)
		b = binary.BigEndian.AppendUint16(b, uint16(len(x.params)))
		b = append(b, x.params...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(x.sealed)))
		b = append(b, x.sealed...)
	}
	return b
}

// encode writes the set with both its MACs: the device's, which is checked
// before a passphrase is stretched with parameters that somebody else may have
// chosen, and the root key's, which nobody but the person could have made.
func (s *slotSet) encode(device, root *seal.Key) []byte {
	b := s.body()
	d, r := device.MAC(wordDevice, b), root.MAC(wordRoot, b)
	return append(append(b, d[:]...), r[:]...)
}

// decodeSlots reads a set strictly: there is one encoding of every set, and
// what the rules forbid is refused. It checks no MAC.
func decodeSlots(b []byte) (*slotSet, error) {
	if len(b) < slotHead+2*macSize || len(b) > maxSlotSet {
		return nil, errSlotForm
	}
	if b[0] != slotFormat {
		return nil, fmt.Errorf("the slots have format %d, this program reads %d: use a newer Abaton", b[0], slotFormat)
	}
	s := &slotSet{
		vault:      ID(b[1:]),
		version:    binary.BigEndian.Uint64(b[17:]),
		generation: binary.BigEndian.Uint32(b[25:]),
	}
	n := int(b[29])
	rest := b[slotHead : len(b)-2*macSize]
	for range n {
		if len(rest) < slotFixed {
			return nil, errSlotForm
		}
		x := slot{kind: SlotKind(rest[0]), id: ID(rest[1:]), since: binary.BigEndian.Uint64(rest[17:])}
		rest = rest[25:]
		var ok bool
		if x.params, rest, ok = cutField(rest); !ok {
			return nil, errSlotForm
		}
		if x.sealed, rest, ok = cutField(rest); !ok {
			return nil, errSlotForm
		}
		s.slots = append(s.slots, x)
	}
	if len(rest) != 0 {
		return nil, errSlotForm
	}
	return s, s.check()
}

// cutField cuts a field with its length in front.
func cutField(b []byte) (field, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return bytes.Clone(b[2 : 2+n]), b[2+n:], true
}

// check holds a set against the rules: written or read, they are the same.
func (s *slotSet) check() error {
	if s.version == 0 || len(s.slots) == 0 || len(s.slots) > maxSlots {
		return errSlotForm
	}
	count := map[SlotKind]int{}
	ids := map[ID]bool{}
	for _, x := range s.slots {
		if x.id == (ID{}) || ids[x.id] || x.since == 0 || x.since > s.version {
			return errSlotForm
		}
		ids[x.id] = true
		count[x.kind]++
		if err := x.check(); err != nil {
			return err
		}
	}
	if count[SlotPassphrase] > 1 || count[SlotRecovery] > 1 {
		return errSlotForm
	}
	if count[SlotPassphrase]+count[SlotRecovery] == 0 {
		return ErrLastWay
	}
	return nil
}

// ErrLastWay says that a vault would be left without a passphrase and a
// recovery code: a passkey is deleted by people who do not know that it holds
// data, a token by programs.
var ErrLastWay = errors.New("a vault needs a passphrase or a recovery code: set one before you remove this")

// check holds one slot against the form of its kind.
func (x *slot) check() error {
	switch x.kind {
	case SlotPassphrase:
		p, err := parsePassphraseParams(x.params)
		if err != nil {
			return err
		}
		if err := p.cost.check(); err != nil {
			return err
		}
	case SlotPasskey:
		if len(x.params) != passkeyParams {
			return errSlotForm
		}
	case SlotToken, SlotRecovery:
		if len(x.params) != 0 {
			return errSlotForm
		}
	case SlotEscrow:
		if len(x.params) == 0 || len(x.params) > maxRecipient || len(x.sealed) == 0 || len(x.sealed) > maxEscrow {
			return errSlotForm
		}
		return nil
	default:
		return fmt.Errorf("a slot is of %v, which this program does not know: use a newer Abaton", x.kind)
	}
	if len(x.sealed) != seal.Size(cellSize) {
		return errSlotForm
	}
	return nil
}

// slotsByDevice tells whether this machine's device secret vouches for the bytes.
func slotsByDevice(b []byte, device *seal.Key) bool {
	body, macs := b[:len(b)-2*macSize], b[len(b)-2*macSize:]
	return device.Verify([macSize]byte(macs), wordDevice, body)
}

// slotsByRoot tells whether the root key vouches for the bytes.
func slotsByRoot(b []byte, root *seal.Key) bool {
	body, macs := b[:len(b)-2*macSize], b[len(b)-2*macSize:]
	return root.Verify([macSize]byte(macs[macSize:]), wordRoot, body)
}

// next is a copy of the set, one version on, for somebody to change.
func (s *slotSet) next() *slotSet {
	n := *s
	n.version++
	n.slots = slices.Clone(s.slots)
	return &n
}

// put adds a slot, replacing the one of the same kind where replace says so.
func (s *slotSet) put(x slot, replace bool) {
	if replace {
		s.slots = slices.DeleteFunc(s.slots, func(y slot) bool { return y.kind == x.kind })
	}
	s.slots = append(s.slots, x)
}

// drop removes a slot and says whether it was there.
func (s *slotSet) drop(id ID) bool {
	n := len(s.slots)
	s.slots = slices.DeleteFunc(s.slots, func(x slot) bool { return x.id == id })
	return len(s.slots) < n
}

// of gives the first slot of a kind.
func (s *slotSet) of(kind SlotKind) (slot, bool) {
	i := slices.IndexFunc(s.slots, func(x slot) bool { return x.kind == kind })
	if i < 0 {
		return slot{}, false
	}
	return s.slots[i], true
}

// named gives the slot of an ID.
func (s *slotSet) named(id ID) (slot, bool) {
	i := slices.IndexFunc(s.slots, func(x slot) bool { return x.id == id })
	if i < 0 {
		return slot{}, false
	}
	return s.slots[i], true
}

// place says where a slot's seal belongs.
func (s *slotSet) place(x slot) seal.Place {
	return seal.Place{Vault: s.vault, Record: x.id, Kind: slotPlace + uint8(x.kind), Version: x.since, Generation: s.generation}
}

// wrap seals a root key into a slot of this set under what opens it.
func (s *slotSet) wrap(x *slot, secret []byte, device, root *seal.Key) {
	guarded(func() {
		kek := seal.KEK(secret, device, uint8(x.kind), s.vault, x.id)
		sealer := seal.NewSealer(kek)
		x.sealed = bytes.Clone(sealer.Seal(nil, root.Bytes(), s.place(*x)))
		sealer.Clear()
		kek.Clear()
	})
}

// unwrap opens a slot into dst, which has 32 bytes.
func (s *slotSet) unwrap(dst []byte, x slot, secret []byte, device *seal.Key) (err error) {
	guarded(func() {
		kek := seal.KEK(secret, device, uint8(x.kind), s.vault, x.id)
		sealer := seal.NewSealer(kek)
		defer kek.Clear()
		defer sealer.Clear()
		plain, e := sealer.Open(nil, x.sealed, s.place(x))
		if e != nil || len(plain) != len(dst) {
			err = errWrongSecret
			return
		}
		copy(dst, plain)
		clear(plain)
	})
	return err
}

// errWrongSecret says, inside this package, that a slot did not open.
var errWrongSecret = errors.New("the slot did not open")
