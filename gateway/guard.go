package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hosts are the names by which this server may be called, beside loopback
// addresses. A web page whose own name was made to resolve to 127.0.0.1 (DNS
// rebinding) sends that name, and no comparison of Origin with Host can tell.
// An IP literal cannot be rebound: the browser resolves nothing.
type hosts struct {
	names    map[string]bool
	addrs    []netip.Addr
	loopback bool   // all of it
	call     string // how to call us, for a person
}

// hostName is a DNS name in lower case, without a final dot.
var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)

// newHosts are the names of the plain door.
func newHosts(names []string) (hosts, error) {
	h := hosts{names: map[string]bool{"localhost": true, ownName: true}, loopback: true, call: "127.0.0.1, [::1] or localhost, or declare the name you use: --names NAME."}
	for _, name := range names {
		name, err := parseName(name)
		if err != nil {
			return hosts{}, err
		}
		h.names[name] = true
	}
	return h, nil
}

// hosts are the names of the TLS door: those of its certificate, and no others.
func (id identity) hosts() hosts {
	h := hosts{names: map[string]bool{}, addrs: id.addrs, call: "one of the names in its certificate."}
	for _, name := range id.names {
		h.names[name] = true
	}
	return h
}

func parseName(name string) (string, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, err := netip.ParseAddr(name); err == nil || !hostName.MatchString(name) || len(name) > 253 {
		return "", fmt.Errorf("%q is no host name: write names such as abaton.example, without port or star", name)
	}
	return name, nil
}

// allow reports whether a request with this Host header is meant for us.
func (h hosts) allow(host string) bool {
	name, ok := splitHost(host)
	if !ok {
		return false
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		addr = addr.Unmap()
		return addr.Zone() == "" && (h.loopback && addr.IsLoopback() || slices.Contains(h.addrs, addr))
	}
	return h.names[strings.ToLower(strings.TrimSuffix(name, "."))]
}

// splitHost takes the port off a Host header, strictly: an empty name, an empty
// port, brackets around anything but an IPv6 address are not understood.
func splitHost(host string) (name string, ok bool) {
	name, port, hasPort := host, "", false
	if rest, found := strings.CutPrefix(host, "["); found {
		inside, after, closed := strings.Cut(rest, "]")
		addr, err := netip.ParseAddr(inside)
		if !closed || err != nil || !addr.Is6() || (after != "" && after[0] != ':') {
			return "", false
		}
		name, hasPort, port = inside, after != "", strings.TrimPrefix(after, ":")
	} else if name, port, hasPort = strings.Cut(host, ":"); name == "" {
		return "", false
	}
	if hasPort {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || len(port) > 5 {
			return "", false
		}
	}
	return name, true
}

// misdirected refuses requests that are meant for another server, and those
// that take us for a proxy.
func (h hosts) misdirected(r *http.Request) *refusal {
	if r.URL.Host == "" && r.Method != http.MethodConnect && h.allow(r.Host) {
		return nil
	}
	return &refusal{status: http.StatusMisdirectedRequest, kind: invalidRequest, code: "misdirected_request",
		message: "This request was addressed to another host. Call Abaton by " + h.call}
}

// ledIn tells a person whom a page of another origin leads to where secrets are
// typed: a colleague who opens their invitation in a mail on the web, the page that
// tells how to trust us. Such a page is whole, is in no frame, and changes nothing.
func ledIn(r *http.Request) bool {
	one := func(name, value string) bool {
		all := r.Header.Values(name)
		return len(all) == 1 && all[0] == value
	}
	return r.Method == http.MethodGet && isGate(r.URL.Path) && one("Sec-Fetch-Mode", "navigate") && one("Sec-Fetch-Dest", "document")
}

// foreign refuses requests made by a web page that is not ours. It is stricter
// than http.CrossOriginProtection: an Origin must match in any method (a page of
// another origin has no business reading either, and web sockets begin with a
// GET), and matches by scheme too. Programs send none of these headers.
func foreign(r *http.Request) *refusal {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	origins := r.Header.Values("Origin")
	sites := r.Header.Values("Sec-Fetch-Site")
	ok := len(origins) <= 1 && len(sites) <= 1
	for _, origin := range origins {
		u, err := url.Parse(origin)
		ok = ok && err == nil && u.Scheme == scheme && u.User == nil && u.Path == "" && u.RawQuery == "" && strings.EqualFold(u.Host, r.Host)
	}
	for _, site := range sites {
		ok = ok && (site == "same-origin" || site == "none" || len(origins) == 0 && ledIn(r))
	}
	if ok {
		return nil
	}
	return &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "foreign_origin",
		message: "This request was made by a web page of another origin. Abaton answers its own pages and programs only."}
}
