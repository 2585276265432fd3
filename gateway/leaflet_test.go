package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"abaton.local/posture"
	"abaton.local/vault"
)

// The page without TLS says how to trust the certificate, and nothing else; while
// no invitation is open nobody is answered at all.
func TestLeaflet(t *testing.T) {
	var invited atomic.Bool
	c := lan(t)
	c.Leaflet, c.Invited, c.Words = "127.0.0.1:0", invited.Load, func([32]byte) string { return "larch otter quartz" }
	h := open(t, Config{TLS: c}, handlerFunc(func(http.ResponseWriter, *http.Request, vault.Session) { t.Error("the handler was reached") }))
	at := h.LeafletAddr().String()
	// silent tells that a connection is closed without an answer.
	silent := func() bool {
		t.Helper()
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, request("GET", "/", "box.local")) // it may be closed already
		b, _ := io.ReadAll(conn)                               // an error is the reset
		return len(b) == 0
	}
	if !silent() {
		t.Error("without an invitation somebody is answered")
	}
	invited.Store(true)
	a := raw(t, "tcp", at, request("GET", "/", "box.local"))
	for _, want := range []string{"larch otter quartz", h.FingerprintDigits(), "without TLS", "https://abaton.example:" + strings.TrimPrefix(port(h.TLSAddr()), ":") + "/page/unlock"} {
		if a.StatusCode != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%s: no %q in\n%s", a.Status, want, a.body)
		}
	}
	if n := strings.Count(a.body, "<svg"); n != 20 || strings.Contains(a.body, "<img") || strings.Contains(a.body, "url(") {
		t.Errorf("%d pictures", n)
	}
	if n := len(a.body); n > 32<<10 {
		t.Errorf("the page has %d bytes", n)
	}
	for name := range map[string]bool{"Android": true, "iPhone": true, "Windows": true, "macOS": true, "Firefox": true, "Debian": true} {
		if !strings.Contains(a.body, "<summary>"+name) {
			t.Errorf("no pictures for %s", name)
		}
	}
	policy := a.Header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'none'") || strings.Contains(a.body, "<script") || strings.Contains(a.body, "<form") {
		t.Errorf("CSP %q", policy)
	}
	if len(a.Cookies()) > 0 || a.Header.Get("Strict-Transport-Security") != "" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the header is %v", a.Header)
	}
	if file := raw(t, "tcp", at, request("GET", leafletFile, "abaton.example")); file.body != string(h.tls.certs.authority.pem()) {
		t.Errorf("the certificate: %s %s", file.Status, file.body)
	}
	for name, c := range map[string]struct {
		request string
		want    int
	}{
		"another host":     {request("GET", "/", "rebound.example"), 421},
		"no host":          {request("GET", "/", ""), 421},
		"a proxy's":        {"GET http://rebound.example/ HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 421},
		"the entrance":     {request("GET", pathUnlock, "box.local"), 404},
		"the login":        {request("GET", pathLogin, "box.local"), 404},
		"health":           {request("GET", pathHealth, "box.local"), 404},
		"models":           {request("GET", "/v1/models", "box.local", bearer(h.token)), 404},
		"a form":           {request("POST", "/", "box.local", "Content-Length: 3") + "a=b", 405},
		"climbing":         {request("GET", "/../authority.key", "box.local"), 404},
		"a long header":    {request("GET", "/", "box.local", "X: "+strings.Repeat("a", 20<<10)), 431},
		"a method of none": {request("FOO", "/", "box.local"), 405},
	} {
		if a := raw(t, "tcp", at, c.request); a.StatusCode != c.want || strings.Contains(a.body, "larch") {
			t.Errorf("%s: %s %s", name, a.Status, a.body)
		}
	}
	if f := h.Checks()[0].Run(context.Background()); f.Status != posture.Pass || !strings.Contains(f.Summary, at) {
		t.Errorf("NET-01: %+v", f)
	}
	invited.Store(false)
	if !silent() {
		t.Error("after the last invitation somebody is answered")
	}
}

// It is refused wherever it would be more than that.
func TestNoLeafletWithoutItsDoor(t *testing.T) {
	invited := func() bool { return true }
	for name, change := range map[string]func(*TLS){
		"another address":     func(c *TLS) { c.Leaflet = "127.0.0.2:0" },
		"all addresses":       func(c *TLS) { c.Leaflet = "0.0.0.0:0" },
		"no address":          func(c *TLS) { c.Leaflet = "box.local:80" },
		"whoever was invited": func(c *TLS) { c.Invited = nil },
	} {
		c := lan(t)
		c.Leaflet, c.Invited = "127.0.0.1:0", invited
		change(c)
		if g, err := Listen(Config{TLS: c}); err == nil {
			t.Errorf("%s: it is served at %s", name, errors.Join(g.Close()))
		}
	}
	own := lan(t)
	own.Dir = filepath.Join(privateDir(t), "theirs")
	if g, err := Listen(Config{TLS: own}); err != nil || g.LeafletAddr() != nil {
		t.Fatal(err)
	} else if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(own.Dir); err != nil {
		t.Error(err)
	}
}
