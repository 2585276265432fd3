package browsers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// piece sends one of the two bytes of a file, as another page of the same person does.
func (b *tab) piece(upload string, at int) {
	b.t.Helper()
	b.do(chromedp.Evaluate(fmt.Sprintf(`window.code = 0; fetch("/page/documents/piece", {method: "POST", headers: {"Accept": "application/json"},
	  body: JSON.stringify({library: "documents", path: %[1]q + ".txt", size: 2, upload: %[1]q, at: %[2]d, length: 1}) + "\n" + %[1]q}).then((r) => { window.code = r.status; }); 0`, upload, at), nil))
	b.until(`window.code === 200`)
}

// TestAFileWaitsForRoom: a large file that comes while others of the same person are
// arriving waits for them, behind the small ones, and says so; it can be stopped and
// gone on with, and is told to wait no longer than an hour. Nothing is lost.
func TestAFileWaitsForRoom(t *testing.T) {
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")
	b.enter(s)
	b.visit(s.page + "/page/documents")
	b.see("form[data-add]")
	b.piece("a", 0)
	b.piece("b", 0)
	b.drop(map[string]string{"large.txt": strings.Repeat("Herons wade at dawn.\n", 250_000), "small.txt": "Otters keep stones."})
	b.until(`document.querySelector(".verdicts .added") && document.querySelector("p.status").textContent.startsWith("1 file waits for others")`)
	if text := eval[string](b, `document.querySelector(".verdicts").innerText`); !strings.Contains(text, "large.txt waits") || !strings.Contains(text, "small.txt added") {
		t.Errorf("the lines are\n%s", text)
	}
	b.shot("waiting")
	button := func(label string) string {
		return fmt.Sprintf(`[...document.querySelectorAll("form[data-add] ~ .buttons button")].find((x) => x.textContent === %q)`, label)
	}
	push := func(label string) {
		t.Helper()
		b.until(button(label))
		b.do(chromedp.Evaluate(button(label)+`.click()`, nil))
	}
	push("Stop")
	b.until(`document.querySelector("p.status").textContent.endsWith("Stopped. 1 file waits.")`)
	push("Go on")
	b.until(`document.querySelector("p.status").textContent.startsWith("1 file waits for others")`)

	// An hour later it is left to the person.
	b.do(chromedp.Evaluate(`{ const now = Date.now; Date.now = () => now() + 2 * 60 * 60 * 1000; }`, nil))
	b.until(`document.querySelector("p.status").textContent.includes("still in the way")`)
	push("Go on")
	b.until(`document.querySelector("p.status").textContent.startsWith("1 file waits for others")`)

	b.piece("a", 1)
	b.until(`document.querySelector("p.status").textContent === "1 added."`)
	if text := eval[string](b, `document.querySelector(".verdicts").innerText`); strings.Count(text, "added") != 2 || strings.Contains(text, "waits") {
		t.Errorf("the lines are\n%s", text)
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}
