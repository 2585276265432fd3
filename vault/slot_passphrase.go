package vault

import (
	"context"
	"crypto/rand"
	"encoding/binary"

	"abaton.local/vault/internal/seal"
)

// passphraseParams are the public parameters of a passphrase slot:
// function u8 (1: Argon2id 1.3) | memory KiB u32 | passes u32 | lanes u8 | salt 16.
type passphraseParams struct {
	cost Cost
	salt [16]byte
}

const (
	argon2id          = 1
	passphraseParamsN = 1 + 4 + 4 + 1 + 16
)

func (p passphraseParams) encode() []byte {
	b := []byte{argon2id}
	b = binary.BigEndian.AppendUint32(b, p.cost.Memory)
	b = binary.BigEndian.AppendUint32(b, p.cost.Passes)
	b = append(b, p.cost.Lanes)
	return append(b, p.salt[:]...)
}

func parsePassphraseParams(b []byte) (p passphraseParams, err error) {
	if len(b) != passphraseParamsN || b[0] != argon2id {
		return p, errSlotForm
	}
	p.cost = Cost{Memory: binary.BigEndian.Uint32(b[1:]), Passes: binary.BigEndian.Uint32(b[5:]), Lanes: b[9]}
	p.salt = [16]byte(b[10:])
	return p, nil
}

// newPassphraseSlot makes the slot of a passphrase in a set.
func (s *slotSet) newPassphraseSlot(ctx context.Context, k *smith, root *seal.Key, passphrase []byte) (slot, error) {
	p := passphraseParams{cost: k.cost}
	rand.Read(p.salt[:])
	x := slot{kind: SlotPassphrase, id: NewID(), since: s.version, params: p.encode()}
	err := k.stretched(ctx, passphrase, p, func(secret []byte) error {
		s.wrap(&x, secret, k.device.key, root)
		return nil
	})
	return x, err
}

// openPassphraseSlot opens a slot into dst.
func (s *slotSet) openPassphraseSlot(ctx context.Context, k *smith, dst []byte, x slot, passphrase []byte) error {
	p, err := parsePassphraseParams(x.params)
	if err != nil {
		return err
	}
	return k.stretched(ctx, passphrase, p, func(secret []byte) error {
		return s.unwrap(dst, x, secret, k.device.key)
	})
}

// smith is what making and opening slots takes.
type smith struct {
	device *Device
	stove  *stove
	cost   Cost // of new passphrase slots
}

// stretched hands the stretched passphrase to use, in locked memory that is
// wiped afterwards.
func (k *smith) stretched(ctx context.Context, passphrase []byte, p passphraseParams, use func(secret []byte) error) error {
	secret, err := k.device.arena.cell()
	if err != nil {
		return err
	}
	defer k.device.arena.release(secret)
	if err := k.stove.stretch(ctx, secret, passphrase, p.cost, p.salt); err != nil {
		return err
	}
	return use(secret[:])
}
