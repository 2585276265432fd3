package browsers

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// TestSlowNetwork: where the network is slow, an answer comes as it is written, can
// be stopped, and who types is kept from nothing: what they type while their question
// is on its way stays, and a key that is pressed twice asks once.
func TestSlowNetwork(t *testing.T) {
	w := tower{make(chan string)}
	h := newHouseOf(t, "ada", w, time.Now)
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	b.do(network.Enable(), network.EmulateNetworkConditions(false, 1500, 8000, 4000)) // milliseconds, bytes in a second

	b.write("#text", "The first.\r\r")
	b.see(".turn.live")
	w.pieces <- "one "
	b.until(`document.querySelector(".turn.live .said")?.textContent.includes("one")`)
	moves := func() string {
		return eval[string](b, `getComputedStyle(document.querySelector(".turn.live .said > :last-child"), "::after").animationName`)
	}
	calm := func(is string) {
		b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: is}}))
	}
	if moves() == "none" {
		t.Error("nothing moves: this test sees nothing")
	}
	if calm("reduce"); moves() != "none" {
		t.Error("for who wants nothing to move, something moves")
	}
	calm("")
	w.pieces <- strings.Repeat("of many words ", 1000)
	b.write("#text", "Typed")
	if typed := eval[string](b, `document.getElementById("text").value`); typed != "Typed" {
		t.Errorf("typed while words come: %q", typed)
	}
	b.until(`document.querySelector(".turn.live .said")?.textContent.length > 14000`)
	w.pieces <- "and the end"
	w.pieces <- ""
	b.answered("1")

	b.write("#text", " next\r\r meanwhile")
	b.see(".turn.live")
	b.until(`document.getElementById("text").value.trim() === "meanwhile"`)
	w.pieces <- canary
	b.until(`document.querySelector(".turn.live .said")?.textContent.includes("Kanarienvogel")`)
	b.press("form[data-stop] button")
	b.write("#text", " and on")
	b.answered("2")
	if typed := strings.TrimSpace(eval[string](b, `document.getElementById("text").value`)); typed != "meanwhile and on" {
		t.Errorf("after the stop is left %q", typed)
	}
	b.do(network.EmulateNetworkConditions(false, 0, -1, -1), chromedp.Reload())
	b.answered("2")
	if asked := eval[string](b, `[...document.querySelectorAll(".turn.you .said")].map((e) => e.textContent.trim()).join("|")`); asked != "The first.|Typed next" {
		t.Errorf("asked was %q", asked)
	}
	if n := eval[int](b, `document.querySelectorAll("nav.side .list li").length`); n != 1 {
		t.Errorf("there are %d conversations", n)
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}

// TestSessionEnds: after 12 hours a session ends. Wherever somebody types a question
// then, the page says so and keeps it, and it can be sent once the vault was unlocked
// in another tab.
func TestSessionEnds(t *testing.T) {
	var ahead atomic.Int64
	w := tower{make(chan string)}
	h := newHouseOf(t, "ada", w, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	ctx, stop := chromedp.NewContext(b.ctx)
	defer stop()
	other := &tab{t: t, ctx: ctx, profile: b.profile}
	end := func() { ahead.Add(int64(13 * time.Hour)) }
	kept := func(field, typed string) {
		t.Helper()
		b.until(`document.querySelector("form [role=status], form.ask-anew .status").textContent.includes("still here")`)
		if left := strings.TrimSpace(eval[string](b, `document.querySelector("`+field+`").value`)); left != typed {
			t.Errorf("of the question is left %q", left)
		}
		other.visit(h.page + "/page/")
		other.unlock("ada", passphrase)
	}

	// A new conversation's first question.
	b.write("#text", "The first")
	end()
	b.write("#text", "\r")
	kept("#text", "The first")
	b.write("#text", "\r")
	b.see(".turn.live")
	w.pieces <- canary
	b.until(`document.querySelector(".turn.live .said")?.textContent.includes("Kanarienvogel")`)

	// One that is typed while an answer is written.
	b.write("#text", "The next")
	end()
	told := make(chan struct{})
	go func() { // who writes sees the lock with the next word, or was stopped
		select {
		case w.pieces <- " more":
		case <-told:
		}
	}()
	kept("#text", "The next")
	close(told)
	if n := eval[int](b, `document.querySelectorAll(".turn.it").length`); n != 0 {
		t.Error("the answer is still on the page")
	}
	b.write("#text", "\r")
	b.see(".turn.live")
	w.pieces <- "the answer"
	w.pieces <- ""
	b.answered("1")

	// One that is asked differently.
	b.do(chromedp.Evaluate(`[...document.querySelectorAll(".turn.you footer a")].at(-1).click()`, nil))
	b.see("#anew")
	b.do(chromedp.SetValue("#anew", "The next but one", chromedp.ByQuery))
	end()
	b.press(".ask-anew button")
	kept("#anew", "The next but one")
	b.press(".ask-anew button")
	b.see(".turn.live")
	w.pieces <- "another"
	w.pieces <- ""
	b.answered("2") // of the first one, what was written before the lock
	if asked := eval[string](b, `[...document.querySelectorAll(".turn.you .said")].map((e) => e.textContent.trim()).join("|")`); asked != "The first|The next but one" {
		t.Errorf("asked was %q", asked)
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}
