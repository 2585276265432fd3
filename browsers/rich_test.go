package browsers

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"abaton.local/chat/history"
)

const codeAndMaths = "The sum is $\\sum_{i=1}^{n} i = \\frac{n(n+1)}{2}$, and\n\n$$\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}^{-1} = \\frac{1}{ad-bc} \\begin{pmatrix} d & -b \\\\ -c & a \\end{pmatrix}$$\n\n" +
	"```go\n// add adds.\nfunc add(a, b int) string {\n\treturn fmt.Sprintf(\"%d\", a+b*1000)\n}\n```\n\nAnd $\\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt\\pi}{2}$ with $\\unknown{x}$.\n"

// TestRichAnswers: code has its colours and formulas are drawn, alike while they are
// written and from the history; nothing of it is inline, and axe-core finds nothing.
func TestRichAnswers(t *testing.T) {
	program := axe(t)
	h := newHouse(t, "ada", []string{codeAndMaths})
	c, err := h.history.New(t.Context(), history.Start{Model: "m"}, history.Turn{Role: history.User, Text: "Show me"}, history.Turn{Role: history.Assistant, Text: "Gladly.", Model: "m", PromptTokens: 100, AnswerTokens: 20})
	must(t, err)
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see(".hello")
	b.visit(h.page + "/page/c/" + c.ID.String())
	b.write("#text", "0\r")
	b.answered("2")
	streamed := eval[[]string](b, said)
	b.do(chromedp.Reload())
	b.see(".turn.it")
	if kept := eval[[]string](b, said); !slices.Equal(streamed, kept) {
		t.Errorf("written as\n%s\nkept as\n%s", streamed, kept)
	}
	for what, is := range map[string]string{
		"a keyword":           `document.querySelector(".said .keyword").textContent === "func" && getComputedStyle(document.querySelector(".said .keyword")).color !== getComputedStyle(document.querySelector(".said code")).color`,
		"a comment":           `document.querySelector(".said .comment").textContent === "// add adds."`,
		"a fraction":          `document.querySelector(".said mfrac").getBoundingClientRect().height > 1.2 * document.querySelector(".said mi").getBoundingClientRect().height`,
		"a matrix":            `document.querySelectorAll(".said math.block mtable").length === 2`,
		"what is not known":   `document.querySelector(".said code.math").textContent === "$\\unknown{x}$"`,
		"how full it is":      `document.querySelector("#fill meter").value === 120`,
		"no style of its own": `document.querySelectorAll("[style]:not(#text), style").length === 0`,
	} {
		if !eval[bool](b, is) {
			t.Errorf("%s is not as it should be: %s", what, is)
		}
	}
	b.shot("rich")
	b.kind("code and formulas", program)
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}

// TestVersions goes between what was asked and what was asked instead, goes on with
// the older, removes one, and pins the conversation.
func TestVersions(t *testing.T) {
	program := axe(t)
	h := newHouse(t, "ada", []string{"zero", "one", "two"})
	c, err := h.history.New(t.Context(), history.Start{Model: "m"}, history.Turn{Role: history.User, Text: "0"}, history.Turn{Role: history.Assistant, Text: "zero", Model: "m"})
	must(t, err)
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see(".hello")
	b.visit(h.page + "/page/c/" + c.ID.String())
	b.press(".turn.you footer a")
	b.see("#anew")
	b.do(chromedp.SetValue("#anew", "1", chromedp.ByQuery))
	b.press("form.ask-anew button")
	b.see(".versions")
	b.answered("1")
	shows := func(want ...string) {
		t.Helper()
		b.until(`document.querySelectorAll(".said").length === ` + string(rune('0'+len(want))))
		if got := eval[[]string](b, `[...document.querySelectorAll(".said")].map((e) => e.innerText.replaceAll("Copy", "").trim())`); !slices.Equal(got, want) {
			t.Errorf("the page shows %q, not %q", got, want)
		}
	}
	shows("1", "one")
	b.shot("versions")
	b.press(".turn.you .drop summary")
	b.kind("versions", program)
	b.press(".versions a")
	b.until(`document.querySelector(".versions")?.textContent.includes("1 of 2")`)
	shows("0", "zero")
	b.write("#text", "2\r") // goes on with what is shown, and not with the newest
	b.answered("2")
	b.do(chromedp.Reload())
	b.see(".versions")
	b.visit(h.page + "/page/c/" + c.ID.String())
	b.see(".versions")
	shows("0", "zero", "2", "two")
	b.write("#text", "1\r") // and once more, behind an answer that the script has put there
	b.answered("3")
	b.press(`.turn:last-child form[action^="/page/again/"] button`) // the page shows its place while it is written, too
	b.until(`document.querySelector(".turn:last-child .versions")?.textContent.includes("2 of 2")`)
	b.answered("3")
	shows("0", "zero", "2", "two", "1", "one")
	b.see(`.turn:last-child form[action^="/page/again/"]`)
	b.press(`.turn:last-child .versions a`)
	b.until(`document.querySelector(".turn:last-child .versions")?.textContent.includes("1 of 2")`)
	b.press(".turn:last-child .drop summary")
	b.press(".turn:last-child .drop button.danger")
	b.until(`location.pathname.endsWith("` + c.ID.String() + `") && !document.querySelector(".turn:last-child .versions")`)
	shows("0", "zero", "2", "two", "1", "one")
	b.press(".about .menu summary")
	b.press(`form[action^="/page/pin/"] button`)
	b.until(`document.querySelector("nav.side .list h2")?.textContent === "Pinned"`)
	b.shot("pinned")
	b.visit(h.page + "/page/settings")
	b.press(`[name=theme][value=dark]`)
	b.press(`form.fields > button`)
	b.until(`document.documentElement.dataset.theme === "dark" && getComputedStyle(document.body).backgroundColor === "rgb(22, 22, 21)"`)
	b.kind("settings", program)
	b.visit(h.page + "/page/manner/" + c.ID.String())
	b.see("#temperature")
	b.kind("manner", program)
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}

// palette opens it and types.
func (b *tab) palette(words string) {
	b.t.Helper()
	b.see("nav.side")
	b.do(chromedp.Evaluate(`document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true}))`, nil))
	b.until(`document.activeElement.matches("dialog[open] input")`)
	b.do(chromedp.KeyEvent(words))
	b.until(`document.querySelector("dialog [aria-selected=true]")`)
}

// TestPalette goes to a place, searches for what is none, and closes it, with keys
// alone; axe-core finds nothing in it.
func TestPalette(t *testing.T) {
	program := axe(t)
	h := newHouse(t, "ada", nil)
	_, err := h.history.New(t.Context(), history.Start{Model: "m"}, history.Turn{Role: history.User, Text: "ما هي عاصمة فرنسا؟"}, history.Turn{Role: history.Assistant, Text: "باريس", Model: "m"})
	must(t, err)
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see(".hello")
	b.palette("securi")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`location.pathname === "/page/security"`)
	b.palette("فرنسا") // what is no place is searched for
	b.do(chromedp.KeyEvent(kb.ArrowUp + kb.Enter))
	b.see(".hit")
	b.palette("key")
	b.shot("palette")
	b.kind("palette", program)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector("dialog[open]")`)
	b.do(chromedp.Evaluate(`document.dispatchEvent(new KeyboardEvent("keydown", {key: "/", ctrlKey: true, bubbles: true}))`, nil))
	b.until(`location.pathname === "/page/keyboard"`)
	b.see("kbd")
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}
