package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// leaf makes a certificate for the server itself, with a key of its own that
// lies in memory only.
func (a *authority) leaf(id identity, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	c := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"Abaton"}},
		NotBefore:             latest(now.Add(-backdate), a.cert.NotBefore),
		NotAfter:              earliest(now.Add(leafLife), a.cert.NotAfter),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              id.names,
		IPAddresses:           id.ips(),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: c}, nil
}

// vouches asks of a certificate what a client will ask.
func (a *authority) vouches(leaf *x509.Certificate, id identity, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); err != nil {
		return err
	}
	return names(leaf, id)
}

// names reports which part of id a certificate does not name.
func names(leaf *x509.Certificate, id identity) error {
	for _, name := range id.names {
		if err := leaf.VerifyHostname(name); err != nil {
			return err
		}
	}
	for _, addr := range id.addrs {
		if err := leaf.VerifyHostname(addr.String()); err != nil {
			return err
		}
	}
	return nil
}

// certificates gives the certificate of the moment. It is safe for concurrent
// use.
type certificates struct {
	authority *authority // nil with an operator's certificate
	id        identity
	now       func() time.Time

	// Of an operator's: where it lies, and what is told to whoever reads the log where
	// a new one that is put there cannot be used.
	certFile, keyFile string
	refused           func(error)

	mu      sync.Mutex
	current *tls.Certificate // guarded by mu
	until   time.Time        // when current is to be renewed; guarded by mu
	written time.Time        // when the operator's file was, as far as it was looked at; guarded by mu
	looked  time.Time        // when that was asked; guarded by mu
	told    time.Time        // of a file that cannot be used: when it was written; guarded by mu
}

// lookAgain is how often it is asked whether the operator put a new certificate in
// the place of the old one.
const lookAgain = time.Minute

// renewing makes certificates of 90 days, each renewed after half its life by
// the first client who comes then: nothing is asked of any network.
func renewing(a *authority, id identity, now func() time.Time) (*certificates, error) {
	c := &certificates{authority: a, id: id, now: now}
	_, err := c.get(nil)
	return c, err
}

// ends is when what clients trust ends: our own authority, whose certificates renew
// themselves, or the operator's certificate.
func (c *certificates) ends() time.Time {
	if c.authority != nil {
		return c.authority.cert.NotAfter
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current.Leaf.NotAfter
}

// get is a tls.Config.GetCertificate. What name a client asks for does not
// matter here: the host guard judges names.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.authority == nil {
		c.renewed(now)
		return c.current, nil
	}
	if c.current != nil && now.Before(c.until) && !now.Before(c.current.Leaf.NotBefore) {
		return c.current, nil
	}
	// By a clock that is years off nothing that is made now is good on any device.
	// What there is may be: each judges by its own clock.
	if c.current != nil && (now.Before(c.authority.cert.NotBefore) || now.After(c.authority.cert.NotAfter)) {
		return c.current, nil
	}
	next, err := c.authority.leaf(c.id, now)
	if err != nil {
		return nil, err
	}
	c.current, c.until = next, now.Add(next.Leaf.NotAfter.Sub(now)/2)
	return next, nil
}

// renewed takes the certificate that an operator has put in the place of the old one.
// One that is no good is not taken: the old one stays. The caller holds mu.
func (c *certificates) renewed(now time.Time) {
	if d := now.Sub(c.looked); 0 <= d && d < lookAgain {
		return
	}
	c.looked = now
	info, err := os.Stat(c.certFile)
	if err != nil || info.ModTime().Equal(c.written) {
		return
	}
	next, err := readFixed(c.certFile, c.keyFile, c.id, now)
	if err != nil {
		// Its key may come a moment later: it is tried again, and told once.
		if c.refused != nil && !c.told.Equal(info.ModTime()) {
			c.refused(err)
		}
		c.told = info.ModTime()
		return
	}
	c.current, c.written = next, info.ModTime()
}

// fixed serves an operator's certificate. A new one in its place is taken while we
// serve, so that whatever renews it need not start us again.
func fixed(certFile, keyFile string, id identity, now func() time.Time) (*certificates, error) {
	cert, err := readFixed(certFile, keyFile, id, now())
	if err != nil {
		return nil, err
	}
	c := &certificates{id: id, now: now, certFile: certFile, keyFile: keyFile, current: cert, looked: now()}
	if info, err := os.Stat(certFile); err == nil {
		c.written = info.ModTime()
	}
	return c, nil
}

// readFixed reads an operator's certificate, its chain and its key.
func readFixed(certFile, keyFile string, id identity, at time.Time) (*tls.Certificate, error) {
	if certFile == "" || keyFile == "" {
		return nil, errors.New("a certificate needs its key and a key its certificate: give both files, or neither for this server's own authority")
	}
	key, err := readPrivate(keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate's key: %w", err)
	}
	clear(key) // it was read for its mode; package tls reads it again
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	today := at.Format(time.DateOnly)
	switch {
	case at.After(cert.Leaf.NotAfter):
		return nil, fmt.Errorf("the certificate in %s ended on %s, and by this machine's clock it is %s: put a new one there, or set the clock right, and start again", certFile, cert.Leaf.NotAfter.Format(time.DateOnly), today)
	case at.Before(cert.Leaf.NotBefore):
		return nil, fmt.Errorf("the certificate in %s begins on %s, and by this machine's clock it is %s: is the clock right?", certFile, cert.Leaf.NotBefore.Format(time.DateOnly), today)
	}
	// Authorities outside seldom vouch for addresses, so names are enough.
	if err := names(cert.Leaf, identity{names: id.names}); err != nil || len(id.names) == 0 {
		return nil, fmt.Errorf("the certificate in %s does not fit (%v): declare the names that it has, and no others", certFile, err)
	}
	return &cert, nil
}

// config is how this server speaks TLS: version 1.3 alone, which leaves nothing
// to choose wrongly; Go prefers X25519MLKEM768 by itself. Tickets are off: their
// keys would open recorded sessions as long as they live.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		GetCertificate:         c.get,
		SessionTicketsDisabled: true,
		NextProtos:             []string{"http/1.1"},
		// Sizes that grow with what a connection has carried would tell of it.
		DynamicRecordSizingDisabled: true,
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
