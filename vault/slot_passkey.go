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

type passkey struct{ credential, salt [32]byte }

var errPasskeySecret = errors.New("a passkey gives 32 bytes, derived in the browser from its PRF output")

func (s *slotSet) newPasskeySlot(k *smith, root *seal.Key, id ID, p passkey, secret []byte) (slot, error) {
	if len(secret) != passkeySecret {
		return slot{}, errPasskeySecret
	}
	x := slot{kind: SlotPasskey, id: id, since: s.version, params: append(append([]byte(nil), p.credential[:]...), p.salt[:]...)}
	s.wrap(&x, secret, k.device.key, root)
	return x, nil
}

// passkey reads the parameters of a passkey slot, which check has seen.
func (x *slot) passkey() passkey {
	return passkey{credential: [32]byte(x.params), salt: [32]byte(x.params[32:])}
}
