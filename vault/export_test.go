package vault

import "abaton.local/vault/internal/seal"

// Secrets are the keys that an open vault holds.
func (v *Vault) Secrets() (found []*seal.Key) {
	found = append(found, v.keys.snapshot, v.keys.ring, v.ring.page)
	for _, k := range v.ring.keys {
		found = append(found, k.key)
	}
	return found
}

// Sealers are what an open vault seals and opens with.
func (v *Vault) Sealers() (found []*seal.Sealer) {
	found = append(found, v.keys.header, v.keys.journal)
	for _, k := range v.ring.keys {
		found = append(found, k.records())
	}
	return found
}
