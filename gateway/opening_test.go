package gateway

import (
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
)

// The path that a browser is started with holds no claim, fills it in for this
// account alone, and is nothing once somebody is set up.
func TestTheOpenedPageHasTheClaim(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("this system does not tell whose a connection is: nobody comes in")
		return
	}
	c := newClock()
	people := newDirectory(t, c)
	claim, err := people.Claim()
	if err != nil {
		t.Fatal(err)
	}
	ticket := string(claim.Reveal())
	w := open(t, Config{Pages: signs{}, People: Directory(people), Now: c.now}, hello)
	path := w.Opening()
	if strings.Contains(path, ticket) || w.Opening() != path {
		t.Fatalf("the path is %s", path)
	}
	b := w.browser(ownName)
	if a := b.get(t, path); a.StatusCode != 200 || !strings.Contains(a.body, `ticket=""`) {
		t.Errorf("before the claim is laid out: %s %s", a.Status, a.body)
	}
	w.LayOut([]byte(ticket))
	for name, path := range map[string]string{"no word": pathEnter + "?open=", "another word": path + "A", "no query": pathEnter} {
		if a := b.get(t, path); strings.Contains(a.body, ticket) {
			t.Errorf("%s: the claim is told", name)
		}
	}
	if a := b.get(t, path); !strings.Contains(a.body, "ticket=\""+ticket+"\"") {
		t.Errorf("%s %s", a.Status, a.body)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		if a := w.browser(host).get(t, path); strings.Contains(a.body, ticket) {
			t.Errorf("at %s the claim is told", host)
		}
	}
	d := &desk{Gateway: w.Gateway, uid: os.Geteuid() + 1}
	if got := d.laidOut(httptest.NewRequest("GET", path, nil), peer{}, os.Geteuid()); strings.Contains(got, ticket) {
		t.Error("another account is told the claim")
	}
	form := url.Values{"name": {olga}, "passphrase": {"the secret words of olga"}, "ticket": {ticket}}.Encode()
	if a := b.send(t, pathEnter, form, b.origin()); a.StatusCode != 200 {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	if a := b.get(t, path); strings.Contains(a.body, ticket) || !strings.Contains(a.body, "claim=false") {
		t.Errorf("after somebody was set up: %s %s", a.Status, a.body)
	}
	if len(w.opening.claim) != 0 {
		t.Error("the claim is still in memory")
	}
}

// Whoever is led to an entrance by a page elsewhere sees it, and nothing else.
func TestOtherPagesLeadToTheEntrance(t *testing.T) {
	w := settle(t, Config{Pages: signs{}}, hello)
	b := w.browser(ownName)
	led := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: document"}
	for _, path := range []string{pathUnlock, pathEnter + "?ticket=abi_x"} {
		if a := b.get(t, path, led...); a.StatusCode != 200 {
			t.Errorf("%s: %s", path, a.Status)
		}
		for name, header := range map[string][]string{
			"a frame":      {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: iframe"},
			"a script":     {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: empty"},
			"two purposes": append([]string{"Sec-Fetch-Dest: iframe"}, led...),
			"an origin":    append([]string{"Origin: http://evil.example"}, led...),
		} {
			if a := b.get(t, path, header...); a.StatusCode != 403 {
				t.Errorf("%s, by %s: %s", path, name, a.Status)
			}
		}
		if a := b.send(t, path, w.webForm(mia), append(led, "Sec-Fetch-Mode: navigate")...); a.StatusCode != 403 {
			t.Errorf("%s, a form: %s", path, a.Status)
		}
	}
	for _, path := range []string{pathPages, pathLeave, "/page/c/x", "/v1/models", pathCertificate} {
		if a := b.get(t, path, led...); a.StatusCode != 403 {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}
