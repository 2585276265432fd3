package browsers

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// enter sets the first person up, and leaves the browser at a new conversation.
func (b *tab) enter(s *server) {
	b.t.Helper()
	b.visit(s.page + "/page/join?ticket=" + s.claim)
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see("pre.code")
	b.visit(s.page + "/page/")
	b.see(".hello")
}

// answered waits until the page shows so many answers, all of them complete.
func (b *tab) answered(n string) {
	b.t.Helper()
	b.until(`document.querySelectorAll(".turn.it:not(.live) .said:not(:empty)").length === ` + n + ` && !document.querySelector(".turn.live")`)
}

// TestTemporary is a conversation of which nothing stays: not in the vault, not in
// the engine's snapshots, not in the browser, and not on the page after the lock.
func TestTemporary(t *testing.T) {
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")
	b.enter(s)
	b.press("[name=fleeting]")
	b.until(`document.querySelector("#fleeting").offsetHeight > 0`) // what it means is said at once
	b.shot("temporary-new")
	b.write("#text", canary+": say hello.\r")
	b.see(".turn.it")
	b.answered("1")
	b.write("#text", "And again?\r")
	b.answered("2")
	b.shot("temporary")
	here := eval[string](b, "location.pathname")
	b.visit(s.page + "/page/all")
	if said := eval[string](b, `document.querySelector(".sheet").innerText`); strings.Contains(said, "Kanarienvogel") || !strings.Contains(said, "no conversation yet") {
		t.Errorf("it is listed among what is kept: %s", said)
	}
	b.visit(s.page + here)
	b.answered("2") // until the lock it is there
	b.press(`nav.side form[action="/page/lock"] button`)
	b.see("#passphrase")
	b.visit(s.page + "/page/")
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see(".hello")
	if strings.Contains(eval[string](b, "document.body.innerText"), "Kanarienvogel") {
		t.Error("it is still listed after the lock")
	}
	b.visit(s.page + here)
	if said := eval[string](b, "document.body.innerText"); !strings.Contains(said, "no such conversation") {
		t.Errorf("after the lock its page says %q", said)
	}
	must(t, chromedp.Cancel(b.ctx))
	if found := holds(t, b.profile, canary, "Kanarienvogel"); len(found) > 0 {
		t.Errorf("the browser's profile holds %s", strings.Join(found, "\n"))
	}
	s.kill()
	if found := holds(t, s.home, canary, "Kanarienvogel"); len(found) > 0 {
		t.Errorf("the server's folders hold %s", strings.Join(found, "\n"))
	}
}

// TestSecondThoughts: an answer is stopped and gone on with, a question is asked
// differently, and the conversation is saved as a file.
func TestSecondThoughts(t *testing.T) {
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")
	b.enter(s)
	b.write("#text", "Write a very long story about a lighthouse, in twenty paragraphs.\r")
	b.see(".turn.live")
	b.until(`document.querySelector(".turn.live .said")?.innerText.length > 20`)
	b.press("form[data-stop] button")
	b.see(`form[action^="/page/on/"]`)
	first := eval[string](b, `document.querySelector(".turn.it .said").innerText.trim()`)
	b.shot("stopped")
	b.press(`form[action^="/page/on/"] button`)
	b.see(".turn.live")
	b.until(`document.querySelector(".turn.live .said")?.innerText.trim().length > ` + strconv.Itoa(len(first)+10))
	if now := eval[string](b, `document.querySelector(".turn.live .said").innerText.trim()`); !strings.HasPrefix(strings.Join(strings.Fields(now), " "), strings.Join(strings.Fields(first), " ")) {
		t.Errorf("%q was gone on with as %q", first, now)
	}
	b.press("form[data-stop] button")
	b.answered("1")

	b.press(`.turn.you footer a`)
	b.see("#anew")
	b.shot("edit")
	b.do(chromedp.SetValue("#anew", canary+": what is the capital of France?", chromedp.ByQuery))
	b.press("form.ask-anew button")
	b.see(".turn.you")
	b.answered("1")
	if said := eval[string](b, `document.querySelector("#thread").innerText`); strings.Contains(said, "lighthouse, in") || !strings.Contains(said, canary) {
		t.Errorf("after the question was changed: %s", said)
	}
	b.write("#text", "And of Italy?\r") // a question that the script has put there can be changed, too
	b.answered("2")
	b.until(`document.querySelectorAll(".turn.you footer a[href^='/page/edit/']").length === 2`)

	files := t.TempDir()
	b.do(browser.SetDownloadBehavior(browser.SetDownloadBehaviorBehaviorAllow).WithDownloadPath(files))
	b.press(".about .menu summary")
	b.shot("change")
	for as, name := range map[string]string{"markdown": "conversation.md", "json": "conversation.json"} {
		b.press(`form[action^="/page/export/"] button[value=` + as + `]`)
		b.wait("a file of the conversation", func() bool {
			saved, err := os.ReadFile(filepath.Join(files, name))
			return err == nil && strings.Contains(strings.ReplaceAll(string(saved), `\`, ""), canary)
		})
	}
	for _, name := range []string{"models", "people"} {
		b.visit(s.page + "/page/" + name)
		b.see("h1")
		b.shot(name)
	}
	b.press(`form[action="/page/invite"] button`)
	b.see("section.fresh")
	b.shot("invitation")
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
	must(t, chromedp.Cancel(b.ctx))
	if found := holds(t, b.profile, canary, "Kanarienvogel"); len(found) > 0 {
		t.Errorf("the browser's profile holds %s", strings.Join(found, "\n"))
	}
}
