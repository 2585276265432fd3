package browsers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// sends fills fields and presses a button, as a browser does that runs no scripts.
func (b *tab) sends(button string, fields ...string) {
	b.t.Helper()
	b.see(button)
	for i := 0; i < len(fields); i += 2 {
		b.see(fields[i])
		b.do(chromedp.Evaluate(fmt.Sprintf("document.querySelector(%q).value = %q", fields[i], fields[i+1]), nil))
	}
	b.do(chromedp.Evaluate(fmt.Sprintf("document.body.dataset.old = 1; document.querySelector(%q).click()", button), nil))
	b.until(`document.readyState === "complete" && !document.body.dataset.old`)
}

// TestWithoutScripts: in a browser that runs none, everything works but streaming and
// passkeys.
func TestWithoutScripts(t *testing.T) {
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")
	b.do(emulation.SetScriptExecutionDisabled(true))
	says := func(what string, words ...string) {
		t.Helper()
		text := eval[string](b, `document.body.innerText`)
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q in\n%s", what, w, text)
			}
		}
	}
	b.visit(s.page + "/page/join?ticket=" + s.claim)
	b.sends(".fields > button", "#name", "ada", "#passphrase", passphrase)
	b.see("pre.code")
	b.sends(".fields > button", "#code", eval[string](b, `document.querySelector("pre.code").textContent`))
	b.see(".hello")

	// A question by form: the page of its answer loads itself anew until it is there.
	b.sends("button.send", "#text", canary+": what is the capital of France?")
	b.until(`document.querySelectorAll(".turn.it:not(.live)").length === 1`)
	first := eval[string](b, "location.pathname")
	b.shot("plain-answer")
	b.sends("button.send", "#text", story)
	b.until(`document.querySelector(".turn.live .said")?.textContent.trim()`)
	b.sends("form[data-stop] button")
	b.until(`document.querySelectorAll(".turn.it:not(.live)").length === 2`)
	says("a stopped answer", "You stopped it here.")
	b.sends(`form[action^="/page/on/"] button`)
	b.until(`document.querySelector(".turn.live .said")?.textContent.trim()`)
	b.sends("form[data-stop] button")
	b.sends(`form[action^="/page/again/"] button`)
	b.until(`document.querySelector(".turn.live .said")?.textContent.trim()`)
	b.sends("form[data-stop] button")
	b.until(`document.querySelector(".versions")?.textContent.includes("2 of 2")`)
	b.sends(`a[aria-label="Previous version"]`)
	says("another version", "1 of 2")

	b.visit(s.page + first)
	b.sends(`form[action^="/page/rename/"] button`, "#title", "Kapitale")
	says("another title", "Kapitale")
	b.sends(`form[action^="/page/pin/"] button`)
	says("at the top", "Pinned")
	b.sends(`.turn.you footer a[href^="/page/edit/"]`)
	b.sends("form.ask-anew button", "#anew", "And of Italy?")
	b.until(`document.querySelectorAll(".turn.it:not(.live)").length > 0 && !document.querySelector(".turn.live")`)
	b.write("nav.side input[name=words]", "Kanarienvogel\r")
	b.see(".hit")

	b.visit(s.page + "/page/settings")
	b.sends("form.fields button", "[name=model]", model)
	b.do(chromedp.Evaluate(`document.querySelector("[name=theme][value=dark]").checked = true`, nil))
	b.sends("form.fields button")
	b.see(`html[data-theme=dark]`)
	b.visit(s.page + "/page/keys")
	b.sends(".fields > button", "#name", "editor")
	says("a key", "abt_")
	b.visit(s.page + "/page/keys")
	b.sends(`form[action="/page/revoke"] button`)
	b.visit(s.page + "/page/people")
	b.sends(`form[action="/page/invite"] button`)
	says("an invitation", "shown this once")
	b.visit(s.page + "/page/people")
	b.sends(`form[action="/page/withdraw"] button`)
	b.visit(s.page + "/page/security")
	says("security", "Passkeys need JavaScript")
	for _, name := range []string{"models", "acts", "all", "keyboard"} {
		b.visit(s.page + "/page/" + name)
		b.see("h1")
	}
	// Documents: added by a form, searched, seen and removed.
	paper := filepath.Join(s.work, "walrus.txt")
	must(t, os.WriteFile(paper, []byte("Walruses sing to gulls, and "+canary+" listens."), 0o644))
	b.visit(s.page + "/page/documents")
	b.do(chromedp.SetUploadFiles("#files", []string{paper}, chromedp.ByQuery))
	b.sends("form[data-add] button")
	says("what became of it", "walrus.txt", "added")
	b.shot("added")
	b.sends("a.button")
	b.visit(s.page + "/page/documents")
	b.sends(".search.docs button", ".search.docs input", "gulls")
	says("found in documents", "walrus.txt", "Walruses sing to")
	b.sends(".hit a")
	says("the document", "listens")
	b.visit(s.page + "/page/documents")
	b.sends(`a[href^="/page/library/"]`)
	b.sends(".documents a.plain")
	b.sends("button.danger")
	says("after it was removed", "nothing in it yet")

	b.visit(s.page + first)
	b.sends(`form[action^="/page/delete/"] button`)
	b.visit(s.page + first)
	says("after it was deleted", "no such conversation")
	b.visit(s.page + "/page/")
	b.sends(`nav.side form[action="/page/lock"] button`)
	b.sends(".fields > button", "#name", "ada", "#passphrase", passphrase)
	b.see(".hello")
}
