package leak

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Relay stands between a client and a server on this machine and sees what an
// observer on the network would. It changes nothing and keeps no content.
type Relay struct {
	target netip.AddrPort
	seen   func(Trace)
	listen net.Listener
	work   sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// NotLoopbackError says that a relay was asked to reach another machine.
type NotLoopbackError struct{ Address string }

func (e *NotLoopbackError) Error() string {
	return fmt.Sprintf("the observer only stands before servers on this machine, and %s is none. Give an address such as 127.0.0.1:8443.", e.Address)
}

// Watch listens on a free loopback port for connections to target, an address of
// this machine. seen gets the trace of each connection once it has ended, one at
// a time.
func Watch(target string, seen func(Trace)) (*Relay, error) {
	to, err := netip.ParseAddrPort(target)
	if err != nil || !to.Addr().Unmap().IsLoopback() {
		return nil, &NotLoopbackError{target}
	}
	listen, err := net.Listen("tcp", net.JoinHostPort(to.Addr().Unmap().String(), "0"))
	if err != nil {
		return nil, fmt.Errorf("the observer cannot listen: %w", err)
	}
	r := &Relay{target: to, listen: listen, open: make(map[net.Conn]bool)}
	var one sync.Mutex
	r.seen = func(t Trace) {
		one.Lock()
		defer one.Unlock()
		seen(t)
	}
	r.work.Go(r.accept)
	return r, nil
}

// Addr is where clients connect.
func (r *Relay) Addr() string { return r.listen.Addr().String() }

// Client asks through the relay, with a connection for each request. dialled is
// told from which port, and gets the connection to be closed when all is read.
func (r *Relay) Client(c *tls.Config, http2 bool, dialled func(port int, conn net.Conn)) http.RoundTripper {
	t := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	t.Protocols.SetHTTP1(!http2)
	t.Protocols.SetHTTP2(http2)
	c = c.Clone()
	c.NextProtos = []string{"http/1.1"}
	if http2 {
		c.NextProtos = []string{"h2"}
	}
	t.DialTLSContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		raw, err := d.DialContext(ctx, "tcp", r.Addr())
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, c)
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		dialled(raw.LocalAddr().(*net.TCPAddr).Port, conn)
		return conn, nil
	}
	return t
}

// Close ends all connections and waits until their traces are delivered.
func (r *Relay) Close() error {
	err := r.listen.Close()
	r.mu.Lock()
	r.closed = true
	for c := range r.open {
		c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		client, err := r.listen.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(10 * time.Millisecond) // no file left: others end
			continue
		}
		r.work.Go(func() { r.serve(client) })
	}
}

// keep notes a connection that Close must end; false if that has begun.
func (r *Relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.open[c] = true
	}
	return !r.closed
}

func (r *Relay) drop(c net.Conn) {
	c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
}

func (r *Relay) serve(client net.Conn) {
	defer r.drop(client)
	if !r.keep(client) {
		return
	}
	server, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(r.target))
	if err != nil {
		return
	}
	defer r.drop(server)
	if !r.keep(server) {
		return
	}
	s := &sight{}
	var both sync.WaitGroup
	both.Go(func() { s.pass(server, client, &Watcher{Direction: Up}, ClientFin, ClientRst) })
	both.Go(func() { s.pass(client, server, &Watcher{Direction: Down}, ServerFin, ServerRst) })
	both.Wait()
	t := Trace{CloseKind: s.kind, CloseTime: s.end, Began: s.began, LocalPort: client.RemoteAddr().(*net.TCPAddr).Port}
	t.Observe(s.records)
	r.seen(t)
}

// sight is what is seen of one connection, in both directions.
type sight struct {
	mu      sync.Mutex
	began   time.Time
	records []Record
	kind    string // how the side that ended first did it
	end     float64
}

// pass carries bytes from one side to the other and looks at them as they go by.
func (s *sight) pass(to, from net.Conn, w *Watcher, fin, rst string) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		now := time.Now()
		if n > 0 {
			s.look(now, w, buffer[:n])
			if _, failed := to.Write(buffer[:n]); failed != nil {
				// The other direction sees how that side ended. What still comes
				// from here would have been lost on the way.
				from.Close()
				return
			}
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, io.EOF):
			s.ended(now, fin)
			_ = to.(*net.TCPConn).CloseWrite()
		case errors.Is(err, net.ErrClosed): // by us
		default:
			s.ended(now, rst)
			_ = to.(*net.TCPConn).SetLinger(0) // the other side is told as it was told
			to.Close()
		}
		return
	}
}

func (s *sight) look(now time.Time, w *Watcher, p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began.IsZero() {
		s.began = now
	}
	s.records = append(s.records, w.Saw(s.since(now), p)...)
}

func (s *sight) ended(now time.Time, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind == "" && !s.began.IsZero() {
		s.kind, s.end = kind, s.since(now)
	}
}

// since is never below zero: two goroutines may read the clock in one order and
// take the lock in the other.
func (s *sight) since(now time.Time) float64 { return max(0, now.Sub(s.began).Seconds()) }
