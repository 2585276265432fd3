package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// wycheproof reads a file of Project Wycheproof below DATA. Where DATA is not
// given it says what is left out; where it is given, the file must be there
// and hold at least so many tests.
func wycheproof[Group any](t *testing.T, name string, tests int) []Group {
	t.Helper()
	data := os.Getenv("DATA")
	if data == "" {
		t.Logf("left out for want of DATA: wycheproof/%s, %d vectors", name, tests)
		return nil
	}
	b, err := os.ReadFile(filepath.Join(data, "wycheproof", name))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		NumberOfTests int     `json:"numberOfTests"`
		TestGroups    []Group `json:"testGroups"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.NumberOfTests < tests {
		t.Fatalf("%s holds %d tests, there were %d", name, doc.NumberOfTests, tests)
	}
	return doc.TestGroups
}

// The primitives that we use and their sizes. XChaCha20-Poly1305 is not among
// them, so its vectors are left alone.

func TestWycheproofAESGCM(t *testing.T) {
	type group struct {
		IvSize, TagSize int
		Tests           []struct {
			TcID                       int
			Key, Iv, Aad, Msg, Ct, Tag hexBytes
			Result                     string
		}
	}
	groups, n := wycheproof[group](t, "aes_gcm_test.json", 316), 0
	for _, g := range groups {
		if g.IvSize != 8*nonceSize || g.TagSize != 8*tagSize {
			continue // nonces of other sizes are never made
		}
		for _, c := range g.Tests {
			n++
			gcm, sealed := newGCM(c.Key), append(c.Ct, c.Tag...)
			got, err := gcm.Open(nil, c.Iv, sealed, c.Aad)
			if valid := c.Result == "valid"; (err == nil) != valid || valid && !bytes.Equal(got, c.Msg) {
				t.Errorf("%d (%s): %v", c.TcID, c.Result, err)
			}
			if c.Result == "valid" && !bytes.Equal(gcm.Seal(nil, c.Iv, c.Msg, c.Aad), sealed) {
				t.Errorf("%d: sealed otherwise", c.TcID)
			}
		}
	}
	enough(t, groups != nil, n, 197)
}

func TestWycheproofHKDF(t *testing.T) {
	type group struct {
		Tests []struct {
			TcID                 int
			Ikm, Salt, Info, Okm hexBytes
			Size                 int
			Result               string
		}
	}
	groups, n := wycheproof[group](t, "hkdf_sha256_test.json", 86), 0
	for _, g := range groups {
		for _, c := range g.Tests {
			n++
			d, extract := newDigest(), newKeyed(c.Salt)
			extract.start(d)
			d.Write(c.Ikm)
			prk, got := newKeyed(extract.finish(d, nil)), make([]byte, c.Size)
			refused := panics(func() { prk.expand(got, c.Info) })
			if valid := c.Result == "valid"; refused == valid || valid && !bytes.Equal(got, c.Okm) {
				t.Errorf("%d (%s): %x", c.TcID, c.Result, got)
			}
		}
	}
	enough(t, groups != nil, n, 86)
}

func TestWycheproofX25519(t *testing.T) {
	type group struct {
		Tests []struct {
			TcID                    int
			Public, Private, Shared hexBytes
			Result                  string
		}
	}
	groups, n := wycheproof[group](t, "x25519_test.json", 518), 0
	for _, g := range groups {
		for _, c := range g.Tests {
			n++
			private, err := ecdh.X25519().NewPrivateKey(c.Private)
			if err != nil {
				t.Fatal(c.TcID, err)
			}
			public, err := ecdh.X25519().NewPublicKey(c.Public)
			if err != nil {
				t.Fatal(c.TcID, err)
			}
			got, err := private.ECDH(public)
			// A shared secret of zeros is one that everyone knows: refused.
			if zero := bytes.Equal(c.Shared, make([]byte, 32)); (err != nil) != zero || !zero && !bytes.Equal(got, c.Shared) {
				t.Errorf("%d (%s): %x, %v", c.TcID, c.Result, got, err)
			}
		}
	}
	enough(t, groups != nil, n, 518)
}

func TestWycheproofMLKEM768(t *testing.T) {
	type group struct {
		ParameterSet string
		Tests        []struct {
			TcID           int
			Seed, Ek, C, K hexBytes
			Result         string
		}
	}
	groups, n := wycheproof[group](t, "mlkem_768_test.json", 193), 0
	for _, g := range groups {
		for _, c := range g.Tests {
			n++
			var got []byte
			key, err := mlkem.NewDecapsulationKey768(c.Seed)
			if err == nil {
				if !bytes.Equal(key.EncapsulationKey().Bytes(), c.Ek) {
					t.Errorf("%d: another public key", c.TcID)
				}
				got, err = key.Decapsulate(c.C)
			}
			if valid := c.Result == "valid"; (err == nil) != valid || valid && !bytes.Equal(got, c.K) {
				t.Errorf("%d (%s): %x, %v", c.TcID, c.Result, got, err)
			}
		}
	}
	enough(t, groups != nil, n, 193)
}

// Ed25519 signs the audit log; the vectors of all primitives are read here.
func TestWycheproofEd25519(t *testing.T) {
	type group struct {
		PublicKey struct{ Pk hexBytes }
		Tests     []struct {
			TcID     int
			Msg, Sig hexBytes
			Result   string
		}
	}
	groups, n := wycheproof[group](t, "ed25519_test.json", 151), 0
	for _, g := range groups {
		for _, c := range g.Tests {
			n++
			if got := ed25519.Verify(ed25519.PublicKey(g.PublicKey.Pk), c.Msg, c.Sig); got != (c.Result == "valid") {
				t.Errorf("%d (%s): %v", c.TcID, c.Result, got)
			}
		}
	}
	enough(t, groups != nil, n, 151)
}

func enough(t *testing.T, given bool, n, want int) {
	t.Helper()
	if given && n < want {
		t.Errorf("%d vectors were tried, there were %d", n, want)
	}
	if given {
		t.Logf("%d vectors", n)
	}
}
