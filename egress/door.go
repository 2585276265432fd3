// Package egress is the door out: the only package that opens Internet
// connections. It fetches files by their digest and small documents by their
// size, speaks TLS except where plain HTTP was allowed by name, lends no
// credential to a second host, and logs every connection. Processes that hold
// people's data never use it.
package egress

import (
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// DoorConfig is what a door is told when it is made. It reads no environment.
type DoorConfig struct {
	Log       *slog.Logger // nil: no log
	UserAgent string       // "abaton/0.1": all that servers learn of us
	CACerts   string       // PEM file that replaces the system's authorities; empty: the system's
	Proxy     string       // URL (http, https, socks5); empty: none
	NoProxy   []string     // hosts reached without it: "host", ".domain" or "*"; loopback always
	AllowHTTP []string     // hosts, or host:port, that may be spoken to without TLS; loopback always

	Stall   time.Duration // longest wait for a byte; 60 s when zero
	Backoff time.Duration // before the first retry, doubling up to 30 s; 1 s when zero

	Now func() time.Time // the clock by which a server is found too slow; the system's when nil
}

// Access is what one host needs beyond the door's defaults.
type Access struct {
	CACerts    string        // PEM file, as in DoorConfig
	ClientCert string        // PEM file of certificate and key, shown to this host only
	Proxy      string        // URL
	PlainHTTP  bool          // may be spoken to without TLS
	User       *url.Userinfo // credentials, sent to this host only

	tap func([]byte) // see Watch; nil: nobody
}

// Door reaches out. It is safe for concurrent use.
type Door struct {
	config DoorConfig
	mu     sync.Mutex
	hosts  map[string]struct{}
	access map[string]Access // by host:port
}

// NewDoor makes a door. Files and addresses in c are looked at when first used.
func NewDoor(c DoorConfig) *Door {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.UserAgent == "" {
		c.UserAgent = "abaton"
	}
	if c.Stall <= 0 {
		c.Stall = time.Minute
	}
	if c.Backoff <= 0 {
		c.Backoff = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Door{config: c, hosts: make(map[string]struct{}), access: make(map[string]Access)}
}

// Admit sets what the host of address (a URL) needs. Redirects from there keep
// its authorities and proxy; its credentials go nowhere else.
func (d *Door) Admit(address string, a Access) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("egress: the address of an admitted host cannot be read")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.access[origin(u)] = a
	return nil
}

// Hosts lists the hosts spoken to so far, sorted.
func (d *Door) Hosts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.hosts))
}

func (d *Door) spokeTo(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hosts[host] = struct{}{}
}

// accessTo gives what was admitted for u's host, filled up with defaults.
func (d *Door) accessTo(u *url.URL) Access {
	d.mu.Lock()
	a := d.access[origin(u)]
	d.mu.Unlock()
	if a.CACerts == "" {
		a.CACerts = d.config.CACerts
	}
	if a.Proxy == "" && !d.direct(u.Hostname()) {
		a.Proxy = d.config.Proxy
	}
	return a
}

// direct reports whether NoProxy names host.
func (d *Door) direct(host string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(d.config.NoProxy, func(n string) bool {
		n = strings.ToLower(strings.TrimSpace(n))
		domain := "." + strings.TrimPrefix(n, ".")
		return n == "*" || n != "" && (host == strings.TrimPrefix(n, ".") || strings.HasSuffix(host, domain))
	})
}

// mayPlain reports whether u's host was allowed by name to be spoken to
// without TLS.
func (d *Door) mayPlain(u *url.URL, a Access) bool {
	return a.PlainHTTP || slices.ContainsFunc(d.config.AllowHTTP, func(h string) bool {
		return strings.EqualFold(h, u.Hostname()) || strings.EqualFold(h, origin(u))
	})
}

// origin is the host and port of u in one spelling.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
