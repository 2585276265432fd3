package gateway

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func box() identity {
	return identity{[]string{"box.local"}, []netip.Addr{netip.MustParseAddr("192.168.1.9"), netip.MustParseAddr("2001:db8::9")}}
}

func anAuthority(t *testing.T, id identity) (*authority, time.Time) {
	t.Helper()
	now := newClock().now()
	a, err := newAuthority(id, now)
	if err != nil {
		t.Fatal(err)
	}
	return a, now
}

// verify asks Go, and openssl verify, whether a's certificate for name holds.
func (a *authority) verify(t *testing.T, leaf *tls.Certificate, name string, now time.Time) (said string, byGo, byOpenSSL error) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	_, byGo = leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now})
	dir := t.TempDir()
	ca, crt := filepath.Join(dir, "ca"), filepath.Join(dir, "crt")
	os.WriteFile(ca, a.pem(), 0o600)
	os.WriteFile(crt, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}), 0o600)
	flag := "-verify_hostname"
	if _, err := netip.ParseAddr(name); err == nil {
		flag = "-verify_ip"
	}
	out, err := exec.Command("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-attime", strconv.FormatInt(now.Unix(), 10), "-CAfile", ca, flag, name, crt).CombinedOutput()
	return string(out), byGo, err
}

// Whoever stole the key signs what they like; nobody believes it.
func TestStolenAuthorityCannotForgeABank(t *testing.T) {
	addrs := func(s ...string) (a []netip.Addr) {
		for _, s := range s {
			a = append(a, netip.MustParseAddr(s))
		}
		return a
	}
	for kind, own := range map[string]identity{
		"names and addresses": box(),
		"a name only":         {names: []string{"box.local"}},
		"an address only":     {addrs: addrs("192.168.1.9")},
	} {
		a, now := anAuthority(t, own)
		for _, c := range []struct {
			leaf identity
			name string
			good bool
		}{
			{identity{names: own.names}, "box.local", len(own.names) > 0},
			{identity{addrs: own.addrs}, "192.168.1.9", len(own.addrs) > 0},
			{identity{names: []string{"bank.example"}}, "bank.example", false},
			{identity{names: []string{"local"}}, "local", false},
			{identity{names: []string{"evilbox.local"}}, "evilbox.local", false},
			{identity{names: append([]string{"bank.example"}, own.names...)}, "bank.example", false},
			{identity{addrs: addrs("192.168.1.10")}, "192.168.1.10", false},
			{identity{addrs: addrs("127.0.0.1")}, "127.0.0.1", false},
			{identity{addrs: addrs("2001:db8::10")}, "2001:db8::10", false},
			{identity{addrs: addrs("::1")}, "::1", false},
		} {
			leaf, err := a.leaf(c.leaf, now)
			if err != nil {
				t.Fatal(err)
			}
			said, byGo, byOpenSSL := a.verify(t, leaf, c.name, now)
			if (byGo == nil) != c.good || (byOpenSSL == nil) != c.good {
				t.Errorf("%s, %s: Go %v, openssl %v %s", kind, c.name, byGo, byOpenSSL, said)
			}
		}
	}
}

// It has no children, and its key is good for servers alone.
func TestAuthoritySignsServersOnly(t *testing.T) {
	a, now := anAuthority(t, box())
	if !a.cert.IsCA || a.cert.MaxPathLen != 0 || !a.cert.MaxPathLenZero || a.cert.KeyUsage != x509.KeyUsageCertSign || !a.cert.PermittedDNSDomainsCritical {
		t.Errorf("%+v", a.cert)
	}
	if y := a.cert.NotAfter.Sub(now).Hours() / 24 / 365; y != 10 {
		t.Errorf("it lives %v years", y)
	}
	leaf, err := a.leaf(box(), now)
	if err != nil {
		t.Fatal(err)
	}
	if d := leaf.Leaf.NotAfter.Sub(now); d != 90*24*time.Hour {
		t.Errorf("a certificate lives %v", d)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageEmailProtection} {
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use}}); err == nil {
			t.Errorf("good for %v", use)
		}
	}
	if leaf.Leaf.IsCA {
		t.Error("a server's certificate is an authority")
	}
}

func TestAuthorityIsKept(t *testing.T) {
	now := newClock().now()
	dir := filepath.Join(privateDir(t), "tls")
	first, err := openAuthority(dir, box(), now)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: os.ModeDir | 0o700, filepath.Join(dir, authorityKey): 0o600, filepath.Join(dir, authorityFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	again, err := openAuthority(dir, box(), now.Add(1000*24*time.Hour))
	if err != nil || !bytes.Equal(first.cert.Raw, again.cert.Raw) {
		t.Fatalf("a restart made another: %v", err)
	}
	// Fewer names are as good; others are not, and it says so.
	if _, err := openAuthority(dir, identity{names: []string{"box.local"}}, now); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		id   identity
		at   time.Time
		want string
	}{
		"another name":    {identity{names: []string{"other.local"}}, now, "cannot vouch for other.local"},
		"another address": {identity{names: []string{"box.local"}, addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}, now, "cannot vouch for box.local, 10.0.0.1"},
		"its last days":   {box(), now.Add(authorityLife - 24*time.Hour), "ends on"},
		"long after":      {box(), now.Add(2 * authorityLife), "ends on"},
	} {
		if _, err := openAuthority(dir, c.id, c.at); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "every device") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamagedAuthorityIsRefused(t *testing.T) {
	now := newClock().now()
	for name, c := range map[string]struct {
		do   func(dir string) error
		want string
	}{
		"key open to others": {func(dir string) error { return os.Chmod(filepath.Join(dir, authorityKey), 0o640) }, "chmod 600"},
		"folder open":        {func(dir string) error { return os.Chmod(dir, 0o755) }, "chmod 700"},
		"key gone":           {func(dir string) error { return os.Remove(filepath.Join(dir, authorityKey)) }, "is missing"},
		"certificate cut":    {func(dir string) error { return os.Truncate(filepath.Join(dir, authorityFile), 100) }, "damaged"},
		"certificate empty":  {func(dir string) error { return os.Truncate(filepath.Join(dir, authorityFile), 0) }, "damaged"},
		"key cut":            {func(dir string) error { return os.Truncate(filepath.Join(dir, authorityKey), 60) }, "damaged"},
		"another one's key":  {func(dir string) error { return swap(dir, authorityKey) }, "do not belong together"},
		"an unlimited rival": {func(dir string) error { return unconstrained(dir, now) }, "not constrained"},
		"all gone":           {os.RemoveAll, ""},
	} {
		dir := filepath.Join(privateDir(t), "tls")
		if _, err := openAuthority(dir, box(), now); err != nil {
			t.Fatal(err)
		}
		if err := c.do(dir); err != nil {
			t.Fatal(name, err)
		}
		_, err := openAuthority(dir, box(), now)
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// swap puts a file of another authority in the place of this one's.
func swap(dir, name string) error {
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		return err
	}
	if _, err := openAuthority(other, box(), newClock().now()); err != nil {
		return err
	}
	return os.Rename(filepath.Join(other, name), filepath.Join(dir, name))
}

// unconstrained puts an authority there that could forge anything.
func unconstrained(dir string, now time.Time) error {
	a, err := newAuthority(box(), now)
	if err != nil {
		return err
	}
	c := &x509.Certificate{SerialNumber: serial(), Subject: a.cert.Subject, NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter, KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, a.key.Public(), a.key)
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	return a.write(dir)
}

// A crash between the two files is a first start, not damage.
func TestCrashWhileTheAuthorityIsMade(t *testing.T) {
	now := newClock().now()
	dir := filepath.Join(privateDir(t), "tls")
	if _, err := openAuthority(dir, box(), now); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, authorityFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := openAuthority(dir, box(), now); err != nil {
		t.Error(err)
	}
}

// Certificates are renewed at half their life, by the clock alone.
func TestCertificatesAreRenewed(t *testing.T) {
	c := newClock()
	a, err := newAuthority(box(), c.now())
	if err != nil {
		t.Fatal(err)
	}
	certs, err := renewing(a, box(), c.now)
	if err != nil {
		t.Fatal(err)
	}
	get := func() *tls.Certificate {
		got, err := certs.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.vouches(got.Leaf, box(), c.now()); err != nil {
			t.Errorf("at %v: %v", c.now(), err)
		}
		return got
	}
	first := get()
	c.advance(44 * 24 * time.Hour)
	if get() != first {
		t.Error("renewed before half its life")
	}
	c.advance(2 * 24 * time.Hour)
	second := get()
	if second == first || bytes.Equal(second.Certificate[0], first.Certificate[0]) {
		t.Error("not renewed after half its life")
	}
	c.advance(-46 * 24 * time.Hour) // the clock is set back
	get()
	for range 9 * 4 {
		c.advance(91 * 24 * time.Hour) // nobody came for longer than a life
		get()
	}
}
