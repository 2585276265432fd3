package browsers

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tabTo presses Tab until something has the focus, and holds each stop on the way to
// being seen.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range 60 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if seen := eval[string](b, `(() => {
			const a = document.activeElement;
			if (a === document.body) return "";
			const box = a.closest("label, .box")?.getBoundingClientRect() ?? a.getBoundingClientRect();
			return box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight ? "" : a.outerHTML;
		})()`); seen != "" {
			b.t.Errorf("the focus is where nobody sees it: %.200s", seen)
		}
		if eval[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
	}
	b.t.Fatalf("Tab does not lead to %s", selector)
}

// escape stops the answer, of which a small model in a language that it hardly knows
// finds no end.
func (b *tab) escape() {
	b.t.Helper()
	b.see(".turn.it")
	b.until(`document.querySelector(".turn.it .said")?.innerText.trim().length > 0`)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`document.querySelector(".turn.it:not(.live)") && !document.querySelector(".turn.live")`)
}

// TestKeyboardAlone sets a person up, asks, stops, changes a question, finds and
// locks without a pointer; and a text from right to left stands so.
func TestKeyboardAlone(t *testing.T) {
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")
	b.visit(s.page + "/page/join?ticket=" + s.claim)
	b.see("#passphrase")
	b.do(chromedp.Evaluate(`document.activeElement.blur()`, nil))
	b.tabTo("#name")
	b.do(chromedp.KeyEvent("ada"))
	b.tabTo("#passphrase")
	b.do(chromedp.KeyEvent(passphrase + kb.Enter))
	b.see("pre.code")
	b.tabTo(`a[href="/page/"]`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.see(".hello")
	b.do(chromedp.KeyEvent("ما هي عاصمة فرنسا؟" + kb.Enter)) // the field has the focus
	b.escape()
	if !eval[bool](b, `document.querySelector(".turn.you .said").matches(":dir(rtl)") && document.querySelector(".about h1").matches(":dir(rtl)")`) {
		t.Error("a question from right to left does not stand so")
	}
	if left := eval[float64](b, `document.querySelector(".turn.you .said").getBoundingClientRect().left - document.querySelector("#thread").getBoundingClientRect().left`); left < 200 {
		t.Errorf("it stands where answers do: %v", left)
	}
	b.shot("rtl")
	b.do(chromedp.Evaluate(`document.activeElement.blur(); scrollTo(0, 0)`, nil))
	b.do(chromedp.KeyEvent(kb.Tab))
	if !eval[bool](b, `document.activeElement.matches(".skip")`) {
		t.Error("the first stop does not lead past the side")
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.activeElement.id === "main"`)
	b.tabTo(".turn.you footer a")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.see("#anew")
	b.tabTo("form.ask-anew button")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.escape()
	b.tabTo(`nav.side form[action="/page/lock"] button`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.see("#passphrase")
}
