package browsers

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"abaton.local/chat/history"
)

// TestFiveHundredMessages opens a conversation of 500 messages, half of them answers with
// code, a table and a formula: it stands at its end, ready to be typed in. How long the
// browser took is printed, from the click to the page's last byte, to the first thing
// seen and to the page as a whole; and how long a key takes there. On a quiet machine:
// go -C browsers test -run FiveHundred -v .
func TestFiveHundredMessages(t *testing.T) {
	h := newHouse(t, "ada", []string{"zero"})
	answer := strings.Repeat("A sentence of an *answer*, with `code` in it. ", 20) + "\n\n```go\n" + strings.Repeat("func f(x int) string { return \"x\" } // note\n", 10) + "```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\nand $\\frac{a}{b} = \\sum_{i=1}^n i$.\n"
	var turns []history.Turn
	for range 250 {
		turns = append(turns, history.Turn{Role: history.User, Text: strings.Repeat("What is it? ", 15)}, history.Turn{Role: history.Assistant, Text: answer, Model: "m", PromptTokens: 10, AnswerTokens: 400})
	}
	c, err := h.history.New(t.Context(), history.Start{Model: "m"}, turns...)
	must(t, err)
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	for range 3 {
		b.visit(h.page + "/page/")
		b.press(`nav.side .list a[href$="` + c.ID.String() + `"]`)
		b.until(`document.readyState === "complete" && document.querySelectorAll(".turn").length === 500 && performance.getEntriesByName("first-contentful-paint").length`)
		took := eval[map[string]float64](b, `(() => {
			const n = performance.getEntriesByType("navigation")[0];
			return { "last byte": Math.round(n.responseEnd), "first seen": Math.round(performance.getEntriesByName("first-contentful-paint")[0].startTime), whole: Math.round(n.loadEventEnd) };
		})()`)
		t.Logf("milliseconds after the click: %v", took)
	}
	if !eval[bool](b, `(() => { const p = document.scrollingElement; return p.scrollHeight > 10000 && p.scrollHeight - p.scrollTop - p.clientHeight < 5 })()`) {
		t.Error("it does not stand at its end")
	}
	var key float64
	b.do(chromedp.Evaluate(`new Promise((done) => {
		const text = document.getElementById("text"), from = performance.now();
		text.value = "x";
		text.dispatchEvent(new Event("input"));
		requestAnimationFrame(() => setTimeout(() => done(performance.now() - from)));
	})`, &key, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	t.Logf("a key, until it is drawn: %.0f ms", key)
	b.do(chromedp.Evaluate(`document.getElementById("text").value = ""`, nil))
	b.write("#text", "0\r")
	b.answered("251")
	if got := strings.TrimSpace(eval[string](b, saidLast)); got != "zero" {
		t.Errorf("the answer is %q", got)
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}
