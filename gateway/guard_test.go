package gateway

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"abaton.local/vault"
)

// Every row is sent, as it stands, over TCP to a real listener, by GET and by
// POST and with the right token: only host and origin decide. HOST stands for
// the listener's own address.
func TestHostsAndOrigins(t *testing.T) {
	var reached atomic.Int32
	h := open(t, Config{Names: []string{"abaton.example", "Box.Local."}}, handlerFunc(func(http.ResponseWriter, *http.Request, vault.Session) { reached.Add(1) }))
	other := open(t, Config{Address: "127.0.0.5:0"}, hello)
	_, port, _ := strings.Cut(h.address, ":")
	for _, c := range []struct {
		name, host string
		header     string // of the origin, lines joined by "; "
		want       int
	}{
		// Who may come in.
		{"curl", "HOST", "", 200},
		{"own page", "HOST", "Origin: http://HOST; Sec-Fetch-Site: same-origin", 200},
		{"own page by name", "localhost:PORT", "Origin: http://localhost:PORT; Sec-Fetch-Site: same-origin", 200},
		{"own page by declared name", "abaton.example:PORT", "Origin: http://abaton.example:PORT; Sec-Fetch-Site: same-origin", 200},
		{"typed into the address bar", "HOST", "Sec-Fetch-Site: none", 200},
		{"own IP", "127.0.0.1", "", 200},
		{"another loopback IP", "127.255.255.254:PORT", "", 200},
		{"IPv6 loopback", "[::1]:PORT", "", 200},
		{"IPv6 loopback without port", "[::1]", "", 200},
		{"v4-mapped", "[::ffff:127.0.0.1]:PORT", "", 200},
		{"v4-mapped in hexadecimal", "[::ffff:7f00:1]:PORT", "", 200},
		{"trailing dot", "localhost.:PORT", "", 200},
		{"trailing dot, declared", "abaton.example.", "", 200},
		{"declared with a dot and capitals", "box.local", "", 200},
		{"capitals", "LocalHost:PORT", "", 200},
		{"through a tunnel with another port", "localhost:9000", "Origin: http://localhost:9000; Sec-Fetch-Site: same-origin", 200},
		// Foreign pages.
		{"cross-site", "HOST", "Origin: https://foreign.example; Sec-Fetch-Site: cross-site", 403},
		{"cross-site without origin", "HOST", "Sec-Fetch-Site: cross-site", 403},
		{"same-site sibling", "abaton.example:PORT", "Origin: http://other.example; Sec-Fetch-Site: same-site", 403},
		{"sibling port", "localhost:PORT", "Origin: http://localhost:3000; Sec-Fetch-Site: same-site", 403},
		{"foreign origin, old browser", "HOST", "Origin: https://foreign.example", 403},
		{"foreign origin that claims to be ours", "HOST", "Origin: https://foreign.example; Sec-Fetch-Site: same-origin", 403},
		{"null origin", "HOST", "Origin: null", 403},
		{"null origin, same-origin", "HOST", "Origin: null; Sec-Fetch-Site: same-origin", 403},
		{"empty origin", "HOST", "Origin:", 403},
		{"origin with the right host and another scheme", "HOST", "Origin: https://HOST", 403},
		{"origin with a suffix", "HOST", "Origin: http://HOST.foreign.example", 403},
		{"origin with a user", "HOST", "Origin: http://HOST@foreign.example", 403},
		{"origin of a user at us", "HOST", "Origin: http://foreign.example@HOST", 403},
		{"origin with a path", "HOST", "Origin: http://HOST/", 403},
		{"origin by another of our names", "HOST", "Origin: http://localhost:PORT", 403},
		{"two origins", "HOST", "Origin: http://HOST; Origin: https://foreign.example", 403},
		{"a list of origins", "HOST", "Origin: http://HOST http://foreign.example", 403},
		{"browser extension", "HOST", "Origin: chrome-extension://abcdefgh", 403},
		{"file", "HOST", "Origin: file://", 403},
		{"unknown site", "HOST", "Sec-Fetch-Site: whatever", 403},
		{"two sites", "HOST", "Sec-Fetch-Site: same-origin; Sec-Fetch-Site: cross-site", 403},
		{"web socket", "HOST", "Origin: https://foreign.example; Connection: Upgrade; Upgrade: websocket; Sec-WebSocket-Version: 13; Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", 403},
		// Requests meant for somebody else: DNS rebinding and its tricks.
		{"rebinding", "rebound.example:PORT", "", 421},
		{"rebinding, same-origin", "rebound.example", "Origin: http://rebound.example; Sec-Fetch-Site: same-origin", 421},
		{"suffix trick", "localhost.rebound.example", "", 421},
		{"suffix trick on a declared name", "abaton.example.rebound.example", "", 421},
		{"prefix trick", "rebound-localhost", "", 421},
		{"IP as a prefix", "127.0.0.1.rebound.example", "", 421},
		{"IP as a suffix", "rebound.example.127.0.0.1", "", 421},
		{"subdomain of localhost", "foreign.localhost", "", 421},
		{"subdomain of a declared name", "foreign.abaton.example", "", 421},
		{"foreign IP", "192.168.1.10", "", 421},
		{"public IP", "198.51.100.1:PORT", "", 421},
		{"unspecified IP", "0.0.0.0:PORT", "", 421},
		{"unspecified IPv6", "[::]:PORT", "", 421},
		{"foreign IPv6", "[2001:db8::1]:PORT", "", 421},
		{"link-local with a zone", "[fe80::1%25lo]:PORT", "", 421},
		{"loopback with a zone", "[::1%25lo]:PORT", "", 421},
		{"foreign v4-mapped", "[::ffff:192.168.1.10]", "", 421},
		{"v4-compatible", "[::127.0.0.1]", "", 421},
		{"brackets around IPv4", "[127.0.0.1]", "", 421},
		{"brackets around a name", "[localhost]", "", 421},
		{"IPv6 without brackets", "::1", "", 421},
		{"short IP", "127.1:PORT", "", 421},
		{"decimal IP", "2130706433", "", 421},
		{"octal IP", "0177.0.0.1", "", 421},
		{"hexadecimal IP", "0x7f.0.0.1", "", 421},
		{"empty host", ":PORT", "", 421},
		{"no host at all", "", "", 421},
		{"a dot", ".", "", 421},
		{"two trailing dots", "localhost..", "", 421},
		{"leading dot", ".localhost", "", 421},
		{"empty port", "localhost:", "", 421},
		{"port 0", "localhost:0", "", 421},
		{"port too large", "localhost:65536", "", 421},
		{"port of letters", "localhost:http", "", 421},
		{"two ports", "localhost:PORT:PORT", "", 421},
		{"after the bracket", "[::1]rebound.example", "", 421},
		// net/http itself knows no such characters in a host.
		{"user before the host", "localhost@rebound.example", "", 400},
		{"user before our host", "rebound.example@localhost", "", 400},
		{"port, then a host", "localhost:PORT@rebound.example", "", 400},
		{"full-width dot", "localhost\uff0erebound.example", "", 400},
		{"list", "localhost,rebound.example", "", 421},
		{"percent", "localhost%00.rebound.example", "", 421},
		{"undeclared", "box2.local", "", 421},
		{"the machine's own name", "abaton", "", 421},
	} {
		t.Run(c.name, func(t *testing.T) {
			fill := strings.NewReplacer("HOST", h.address, "PORT", port)
			var header []string
			if c.header != "" {
				header = strings.Split(fill.Replace(c.header), "; ")
			}
			header = append(header, bearer(h.token))
			for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE"} {
				before := reached.Load()
				a := raw(t, "tcp", h.address, request(method, "/v1/models", fill.Replace(c.host), header...))
				if a.StatusCode != c.want {
					t.Errorf("%s: got %d, want %d", method, a.StatusCode, c.want)
				}
				if passed := reached.Load() != before; passed != (c.want == 200) {
					t.Errorf("%s: the handler was reached: %v", method, passed)
				}
			}
			if a := raw(t, "tcp", h.address, request("GET", "/health", fill.Replace(c.host), header...)); a.StatusCode != c.want {
				t.Errorf("the public page: got %d, want %d", a.StatusCode, c.want)
			}
		})
	}
	if a := other.get(t, "/", bearer(other.token)); a.StatusCode != 200 {
		t.Errorf("own IP 127.0.0.5: %s", a.Status)
	}
}

// Requests that no form of a header describes.
func TestStrangeRequestLines(t *testing.T) {
	h := open(t, Config{}, handlerFunc(func(http.ResponseWriter, *http.Request, vault.Session) { t.Error("the handler was reached") }))
	auth := bearer(h.token) + "\r\n\r\n"
	for name, c := range map[string]struct {
		request string
		want    int
	}{
		"HTTP/1.0 without host":            {"GET / HTTP/1.0\r\n" + auth, 421},
		"HTTP/1.1 without host":            {"GET / HTTP/1.1\r\n" + auth, 400},
		"two hosts":                        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n" + auth, 400},
		"host with a space":                {"GET / HTTP/1.1\r\nHost: localhost rebound.example\r\n" + auth, 400},
		"absolute, foreign":                {"GET http://rebound.example/ HTTP/1.1\r\nHost: localhost\r\n" + auth, 421},
		"absolute, ours, for another host": {"GET http://localhost/ HTTP/1.1\r\nHost: rebound.example\r\n" + auth, 421},
		"absolute, ours":                   {"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n" + auth, 421},
		"proxy tunnel":                     {"CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n" + auth, 421},
		"proxy tunnel to us":               {"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n" + auth, 421},
		"double slash":                     {"GET //rebound.example/ HTTP/1.1\r\nHost: rebound.example\r\n" + auth, 421},
		"forwarded host":                   {"GET / HTTP/1.1\r\nHost: rebound.example\r\nX-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n" + auth, 421},
		"HTTP/2 by prior knowledge":        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 421},
		"method of its own":                {"GET\x00 / HTTP/1.1\r\nHost: localhost\r\n" + auth, 400},
		"length twice":                     {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + auth, 400},
		"length and chunks, no such host":  {"POST / HTTP/1.1\r\nHost: rebound.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + auth + "0\r\n\r\n", 421},
	} {
		t.Run(name, func(t *testing.T) {
			if a := raw(t, "tcp", h.address, c.request); a.StatusCode != c.want {
				t.Errorf("got %s, want %d: %s", a.Status, c.want, a.body)
			}
		})
	}
}

// A socket that somebody forwards to TCP must not become a way around.
func TestTheSocketIsGuardedAsWell(t *testing.T) {
	h := open(t, Config{}, hello)
	for host, want := range map[string]int{"localhost": 200, "127.0.0.1": 200, "rebound.example": 421, "": 421} {
		if a := raw(t, "unix", h.socket, request("GET", "/", host)); a.StatusCode != want {
			t.Errorf("%q: %s", host, a.Status)
		}
	}
	if a := raw(t, "unix", h.socket, request("GET", "/", "localhost", "Origin: https://foreign.example")); a.StatusCode != 403 {
		t.Errorf("foreign origin: %s", a.Status)
	}
}

func TestNamesAreHostNames(t *testing.T) {
	for _, name := range []string{"", "*", "*.example", "a b", "a:80", "http://a", "a/b", ".a", "a..b", "-a", "127.0.0.1", "::1", "é.example", strings.Repeat("a.", 127) + "a", strings.Repeat("a", 64)} {
		if g, err := Listen(Config{Address: "127.0.0.1:0", Names: []string{name}}); err == nil {
			t.Errorf("%q was taken", name)
			g.Close()
		}
	}
}

func FuzzHost(f *testing.F) {
	h, err := newHosts([]string{"abaton.example"})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"localhost", "localhost:8226", "[::1]:1", "127.0.0.1.", "abaton.example", "a.localhost", ":1", "[::ffff:127.0.0.1]", "0x7f.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !h.allow(host) {
			return
		}
		lower := strings.ToLower(host)
		if !strings.HasPrefix(lower, "localhost") && !strings.HasPrefix(lower, "abaton.example") && !strings.HasPrefix(lower, "127.") && !strings.HasPrefix(lower, "[") {
			t.Errorf("%q is let in", host)
		}
		if strings.ContainsAny(host, "@/,%* \\") {
			t.Errorf("%q is let in", host)
		}
	})
}
