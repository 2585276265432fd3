package gateway

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const tenYears = 10 * 365 * 24 * time.Hour

// A clock that is ten years off at the start is told, with both days, and no
// authority is given up for it; while the server runs it takes nothing from clients
// whose own clocks are right.
func TestAClockTenYearsOff(t *testing.T) {
	c := newClock()
	dir := filepath.Join(privateDir(t), "tls")
	a, err := openAuthority(dir, box(), c.now())
	if err != nil {
		t.Fatal(err)
	}
	today := c.now()
	for _, off := range []time.Duration{-tenYears, tenYears} {
		_, err := openAuthority(dir, box(), today.Add(off))
		if err == nil {
			t.Fatalf("%v off: it is taken", off)
		}
		if said := err.Error(); !strings.Contains(said, "clock") || !strings.Contains(said, today.Add(off).Format(time.DateOnly)) {
			t.Errorf("%v off: %s", off, said)
		}
	}
	if again, err := openAuthority(dir, box(), today); err != nil || again.fingerprint() != a.fingerprint() {
		t.Errorf("when the clock is right again: %v", err)
	}
	certs, err := renewing(a, box(), c.now)
	if err != nil {
		t.Fatal(err)
	}
	// Ten years early, right again, after the authority's end, right again, years late, and right again.
	for _, to := range []time.Duration{-tenYears, 0, tenYears + time.Hour, 0, tenYears / 2, 0} {
		c.advance(today.Add(to).Sub(c.now()))
		got, err := certs.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		if to == tenYears/2 { // which clock is wrong cannot be known: the server believes its own
			continue
		}
		if err := a.vouches(got.Leaf, box(), today); err != nil {
			t.Errorf("%v off: a client with a right clock says %v", to, err)
		}
	}
}

// operators writes a certificate for the box, good for a time, as an operator's.
func operators(t *testing.T, dir string, a *authority, from time.Time) (leaf *tls.Certificate) {
	t.Helper()
	leaf, err := a.leaf(box(), from)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"crt": {Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}, "key": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), from, from); err != nil {
			t.Fatal(err)
		}
	}
	return leaf
}

// An operator's certificate that has ended is no start; one that is renewed in its
// place is served within a minute, and one that is no good never is.
func TestAnOperatorsCertificateIsRenewed(t *testing.T) {
	a, now := anAuthority(t, box())
	dir := t.TempDir()
	crt, key := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	at := now
	clock := func() time.Time { return at }
	old := operators(t, dir, a, now)
	for off, want := range map[time.Duration]string{leafLife + time.Hour: "ended on", -leafLife: "begins on"} {
		if _, err := readFixed(crt, key, box(), now.Add(off)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "clock") {
			t.Errorf("%v later: %v", off, err)
		}
	}
	certs, err := fixed(crt, key, box(), clock)
	if err != nil {
		t.Fatal(err)
	}
	var refused []error
	certs.refused = func(err error) { refused = append(refused, err) }
	serves := func(want *tls.Certificate) {
		t.Helper()
		got, err := certs.get(nil)
		if err != nil || !bytes.Equal(got.Certificate[0], want.Certificate[0]) {
			t.Errorf("at %v another one is served (%v)", at, err)
		}
	}
	at = now.Add(80 * 24 * time.Hour)
	if err := os.WriteFile(crt, []byte("half a certif"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		at = at.Add(lookAgain)
		serves(old)
	}
	if len(refused) != 1 {
		t.Errorf("one that is no good is told %d times: %v", len(refused), refused)
	}
	renewed := operators(t, dir, a, at)
	serves(old) // it was looked at a moment ago
	at = at.Add(lookAgain)
	serves(renewed)
	if certs.ends() != renewed.Leaf.NotAfter {
		t.Error("another end is told")
	}
	at = at.Add(leafLife) // nobody renewed it: it is served as it is, and each client says so
	serves(renewed)
}
