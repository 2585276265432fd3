package browsers

import (
	"context"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"abaton.local/engine"
)

// tower answers with what it is given, piece by piece, and ends with "".
type tower struct{ pieces chan string }

func (w tower) Generate(ctx context.Context, _ engine.Prompt) iter.Seq2[engine.Delta, error] {
	return func(yield func(engine.Delta, error) bool) {
		for {
			select {
			case <-ctx.Done():
				yield(engine.Delta{}, ctx.Err())
				return
			case piece := <-w.pieces:
				if piece == "" {
					yield(engine.Delta{Finish: engine.Stopped}, nil)
					return
				}
				if !yield(engine.Delta{Text: piece}, nil) {
					return
				}
			}
		}
	}
}

// TestLocksByItself: an answer that is being written keeps its vault open, nothing
// else does for 15 minutes; and after 12 hours a session ends whatever is at work. A
// page that was open then says so, and keeps what was typed.
func TestLocksByItself(t *testing.T) {
	var ahead atomic.Int64
	w := tower{make(chan string)}
	h := newHouseOf(t, "ada", w, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	pass := func(d time.Duration) { ahead.Add(int64(d)) }
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	b.write("#text", "Begin.\r")
	b.see(".turn.live")
	w.pieces <- canary + " "
	b.until(`document.querySelector(".turn.live .said")?.textContent.includes("Kanarienvogel")`)
	pass(20 * time.Minute)
	w.pieces <- "goes on"
	b.until(`document.querySelector(".turn.live .said")?.textContent.includes("goes on")`)
	b.do(chromedp.Reload())
	b.until(`document.querySelector(".turn.live .said")?.textContent.includes("goes on")`) // the vault is open
	w.pieces <- ""
	b.answered("1")

	pass(16 * time.Minute)
	b.write("#text", "What I type now\r")
	b.until(`document.getElementById("status").textContent.includes("locked")`)
	if left := strings.TrimSpace(eval[string](b, `document.getElementById("text").value`)); left != "What I type now" {
		t.Errorf("of the question is left %q", left)
	}
	here := eval[string](b, "location.href")
	b.do(chromedp.Reload())
	b.see("#passphrase")
	if said := eval[string](b, "document.documentElement.outerHTML"); strings.Contains(said, "Kanarienvogel") {
		t.Error("after the lock the page has what was said")
	}
	b.unlock("ada", passphrase)
	b.visit(here)
	b.answered("1")

	b.write("#text", "Again.\r")
	b.see(".turn.live")
	w.pieces <- "the second "
	b.until(`document.querySelector(".turn.live .said")?.textContent.includes("second")`)
	pass(13 * time.Hour)
	b.do(chromedp.Evaluate(`setTimeout(() => location.reload())`, nil)) // the page may do so by itself
	b.see("#passphrase")
	go func() { // whether it still listens or was stopped
		for _, piece := range []string{"answer", ""} {
			select {
			case w.pieces <- piece:
			case <-t.Context().Done():
			}
		}
	}()
	b.unlock("ada", passphrase)
	b.visit(here)
	b.see(".turn.you")
	if said := eval[string](b, `document.querySelector("#thread").textContent`); !strings.Contains(said, "Kanarienvogel") {
		t.Errorf("after the session ended the conversation has %q", said)
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}
