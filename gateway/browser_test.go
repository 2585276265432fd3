package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"abaton.local/vault"
)

// signs are pages that say which of them was reached, and by whom.
type signs struct{}

func (signs) Static(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != pathStatic+"page.css" {
		return false
	}
	fmt.Fprint(w, "static")
	return true
}

func (signs) Entrance(w http.ResponseWriter, _ *http.Request, at Doorway) {
	w.WriteHeader(at.Status)
	fmt.Fprintf(w, "entrance join=%v claim=%v name=%q ticket=%q elsewhere=%q message=%q none=%q", at.Join, at.Claim, at.Name, at.Ticket, at.Elsewhere, at.Message, at.NoPasskeys)
}

func (signs) Welcome(w http.ResponseWriter, _ *http.Request, _ vault.Session, recovery []byte) {
	fmt.Fprintf(w, "welcome %d", len(recovery))
}

func (signs) Refuse(w http.ResponseWriter, _ *http.Request, no Refusal) {
	w.WriteHeader(no.Status)
	fmt.Fprint(w, "refused ", no.Code)
}

func (signs) ServeSession(w http.ResponseWriter, r *http.Request, s vault.Session) {
	w.Header().Set("Reached", string(s.Person))
	fmt.Fprint(w, "page ", r.URL.Path)
}

// browser is one at the plain door, by a name.
type browser struct {
	address, host string
}

func (w *house) browser(name string) browser {
	_, port, _ := net.SplitHostPort(w.address)
	return browser{w.address, name + ":" + port}
}

func (b browser) get(t *testing.T, path string, header ...string) answer {
	t.Helper()
	return raw(t, "tcp", b.address, request("GET", path, b.host, append(header, "Accept: text/html", "Sec-Fetch-Mode: navigate")...))
}

func (b browser) send(t *testing.T, path, body string, header ...string) answer {
	t.Helper()
	header = append(header, "Content-Type: application/x-www-form-urlencoded", fmt.Sprint("Content-Length: ", len(body)))
	return raw(t, "tcp", b.address, request("POST", path, b.host, header...)+body)
}

func (b browser) origin() string { return "Origin: http://" + b.host }

func (w *town) webForm(name string) string {
	return url.Values{"name": {name}, "passphrase": {w.pass[name]}}.Encode()
}

func cookieIn(a answer) (*http.Cookie, string) {
	for _, c := range a.Cookies() {
		return c, "Cookie: " + c.Name + "=" + c.Value
	}
	return nil, "Cookie: none=none"
}

func TestAPersonComesInByThePlainDoor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("this system does not tell whose a connection is: nobody comes in")
		return
	}
	w := settle(t, Config{Pages: signs{}}, hello)
	b := w.browser(ownName)
	if a := b.get(t, "/"); a.StatusCode != 303 || a.Header.Get("Location") != pathPages {
		t.Fatalf("the bare address leads to %s %q", a.Status, a.Header.Get("Location"))
	}
	if a := b.get(t, pathPages); a.StatusCode != 303 || a.Header.Get("Location") != pathUnlock {
		t.Fatalf("without a session a page leads to %s %q", a.Status, a.Header.Get("Location"))
	}
	if a := b.get(t, pathUnlock); a.StatusCode != 200 || !strings.Contains(a.body, "join=false claim=false") {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	wrong := url.Values{"name": {mia}, "passphrase": {"not these words"}}.Encode()
	if a := b.send(t, pathUnlock, wrong, b.origin()); a.StatusCode != 401 || !strings.Contains(a.body, `name="Mia Member"`) || strings.Contains(a.body, "not these words") || len(a.Cookies()) > 0 {
		t.Fatalf("a wrong passphrase: %s %s", a.Status, a.body)
	}
	a := b.send(t, pathUnlock, w.webForm(mia), b.origin())
	c, worn := cookieIn(a)
	if a.StatusCode != 303 || a.Header.Get("Location") != pathPages || c == nil {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	if c.Name != plainName || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() {
		t.Fatalf("the cookie is %v", c)
	}
	if a := b.get(t, "/page/x", worn); a.StatusCode != 200 || a.body != "page /page/x" || a.Header.Get("Reached") == "" {
		t.Fatalf("%s %s", a.Status, a.body)
	}

	for name, a := range map[string]answer{
		"at localhost":      w.browser("localhost").get(t, "/page/x", worn),
		"at the address":    w.browser("127.0.0.1").get(t, "/page/x", worn),
		"as the TLS cookie": b.get(t, "/page/x", "Cookie: "+cookieName+"="+c.Value),
		"twice":             b.get(t, "/page/x", worn, worn),
		"another session":   b.get(t, "/page/x", "Cookie: "+plainName+"="+w.login(t, mia)), // given to a program
		"as a bearer":       b.get(t, "/page/x", bearer(c.Value)),
		"posted by a page that does not say whose it is": b.send(t, "/page/x", "", worn),
		"posted by another page":                         b.send(t, "/page/x", "", worn, "Origin: http://localhost"),
		"posted by no page":                              b.send(t, "/page/x", "", worn, "Origin: null"),
		"posted from the same site":                      b.send(t, "/page/x", "", worn, "Sec-Fetch-Site: same-site"),
		"by the socket":                                  raw(t, "unix", w.socket, request("GET", "/page/x", "localhost", worn)),
		"with a key in the address":                      b.get(t, "/c/"+w.token(t, mia, vault.ScopeAll)+"/page/x", worn),
	} {
		if strings.HasPrefix(a.body, "page ") {
			t.Errorf("%s: let in", name)
		}
	}
	if a := b.send(t, "/page/x", "", worn, b.origin()); a.body != "page /page/x" {
		t.Errorf("a form of our own: %s %s", a.Status, a.body)
	}
	if a := b.get(t, "/page/x", worn, "Sec-Fetch-Site: cross-site"); a.StatusCode != 403 {
		t.Errorf("led there by another page, with the cookie: %s", a.Status)
	}

	// The same cookie on a connection of another account of this machine.
	mine, _ := w.wearers.secret(c.Value, os.Geteuid())
	theirs := "Cookie: " + plainName + "=" + w.wearers.give(mine, os.Geteuid()+1, w.clock.now().Add(1<<40), w.clock.now())
	if a := b.get(t, "/page/x", theirs); a.StatusCode != 303 || a.Header.Get("Reached") != "" {
		t.Errorf("another account: %s", a.Status)
	}

	a = b.send(t, pathLeave, "", worn, b.origin())
	if gone, _ := cookieIn(a); a.StatusCode != 303 || gone == nil || gone.MaxAge >= 0 {
		t.Errorf("leaving: %s %v", a.Status, gone)
	}
	if a := b.get(t, "/page/x", worn); a.StatusCode != 303 || a.Header.Get("Reached") != "" {
		t.Errorf("after leaving: %s", a.Status)
	}
}

// Who comes in once more in the same browser has one session there and not two: the
// first one, which no cookie names any more, would keep their vault open after they
// locked it. One in another browser stays.
func TestComingInAgainLeavesNoSessionBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("this system does not tell whose a connection is: nobody comes in")
		return
	}
	w := settle(t, Config{Pages: signs{}}, hello)
	b := w.browser(ownName)
	_, other := cookieIn(b.send(t, pathUnlock, w.webForm(mia), b.origin()))
	_, first := cookieIn(b.send(t, pathUnlock, w.webForm(mia), b.origin()))
	_, second := cookieIn(b.send(t, pathUnlock, w.webForm(mia), b.origin(), first))
	for worn, want := range map[string]int{other: 200, first: 303, second: 200} {
		if a := b.get(t, "/page/x", worn); a.StatusCode != want {
			t.Errorf("%s, not %d", a.Status, want)
		}
	}
	w.wearers.mu.Lock()
	defer w.wearers.mu.Unlock()
	if n := len(w.wearers.of); n != 2 {
		t.Errorf("%d cookies are remembered", n)
	}
}

// At a name that other programs have too, a browser is told of the one that is
// Abaton's alone, and no secret is taken.
func TestNoCookieAtASharedName(t *testing.T) {
	w := settle(t, Config{Pages: signs{}}, hello)
	for _, name := range []string{"localhost", "127.0.0.1", "[::1]"} {
		b := w.browser(name)
		for _, a := range []answer{b.get(t, pathUnlock), b.send(t, pathUnlock, w.webForm(mia), b.origin())} {
			if !strings.Contains(a.body, `elsewhere="http://`+ownName+":") || len(a.Cookies()) > 0 {
				t.Errorf("%s: %s %s", name, a.Status, a.body)
			}
		}
	}
}

func TestTheFirstPersonJoinsByThePage(t *testing.T) {
	c := newClock()
	people := newDirectory(t, c)
	claim, err := people.Claim()
	if err != nil {
		t.Fatal(err)
	}
	ticket := string(claim.Reveal())
	w := open(t, Config{Pages: signs{}, People: Directory(people), Now: c.now}, hello)
	b := w.browser(ownName)
	for _, path := range []string{pathPages, "/page/x", pathUnlock} {
		if a := b.get(t, path); a.StatusCode != 303 || a.Header.Get("Location") != pathEnter {
			t.Errorf("%s leads to %s %q", path, a.Status, a.Header.Get("Location"))
		}
	}
	if a := b.get(t, pathEnter+"?ticket="+ticket); !strings.Contains(a.body, "join=true claim=true") || !strings.Contains(a.body, ticket) {
		t.Errorf("%s %s", a.Status, a.body)
	}
	form := url.Values{"name": {olga}, "passphrase": {"the secret words of olga"}, "ticket": {ticket}}.Encode()
	if a := b.send(t, pathEnter, form, "Origin: http://evil.example"); a.StatusCode != 403 {
		t.Errorf("joined by another page: %s", a.Status)
	}
	a := b.send(t, pathEnter, form, b.origin())
	_, worn := cookieIn(a)
	if a.StatusCode != 200 || !strings.HasPrefix(a.body, "welcome ") || a.body == "welcome 0" {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	if a := b.get(t, "/page/x", worn); a.body != "page /page/x" {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if a := b.send(t, pathEnter, form, b.origin()); a.StatusCode == 200 || len(a.Cookies()) > 0 {
		t.Errorf("a claim was taken twice: %s %s", a.Status, a.body)
	}
}

func TestPagesByTLS(t *testing.T) {
	w := settle(t, Config{Pages: signs{}, TLS: &TLS{Address: "127.0.0.1:0", Names: []string{"abaton.example"}, Dir: filepath.Join(privateDir(t), "tls")}}, hello)
	body := w.webForm(mia)
	a := w.secretly(t, request("POST", pathUnlock, "abaton.example", "Origin: https://abaton.example", "Content-Type: application/x-www-form-urlencoded", fmt.Sprint("Content-Length: ", len(body)))+body)
	c, worn := cookieIn(a)
	if a.StatusCode != 303 || c == nil || c.Name != cookieName || !c.Secure {
		t.Fatalf("%s %v", a.Status, c)
	}
	if a := w.secretly(t, request("GET", "/page/x", "abaton.example", worn)); a.body != "page /page/x" {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if a := w.browser(ownName).get(t, "/page/x", worn, "Cookie: "+plainName+"="+c.Value); a.StatusCode != 303 {
		t.Errorf("at the plain door: %s", a.Status)
	}
}

// The address for programs that send no key has no pages, and neither has the socket.
func TestPagesAreAtTheDoorsForBrowsers(t *testing.T) {
	session := func(context.Context) (vault.Session, error) { return vault.Session{}, vault.ErrToken }
	w := settle(t, Config{Pages: signs{}, Keyless: &Keyless{Address: "127.0.0.1:0", Account: os.Geteuid(), Session: session}}, hello)
	at := w.KeylessAddr().String()
	for _, path := range []string{pathPages, pathUnlock, pathEnter, pathStatic + "page.css"} {
		if a := raw(t, "tcp", at, request("GET", path, at)); a.StatusCode != 404 || strings.Contains(a.body, "static") || strings.Contains(a.body, "entrance") {
			t.Errorf("without a key, %s: %s %s", path, a.Status, a.body)
		}
		if a := raw(t, "unix", w.socket, request("GET", path, "localhost")); strings.Contains(a.body, "static") || strings.Contains(a.body, "entrance") {
			t.Errorf("by the socket, %s: %s %s", path, a.Status, a.body)
		}
	}
}

// Without pages nothing is served to browsers, and programs find what they found.
func TestNoPagesUnlessTheyAreSet(t *testing.T) {
	w := settle(t, Config{}, hello)
	for _, path := range []string{"/", pathPages, pathUnlock, pathStatic + "page.css"} {
		if a := w.browser(ownName).get(t, path); a.StatusCode != 401 {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	v := settle(t, Config{Pages: signs{}}, hello)
	if a := raw(t, "tcp", v.address, request("GET", "/", v.address, bearer(v.token(t, mia, vault.ScopeAsk)))); a.StatusCode != 200 || a.Header.Get("Reached") == "" {
		t.Errorf("a program at /: %s", a.Status)
	}
	if a := v.browser(ownName).get(t, pathStatic+"page.css"); a.body != "static" {
		t.Errorf("a file: %s %s", a.Status, a.body)
	}
	if a := v.browser(ownName).get(t, pathStatic+"other"); a.StatusCode != 404 {
		t.Errorf("no file: %s", a.Status)
	}
}

// Whatever a form of the web is taken for, package url takes it for the same, and
// wipe leaves nothing.
func FuzzWebForm(f *testing.F) {
	for _, s := range []string{"a=x&b=%C3%A9+%2B", "a=&b=", "a=%", "a=%2", "a=%zz", "a=x&a=y", "c", "&", "a=x&", "a=%00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got form
		got.buffer = append([]byte(nil), body...)
		if got.parseWeb(got.buffer, []string{"a", "b"}) != nil {
			return
		}
		want, err := url.ParseQuery(string(body))
		if err != nil {
			if strings.Contains(string(body), ";") { // which package url refuses, and the standard does not
				return
			}
			t.Fatalf("%q was taken: %v", body, err)
		}
		for _, name := range []string{"a", "b"} {
			if string(got.text(name)) != want.Get(name) || len(want[name]) > 1 {
				t.Errorf("%q: %s is %q, not %q", body, name, got.text(name), want[name])
			}
		}
		got.wipe()
		for _, text := range got.texts {
			if len(strings.Trim(string(text), "\x00")) > 0 {
				t.Errorf("%q outlived the wipe", body)
			}
		}
	})
}
