package browsers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"abaton.local/web/markup"
)

// TestInputMethods: Enter that ends a word of an input method sends nothing, neither in
// the question nor in the palette; the one after it does.
func TestInputMethods(t *testing.T) {
	w := tower{make(chan string)}
	h := newHouseOf(t, "ada", w, time.Now)
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	compose := func() {
		b.do(input.ImeSetComposition("にほん", 3, 3))
		b.do(chromedp.Evaluate(`addEventListener("keydown", (e) => { document.body.dataset.composing = e.isComposing; }, {capture: true, once: true})`, nil))
		b.do(input.DispatchKeyEvent(input.KeyRawDown).WithKey("Enter").WithCode("Enter").WithWindowsVirtualKeyCode(229), input.DispatchKeyEvent(input.KeyUp).WithKey("Enter").WithCode("Enter"))
		if !eval[bool](b, `document.body.dataset.composing === "true"`) {
			t.Fatal("no word was being composed: this test sees nothing")
		}
	}
	b.see("#text")
	b.do(chromedp.Evaluate(`document.getElementById("text").focus()`, nil))
	compose()
	b.do(input.InsertText("日本"))
	if got := eval[string](b, `document.getElementById("text").value + "|" + document.getElementById("status").textContent + "|" + location.pathname`); got != "日本||/page/" {
		t.Errorf("after a word was composed: %q", got)
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	b.see(".turn.live")
	w.pieces <- "はい"
	w.pieces <- ""
	b.answered("1")
	if got := eval[string](b, `document.querySelector(".turn.you .said").textContent`); got != "日本" {
		t.Errorf("asked was %q", got)
	}
	b.palette("x")
	compose()
	if !eval[bool](b, `!!document.querySelector("dialog[open]") && !document.querySelector(".hit")`) {
		t.Error("in the palette a word that is composed is searched for")
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}

// TestWhatCannotBeSeenIsShown: characters that cannot be seen, or turn the order of a
// text around, are shown by name at once, as the server does when the page is loaded
// anew: each of them by the same name.
func TestWhatCannotBeSeenIsShown(t *testing.T) {
	h := newHouse(t, "ada", []string{"zero", "one"})
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	b.write("#text", "0\r")
	b.answered("1")
	b.do(chromedp.Evaluate(`document.getElementById("text").value = "a\u202eb\u200bc\x07d\u2066e\u00adf\u{e0041}g\u200dh"`, nil))
	b.write("#text", "\r")
	last := `[...document.querySelectorAll(".turn.you .said")].at(-1).textContent`
	b.until(`document.querySelectorAll(".turn.you").length === 2 && !document.querySelector(".turn.live")`)
	live := eval[string](b, last)
	b.do(chromedp.Reload())
	b.see(".turn.you")
	if kept := eval[string](b, last); live != kept || !strings.Contains(live, "⟨U+202E⟩b⟨U+200B⟩c␇d⟨U+2066⟩e⟨U+00AD⟩f⟨U+E0041⟩g\u200dh") {
		t.Errorf("at once %q, loaded anew %q", live, kept)
	}

	// The page's script and the server, for all that there are: surrogates are none.
	var theirs string
	b.do(chromedp.Evaluate(`import("/page/static/clean.js").then(({ clean }) => {
	  const list = [];
	  for (let n = 0; n <= 0x10ffff; n++) {
	    if (n >= 0xd800 && n <= 0xdfff) continue;
	    const c = String.fromCodePoint(n), shown = clean(c);
	    if (shown !== c) list.push(n.toString(16) + " " + shown);
	  }
	  return list.join("\n") + clean("\ud800x\r\n\r");
	})`, &theirs, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	var ours []string
	for n := rune(0); n <= 0x10ffff; n++ {
		if n >= 0xd800 && n <= 0xdfff {
			continue
		}
		if c := string(n); markup.Clean(c) != c {
			ours = append(ours, fmt.Sprintf("%x %s", n, markup.Clean(c)))
		}
	}
	if want := strings.Join(ours, "\n") + "\ufffdx\n\n"; theirs != want {
		t.Errorf("the page shows %q\n\nand the server %q", theirs, want)
	}
}

// changes counts what a page does to what it has shown: elements that were taken away
// again, and elements and texts that were put there.
const changes = `(() => {
  globalThis.taken = globalThis.put = 0;
  const elements = (list) => [...list].reduce((n, e) => n + (e.querySelectorAll ? 1 + e.querySelectorAll("*").length : 0), 0);
  new MutationObserver((list) => {
    for (const m of list) { taken += elements(m.removedNodes); put += elements(m.addedNodes); }
  }).observe(document.querySelector(".turn.live .said"), { childList: true, subtree: true });
})()`

// TestLongAnswers: an answer of 100,000 characters comes without what was shown going
// away again, which would be flicker; who types meanwhile loses no key, and who reads
// farther up stays there. Code of 10,000 lines is whole, and so is its copy; a
// megabyte that is pasted is asked.
func TestLongAnswers(t *testing.T) {
	w := tower{make(chan string)}
	h := newHouseOf(t, "ada", w, time.Now)
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	b.write("#text", "At length\r")
	b.see(".turn.live")
	b.do(chromedp.Evaluate(changes, nil))

	block := "## A heading\n\nWhat it does: it reads a *file*, and `writes` **another** one. More follows, which is long enough for several lines.\n\n1. First\n   - in it\n2. Second\n\n```go\nfunc f() string { return \"x\" }\n```\n\n| a | b |\n|---|--:|\n| 1 | $x^2$ |\n\n> A quote\n\n"
	text := strings.Repeat(block, 100_000/len(block)+1)
	const slow = 40
	for i := range slow { // and somebody types meanwhile, a key between two pieces
		w.pieces <- text[i*len(text)/slow : (i+1)*len(text)/slow]
		b.do(chromedp.Evaluate(`document.getElementById("text").focus({ preventScroll: true })`, nil), chromedp.KeyEvent(string(rune('a'+i%26))))
		if i == slow/2 { // who reads farther up
			b.until(`document.querySelectorAll(".turn.live h4").length > 50`)
			b.do(chromedp.Evaluate(`document.scrollingElement.scrollTop = 300`, nil))
		}
	}
	b.until(fmt.Sprintf(`document.querySelectorAll(".turn.live h4").length === %d`, strings.Count(text, "##")))
	if at := eval[float64](b, `document.scrollingElement.scrollTop`); at != 300 {
		t.Errorf("who reads at 300 is led to %v", at)
	}
	w.pieces <- ""
	b.answered("1")
	if got, want := eval[string](b, `document.getElementById("text").value`), "abcdefghijklmnopqrstuvwxyzabcdefghijklmn"; got != want {
		t.Errorf("of %q is left %q", want, got)
	}
	if n, want := eval[int](b, `document.querySelectorAll(".turn.it h4").length`), strings.Count(text, "##"); n != want {
		t.Errorf("%d headings of %d", n, want)
	}
	taken, put := eval[int](b, "taken"), eval[int](b, "put")
	t.Logf("%d elements were put there and %d taken away again", put, taken)
	if taken > put/20 {
		t.Errorf("%d of %d elements were taken away again: that is seen", taken, put)
	}

	code := strings.Repeat("if x < y && y > \"z\" { return }\n", 10_000)
	b.do(chromedp.Evaluate(`document.getElementById("text").value = "The code"`, nil))
	b.write("#text", "\r")
	b.see(".turn.live")
	w.pieces <- "```go\n" + code[:len(code)/3]
	w.pieces <- code[len(code)/3:]
	w.pieces <- "```\n"
	w.pieces <- ""
	b.answered("2")
	b.do(browser.GrantPermissions([]browser.PermissionType{browser.PermissionTypeClipboardReadWrite, browser.PermissionTypeClipboardSanitizedWrite}))
	// The button itself is kept: by the time that it is called Copy again, another answer may be the last one.
	b.do(chromedp.Evaluate(`((button) => new MutationObserver(() => { globalThis.labels = (globalThis.labels ?? "") + button.textContent; }).observe(button, { childList: true, subtree: true, characterData: true }))(document.querySelector(".turn.it:last-child .code .copy"))`, nil))
	b.do(emulation.SetFocusEmulationEnabled(true))
	b.press(".turn.it:last-child .code .copy")
	var copied string
	b.until(`globalThis.labels`)
	if labels := eval[string](b, "labels"); !strings.HasPrefix(labels, "Copied") {
		t.Fatalf("the button says %q", labels)
	}
	b.do(chromedp.Evaluate(`navigator.clipboard.readText()`, &copied, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if strings.TrimRight(copied, "\n") != strings.TrimRight(code, "\n") {
		t.Errorf("copied are %d bytes of %d", len(copied), len(code))
	}

	long := strings.Repeat("0123456789abcde\n", 1<<16)
	b.do(chromedp.Evaluate(`navigator.clipboard.writeText("0123456789abcde\n".repeat(65536).trim())`, nil, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	b.do(chromedp.Evaluate(`document.getElementById("text").focus()`, nil),
		input.DispatchKeyEvent(input.KeyDown).WithKey("v").WithCode("KeyV").WithModifiers(input.ModifierCtrl).WithCommands([]string{"paste"}), chromedp.KeyEvent("!"))
	if dir := eval[string](b, `document.getElementById("text").dir`); dir != "ltr" {
		t.Errorf("the browser looks for the direction of a megabyte: %q", dir)
	}
	if n := eval[int](b, `document.getElementById("text").value.length`); n != len(long) {
		t.Errorf("pasted are %d", n)
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	b.see(".turn.live")
	w.pieces <- "so much"
	w.pieces <- ""
	b.answered("3")
	b.write("#text", "x")
	if dir := eval[string](b, `document.getElementById("text").dir`); dir != "auto" {
		t.Errorf("a short text is %q", dir)
	}
	b.do(chromedp.Reload())
	b.answered("3")
	if got := eval[string](b, `[...document.querySelectorAll(".turn.you .said")].at(-1).textContent`); got != strings.TrimSpace(long)+"!" {
		t.Errorf("kept are %d bytes", len(got))
	}
	if n := eval[int](b, `[...document.querySelectorAll(".turn.it .code code")].at(-1).textContent.trim().split("\n").length`); n != 10_000 {
		t.Errorf("from the history: %d lines", n)
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}
