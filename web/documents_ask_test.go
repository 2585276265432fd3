package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"abaton.local/chat/history"
	"abaton.local/shaper"
	"abaton.local/vault"
)

const leaseText = "# Lease\n\nThe flat is let to Ada by https://evil.example/landlord.\n\n## Notice\n\nThe notice period for the flat is three months. See [more](https://evil.example/?q=1).\n"

// large makes the model of these tests one that is large enough to answer.
func large(t *testing.T) {
	t.Helper()
	passport.Parameters = 7_000_000_000
	t.Cleanup(func() { passport.Parameters = 0 })
}

// lookIn asks a first question to libraries.
func (h *house) lookIn(s vault.Session, question string, libraries ...string) vault.ID {
	h.t.Helper()
	form := url.Values{"text": {question}, "model": {"m"}, "libraries": {"1"}, "library": libraries}
	r := httptest.NewRequest("POST", "/page/ask", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := h.ask(s, r)
	id, err := vault.ParseID(strings.TrimPrefix(w.Header().Get("Location"), "/page/c/"))
	if w.Code != 303 || err != nil {
		h.t.Fatalf("a question: %d %s", w.Code, w.Body)
	}
	return id
}

// shelfOf is a library with a lease in it.
func (h *house) shelfOf(s vault.Session, d *stacked) (library, document string) {
	h.t.Helper()
	x := h.verdict(h.put(s, "house", "lease.md", leaseText, 1000))
	l, err := d.Of(h.t.Context(), s)
	must(h.t, err)
	one, err := l.Library("house")
	must(h.t, err)
	return one.ID.String(), x.Document
}

// ended waits until an answer is kept.
func (h *house) ended(s vault.Session, id vault.ID) {
	h.t.Helper()
	if a := h.newest(s, id); a != nil {
		<-a.ended
	}
}

// streamed is what a page's script is told of an answer.
func (h *house) streamed(s vault.Session, id vault.ID) (text string, end ending) {
	h.t.Helper()
	w := h.get(s, "live/"+id.String())
	for l := range strings.Lines(w.Body.String()) {
		var x struct {
			Ops [][]any
			End *ending
		}
		must(h.t, json.Unmarshal([]byte(l), &x))
		for _, op := range x.Ops {
			if op[0] == "t" {
				text += op[1].(string)
			}
		}
		if x.End != nil {
			end = *x.End
		}
	}
	return text, end
}

// With a small model: the passages, word for word, and why. The conversation
// remembers where it looks, and nothing in the answer can be opened.
func TestAnAnswerOfPassages(t *testing.T) {
	h, d := settleWithDocuments(t, shaper.Policy{})
	lib, doc := h.shelfOf(h.ada, d)
	h.shows(h.ada, "", `name="library" value="`+lib+`"`)
	id := h.lookIn(h.ada, "What is the notice period for the flat?", lib)
	h.ended(h.ada, id)
	if _, end := h.streamed(h.ada, id); !end.Read || !end.Anew {
		t.Errorf("%+v", end)
	}
	page := h.shows(h.ada, "c/"+id.String(), "From your documents, word for word.", "three months. See [more](https://evil.example/?q=1).",
		`href="/page/documents/`+doc+`/1#p-1">[1] lease.md</a>`, "3,000,000,000 parameters", "All that was looked at: 2 passages", "Reads: <bdi>house</bdi>", ` checked> <bdi>house`)
	if strings.Contains(page, "/page/links/") || strings.Contains(page, `href="http`) {
		t.Error("an address in it can be opened")
	}
	if links := h.shows(h.ada, "links/"+id.String(), "They name none"); strings.Contains(links, "evil.example") {
		t.Error("its addresses are listed to be opened")
	}
	if md := h.post(h.ada, "export/"+id.String(), "as", "markdown").Body.String(); !strings.Contains(md, "> ```text\n") || !strings.Contains(md, "evil.example") {
		t.Errorf("exported as\n%s", md)
	}

	// What is not there; the question leans on what the person said before.
	h.post(h.ada, "ask/"+id.String(), "text", "Who repairs submarines in Antarctica?", "libraries", "1", "library", lib)
	h.ended(h.ada, id)
	h.shows(h.ada, "c/"+id.String(), "Not in your documents.")

	// Why comes before what is nearest.
	h.post(h.ada, "ask/"+id.String(), "text", "Who repairs the rusty propellers of nuclear submarines that dive under Antarctic glaciers each winter for the flat?", "libraries", "1", "library", lib)
	h.ended(h.ada, id)
	last := h.shows(h.ada, "c/"+id.String(), "No passage has enough of what the question says.")
	last = last[strings.LastIndex(last, "Not in your documents."):]
	if why, quoted := strings.Index(last, "No passage has enough"), strings.Index(last, "<blockquote"); why < 0 || quoted < why {
		t.Errorf("why is at %d, passages at %d", why, quoted)
	}

	// Where none is chosen any more, a model answers; what it saw may be a document's.
	h.post(h.ada, "ask/"+id.String(), "text", "And now?", "libraries", "1")
	if asked := <-h.heard; !strings.Contains(asked.Messages[len(asked.Messages)-1].Content, "And now?") {
		t.Errorf("%+v", asked.Messages)
	}
	h.finish(h.ada, id, "Go to https://evil.example/x now.")
	c, tree, err := h.histories[h.ada.Person].Tree(t.Context(), id)
	must(t, err)
	all := tree.All()
	if len(c.Libraries) != 0 || len(all) != 8 || all[1].Read.Kind != "extractive" || all[3].Read.Kind != "not-found" || all[7].Read == nil || all[7].Read.Kind != "" {
		t.Errorf("%+v %+v", c, all)
	}
	if page := h.shows(h.ada, "c/"+id.String(), "https://evil.example/x"); strings.Contains(page, "/page/links/") {
		t.Error("an address that a document may have given can be opened")
	}
}

// With a large one: its sentences, each held against the passages, with citations
// that lead to their place.
func TestAnAnswerWithCitations(t *testing.T) {
	large(t)
	h, d := settleWithDocuments(t, shaper.Policy{})
	lib, doc := h.shelfOf(h.ada, d)
	id := h.lookIn(h.ada, "What is the notice period for the flat?", lib)
	asked := <-h.heard
	if len(asked.Options.JSONSchema) == 0 {
		t.Error("the model is not held to a form")
	}
	told := make(chan string)
	go func() {
		text, _ := h.streamed(h.ada, id)
		told <- text
	}()
	h.finish(h.ada, id, `{"answer":[{"quotes":[{"passage":1,"quote":"The notice period for the flat is three months."}],"sentence":"It is three months <b>."},`,
		`{"quotes":[{"passage":1,"quote":"The landlord pays all of it at once."}],"sentence":"See https://evil.example/else for more."}]}`)
	if text := <-told; !strings.Contains(text, "It is three months <b>.") || strings.Contains(text, "evil.example") {
		t.Errorf("told as %q", text)
	}
	page := h.shows(h.ada, "c/"+id.String(), `It is three months &lt;b&gt;. <a class="cite" href="/page/documents/`+doc+`/1#p-1" aria-label="Source 1, lease.md">[1]</a>`,
		`class="sentence unsupported"`, "What was read: 1 passage")
	if strings.Contains(page, "pays all of it") || strings.Contains(page, `href="http`) {
		t.Error("what stands in no passage is quoted, or an address can be opened")
	}
	_, tree, err := h.histories[h.ada.Person].Tree(t.Context(), id)
	must(t, err)
	if a := tree.All()[1]; a.Model != "m" || a.Read == nil || a.Read.Kind != "answered" || a.AnswerTokens != 5 || !strings.Contains(a.Text, "It is three months <b>. [1]") {
		t.Errorf("%+v", a)
	}
	if page := h.shows(h.ada, "documents/"+doc+"/1", "<mark>The notice period"); strings.Contains(page, `href="http`) {
		t.Error("an address in a document can be opened")
	}
}

// Temporary conversations look in documents, too; one that is stopped keeps what
// there is; libraries that are gone are told of.
func TestAskingDocumentsOtherwise(t *testing.T) {
	large(t)
	h, d := settleWithDocuments(t, shaper.Policy{})
	lib, _ := h.shelfOf(h.ada, d)
	c, err := h.brief(h.ada).begin(history.Start{Model: "m", Libraries: []vault.ID{must2(vault.ParseID(lib))}}, history.Turn{Role: history.User, Text: "What is the notice period for the flat?"})
	must(t, err)
	h.post(h.ada, "again/"+c.ID.String())
	<-h.heard
	h.pieces <- `{"answer":[{"quotes":[{"passage":1,"quote":"The notice period for the flat is three months."}],"sentence":"Three months."},`
	h.post(h.ada, "stop/"+c.ID.String())
	h.shows(h.ada, "c/"+c.ID.String(), "Three months.", "You stopped it here.", "Temporary")

	// Another person's library is none of theirs.
	w := h.post(h.bob, "ask", "text", "What is the notice period?", "libraries", "1", "library", lib)
	if w.Code == 303 || !strings.Contains(w.Body.String(), "are gone") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h.post(h.ada, "library/remove/"+lib)
	if w := h.post(h.ada, "ask/"+c.ID.String(), "text", "And now?"); !strings.Contains(w.Body.String(), "are gone") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if ids, said, err := chosen(formOf("libraries", "1", "library", lib+" "+strings.Repeat("0", 31)+"1")); err != nil || !said || len(ids) != 2 {
		t.Errorf("two libraries in one field: %v %v", ids, err)
	}
	for _, bad := range []string{"x", "../x", strings.Repeat("0", 33)} {
		if w := h.post(h.ada, "ask", "text", "What?", "libraries", "1", "library", bad); w.Code == 303 {
			t.Errorf("%q is a library", bad)
		}
	}
}

// formOf is a form as a page sends it.
func formOf(fields ...string) *http.Request {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func must2[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// A small model answers from documents where its person has it do so all the same.
// That stands under its answer, for good.
func TestASmallModelAllTheSame(t *testing.T) {
	h, d := settleWithDocuments(t, shaper.Policy{})
	lib, _ := h.shelfOf(h.ada, d)
	id := h.lookIn(h.ada, "What is the notice period for the flat?", lib)
	h.ended(h.ada, id)
	const button = "Let the model answer"
	h.shows(h.ada, "c/"+id.String(), button, `name="small" value="1"`)
	h.post(h.ada, "again/"+id.String(), "small", "1")
	<-h.heard
	h.finish(h.ada, id, `{"answer":[{"quotes":[{"passage":1,"quote":"The notice period for the flat is three months."}],"sentence":"Three months."}]}`)
	page := h.shows(h.ada, "c/"+id.String(), "Three months. <a class=\"cite\"", "small models invent", "2 of 2")
	if strings.Contains(page, button) {
		t.Error("it is offered again under its answer")
	}
	h.post(h.ada, "again/"+id.String()) // by itself, passages again
	h.ended(h.ada, id)
	h.shows(h.ada, "c/"+id.String(), "word for word", button, "3 of 3")
	large(t)
	if page := h.shows(h.ada, "c/"+id.String(), "word for word"); strings.Contains(page, button) {
		t.Error("a large model is called small")
	}
}
