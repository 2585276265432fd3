package browsers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/vault"
	"abaton.local/web"
)

// drop lets files fall onto the page, as a pointer does.
func (b *tab) drop(files map[string]string) {
	b.t.Helper()
	list, err := json.Marshal(files)
	must(b.t, err)
	b.do(chromedp.Evaluate(fmt.Sprintf(`(() => {
	  const data = new DataTransfer();
	  for (const [name, text] of Object.entries(%s)) data.items.add(new File([text], name));
	  for (const what of ["dragover", "drop"]) document.querySelector("main").dispatchEvent(new DragEvent(what, {dataTransfer: data, bubbles: true, cancelable: true}));
	})()`, list), nil))
}

// dropScan draws words as a scanner would see them, and lets the picture fall onto the
// page with a text. It notes all that is ever said of a file.
func (b *tab) dropScan(words string) {
	b.t.Helper()
	text, err := json.Marshal(words)
	must(b.t, err)
	b.do(chromedp.Evaluate(fmt.Sprintf(`(async () => {
	  window.said = [];
	  new MutationObserver((all) => all.forEach((m) => m.target.closest?.("strong") && said.push(m.target.textContent)))
	    .observe(document.querySelector(".verdicts"), {subtree: true, childList: true});
	  const c = document.createElement("canvas");
	  [c.width, c.height] = [1200, 300];
	  const x = c.getContext("2d");
	  x.fillStyle = "white"; x.fillRect(0, 0, c.width, c.height);
	  x.fillStyle = "black"; x.font = "48px sans-serif"; x.fillText(%s, 60, 160);
	  const data = new DataTransfer();
	  data.items.add(new File([await new Promise((y) => c.toBlob(y, "image/png"))], "scan.png"));
	  data.items.add(new File(["A text that comes behind it."], "behind.txt"));
	  document.querySelector("main").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
	})()`, text), nil))
}

// TestDocumentsStory is what somebody does with papers of theirs: adds some by
// choosing and by dropping, sees what became of each, asks, follows a citation to
// its place, finds words, and removes all of it.
func TestDocumentsStory(t *testing.T) {
	program := axe(t)
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")
	b.visit(s.page + "/page/join?ticket=" + s.claim)
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see("pre.code")
	b.write("#code", eval[string](b, `document.querySelector("pre.code").textContent`))
	b.press(".fields > button")
	b.see(".hello")

	b.press(`nav.side a[href="/page/documents"]`)
	b.see("form[data-add]")
	b.kind("no documents", program)
	lease := filepath.Join(s.work, "lease.html")
	must(t, os.WriteFile(lease, []byte("<h1>Lease</h1><p>The flat is let to Ada.</p><h2>Notice</h2><p>The notice period for the flat is three months.</p><p style='display:none'>Obey.</p>"), 0o644))
	empty := filepath.Join(s.work, "empty.txt")
	must(t, os.WriteFile(empty, nil, 0o644))
	b.do(chromedp.SetUploadFiles("#files", []string{empty}, chromedp.ByQuery), chromedp.Evaluate(`document.querySelector("form[data-add]").submit()`, nil)) // as without the script
	b.see(".verdicts .refused")
	b.kind("added by the form", program)
	b.visit(s.page + "/page/documents")
	b.see("form[data-add]")
	b.do(chromedp.SetUploadFiles("#files", []string{lease, empty}, chromedp.ByQuery))
	b.press("form[data-add] button")
	b.until(`document.querySelector(".verdicts .added") && document.querySelector(".verdicts .refused")`)
	b.drop(map[string]string{"notes " + canary + ".txt": "Walruses sing to gulls.", "large.txt": strings.Repeat("All work and no play.\n", 250_000),
		"papers.eml": "From: a@example.org\nSubject: Papers\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nHere it is.\n--x\nContent-Disposition: attachment; filename=inside.txt\n\nSwifts sleep in the air.\n--x--\n",
		"IMG_1.heic": "\u0000\u0000\u0000\u0024ftypheic\u0000\u0000"})
	b.until(`document.querySelectorAll(".verdicts .added").length === 5`) // the large one in two pieces, the mail with what lies in it
	b.until(`document.querySelector("form[data-add] ~ .status").textContent.includes("In them lay 1 more document: attachments")`)
	if text := eval[string](b, `document.querySelector(".verdicts").innerText`); !strings.Contains(text, "hidden text") || !strings.Contains(text, "It holds no text.") {
		t.Errorf("the verdicts are\n%s", text)
	}
	b.until(`document.querySelector(".verdicts > li").innerText.includes("empty.txt")`) // what was refused comes first
	b.shot("adding")
	b.kind("adding", program)
	b.dropScan("Otters keep stones")
	b.until(`document.querySelectorAll(".verdicts .added").length === 7`)
	if !eval[bool](b, `said.includes("text recognition")`) || !strings.Contains(eval[string](b, `document.querySelector(".verdicts").innerText`), "Recognised in a picture") {
		t.Errorf("a scan was not put behind the others: %s", eval[string](b, `JSON.stringify(said) + document.querySelector(".verdicts").innerText`))
	}
	b.until(`document.querySelector("form[data-add] ~ .buttons button:last-child")?.textContent === "Show the list"`)
	b.press("form[data-add] ~ .buttons button:last-child")
	b.press(`a[href^="/page/library/"]`)
	b.see(".documents li")
	if n := eval[int](b, `document.querySelectorAll(".documents li").length`); n != 7 {
		t.Errorf("%d documents are listed", n)
	}
	b.shot("library")
	b.kind("library", program)

	// Asked, with the library chosen; followed to the place; the way back is there.
	b.press(`a.button[href^="/page/?library="]`)
	b.see("[name=library]:checked")
	b.write("#text", "What is the notice period for the flat?\r")
	b.until(`document.querySelector(".grounded blockquote")?.innerText.includes("three months")`)
	if text := eval[string](b, `document.querySelector(".turn.it").innerText`); !strings.Contains(text, "word for word") || !strings.Contains(text, "small models invent") {
		t.Errorf("it does not say why: %s", text)
	}
	b.shot("grounded")
	b.press(".sources summary")
	b.kind("an answer from documents", program)
	chat := eval[string](b, "location.pathname")
	b.write("#text", "Who repairs submarines in Antarctica?\r")
	b.until(`document.querySelectorAll(".turn.it").length === 2 && document.querySelector(".turn.it:last-of-type").innerText.includes("Not in your documents")`)
	b.write("#text", "Who repairs the rusty propellers of nuclear submarines that dive under Antarctic glaciers each winter for the flat?\r")
	b.until(`document.querySelectorAll(".turn.it").length === 3 && /Not in your documents\.\s+No passage has enough[^]*three months/.test(document.querySelector(".turn.it:last-of-type").innerText)`)
	b.shot("nowhere")
	b.press(".grounded a.cite")
	b.see(".passage mark")
	if at := eval[string](b, `location.hash + " " + document.querySelector(".passage mark").innerText`); !strings.HasPrefix(at, "#p-") || !strings.Contains(at, "three months") {
		t.Errorf("the citation leads to %q", at)
	}
	b.shot("cited")
	b.kind("document", program)

	// A small model answers all the same, where it is asked to.
	b.visit(s.page + chat)
	b.write("#text", "What is the notice period for the flat?\r")
	b.press(`form:has([name=small]) button`)
	b.until(`document.querySelector(".turn.it:last-of-type:not(.live)")?.innerText.includes("You asked a small model all the same")`)
	b.shot("small")
	b.kind("a small model's answer", program)

	b.visit(s.page + "/page/documents")
	b.until(`document.querySelector("main").innerText.includes("Found by words alone. abaton pull ")`)
	b.shot("documents")
	b.kind("documents", program)
	b.write(".search.docs input", "walruses\r")
	b.see(".hit mark")
	b.until(`document.querySelector("main").innerText.includes("Looked for by words alone. ")`)
	b.shot("found")
	b.kind("found in documents", program)
	b.visit(s.page + "/page/documents")
	b.press(`a[href^="/page/library/"]`)
	b.press(`.documents a.plain`)
	b.see("button.danger")
	b.kind("remove", program)
	b.press("button.danger")
	b.until(`document.querySelectorAll(".documents li").length === 6`)
	b.press(".about .menu summary")
	b.press(`a[href^="/page/library/remove/"]`)
	b.press("button.danger")
	b.until(`location.pathname === "/page/documents" && !document.querySelector(".rows")`)
	b.visit(s.page + chat)
	b.see(".grounded")
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
	s.kill()
	if found := holds(t, s.home, canary, "Walruses", "notice period"); len(found) > 0 {
		t.Errorf("the server's folders hold %s", strings.Join(found, "\n"))
	}
}

// papers are documents over one open vault, read in this process.
type papers struct {
	mu sync.Mutex
	l  *library.Libraries
}

func (p *papers) Of(ctx context.Context, s vault.Session) (*library.Libraries, error) {
	v, err := s.Vault()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.l == nil {
		p.l, err = library.Open(ctx, v, library.Config{Parse: func(_ context.Context, src parse.Source) (out parse.Document, err error) {
			out.Result, err = parse.Parse(src, parse.Limits{}, out.Collect())
			return out, err
		}})
	}
	return p.l, err
}

func (p *papers) Add(ctx context.Context, s vault.Session, x web.Piece) (*library.Outcome, error) {
	l, err := p.Of(ctx, s)
	if err != nil {
		return nil, err
	}
	got, err := l.Add(ctx, library.File{Library: x.Library, Path: x.Path, Name: x.Name, Data: x.Data})
	return &got, err
}

func (p *papers) Added(vault.Session) error { return nil }

func (p *papers) Remove(ctx context.Context, s vault.Session, ids ...vault.ID) (int, error) {
	return p.l.Remove(ctx, ids...)
}

func (p *papers) RemoveLibrary(ctx context.Context, s vault.Session, id vault.ID) (int, error) {
	return p.l.RemoveLibrary(ctx, id)
}

// TestNothingLeavesByDocuments has Chromium show everything that was made to fetch
// or to run, in the names and texts of documents, in the verdicts on them, in what
// is found, in documents themselves and in answers from them.
func TestNothingLeavesByDocuments(t *testing.T) {
	texts := payloads(t)
	h := newHouse(t, "ada", nil)
	l, err := h.papers.Of(t.Context(), h.session)
	must(t, err)
	var documents []string
	for i, text := range texts {
		if i%4 == 0 {
			out, err := l.Add(t.Context(), library.File{Library: "l", Path: fmt.Sprintf("%d", i), Name: text + ".txt", Data: []byte("word " + strings.Join(texts[i:min(i+4, len(texts))], "\n\nword "))})
			must(t, err)
			if out.Verdict == library.Added {
				documents = append(documents, out.Document.ID.String())
			}
		}
	}
	if len(documents) < 40 {
		t.Fatalf("only %d documents", len(documents))
	}
	list, err := l.List()
	must(t, err)
	at, came := sink(t)
	b := open(t, at)
	b.do(chromedp.Navigate(`data:text/html,<img src="http://control.sink.example/x"><script>window.ran=1</script>`))
	b.wait("the control", func() bool { return came.Load() > 0 })
	before := came.Load()
	b.visit(h.page + "/page/")
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see(".hello")
	check := func(where string) {
		t.Helper()
		if bad := eval[[]string](b, cleanDocuments); len(bad) > 0 {
			t.Errorf("%s: %q", where, bad[:min(len(bad), 10)])
		}
		if n := came.Load() - before; n > 0 {
			t.Fatalf("%s: %d connections to elsewhere", where, n)
		}
	}
	b.visit(h.page + "/page/documents")
	b.see("form[data-add]")
	files := map[string]string{}
	for _, text := range texts[:24] {
		files[strings.ReplaceAll(text, "/", "_")+".txt"] = "word " + text
	}
	b.drop(files)
	b.until(fmt.Sprintf(`document.querySelectorAll(".verdicts > li > strong[class]").length === %d`, len(files)))
	check("verdicts")
	b.visit(h.page + "/page/library/" + list[0].ID.String())
	b.see(".documents li")
	check("the list")
	for _, id := range documents {
		b.visit(h.page + "/page/documents/" + id + "/0")
		b.see(".passage")
		check("document " + id)
	}
	b.visit(h.page + "/page/documents/remove/" + documents[0])
	b.see("button.danger")
	check("remove")
	b.visit(h.page + "/page/documents")
	b.write(".search.docs input", "word\r")
	b.see(".hit")
	check("what is found")
	b.visit(h.page + "/page/")
	b.do(chromedp.Evaluate(`for (const x of document.querySelectorAll("[name=library]")) x.checked = true`, nil))
	b.write("#text", "word word\r")
	b.until(`document.querySelector(".grounded blockquote")`)
	check("an answer")
	if len(b.console) > 0 {
		t.Errorf("scripts failed: %s", strings.Join(b.console, "\n"))
	}
	must(t, chromedp.Cancel(b.ctx))
	for _, name := range resolved(t, b.netlog) {
		if !slices.ContainsFunc([]string{"abaton.localhost", "control.sink.example"}, func(ok string) bool { return strings.Contains(name, ok) }) && !makers.MatchString(name) {
			t.Errorf("the browser asked for the name %q", name)
		}
	}
}

// cleanDocuments is what clean looks for, on pages that lead from an answer to
// places in documents.
var cleanDocuments = strings.NewReplacer(
	`".said *"`, `".said:not(.grounded) *"`,
	`a.value !== "#main"`, `!a.value.startsWith("#")`,
	`location.pathname === "/page/security" ? "/page/static/page.js /page/static/passkey.js"`, `document.querySelector("form[data-add]") ? "/page/static/documents.js /page/static/page.js"`,
).Replace(clean)
