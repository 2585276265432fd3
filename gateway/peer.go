package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strconv"
)

// peer is what is known of the other side of a connection.
type peer struct {
	local bool   // came by the Unix socket
	tls   bool   // came by the TLS door
	known bool   // the kernel told uid
	uid   int    // of a peer on this machine
	from  string // whom to count requests for

	keyless bool   // came by the door for programs without a key
	token   string // stood in the address
}

type peerKey struct{}

// withPeer notes the peer of a fresh connection beside its context, for the
// guard alone: nothing behind the door reads it.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(context.WithValue(ctx, peerKey{}, peerOf(c)), connKey{}, c)
}

type connKey struct{}

// accountIn is the account of this machine at the other end of a request's TCP
// connection, by the kernel's word at this moment.
func accountIn(ctx context.Context) (uid int, err error) {
	c, ok := ctx.Value(connKey{}).(net.Conn)
	if s, seated := c.(*seat); seated {
		c, ok = s.Conn, true
	}
	if !ok {
		return -1, errors.New("there is no connection to ask the kernel about")
	}
	if uid = accountsOf([]net.Conn{c})[0]; uid == nobody {
		return -1, errors.New("the kernel does not say whose this connection is")
	}
	return uid, nil
}

func peerIn(ctx context.Context) peer {
	p, _ := ctx.Value(peerKey{}).(peer)
	return p
}

func peerOf(c net.Conn) (p peer) {
	if t, ok := c.(*tls.Conn); ok {
		c, p.tls = t.NetConn(), true
	}
	if s, ok := c.(*seat); ok {
		c = s.Conn
	}
	if u, ok := c.(*net.UnixConn); ok {
		p.local, p.from = true, "socket"
		if cred, err := credentials(u); err == nil {
			p.known, p.uid, p.from = true, cred.uid, "uid "+strconv.Itoa(cred.uid)
		}
		return p
	}
	p.from = sourceOf(c.RemoteAddr().String())
	if u, ok := c.(unkeyed); ok {
		p.keyless = true
		if u.uid != nobody {
			p.known, p.uid, p.from = true, u.uid, "uid "+strconv.Itoa(u.uid)
		}
	}
	return p
}

// sourceOf names the machine behind an address. All of 127.0.0.0/8 is one
// machine, and so is an IPv6 network of 64 bits: counting its addresses apart
// would let anybody on it have very many shares.
func sourceOf(address string) string {
	at, err := netip.ParseAddrPort(address)
	addr := at.Addr().Unmap().WithZone("")
	switch {
	case err != nil || addr.IsLoopback():
		return "loopback"
	case addr.Is6():
		network, err := addr.Prefix(64)
		if err != nil {
			return addr.String()
		}
		return network.String()
	}
	return addr.String()
}

// PeerAccount is the account of the process at the other end of a Unix socket, by
// the kernel's word: for programs that would know who serves them.
func PeerAccount(c net.Conn) (uid int, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, errors.New("this connection is no Unix socket's")
	}
	cred, err := credentials(u)
	return cred.uid, err
}

// credential names the process at the other end of a Unix socket, as it was
// when it connected or began to listen.
type credential struct{ uid, pid int }
