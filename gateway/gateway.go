// Package gateway is the door in. It listens on a loopback address, on a Unix
// socket and, where people are set up and want it, on one address for other
// machines, which is never without TLS. It lets a request through to a [Handler]
// only when it is meant for this server (host), made by no foreign web page
// (origin), small enough, one of few enough, and made by somebody we know.
// Loopback is no identity: a token, a session or the kernel's word about a Unix
// socket's peer is needed everywhere but at the few pages that are for nobody in
// particular.
package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"abaton.local/vault"
)

// Handler serves a request of somebody we know.
type Handler interface {
	ServeSession(http.ResponseWriter, *http.Request, vault.Session)
}

// Config says where to listen, for whom, and how much to bear. Zero limits
// become the defaults; there must be one of Address, Socket and TLS.
type Config struct {
	Address string   // loopback only: "127.0.0.1:8226", "[::1]:8226", "localhost:0"
	Socket  string   // path of the Unix socket
	Names   []string // further host names by which clients may call this server at Address
	TLS     *TLS     // for other machines; nil: none
	Keyless *Keyless // for programs that can send no key; nil: none

	// Words puts a refusal into the body that a client of a model's address
	// expects; nil is the OpenAI dialect for all.
	Words func(r *http.Request, no Refusal, id string) []byte

	// Who may come in. As long as it is nil or empty, the tokens given to Serve
	// and the kernel's word at the socket act for vault.Owner, on this machine
	// alone; from the first person on they act for nobody.
	People People

	// What people with browsers see; nil: nothing is served to them.
	Pages Pages

	MaxBody        int64         // bytes of a request's body (8 MiB)
	MaxHeader      int           // bytes of a request's header (32 KiB)
	MaxRequests    int           // at one time, all sources together (256)
	MaxPerSource   int           // at one time, from one source, of which it is not known yet who asks (128): an account by socket, this machine by TCP
	MaxPerPerson   int           // at one time, of one person (32), whatever keys and machines they come with; by the socket as many again
	MaxConnections int           // at one time, by listener (1024); by TLS a quarter of it from one source
	MaxLogins      int           // at one time, waiting or at work (16)
	MaxArriving    int           // logins at one time, from their first byte on (128), a sixteenth of it from one source; none counts as a request
	HeaderTimeout  time.Duration // for a request's header (10 s)
	BodyTimeout    time.Duration // for a request's body (60 s)
	LoginTimeout   time.Duration // for a login's body, which is small (10 s)
	WriteTimeout   time.Duration // for a response, where the handler sets no deadline of its own (30 s)
	IdleTimeout    time.Duration // between two requests of a connection (2 min)
	Grace          time.Duration // for running answers at the end (5 s)

	Now func() time.Time // of certificates and logins; nil is the clock of this machine
	Log *slog.Logger     // nil discards
}

func (c *Config) fill() {
	set(&c.MaxBody, 8<<20)
	set(&c.MaxHeader, 32<<10)
	set(&c.MaxRequests, 256)
	set(&c.MaxPerSource, 128)
	set(&c.MaxPerPerson, 32)
	set(&c.MaxConnections, 1024)
	set(&c.MaxLogins, 16)
	set(&c.MaxArriving, 128)
	set(&c.HeaderTimeout, 10*time.Second)
	set(&c.BodyTimeout, time.Minute)
	set(&c.LoginTimeout, min(c.BodyTimeout, 10*time.Second))
	set(&c.WriteTimeout, 30*time.Second)
	set(&c.IdleTimeout, 2*time.Minute)
	set(&c.Grace, 5*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func set[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Gateway is a bound door. Between Listen and Serve connections queue up in
// the kernel and nothing is read.
type Gateway struct {
	config  Config
	hosts   hosts
	tcp     net.Listener // nil without an address
	twin    net.Listener // where names may lead instead of to tcp; nil: nowhere
	unix    *socket      // nil without a path
	tls     *secure      // nil without TLS
	keyless *keyless     // nil without one
	leaflet *leaflet     // nil without one
	crowd   crowd        // all requests but those at the login
	arrive  crowd        // those
	logins  crowd        // of those, the ones whose secrets are tried
	tries   *tries
	wearers wearers

	ceremonies ceremonies // with passkeys
	wrong      bucket     // refusals of tokens
	notable    bucket     // lines of the log about refusals
	opening    opening
}

// Listen binds, and does nothing else, so that the process can be locked down
// before it reads a byte.
func Listen(c Config) (*Gateway, error) {
	c.fill()
	g := &Gateway{
		config:  c,
		crowd:   crowd{most: c.MaxRequests, mostEach: c.MaxPerSource},
		arrive:  crowd{most: c.MaxArriving, mostEach: max(1, c.MaxArriving/16)},
		logins:  crowd{most: c.MaxLogins, mostEach: max(1, c.MaxLogins/4)},
		tries:   newTries(c.Now),
		wrong:   bucket{size: 20, every: time.Second},
		notable: bucket{size: 10, every: 10 * time.Second},
	}
	if c.Address == "" && c.Socket == "" && c.TLS == nil {
		return nil, errors.New("nothing to listen on: name an address such as 127.0.0.1:8226, or a socket")
	}
	var err error
	if g.hosts, err = newHosts(c.Names); err != nil {
		return nil, err
	}
	if c.Socket != "" {
		// The process may change its folder before it removes the socket.
		if g.config.Socket, err = filepath.Abs(c.Socket); err != nil {
			return nil, fmt.Errorf("finding the socket's folder: %w", err)
		}
		if g.unix, err = listenUnix(g.config.Socket); err != nil {
			return nil, err
		}
	}
	if c.Address != "" {
		if g.tcp, g.twin, err = listenHere(c.Address); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	if c.TLS != nil {
		if g.tls, err = listenTLS(*c.TLS, c.People, c.Now); err != nil {
			return nil, errors.Join(err, g.Close())
		}
		g.tls.certs.refused = func(err error) {
			c.Log.Warn("the certificate was replaced by one that is not used; the old one is served on", "error", err.Error())
		}
		if c.TLS.Leaflet != "" {
			if g.leaflet, err = listenLeaflet(*c.TLS, g.tls); err != nil {
				return nil, errors.Join(err, g.Close())
			}
		}
	}
	if c.Keyless != nil {
		if g.keyless, err = listenKeyless(*c.Keyless); err != nil && !errors.Is(err, ErrTaken) {
			return nil, errors.Join(err, g.Close())
		}
	}
	return g, nil
}

// KeylessAddr is the address for programs that can send no key, nil where there
// is none, or where another program has it.
func (g *Gateway) KeylessAddr() net.Addr {
	if g.keyless == nil {
		return nil
	}
	return g.keyless.Addr()
}

// Addr is the TCP address that is listened on, nil where there is none.
func (g *Gateway) Addr() net.Addr {
	if g.tcp == nil {
		return nil
	}
	return g.tcp.Addr()
}

// TLSAddr is the address at which TLS is spoken, nil where there is none.
func (g *Gateway) TLSAddr() net.Addr {
	if g.tls == nil {
		return nil
	}
	return g.tls.Addr()
}

// Exposed lists the addresses at which other machines may come in, for
// lock-down, which ties everything else to this machine.
func (g *Gateway) Exposed() (all []netip.AddrPort) {
	if g.tls == nil || !g.tls.exposed {
		return nil
	}
	for _, addr := range []net.Addr{g.tls.Addr(), g.LeafletAddr()} {
		if addr == nil {
			continue
		}
		if at, err := netip.ParseAddrPort(addr.String()); err == nil {
			all = append(all, at)
		}
	}
	return all
}

// Fingerprint is what a person compares before they trust this server's own
// certificate authority; empty where there is none.
func (g *Gateway) Fingerprint() string {
	if g.tls == nil {
		return ""
	}
	return g.tls.fingerprint
}

// FingerprintDigits is all of it, SHA-256, as systems show it where they show a
// certificate.
func (g *Gateway) FingerprintDigits() string {
	if g.tls == nil {
		return ""
	}
	return g.tls.digits
}

// CertificateEnds is when what devices trust to be this server ends: its own authority,
// whose certificates renew themselves, or the certificate that its operator brought;
// zero without TLS.
func (g *Gateway) CertificateEnds() time.Time {
	if g.tls == nil {
		return time.Time{}
	}
	return g.tls.certs.ends()
}

// Close unbinds a gateway that is not served. Serve does it by itself.
func (g *Gateway) Close() error {
	var errs []error
	for _, l := range []net.Listener{g.tcp, g.twin} {
		if l == nil {
			continue
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if g.keyless != nil {
		if err := g.keyless.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if g.leaflet != nil {
		if err := g.leaflet.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if g.tls != nil {
		if err := g.tls.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if g.unix != nil {
		errs = append(errs, g.unix.Close())
	}
	return errors.Join(errs...)
}

// Serve lets requests through to h until ctx ends. Then it takes no new ones,
// gives running answers Config.Grace to end, cancels the others, and returns
// when every request and connection is gone and the socket is removed. A
// Gateway serves once.
func (g *Gateway) Serve(ctx context.Context, tokens *vault.Tokens, h Handler) error {
	if tokens == nil || h == nil {
		return errors.Join(errors.New("a gateway without tokens or handler opens for nobody"), g.Close())
	}
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	d, err := newDesk(g, tokens, h)
	if err != nil {
		return errors.Join(err, g.Close())
	}
	server := &http.Server{
		Handler:                      d,
		ReadHeaderTimeout:            g.config.HeaderTimeout,
		WriteTimeout:                 g.config.WriteTimeout,
		IdleTimeout:                  g.config.IdleTimeout,
		MaxHeaderBytes:               g.config.MaxHeader,
		DisableGeneralOptionsHandler: true,
		Protocols:                    new(http.Protocols),
		BaseContext:                  func(net.Listener) context.Context { return base },
		ConnContext:                  withPeer,
		// What net/http would log here is about broken clients and may quote
		// their bytes; panics are caught and logged by desk.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	server.Protocols.SetHTTP1(true)

	running, failed := errgroup.WithContext(ctx)
	var plain *room
	for _, l := range g.listeners() {
		room := newRoom(l, g.config.MaxConnections)
		switch {
		case l == g.tcp:
			plain = room
		case l == g.twin:
			room.seats = plain.seats // two addresses of one door
		}
		door := net.Listener(room)
		if g.tls != nil && l == g.tls.Listener {
			room.mute, room.share = true, bySource
			door = tls.NewListener(room, g.tls.certs.config())
		}
		if g.keyless != nil && l == net.Listener(g.keyless) {
			room.share = g.keyless.share
		}
		g.config.Log.Info("listening", "network", l.Addr().Network(), "address", l.Addr().String(), "tls", room.mute)
		running.Go(func() error {
			defer room.wait()
			if err := server.Serve(door); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("listening on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	if g.leaflet != nil {
		g.config.Log.Info("listening", "network", "tcp", "address", g.leaflet.Addr().String(), "tls", false, "for", "the certificate page")
		running.Go(func() error { return g.leaflet.serve(failed) })
	}
	<-failed.Done()

	server.SetKeepAlivesEnabled(false)
	shutdown(server, g.config.Grace)
	cancel(errStopping) // running answers say that they were stopped
	shutdown(server, time.Second)
	server.Close()
	g.crowd.empty()
	g.arrive.empty()
	return errors.Join(running.Wait(), g.Close())
}

// errStopping is why a request ends whose client did not hang up.
var errStopping = errors.New("the server is stopping")

func (g *Gateway) listeners() (ls []net.Listener) {
	if g.tcp != nil {
		ls = append(ls, g.tcp)
	}
	if g.twin != nil {
		ls = append(ls, g.twin)
	}
	if g.keyless != nil {
		ls = append(ls, g.keyless)
	}
	if g.unix != nil {
		ls = append(ls, g.unix.UnixListener)
	}
	if g.tls != nil {
		ls = append(ls, g.tls.Listener)
	}
	return ls
}

// shutdown closes the listeners and waits up to d for connections to end. That
// it gave up is no error: the caller goes on to the next, harder means.
func shutdown(server *http.Server, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_ = server.Shutdown(ctx)
}
