package gateway

import (
	"context"
	"net"
	"net/netip"
	"strconv"
)

// peer is what is known of the other side of a connection.
type peer struct {
	local bool   // came by the Unix socket
	known bool   // the kernel told uid
	uid   int    // of a local peer
	from  string // whom to count requests for
}

type peerKey struct{}

// withPeer notes the peer of a fresh connection beside its context, for the
// guard alone: nothing behind the door reads it.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, peerOf(c))
}

func peerIn(ctx context.Context) peer {
	p, _ := ctx.Value(peerKey{}).(peer)
	return p
}

func peerOf(c net.Conn) peer {
	if s, ok := c.(*seat); ok {
		c = s.Conn
	}
	if u, ok := c.(*net.UnixConn); ok {
		p := peer{local: true, from: "socket"}
		if cred, err := credentials(u); err == nil {
			p.known, p.uid, p.from = true, cred.uid, "uid "+strconv.Itoa(cred.uid)
		}
		return p
	}
	// All of 127.0.0.0/8 is one machine: counting its addresses apart would let
	// anybody on it have 16 million shares.
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || at.Addr().Unmap().IsLoopback() {
		return peer{from: "loopback"}
	}
	return peer{from: at.Addr().Unmap().String()}
}

// credential names the process at the other end of a Unix socket, as it was
// when it connected or began to listen.
type credential struct{ uid, pid int }
