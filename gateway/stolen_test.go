package gateway

import (
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A browser sends the cookie of the plain door to whatever program serves at the same
// name. Whoever has it from there has nothing: not as a bearer, not as a key, not by
// TLS, on whatever account's connection.
func TestAStolenCookieIsNoCredential(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("this system does not tell whose a connection is: nobody comes in")
		return
	}
	w := settle(t, Config{Pages: signs{}, TLS: &TLS{Address: "127.0.0.1:0", Names: []string{"abaton.example"}, Dir: filepath.Join(privateDir(t), "tls")}}, hello)
	b := w.browser(ownName)
	c, worn := cookieIn(b.send(t, pathUnlock, w.webForm(mia), b.origin()))
	if a := b.get(t, "/page/x", worn); c == nil || a.body != "page /page/x" {
		t.Fatalf("the control: %s", a.Status)
	}
	for _, path := range []string{pathSession, "/v1/models", "/"} {
		for name, a := range map[string]answer{
			"a bearer":            raw(t, "tcp", w.address, request("GET", path, w.address, bearer(c.Value))),
			"a key":               raw(t, "tcp", w.address, request("GET", path, w.address, "X-Api-Key: "+c.Value)),
			"a bearer by socket":  raw(t, "unix", w.socket, request("GET", path, "localhost", bearer(c.Value))),
			"a bearer by TLS":     w.secretly(t, request("GET", path, "abaton.example", bearer(c.Value))),
			"a cookie of TLS":     w.secretly(t, request("GET", path, "abaton.example", "Cookie: "+cookieName+"="+c.Value)),
			"a page's TLS cookie": w.secretly(t, request("GET", "/page/x", "abaton.example", "Cookie: "+cookieName+"="+c.Value)),
		} {
			if a.StatusCode == http.StatusOK || a.Header.Get("Reached") != "" || strings.HasPrefix(a.body, "page ") {
				t.Errorf("%s, as %s: let in: %s %.80s", path, name, a.Status, a.body)
			}
		}
	}
}

// Who comes in where another person's cookie is still in the browser ends that
// person's session: with the cookie gone nobody could.
func TestTheNextAtTheSameBrowser(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("this system does not tell whose a connection is: nobody comes in")
		return
	}
	w := settle(t, Config{Pages: signs{}}, hello)
	b := w.browser(ownName)
	_, elsewhere := cookieIn(b.send(t, pathUnlock, w.webForm(mia), b.origin()))
	_, here := cookieIn(b.send(t, pathUnlock, w.webForm(mia), b.origin()))
	_, other := cookieIn(b.send(t, pathUnlock, w.webForm(olga), b.origin(), here))
	for name, want := range map[string]bool{elsewhere: true, here: false, other: true} {
		if a := b.get(t, "/page/x", name); (a.body == "page /page/x") != want {
			t.Errorf("let in: %v, %s", !want, a.Status)
		}
	}
}
