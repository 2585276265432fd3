package browsers

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	passphrase = "the passphrase of a person in a test"
	canary     = "Zwielicht-Kanarienvogel-7731"
)

// TestFirstDay is what somebody does who starts the program for the first time:
// the claim's link, a passphrase, the recovery code, a question, the answer while
// it is written; the page loaded anew; what was said, found again; and the lock.
func TestFirstDay(t *testing.T) {
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")

	b.visit(s.page + "/page/join?ticket=" + s.claim)
	b.until(`location.search === ""`) // a claim does not stay in the address
	b.shot("setup")
	offer := eval[string](b, `document.getElementById("offer").textContent`)
	if len(strings.Fields(offer)) != 6 {
		t.Errorf("the passphrase that is offered: %q", offer)
	}
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see("pre.code")
	b.shot("recovery")
	code := eval[string](b, `document.querySelector("pre.code").textContent`)
	b.write("#code", code)
	b.press(".fields > button")
	b.see(".hello")
	b.shot("new")

	b.write("#text", canary+": what is the capital of France?\r")
	b.see(".turn.it")
	b.until(`document.querySelector(".turn.it:not(.live) .said")?.innerText.trim().length > 0`)
	b.shot("chat")
	first := eval[string](b, `document.querySelector(".turn.it .said").innerText`)
	b.write("#text", "And of Italy?\r")
	b.until(`document.querySelectorAll(".turn.it:not(.live)").length === 2`)
	b.do(chromedp.Reload())
	b.see(".turn.it")
	if again := eval[string](b, `document.querySelector(".turn.it .said").innerText`); again != first {
		t.Errorf("while it was written the answer was %q, after loading anew %q", first, again)
	}
	if title := eval[string](b, `document.title`); title != "Abaton" {
		t.Errorf("the page's title is %q", title)
	}

	b.write("nav.side input[name=words]", "Kanarienvogel\r")
	b.see(".hit")
	b.shot("search")
	for _, name := range []string{"keys", "security", "acts", "all"} {
		b.visit(s.page + "/page/" + name)
		b.see("h1")
		b.shot(name)
	}
	b.visit(s.page + "/page/keys")
	b.write("#name", "editor")
	b.press(".fields > button")
	b.see("section.fresh")
	if key := eval[string](b, `document.querySelector("section.fresh pre").firstChild.data`); !strings.HasPrefix(key, "abt_") {
		t.Errorf("the key is %q", key)
	}
	b.shot("key")
	b.do(chromedp.Reload())
	b.until(`!document.querySelector("section.fresh") && document.querySelector("td")`) // it was shown once

	b.press(`nav.side form[action="/page/lock"] button`)
	b.see("#passphrase")
	b.shot("unlock")
	b.visit(s.page + "/page/")
	b.write("#name", "ada")
	b.write("#passphrase", "not this one")
	b.press(".fields > button")
	b.see(".warning[role=alert]")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see(".hello")

	// Nothing of what was said is in the browser's own places, nor in the server's.
	// The claim is in the browser's history, where it was good once and is no more.
	for _, where := range []string{"localStorage.length", "sessionStorage.length"} {
		if n := eval[int](b, where); n != 0 {
			t.Errorf("%s is %d", where, n)
		}
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
	must(t, chromedp.Cancel(b.ctx))
	if found := holds(t, b.profile, canary, "Kanarienvogel", passphrase, "not this one", code); len(found) > 0 {
		t.Errorf("the browser's profile holds %s", strings.Join(found, "\n"))
	}
	s.kill()
	if found := holds(t, s.home, canary, passphrase, code); len(found) > 0 {
		t.Errorf("the server's folders hold %s", strings.Join(found, "\n"))
	}
}
