package browsers

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// forOthers starts a server for other machines too, and tells what it says of that:
// host and port of the door by TLS, the page without TLS, and the words to compare.
func (s *server) forOthers(t *testing.T, at string) (door, leaflet, words string) {
	t.Helper()
	s.startWith(t, "--address", "127.0.0.1:0", "--lan-address", at+":0", "--lan-names", "box.abaton.example", "--invite-address", at+":0")
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(s.output())
		if m == nil {
			t.Fatalf("no %s in\n%s", pattern, s.output())
		}
		return m[1]
	}
	return find(`others +https://([^/\s]+)/`), find(`invited +(http://\S+)`), find(`authority (.+)`)
}

// TestNewcomersByTheClock walks as two people do who know nothing: the first from the
// start of the program to an answer, the second from their invitation, over the
// certificate that their browser is to trust, to an answer of theirs, by passkey. It
// prints how long each took; what a person reads and types comes on top.
func TestNewcomersByTheClock(t *testing.T) {
	s := newServer(t)
	begin, last := time.Now(), time.Now()
	lap := func(what string) {
		t.Logf("%6.2f s, %5.2f s in all: %s", time.Since(last).Seconds(), time.Since(begin).Seconds(), what)
		last = time.Now()
	}
	s.start(t, "127.0.0.1:0")
	lap("the program serves and shows its link")
	ada := open(t, "")
	ada.visit(s.page + "/page/join?ticket=" + s.claim)
	ada.until(`location.search === ""`)
	lap("a browser starts and shows the page")
	ada.write("#name", "ada")
	phrase := eval[string](ada, `document.getElementById("offer").textContent`)
	ada.press("#offer + button") // takes them
	ada.press(".fields > button")
	ada.see("pre.code")
	lap("name and passphrase")
	ada.write("#code", eval[string](ada, `document.querySelector("pre.code").textContent`))
	ada.press(".fields > button")
	ada.see(".hello")
	lap("the recovery code")
	ada.write("#text", "What is the capital of France?\r")
	ada.until(`document.querySelector(".turn.it .said")?.textContent.trim()`)
	lap("the first word of the first answer")
	ada.enough("1")
	lap("the whole of it")
	must(t, chromedp.Cancel(ada.ctx))
	s.stop(t)

	const at = "127.0.0.2"
	door, leaflet, words := s.forOthers(t, at)
	_, port, _ := strings.Cut(door, ":")
	home := "https://box.abaton.example:" + port
	names := chromedp.Flag("host-resolver-rules", "MAP box.abaton.example "+at)
	ada = open(t, "")
	ada.visit(s.page + "/page/unlock")
	ada.unlock("ada", phrase)
	begin, last = time.Now(), time.Now()
	ada.visit(s.page + "/page/people")
	ada.press(`form[action="/page/invite"] button`)
	ada.see("section.fresh")
	link := regexp.MustCompile(`https://box\.abaton\.example:\d+/page/join\?ticket=abi_[\w-]+`).FindString(eval[string](ada, `document.querySelector("section.fresh").innerText`))
	lap("an invitation is made")

	wary := open(t, "", names)
	wary.visit(strings.Replace(leaflet, at, "box.abaton.example", 1))
	wary.see("ol")
	if said := eval[string](wary, "document.body.innerText"); !strings.Contains(said, words) {
		t.Errorf("the page without TLS says\n%s", said)
	}
	lap("the colleague's browser starts and shows how to trust the server")
	wary.whole("leaflet-pictures", `document.querySelectorAll("details").forEach((d) => { d.open = true })`)
	last = time.Now()
	r, err := http.Get(leaflet + "/authority.crt")
	must(t, err)
	authority, err := io.ReadAll(r.Body)
	must(t, err)
	r.Body.Close()
	must(t, chromedp.Cancel(wary.ctx))
	lap("the certificate is fetched")
	bob := openIn(t, trustingProfile(t, authority), "", names)
	h := bob.holder(true, true)
	bob.visit(link)
	bob.until(`location.search === "" && document.querySelector("form[data-passkey=join]:not([hidden])")`)
	lap("a browser that trusts it starts and shows the invitation")
	bob.write("#name", "bob")
	bob.press("form[data-passkey] button")
	bob.see("pre.code")
	lap("the passkey is made")
	bob.write("#code", eval[string](bob, `document.querySelector("pre.code").textContent`))
	bob.press(".fields > button")
	bob.see(".hello")
	lap("the recovery code")
	bob.write("#text", "What is the capital of Italy?\r")
	bob.until(`document.querySelector(".turn.it .said")?.textContent.trim()`)
	lap("the first word of the colleague's first answer")
	bob.enough("1")
	if keys := h.keys(); len(keys) != 1 || keys[0].RpID != "box.abaton.example" {
		t.Errorf("%+v", keys)
	}
	for range 2 {
		bob.locks()
		bob.withPasskey(home)
		bob.see(".hello")
	}
	bob.visit("https://" + door + "/page/unlock") // by its bare address no passkey works, and the page says why
	if said := eval[string](bob, "document.body.innerText"); !strings.Contains(said, "passkey") || eval[bool](bob, `!!document.querySelector("form[data-passkey]")`) {
		t.Errorf("by its bare address the page says\n%s", said)
	}
	if len(bob.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(bob.console, "\n"))
	}
}
