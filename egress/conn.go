package egress

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// traffic counts what one connection carried, TLS and headers included.
type traffic struct {
	in, out atomic.Int64 // bytes
	near    atomic.Int32 // reach of the peer
	crept   atomic.Bool  // it was ended for sending too slowly
	tap     func([]byte) // told of what comes; nil: nobody
}

// conn counts bytes and gives every read and write its own deadline, so that
// a connection may last for hours but never stand still, nor creep: what lies
// above it sees no byte of a header, or of an encrypted record, before its end.
type conn struct {
	net.Conn
	*traffic
	stall time.Duration
	now   func() time.Time
	pace  pace // of what comes; used by the one who reads
}

func (c *conn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	in := c.in.Add(int64(n))
	if c.tap != nil && n > 0 {
		c.tap(b[:n])
	}
	if err == nil {
		// One stall is granted, for a server that thinks before it answers.
		err = c.pace.slow(c.now(), in, judged+c.stall)
		c.crept.Store(err != nil)
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	c.out.Add(int64(n))
	return n, err
}

// dialer connects under a rule.
func (t *traffic) dialer(r rule, stall time.Duration, now func() time.Time) func(context.Context, string, string) (net.Conn, error) {
	d := net.Dialer{Timeout: min(stall, 15*time.Second), Control: r.control}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if r.proxied {
			t.near.Store(int32(public)) // where it leads cannot be seen: as far as can be
		} else if ap, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
			t.near.Store(int32(reachOf(ap.Addr())))
		}
		return &conn{c, t, stall, now, pace{since: now()}}, nil
	}
}
