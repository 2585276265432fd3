package browsers

import (
	"encoding/json"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"abaton.local/chat/history"
	"abaton.local/vault"
)

// sink is where every name but ours leads. It counts who comes, but for the
// browser itself, which asks its maker about updates and the like whatever page
// it shows.
func sink(t *testing.T) (address string, came *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	came = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				hello := make([]byte, 4096)
				_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
				n, _ := c.Read(hello) // the name is in its first bytes, by TLS too
				if !makers.Match(hello[:n]) {
					came.Add(1)
				}
			}()
		}
	}()
	return l.Addr().String(), came
}

// makers are names at which Chromium asks for itself.
var makers = regexp.MustCompile(`(\.googleapis\.com|\.google\.com|\.gstatic\.com|\.gvt1\.com)`)

// clean lists nothing where all that was said is made of the elements that may be, and
// nothing on the page has an address of another server.
const clean = `(() => {
  const may = new Set("P H3 H4 H5 H6 UL OL LI BLOCKQUOTE HR BR EM STRONG DEL CODE PRE DIV SPAN TABLE THEAD TBODY TR TH TD BUTTON math mrow mi mn mo mtext mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd".split(" "));
  const maths = (e) => e.namespaceURI.endsWith("/MathML");
  const attributes = new Set(["class", "start", "dir", "type", "aria-busy"]);
  const bad = [];
  for (const e of document.querySelectorAll(".said *")) {
    if (!may.has(e.tagName) || maths(e) !== (e.tagName[0] === "m")) bad.push(e.tagName);
    for (const a of e.attributes) if (!attributes.has(a.name)) bad.push(e.tagName + " " + a.name);
  }
  for (const e of document.querySelectorAll("*")) {
    for (const a of e.attributes) {
      if (a.name.startsWith("on") || a.name === "style" && e.id !== "text") bad.push(e.tagName + " " + a.name);
      if (["src", "href", "action", "data", "ping", "poster", "formaction"].includes(a.name) && !a.value.startsWith("/page/") && a.value !== "#main") bad.push(a.name + "=" + a.value);
    }
  }
  if (window.ran !== undefined) bad.push("a script ran");
  const scripts = [...document.scripts].map((s) => s.getAttribute("src") + s.textContent).sort().join(" ");
  const own = location.pathname === "/page/security" ? "/page/static/page.js /page/static/passkey.js" : "/page/static/page.js";
  if (scripts !== own) bad.push("scripts " + scripts);
  return bad;
})()`

// TestNothingLeaves has Chromium show everything that was made to fetch or to run,
// in answers, questions, titles, instructions and a person's name, from the
// history and while it is written. Nobody is asked for anything, and nothing runs.
func TestNothingLeaves(t *testing.T) {
	texts := payloads(t)
	var answers []string // some of them in each, for every answer takes its time
	for some := range slices.Chunk(texts, 6) {
		answers = append(answers, strings.Join(some, "\n\n---\n\n"))
	}
	h := newHouse(t, "<img src=x:x onerror=window.ran=1>", answers)
	at, came := sink(t)
	b := open(t, at)

	// Who looks sees: a page that does fetch and run.
	b.do(chromedp.Navigate(`data:text/html,<img src="http://control.sink.example/x"><script>window.ran=1</script>`))
	b.until(`document.images[0].complete`)
	for i := 0; i < 100 && came.Load() == 0; i++ {
		b.do(chromedp.Sleep(50 * time.Millisecond))
	}
	if came.Load() == 0 || eval[int](b, `window.ran`) != 1 {
		t.Fatal("the sink does not see a page that fetches")
	}
	before := came.Load()

	b.visit(h.page + "/page/")
	b.write("#name", "<img src=x:x onerror=window.ran=1>")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see(".hello")

	check := func(where string) {
		t.Helper()
		if bad := eval[[]string](b, clean); len(bad) > 0 {
			t.Errorf("%s: %q", where, bad[:min(len(bad), 10)])
		}
		if n := came.Load() - before; n > 0 {
			must(t, chromedp.Cancel(b.ctx))
			t.Fatalf("%s: %d connections to elsewhere; names: %q", where, n, resolved(t, b.netlog))
		}
	}

	// From the history: all of them as questions and as answers, and each as a title.
	var turns []history.Turn
	for _, text := range texts {
		turns = append(turns, history.Turn{Role: history.User, Text: text}, history.Turn{Role: history.Assistant, Text: text, Model: "m<img src=x>", Finish: "stop"})
	}
	all, err := h.history.New(t.Context(), history.Start{Model: "m", Instruction: strings.Join(texts, "\n")}, turns...)
	must(t, err)
	for i, text := range texts {
		c, err := h.history.New(t.Context(), history.Start{}, history.Turn{Role: history.User, Text: text}, history.Turn{Role: history.Assistant, Text: text})
		must(t, err)
		if i%2 == 0 {
			_, _ = h.history.Rename(t.Context(), c.ID, text) // some are no titles
		}
	}
	for _, path := range []string{"c/" + all.ID.String(), "", "all", "all/2", "security", "keys"} {
		b.visit(h.page + "/page/" + path)
		b.see("main")
		check("/page/" + path)
		if path == "c/"+all.ID.String() && !eval[bool](b, `document.querySelectorAll(".said math").length > 5 && document.querySelector(".said math mtext").textContent.includes("<img")`) {
			t.Error("no formula is drawn: this test sees nothing of them")
		}
	}
	people, keys := h.named(t, texts)
	t.Logf("%d payloads are names of people, %d of keys", people, keys)
	if people < 30 || keys < 30 {
		t.Errorf("only %d payloads are names of people, and %d of keys", people, keys)
	}
	for path, n := range map[string]int{"people": people + 1, "keys": keys} {
		b.visit(h.page + "/page/" + path)
		b.until(`document.querySelectorAll("main tbody:first-of-type tr").length >= ` + strconv.Itoa(n))
		check("/page/" + path)
	}
	b.visit(h.page + "/page/links/" + all.ID.String()) // only here an address can be opened, and none is by itself
	b.see("dl.addresses a")
	b.do(chromedp.Evaluate(`document.querySelectorAll("dl.addresses a").forEach((a) => a.remove())`, nil))
	check("/page/links")
	b.write("nav.side input[name=words]", "sink\r")
	b.see(".hit")
	check("what is found")

	// While they are written, each as an answer of its own.
	c, err := h.history.New(t.Context(), history.Start{Model: "m"}, history.Turn{Role: history.User, Text: "0"}, history.Turn{Role: history.Assistant, Text: "-"})
	must(t, err)
	b.visit(h.page + "/page/c/" + c.ID.String())
	b.see("#text")
	var answered int
	b.do(chromedp.Evaluate(`(async () => {
	  const text = document.getElementById("text"), form = document.querySelector("form.ask");
	  const calm = () => new Promise((done) => setTimeout(done, 5));
	  for (let i = 0; i < `+strconv.Itoa(len(answers))+`; i++) {
	    const have = document.querySelectorAll(".turn.it").length;
	    text.value = String(i);
	    form.requestSubmit();
	    while (document.querySelectorAll(".turn.it").length === have || document.querySelector(".turn.live")) await calm();
	  }
	  return document.querySelectorAll(".turn.it").length - 1;
	})()`, &answered, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if answered != len(answers) {
		t.Errorf("%d answers to %d questions", answered, len(answers))
	}
	check("while they are written")
	streamed := eval[[]string](b, said)
	b.do(chromedp.Reload())
	b.see("#text")
	check("loaded anew")
	kept := eval[[]string](b, said)
	for i := range kept {
		if i < len(streamed) && streamed[i] != kept[i] {
			t.Errorf("written as\n%s\nkept as\n%s", streamed[i], kept[i])
		}
	}
	b.shot("payloads")
	if len(b.console) > 0 {
		t.Errorf("scripts failed: %s", strings.Join(b.console, "\n"))
	}
	must(t, chromedp.Cancel(b.ctx))
	names := resolved(t, b.netlog)
	if !strings.Contains(strings.Join(names, " "), "control.sink.example") {
		t.Errorf("the browser's log does not tell which names were asked for: %q", names)
	}
	for _, name := range names {
		if !makers.MatchString(name) && !strings.Contains(name, "abaton.localhost") && !strings.Contains(name, "control.sink.example") {
			t.Errorf("the browser asked for the name %q", name)
		}
	}
}

// named gives people and keys names of what was made to fetch or to run, as far as it is
// short enough for a name: some of them, for each takes a while to join.
func (h *house) named(t *testing.T, texts []string) (people, keys int) {
	t.Helper()
	for i, text := range texts {
		if i%6 != 0 || len(text) > 64 {
			continue
		}
		if _, _, err := h.people.MakeToken(t.Context(), h.session, text, vault.ScopeAsk, time.Now().Add(time.Hour)); err == nil {
			keys++
		}
		ticket, _, err := h.people.Invite(t.Context(), h.session, vault.RoleMember)
		must(t, err)
		if _, err := h.people.Join(t.Context(), vault.Newcomer{Ticket: ticket.Reveal(), Name: text, Passphrase: []byte(passphrase)}); err == nil {
			people++
		}
	}
	return people, keys
}

// said is the trees of all answers, without the buttons that scripts add.
const said = `[...document.querySelectorAll(".turn.it .said")].map((e) => {
  const copy = e.cloneNode(true);
  copy.removeAttribute("aria-busy");
  for (const b of copy.querySelectorAll("button")) b.remove();
  return copy.outerHTML.replaceAll("<pre>\n", "<pre>");
})`

// resolved is the names that a browser asked its resolver for.
func resolved(t *testing.T, netlog string) (names []string) {
	t.Helper()
	b, err := os.ReadFile(netlog)
	must(t, err)
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`"host":"((?:[^"\\]|\\.)*)"`).FindAllSubmatch(b, -1) {
		var name string
		must(t, json.Unmarshal([]byte(`"`+string(m[1])+`"`), &name))
		if !seen[name] && !strings.Contains(name, "127.0.0.1") {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}
