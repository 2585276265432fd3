package egress

import (
	"fmt"
	"net/netip"
	"syscall"
)

// reach orders addresses by how near they are to this machine.
type reach int

const (
	nowhere reach = iota // never spoken to: link-local (cloud metadata), multicast, unspecified
	loopback
	private
	public
)

// nat64 is the well-known prefix of RFC 6052; the last 32 bits are IPv4.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// carrier is the shared address space of RFC 6598.
var carrier = netip.MustParsePrefix("100.64.0.0/10")

// reachOf judges a resolved address, never the text of a host name: the two
// differ by spelling (::ffff:127.0.0.1, decimal numbers) and by DNS rebinding.
func reachOf(a netip.Addr) reach {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast():
		return nowhere
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return nowhere
	case a.IsLoopback():
		return loopback
	case a.IsPrivate(), carrier.Contains(a):
		return private
	}
	return public
}

// rule says which addresses one request may connect to.
type rule struct {
	plain   bool  // no TLS, and nobody allowed that by name: loopback only
	nearest reach // a redirect may not lead nearer than where it came from
	proxied bool  // the address is a proxy that the person chose
}

// control is a net.Dialer's Control: it sees the address that was resolved,
// just before the kernel is asked to connect.
func (r rule) control(_, address string, _ syscall.RawConn) error {
	if r.proxied {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &RefusedError{Reason: "its address cannot be read"}
	}
	switch at := reachOf(ap.Addr()); {
	case at == nowhere:
		return &RefusedError{Reason: fmt.Sprintf("its address %s is link-local, multicast or unspecified", ap.Addr())}
	case r.plain && at != loopback:
		return &RefusedError{Reason: "plain http is for this machine only; use https, or allow the host by name"}
	case at < r.nearest:
		return &RefusedError{Reason: fmt.Sprintf("a server outside redirected to %s, which is inside", ap.Addr())}
	}
	return nil
}
