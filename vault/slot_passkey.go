package vault

import (
	"errors"

	"abaton.local/vault/internal/seal"
)

// A passkey slot is opened by 32 bytes that the browser derives from the
// passkey's PRF output (HKDF-SHA-256, no salt, info passkeyInfo); the output
// itself never leaves the browser. Its parameters are
// SHA-256 of the credential's identifier 32 | salt for the PRF 32.
const (
	passkeyParams = 32 + 32
	passkeySecret = 32
	passkeyInfo   = "abaton.local/vault/passkey-prf/v1"
)

// Passkey is what a browser proves itself with.
type Passkey struct {
	Credential [32]byte // SHA-256 of the credential's identifier
	Salt       [32]byte // the PRF was evaluated at
}

var errPasskeySecret = errors.New("a passkey gives 32 bytes, derived in the browser from its PRF output")

func (s *slotSet) newPasskeySlot(k *keys, root *seal.Key, p Passkey, secret []byte) (slot, error) {
	if len(secret) != passkeySecret {
		return slot{}, errPasskeySecret
	}
	x := slot{kind: SlotPasskey, id: NewID(), since: s.version, params: append(append([]byte(nil), p.Credential[:]...), p.Salt[:]...)}
	s.wrap(&x, secret, k.device.key, root)
	return x, nil
}

// passkey reads the parameters of a passkey slot, which check has seen.
func (x *slot) passkey() Passkey {
	return Passkey{Credential: [32]byte(x.params), Salt: [32]byte(x.params[32:])}
}
