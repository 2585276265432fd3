package browsers

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"abaton.local/models"
	"abaton.local/web"
)

// TestAnotherDevice: an answer that is being written on one device is followed on
// another one, from its beginning, and gone on with there; the first has it all when its
// page is loaded anew. A temporary conversation stays where it was begun, and locking
// one device leaves the other open.
func TestAnotherDevice(t *testing.T) {
	w := tower{make(chan string)}
	h := newHouseOf(t, "ada", w, time.Now)
	desk, sofa := open(t, ""), open(t, "")
	for _, b := range []*tab{desk, sofa} {
		b.visit(h.page + "/page/")
		b.unlock("ada", passphrase)
	}
	desk.write("#text", canary+"\r")
	desk.see(".turn.live")
	w.pieces <- "one "
	desk.until(`document.querySelector(".turn.live .said")?.textContent.includes("one")`)
	sofa.visit(h.page + "/page/all")
	sofa.press(`.rows a[href^="/page/c/"]`)
	sofa.until(`document.querySelector(".turn.live .said")?.textContent.includes("one")`)
	w.pieces <- "two "
	w.pieces <- ""
	for _, b := range []*tab{desk, sofa} {
		b.answered("1")
		if got := strings.TrimSpace(eval[string](b, saidLast)); got != "one two" {
			t.Errorf("a device shows %q", got)
		}
	}
	sofa.write("#text", "And?\r")
	sofa.see(".turn.live")
	w.pieces <- "three"
	sofa.press("form[data-stop] button")
	sofa.answered("2")
	desk.do(chromedp.Reload())
	desk.answered("2")
	if got := strings.TrimSpace(eval[string](desk, saidLast)); got != "three" {
		t.Errorf("the first device shows %q", got)
	}

	desk.visit(h.page + "/page/")
	desk.press("[name=fleeting]")
	desk.write("#text", "between us\r")
	desk.see(".turn.live")
	w.pieces <- "gladly"
	w.pieces <- ""
	desk.answered("1")
	here := eval[string](desk, "location.pathname")
	sofa.visit(h.page + here)
	if said := eval[string](sofa, "document.body.innerText"); !strings.Contains(said, "no such conversation") || strings.Contains(said, "between us") {
		t.Errorf("another device shows a temporary conversation: %s", said)
	}
	desk.locks()
	sofa.visit(h.page + "/page/")
	sofa.see(".hello")
}

// TestWhatIsOnItsWay: a page of the first minutes shows how far engine and model are,
// and that all is here once it is, without being loaded anew.
func TestWhatIsOnItsWay(t *testing.T) {
	var far atomic.Int64
	w := tower{make(chan string)}
	h := newHouseWith(t, "ada", w, time.Now, func(c *web.Config) {
		c.Ready = func(context.Context) bool { return far.Load() >= 100e6 }
		c.Fetching = func() bool { return true }
		c.Pulls = func() ([]models.Pull, error) {
			return []models.Pull{{Name: "<b>small", Done: far.Load(), Total: 100e6}}, nil
		}
	})
	b := open(t, "")
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	b.until(`document.querySelector(".coming progress")?.value === 0`)
	b.do(chromedp.Evaluate(`document.body.dataset.same = "1"`, nil))
	b.write("#text", "Typed meanwhile")
	far.Store(30e6)
	b.until(`document.querySelector(".coming progress")?.value === 30e6 && document.querySelector(".coming").textContent.includes("<b>small is being fetched: 30 MB of 100 MB")`)
	b.shot("coming")
	b.kind("the first minutes", axe(t))
	far.Store(100e6)
	b.until(`document.querySelector(".coming").textContent === "Engine and model are here. You can ask." && !document.querySelector(".coming progress")`)
	if !eval[bool](b, `document.body.dataset.same === "1" && document.getElementById("text").value === "Typed meanwhile"`) {
		t.Error("the page was loaded anew")
	}
	b.write("#text", "\r")
	b.see(".turn.live")
	w.pieces <- "at once"
	w.pieces <- ""
	b.answered("1")
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}
