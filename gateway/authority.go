package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An authority signs this server's certificates and nobody else's: its own
// certificate carries critical name constraints, so that its key, stolen,
// cannot pretend to be a bank on the devices that trust it.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

const (
	authorityFile = "authority.crt"
	authorityKey  = "authority.key"
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 90 * 24 * time.Hour
	// backdate lets a device whose clock is a little behind come in at once.
	backdate = 24 * time.Hour
)

// identity is what a server may be called: host names and addresses.
type identity struct {
	names []string
	addrs []netip.Addr
}

func (id identity) String() string {
	all := slices.Clone(id.names)
	for _, a := range id.addrs {
		all = append(all, a.String())
	}
	return strings.Join(all, ", ")
}

func (id identity) ips() (ips []net.IP) {
	for _, a := range id.addrs {
		ips = append(ips, a.AsSlice())
	}
	return ips
}

// openAuthority reads the authority in dir, or makes it where there is none.
// The folder and its files are this account's alone.
func openAuthority(dir string, id identity, now time.Time) (*authority, error) {
	if err := privateFolder(dir); err != nil {
		return nil, err
	}
	a, err := readAuthority(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if a, err = newAuthority(id, now); err == nil {
			err = a.write(dir)
		}
	}
	if err != nil {
		return nil, err
	}
	if now.Before(a.cert.NotBefore) {
		return nil, fmt.Errorf("this server's own certificate authority begins on %s, and by this machine's clock it is %s: set the clock right and start again",
			a.cert.NotBefore.Format(time.DateOnly), now.Format(time.DateOnly))
	}
	again := fmt.Sprintf("move %s away and start again: a new authority is made, and every device must then install its certificate", dir)
	if now.After(a.cert.NotAfter.Add(-leafLife)) {
		return nil, fmt.Errorf("this server's own certificate authority ends on %s, and by this machine's clock it is %s: if the clock is wrong, set it right and start again; if it is right, %s",
			a.cert.NotAfter.Format(time.DateOnly), now.Format(time.DateOnly), again)
	}
	leaf, err := a.leaf(id, now)
	if err == nil {
		err = a.vouches(leaf.Leaf, id, now)
	}
	if err != nil {
		return nil, fmt.Errorf("this server's own certificate authority is for %s and cannot vouch for %s (%w): call the server by these, or %s", a.identity(), id, err, again)
	}
	return a, nil
}

// newAuthority makes an authority that can vouch for id and nothing else.
func newAuthority(id identity, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a certificate authority: %w", err)
	}
	c := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"Abaton"}, CommonName: "Abaton at " + id.String()},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, // its key signs no mail and no programs
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,

		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         id.names,
		// A kind of name without a permitted one is not constrained at all, so
		// what is not permitted is excluded whole: the empty name is every name.
		ExcludedEmailAddresses: []string{""},
		ExcludedURIDomains:     []string{""},
	}
	if len(id.names) == 0 {
		c.ExcludedDNSDomains = []string{""}
	}
	for _, addr := range id.addrs {
		ip := net.IP(addr.AsSlice())
		c.PermittedIPRanges = append(c.PermittedIPRanges, &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))})
	}
	if len(id.addrs) == 0 {
		c.ExcludedIPRanges = []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
			{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate authority: %w", err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("making a certificate authority: %w", err)
	}
	return &authority{c, key}, nil
}

// identity is what the authority was made for.
func (a *authority) identity() identity {
	id := identity{names: a.cert.PermittedDNSDomains}
	for _, n := range a.cert.PermittedIPRanges {
		if addr, ok := netip.AddrFromSlice(n.IP); ok {
			id.addrs = append(id.addrs, addr.Unmap())
		}
	}
	return id
}

// fingerprint is what a person compares before they trust the authority.
func (a *authority) fingerprint() [sha256.Size]byte { return sha256.Sum256(a.cert.Raw) }

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// write keeps the authority. The certificate comes last: with a key alone the
// next start makes a new authority.
func (a *authority) write(dir string) error {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("keeping the certificate authority: %w", err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	err = errors.Join(writeDurably(dir, authorityKey, key))
	if err == nil {
		err = writeDurably(dir, authorityFile, a.pem())
	}
	clear(der)
	clear(key)
	if err != nil {
		return fmt.Errorf("keeping the certificate authority: %w", err)
	}
	return nil
}

// writeDurably replaces a file so that a crash leaves the old one or the new
// one; only this account can read it.
func writeDurably(dir, name string, b []byte) error {
	f, err := os.CreateTemp(dir, "."+name+"-*") // 0600 by CreateTemp's contract
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readAuthority(dir string) (*authority, error) {
	certPEM, err := readPrivate(filepath.Join(dir, authorityFile))
	if err != nil {
		return nil, err
	}
	keyPEM, err := readPrivate(filepath.Join(dir, authorityKey))
	if errors.Is(err, fs.ErrNotExist) {
		// Not taken for a first start: devices trust this certificate already.
		return nil, fmt.Errorf("the key of this server's certificate authority is missing (%s): restore it, or remove %s as well and start again; every device must then install the new certificate",
			filepath.Join(dir, authorityKey), filepath.Join(dir, authorityFile))
	}
	if err != nil {
		return nil, err
	}
	defer clear(keyPEM)
	a, err := parseAuthority(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("this server's certificate authority in %s is damaged (%w): restore it, or move it away and start again; every device must then install the new certificate", dir, err)
	}
	return a, nil
}

func parseAuthority(certPEM, keyPEM []byte) (*authority, error) {
	block, rest := pem.Decode(certPEM)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("there is not one certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	block, _ = pem.Decode(keyPEM)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("there is no private key")
	}
	defer clear(block.Bytes)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("key and certificate do not belong together")
	}
	// An authority without these would be a danger to whoever trusts it.
	if !cert.IsCA || !cert.MaxPathLenZero || !cert.PermittedDNSDomainsCritical || len(cert.PermittedDNSDomains)+len(cert.PermittedIPRanges) == 0 {
		return nil, errors.New("it is not constrained")
	}
	return &authority{cert, key}, cert.CheckSignatureFrom(cert)
}

// readPrivate reads a small file that only this account can use.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > 1<<20:
		return nil, fmt.Errorf("%s is not a small file: move it away", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s can be used by other accounts (mode %v): run `chmod 600 %s`, and if somebody else may have read or written it, replace it", path, info.Mode(), path)
	}
	b := make([]byte, info.Size())
	n, err := f.ReadAt(b, 0)
	if n != len(b) {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return b, nil
}

// serial draws a serial number of 126 bits, above zero as X.509 wants it.
func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}
