package vault

import (
	"crypto/hkdf"
	"crypto/sha256"
	"testing"
)

// passkeySecretOf is what a browser does with a passkey's PRF output.
func passkeySecretOf(t testing.TB, prf []byte) []byte {
	t.Helper()
	b, err := hkdf.Key(sha256.New, prf, nil, passkeyInfo, passkeySecret)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testPasskey is one as a browser made it.
func testPasskey() Passkey {
	return Passkey{Credential: []byte("the identifier of a credential"), Key: []byte("a public key"), Handle: []byte("a handle"), Place: "abaton.localhost"}
}

func testCredential() [32]byte { p := testPasskey(); return p.digest() }
