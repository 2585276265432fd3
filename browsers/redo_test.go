package browsers

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"abaton.local/engine"
)

// breaking answers as a tower does, and breaks where it is given "!".
type breaking struct{ tower }

func (w breaking) Generate(ctx context.Context, q engine.Prompt) iter.Seq2[engine.Delta, error] {
	return func(yield func(engine.Delta, error) bool) {
		for d, err := range w.tower.Generate(ctx, q) {
			if d.Text == "!" {
				d, err = engine.Delta{}, errors.New("it broke")
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// TestTryAgainKeepsWhatWasTyped: an answer breaks off, with nothing and with a part of
// it; while somebody types the next question they have it tried again and gone on
// with. What they type stays on the page, which is never loaded anew, and is asked
// after what is shown.
func TestTryAgainKeepsWhatWasTyped(t *testing.T) {
	w := tower{make(chan string)}
	h := newHouseOf(t, "ada", breaking{w}, time.Now)
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	typed := func(want string) {
		t.Helper()
		if got := eval[string](b, `document.getElementById("text").value`); got != want {
			t.Errorf("typed is %q and not %q", got, want)
		}
	}
	said := func(what string) string {
		return `[...document.querySelectorAll("` + what + ` .said")].map((e) => e.textContent.trim()).join("|")`
	}
	b.write("#text", "First\r")
	b.see(".turn.live")
	b.do(chromedp.Evaluate(`document.body.dataset.same = "1"`, nil))
	b.write("#text", "The next")
	w.pieces <- "!"
	b.until(`document.getElementById("status").textContent === "The answer broke off."`)
	typed("The next")

	b.press(`form[action^="/page/again/"] button`)
	b.see(".turn.live")
	w.pieces <- "one part "
	b.until(`document.querySelector(".turn.live .said")?.textContent.includes("one part")`)
	w.pieces <- "!"
	b.see(`form[action^="/page/on/"]`)
	b.press(`form[action^="/page/on/"] button`)
	b.see(".turn.live")
	w.pieces <- "and another"
	w.pieces <- ""
	b.answered("1")
	typed("The next")
	if got := eval[string](b, said(".turn.it")); got != "one part and another" {
		t.Errorf("the answer is %q", got)
	}

	b.press(`form[action^="/page/again/"] button`)
	b.until(`document.querySelector(".turn.live .versions")?.textContent.includes("2 of 2")`)
	w.pieces <- "otherwise"
	w.pieces <- ""
	b.answered("1")
	typed("The next")
	if !eval[bool](b, `document.body.dataset.same === "1"`) {
		t.Error("the page was loaded anew")
	}
	b.write("#text", " one\r")
	b.see(".turn.live")
	w.pieces <- "gladly"
	w.pieces <- ""
	b.answered("2")
	b.do(chromedp.Reload())
	b.answered("2")
	if you, it := eval[string](b, said(".turn.you")), eval[string](b, said(".turn.it")); you != "First|The next one" || it != "otherwise|gladly" {
		t.Errorf("asked was %q, answered %q", you, it)
	}
	b.press(".versions a") // and from the older one, whose address is that of its turn
	b.until(`location.pathname.split("/").length === 5 && document.querySelector(".versions")?.textContent.includes("1 of 2")`)
	b.press(`form[action^="/page/again/"] button`)
	b.see(".turn.live")
	w.pieces <- "a third"
	w.pieces <- ""
	b.answered("1")
	b.do(chromedp.Reload())
	b.answered("1")
	if it := eval[string](b, said(".turn.it")); it != "a third" {
		t.Errorf("loaded anew, the page shows %q", it)
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}
