package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"abaton.local/vault/internal/seal"
	"filippo.io/age"
)

// An escrow slot holds the root key in an age file for one post-quantum
// recipient (age1pq…, ML-KEM-768 with X25519), for an organisation that must be
// able to open what its people keep. It exists only where the person agreed, is
// always listed, and its use is on record. Its parameters are the recipient's
// text; the age file's content is
// escrowLabel 00 | vault 16 | slot 16 | root key 32.
const (
	escrowLabel  = "abaton.local/vault/escrow/v1"
	maxRecipient = 2048
	maxEscrow    = 4096
)

// ErrRecipient says that a text is no recipient that may hold a vault's key.
var ErrRecipient = errors.New("this is no post-quantum age recipient: it begins with age1pq1 and is made by `age-keygen -pq`")

// Fingerprint is how an escrow recipient is shown: the first 16 bytes of its
// text's SHA-256, in hexadecimal.
func Fingerprint(recipient string) string {
	d := sha256.Sum256([]byte(recipient))
	return hex.EncodeToString(d[:16])
}

func parseRecipient(text string) (*age.HybridRecipient, error) {
	r, err := age.ParseHybridRecipient(text)
	if err != nil || r.String() != text || len(text) > maxRecipient {
		return nil, ErrRecipient
	}
	return r, nil
}

func (s *slotSet) newEscrowSlot(root *seal.Key, recipient string) (slot, error) {
	r, err := parseRecipient(recipient)
	if err != nil {
		return slot{}, err
	}
	x := slot{kind: SlotEscrow, id: NewID(), since: s.version, params: []byte(recipient)}
	guarded(func() {
		var file bytes.Buffer
		var w io.WriteCloser
		if w, err = age.Encrypt(&file, r); err != nil {
			return
		}
		plain := append(s.escrowPlain(x), root.Bytes()...)
		defer clear(plain)
		if _, err = w.Write(plain); err != nil {
			return
		}
		err = w.Close()
		x.sealed = bytes.Clone(file.Bytes())
	})
	return x, err
}

// escrowPlain is what stands before the root key: a key put into another
// vault's slot does not pass.
func (s *slotSet) escrowPlain(x slot) []byte {
	b := make([]byte, 0, len(escrowLabel)+1+16+16+32)
	b = append(b, escrowLabel...)
	b = append(b, 0)
	b = append(b, s.vault[:]...)
	return append(b, x.id[:]...)
}

// openEscrowSlot opens a slot with the organisation's secret key
// (AGE-SECRET-KEY-PQ-1…).
func (s *slotSet) openEscrowSlot(dst []byte, x slot, identity []byte) (err error) {
	guarded(func() {
		i, e := age.ParseHybridIdentity(string(bytes.TrimSpace(identity)))
		if e != nil {
			err = errWrongSecret // the text of e may hold the secret
			return
		}
		r, e := age.Decrypt(bytes.NewReader(x.sealed), i)
		if e != nil {
			err = errWrongSecret
			return
		}
		head := s.escrowPlain(x)
		plain, e := io.ReadAll(io.LimitReader(r, int64(len(head)+len(dst)+1)))
		defer clear(plain)
		if e != nil || len(plain) != len(head)+len(dst) || !bytes.Equal(plain[:len(head)], head) {
			err = errWrongSecret
			return
		}
		copy(dst, plain[len(head):])
	})
	return err
}
