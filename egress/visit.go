package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxRedirects = 10
	maxHeader    = 64 << 10 // bytes of response headers
)

// carried are the headers that follow a redirect to another host. All others
// may hold credentials.
var carried = []string{"Accept", "Range", "If-Range"}

// reply is an open answer. The caller closes it, which logs the connection.
type reply struct {
	*http.Response
	at  *url.URL // where it came from, after redirects; no credentials
	end func(error)
	err error // what ended the body, for the log
}

// Read reads the body; errors tell the host and no address.
func (r *reply) Read(b []byte) (int, error) {
	n, err := r.Body.Read(b)
	if err != nil && err != io.EOF {
		err = clean(r.at.Host, err)
		r.err = err
	}
	return n, err
}

// Close ends the connection.
func (r *reply) Close() error {
	err := r.Body.Close()
	r.end(r.err)
	return err
}

// open asks for address and, if it should, follows redirects by hand: no
// cookie, at most ten, never from https to http, and no credential goes to a
// second host (CVE-2025-51471 was that).
func (d *Door) open(ctx context.Context, method, address string, header http.Header, follow bool) (*reply, error) {
	u, err := url.Parse(address)
	if err != nil || !isHostName(u.Hostname()) {
		return nil, errors.New("the address cannot be read")
	}
	if header = header.Clone(); header == nil {
		header = make(http.Header)
	}
	start := d.accessTo(u)
	if u.User != nil {
		start.User = u.User
	}
	access, nearest := start, nowhere
	for range maxRedirects + 1 {
		r, near, err := d.visit(ctx, method, u, header, access, nearest)
		if err != nil {
			return nil, err
		}
		if !follow || !isRedirect(r.StatusCode) {
			return r, nil
		}
		next, err := u.Parse(r.Header.Get("Location"))
		r.Close()
		if err != nil || r.Header.Get("Location") == "" || !isHostName(next.Hostname()) {
			return nil, fmt.Errorf("%s redirects to an address that cannot be read", u.Host)
		}
		if u.Scheme == "https" && next.Scheme != "https" {
			return nil, &RefusedError{Host: next.Host, Reason: u.Host + " redirects from https to " + next.Scheme}
		}
		if origin(next) != origin(u) || next.Scheme != u.Scheme {
			rest := make(http.Header)
			for _, k := range carried {
				if v := header.Values(k); len(v) > 0 {
					rest[k] = v
				}
			}
			header = rest
			access = Access{CACerts: start.CACerts, Proxy: start.Proxy}
		}
		u, nearest = next, near
	}
	return nil, fmt.Errorf("%s redirects more than %d times", u.Host, maxRedirects)
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// visit makes one connection for one request that carries nothing.
func (d *Door) visit(ctx context.Context, method string, u *url.URL, header http.Header, a Access, nearest reach) (*reply, reach, error) {
	return d.carry(ctx, method, u, header, nil, a, nearest)
}

// carry makes one connection for one request, and logs it when it ends. nil is
// no body.
func (d *Door) carry(ctx context.Context, method string, u *url.URL, header http.Header, body io.Reader, a Access, nearest reach) (*reply, reach, error) {
	if (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" {
		return nil, 0, &RefusedError{Host: u.Host, Reason: "only https addresses are fetched"}
	}
	plain := u.Scheme == "http" && !d.mayPlain(u, a)
	limits := rule{plain: plain, nearest: nearest, proxied: a.Proxy != "" && !plain && !isLoopbackName(u.Hostname())}
	seen := &traffic{tap: a.tap}
	transport, err := d.transport(limits, a, seen)
	if err != nil {
		return nil, 0, err
	}
	where := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	request, err := http.NewRequestWithContext(ctx, method, where.String(), body)
	if err != nil {
		return nil, 0, &RefusedError{Host: u.Host, Reason: "the address cannot be used"}
	}
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", d.config.UserAgent)
	request.Header.Set("Accept-Encoding", "identity")
	if a.User != nil {
		password, _ := a.User.Password()
		request.SetBasicAuth(a.User.Username(), password)
	}
	began := time.Now()
	d.spokeTo(u.Hostname())
	end := func(status int) func(error) {
		return func(err error) {
			transport.CloseIdleConnections()
			d.config.Log.Info("connection out", "host", u.Host, "proxied", limits.proxied, "status", status,
				"bytes_in", seen.in.Load(), "bytes_out", seen.out.Load(), "outcome", outcome(err), "took", time.Since(began).Round(time.Millisecond))
		}
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		switch {
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case seen.crept.Load():
			err = tooSlow() // of a header that was cut in the middle, net/http would say anything
		}
		err = clean(u.Host, err)
		end(0)(err)
		return nil, 0, err
	}
	r := &reply{Response: response, at: where, end: end(response.StatusCode)}
	if e := response.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		r.Close()
		return nil, 0, fmt.Errorf("%s sends compressed data that nobody asked for", u.Host)
	}
	return r, reach(seen.near.Load()), nil
}

// isLoopbackName tells which names never go to a proxy: one that runs on this
// machine would connect to it. Where they lead is decided by address.
func isLoopbackName(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		return reachOf(a) == loopback
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasPrefix(host, "127.")
}

// isHostName reports whether a name may stand in logs and messages: a URL's
// host can hold bytes that a terminal obeys, as %C2%9B.
func isHostName(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune(".-_:%", r)
	})
}

// transport serves one request: nothing is shared between hosts.
func (d *Door) transport(limits rule, a Access, seen *traffic) (*http.Transport, error) {
	t := &http.Transport{
		DialContext:            seen.dialer(limits, d.config.Stall, d.config.Now),
		TLSHandshakeTimeout:    min(d.config.Stall, 15*time.Second),
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         64 << 10,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if a.CACerts != "" {
		pem, err := os.ReadFile(a.CACerts)
		if err != nil {
			return nil, fmt.Errorf("certificate authorities: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authorities: %s holds no certificate in PEM form", a.CACerts)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	if a.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(a.ClientCert, a.ClientCert)
		if err != nil {
			return nil, fmt.Errorf("client certificate %s: %w", a.ClientCert, err)
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	if limits.proxied {
		address := a.Proxy
		if !strings.Contains(address, "://") {
			address = "http://" + address
		}
		proxy, err := url.Parse(address)
		if err != nil || proxy.Host == "" {
			return nil, errors.New("the address of the proxy cannot be read")
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	return t, nil
}

// failure turns a status into an error; nil for 2xx.
func (r *reply) failure() error {
	if r.StatusCode/100 == 2 {
		return nil
	}
	e := &HTTPError{Host: r.at.Host, Status: r.StatusCode}
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && s > 0 {
		e.After = min(time.Duration(s)*time.Second, time.Minute)
	}
	return e
}
