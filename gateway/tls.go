package gateway

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TLS says how other machines may come in.
type TLS struct {
	Address string   // one address of this machine: "192.168.1.9:8443", "[2001:db8::9]:8443"
	Names   []string // host names by which the others call it; the address always is one of its names

	// Where others are told without TLS how to trust this server's own certificate:
	// the same address and another port; empty: nowhere. It is told while Invited.
	Leaflet string
	Invited func() bool

	// Where this server's own certificate authority lies. The folder is made at
	// first use and is this account's alone.
	Dir string
	// The operator's certificate and its key instead, both or neither.
	CertFile, KeyFile string

	Words func(sum [32]byte) string // puts a fingerprint into words; nil writes it in hexadecimal
}

// Errors of doors that would be open to other machines.
var (
	ErrNoTLS     = errors.New("other machines could reach it, and without TLS everybody in between could read along")
	ErrNoAccount = errors.New("other machines could reach it, and nobody is set up who could log in")
)

// secure is the door that speaks TLS.
type secure struct {
	net.Listener
	certs       *certificates
	hosts       hosts
	exposed     bool   // to other machines
	fingerprint string // of our own authority, for people; empty with an operator's certificate
	digits      string // all of it, as systems show it
}

// listenTLS binds the TLS door. One that other machines can reach needs
// somebody to open for.
func listenTLS(c TLS, people People, now func() time.Time) (*secure, error) {
	at, err := oneAddress(c.Address)
	if err != nil {
		return nil, err
	}
	exposed := !at.Addr().IsLoopback()
	if exposed && (people == nil || people.Empty()) {
		return nil, fmt.Errorf("refusing to listen on %s: %w; run `abaton setup` first", at, ErrNoAccount)
	}
	id := identity{addrs: []netip.Addr{at.Addr()}}
	for _, name := range c.Names {
		if name, err = parseName(name); err != nil {
			return nil, err
		}
		if !slices.Contains(id.names, name) {
			id.names = append(id.names, name)
		}
	}
	slices.Sort(id.names)
	s := &secure{hosts: id.hosts(), exposed: exposed}
	if c.CertFile != "" || c.KeyFile != "" {
		s.certs, err = fixed(c.CertFile, c.KeyFile, id, now)
	} else {
		var own *authority
		if own, err = openAuthority(c.Dir, id, now()); err == nil {
			s.fingerprint, s.digits = inWords(c.Words, own.fingerprint()), inDigits(own.fingerprint())
			s.certs, err = renewing(own, id, now)
		}
	}
	if err != nil {
		return nil, err
	}
	if s.Listener, err = bindTCP(at); err != nil {
		return nil, err
	}
	return s, nil
}

// oneAddress reads an address of this machine. All addresses at once
// ("0.0.0.0") is no answer to the question who may come in, and a request could
// not be told from one that was meant for somebody else.
func oneAddress(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	n, err2 := strconv.ParseUint(port, 10, 16)
	addr, err3 := netip.ParseAddr(host)
	if errors.Join(err, err2, err3) != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is no address to listen on: write one address of this machine and a port, as in 192.168.1.9:8443", address)
	}
	addr = addr.Unmap()
	if addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "" || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.AddrPort{}, fmt.Errorf("refusing to listen on %q: name the one address of this machine by which others shall come in, as in 192.168.1.9:%d", address, n)
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// inDigits writes a fingerprint as systems show it where they show a certificate.
func inDigits(sum [32]byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

func inWords(words func([32]byte) string, sum [32]byte) string {
	if words != nil {
		return words(sum)
	}
	var groups []string
	for group := range slices.Chunk(sum[:], 2) {
		groups = append(groups, hex.EncodeToString(group))
	}
	return strings.Join(groups, " ")
}
