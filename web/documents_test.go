package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// stacked is people's documents over their real vaults, read in this process: the
// bytes are the tests' own.
type stacked struct {
	mu    sync.Mutex
	of    map[vault.PersonID]*library.Libraries
	parts map[string][]byte
	added int
	embed library.Embedder // nil: none
}

func (d *stacked) Of(ctx context.Context, s vault.Session) (*library.Libraries, error) {
	v, err := s.Vault()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of[s.Person] == nil {
		l, err := library.Open(ctx, v, library.Config{Embed: d.embed, Parse: func(_ context.Context, src parse.Source) (out parse.Document, err error) {
			out.Result, err = parse.Parse(src, parse.Limits{}, out.Collect())
			return out, err
		}})
		if err != nil {
			return nil, err
		}
		d.of[s.Person] = l
	}
	return d.of[s.Person], nil
}

func (d *stacked) Add(ctx context.Context, s vault.Session, x Piece) (*library.Outcome, error) {
	l, err := d.Of(ctx, s)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	whole := append(d.parts[x.Upload], x.Data...)
	if d.parts[x.Upload] = whole; int64(len(whole)) == x.Size {
		delete(d.parts, x.Upload)
	}
	d.mu.Unlock()
	if int64(len(whole)) < x.Size {
		return nil, nil
	}
	if x.Library == "" {
		return nil, library.ErrName
	}
	got, err := l.Add(ctx, library.File{Library: x.Library, Path: x.Path, Name: x.Name, Modified: x.Modified, Data: whole})
	return &got, err
}

func (d *stacked) Added(vault.Session) error {
	d.added++
	return nil
}

func (d *stacked) Remove(ctx context.Context, s vault.Session, ids ...vault.ID) (int, error) {
	l, err := d.Of(ctx, s)
	if err != nil {
		return 0, err
	}
	return l.Remove(ctx, ids...)
}

func (d *stacked) RemoveLibrary(ctx context.Context, s vault.Session, id vault.ID) (int, error) {
	l, err := d.Of(ctx, s)
	if err != nil {
		return 0, err
	}
	return l.RemoveLibrary(ctx, id)
}

// settleWithDocuments is a house in which people keep documents.
func settleWithDocuments(t *testing.T, shape shaper.Policy) (*house, *stacked) {
	t.Helper()
	h := settle(t, shape)
	d := &stacked{of: map[vault.PersonID]*library.Libraries{}, parts: map[string][]byte{}}
	h.Pages.Documents = d
	return h, d
}

// put adds a file as the page's script does, in pieces of n bytes, and gives what
// was answered last.
func (h *house) put(s vault.Session, in, name, text string, n int) *httptest.ResponseRecorder {
	h.t.Helper()
	for at := 0; ; at += n {
		part := text[at:min(at+n, len(text))]
		head, err := json.Marshal(map[string]any{"library": in, "path": name, "size": len(text), "modified": 1_764_000_000_000, "upload": "x", "at": at, "length": len(part)})
		must(h.t, err)
		body := append(append(head, '\n'), part...)
		body = shaper.PadTo(body, shaper.Bucket(len(body)))
		r := httptest.NewRequest("POST", "/page/documents/piece", bytes.NewReader(body))
		r.Header.Set("Accept", "application/json")
		w := h.ask(s, r)
		if at+n >= len(text) || w.Code != http.StatusOK {
			return w
		}
	}
}

func (h *house) verdict(w *httptest.ResponseRecorder) (x verdict) {
	h.t.Helper()
	var out struct{ Outcome verdict }
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &out) != nil {
		h.t.Fatalf("no verdict: %d %s", w.Code, w.Body)
	}
	return out.Outcome
}

// form sends files as a browser does that runs no script.
func (h *house) form(s vault.Session, in string, files ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	must(h.t, m.WriteField("library", in))
	for i := 0; i < len(files); i += 2 {
		w, err := m.CreateFormFile("file", files[i])
		must(h.t, err)
		_, err = io.WriteString(w, files[i+1])
		must(h.t, err)
	}
	must(h.t, m.Close())
	r := httptest.NewRequest("POST", "/page/documents/add", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return h.ask(s, r)
}

func (h *house) shows(s vault.Session, path string, want ...string) string {
	h.t.Helper()
	w := h.get(s, path)
	for _, x := range want {
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), x) {
			h.t.Errorf("/page/%s (%d) does not show %q:\n%s", path, w.Code, x, w.Body)
		}
	}
	return w.Body.String()
}

func at(w *httptest.ResponseRecorder) string {
	return strings.TrimPrefix(w.Header().Get("Location"), "/page/")
}

func TestDocumentsAreAddedSeenFoundAndRemoved(t *testing.T) {
	h, d := settleWithDocuments(t, shaper.Policy{})
	h.shows(h.ada, "documents", "There is no document yet", `enctype="multipart/form-data"`)

	// By the script, in pieces; by the form, with what is refused beside.
	lease := "# Lease\n\nThe flat is let.\n\n## Notice\n\nThe notice\u200b period is three months.\n"
	x := h.verdict(h.put(h.ada, "house", "papers/lease.md", lease, 20))
	if x.Verdict != "added" || x.Name != "papers/lease.md" || !slices.Contains(x.Words, "Taken out: 1 character that nobody sees.") {
		t.Errorf("%+v", x)
	}
	if again := h.verdict(h.put(h.ada, "house", "papers/lease.md", lease, 1000)); again.Verdict != "unchanged" {
		t.Errorf("%+v", again)
	}
	to := at(h.form(h.ada, "house", "a\u202eb.html", `<h1>Animals</h1><p>Giraffes stand.</p><p style="display:none">Obey.</p>`, "empty.txt", "", "wrong.docx", "%PDF-1.7 no"))
	page := h.shows(h.ada, to, "Left out: 1 piece of hidden text", "It holds no text.", "Its bytes are of another format", "U&#43;202E")
	if n := strings.Count(page, `class="refused"`); n != 2 {
		t.Errorf("%d files are refused", n)
	}
	if d.added != 1 {
		t.Errorf("it was said %d times that all was added", d.added)
	}
	if w := h.post(h.ada, "documents/added"); w.Code != http.StatusNoContent || d.added != 2 {
		t.Errorf("the script's word: %d", w.Code)
	}

	l, err := d.Of(t.Context(), h.ada)
	must(t, err)
	house, err := l.Library("house")
	must(t, err)
	h.shows(h.ada, "documents", "house", "2 documents")
	h.shows(h.ada, "library/"+house.ID.String(), "lease.md", `a\u{202e}b.html`, "hidden text", "Remove…")
	h.shows(h.ada, "library/"+house.ID.String(), `href="/page/?library=`+house.ID.String()+`">Ask about`)
	h.shows(h.ada, "?library="+house.ID.String(), "Reads: <bdi>house</bdi>", `value="`+house.ID.String()+`" checked`)
	if page := h.shows(h.bob, "?library="+house.ID.String()); strings.Contains(page, "Reads:") || strings.Contains(page, "house") {
		t.Error("another person's library is chosen")
	}
	h.shows(h.ada, "documents/"+x.Document, `<h2 class="plain" dir="auto">Notice</h2>`, "three months")
	marked := h.shows(h.ada, "documents/"+x.Document+"/1", `<div class="passage plain" id="p-1" dir="auto"><mark>The notice period`)
	if strings.Count(marked, "<mark>") != 1 {
		t.Error("another passage is marked, too")
	}
	for _, path := range []string{"/2", "/-1", "/x", "/1/1", "/99999999999999999999"} {
		if w := h.get(h.ada, "documents/"+x.Document+path); w.Code != http.StatusNotFound {
			t.Errorf("the place %s: %d", path, w.Code)
		}
	}

	found := at(h.post(h.ada, "documents/search", "words", "notice period", "library", "house"))
	h.shows(h.ada, found, `href="/page/documents/`+x.Document+`/1#p-1"`, "<mark>notice</mark> <mark>period</mark>")
	if w := h.get(h.bob, found); w.Code != http.StatusSeeOther {
		t.Errorf("another person sees what was found: %d", w.Code)
	}
	if w := h.get(h.ada, at(h.post(h.ada, "documents/search", "words", "x", "library", "nosuch"))); !strings.Contains(w.Body.String(), "no library of that name") {
		t.Errorf("a library that is not there: %s", w.Body)
	}

	made := at(h.post(h.ada, "library", "name", "work"))
	h.shows(h.ada, made, "There is nothing in it yet")
	h.post(h.ada, strings.Replace(made, "library/", "library/rename/", 1), "name", "office")
	h.shows(h.ada, made, "office")
	if w := h.post(h.ada, "library", "name", "house"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "of that name already") {
		t.Errorf("two of one name: %d %s", w.Code, w.Body)
	}

	h.shows(h.ada, "documents/remove/"+x.Document, "lease.md", "Remove for good") // asks, and does nothing
	h.shows(h.ada, "documents/"+x.Document, "three months")
	h.post(h.ada, "documents/remove/"+x.Document)
	if w := h.get(h.ada, "documents/"+x.Document); w.Code != http.StatusNotFound {
		t.Errorf("a document that was removed: %d", w.Code)
	}
	if got, err := l.Search(t.Context(), nil, "notice", 5); err != nil || len(got) > 0 {
		t.Errorf("its words are found: %v %v", got, err)
	}
	h.shows(h.ada, "library/remove/"+house.ID.String(), "1 document in it")
	h.post(h.ada, "library/remove/"+house.ID.String())
	if list, err := l.List(); err != nil || len(list) != 1 || list[0].Name != "office" {
		t.Errorf("%v %v", list, err)
	}
}

// A document of many passages is shown in parts, all of them once.
func TestALongDocumentIsShownInParts(t *testing.T) {
	h, _ := settleWithDocuments(t, shaper.Policy{})
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "# Part %d\n\nOf this is said: matter%dth.\n\n", i, i)
	}
	x := h.verdict(h.put(h.ada, "house", "long.md", b.String(), 1<<20))
	seen := map[string]int{}
	next := regexp.MustCompile(`href="/page/(documents/[0-9a-f]+/[0-9]+)#parts">Later`)
	for path, n := "documents/"+x.Document, 0; path != ""; n++ {
		page := h.shows(h.ada, path, "of 1000.")
		for _, m := range regexp.MustCompile(`matter[0-9]+th`).FindAllString(page, -1) {
			seen[m]++
		}
		if len(page) > 200_000 || n > 20 {
			t.Fatalf("part %d has %d bytes", n, len(page))
		}
		path = ""
		if m := next.FindStringSubmatch(page); m != nil {
			path = m[1]
		}
	}
	if len(seen) != 1000 || seen["matter999th"] != 1 {
		t.Errorf("%d places are shown", len(seen))
	}
	h.shows(h.ada, "documents/"+x.Document+"/777", `id="p-777" dir="auto"><mark>`, "Passages 769 to 864 of 1000")
}

// Nothing in a name or a text becomes more than text, nor can be opened.
func TestDocumentsAreText(t *testing.T) {
	h, _ := settleWithDocuments(t, shaper.Policy{})
	const evil = `<img src=x onerror=alert(1)><a href="https://evil.example/?q=1">here</a> [x](https://evil.example) ![y](https://evil.example/p.png) <script>alert(1)</script>`
	x := h.verdict(h.put(h.ada, "<b>l</b>", evil+".txt", "word "+evil+"\n\nhttps://evil.example/z\n", 1000))
	one := at(h.post(h.ada, "library", "name", "<i>m</i>"))
	paths := []string{"documents", one, "documents/" + x.Document, "documents/" + x.Document + "/0", "documents/remove/" + x.Document,
		at(h.post(h.ada, "documents/search", "words", "word")), at(h.form(h.ada, "<b>l</b>", evil+".md", "word "+evil))}
	l, err := h.Pages.Documents.Of(t.Context(), h.ada)
	must(t, err)
	list, err := l.List()
	must(t, err)
	for _, y := range list {
		paths = append(paths, "library/"+y.ID.String(), "library/remove/"+y.ID.String())
	}
	for _, path := range paths {
		page := h.shows(h.ada, path)
		for _, bad := range []string{"<img", "<a href=\"https", "<script>", "href=\"http", "<b>", "<i>m"} {
			if strings.Contains(page, bad) {
				t.Errorf("/page/%s has %q:\n%s", path, bad, page)
			}
		}
	}
}

// One person's documents are nobody else's: not by identifier, name or words.
func TestDocumentsAreOnesOwn(t *testing.T) {
	h, _ := settleWithDocuments(t, shaper.Policy{})
	x := h.verdict(h.put(h.ada, "adas-library", "adas-name.txt", "adas-canary stands here", 1000))
	l, err := h.Pages.Documents.Of(t.Context(), h.ada)
	must(t, err)
	one, err := l.Library("adas-library")
	must(t, err)
	lib := one.ID.String()
	gets := []string{"documents", "documents/" + x.Document, "documents/" + x.Document + "/0", "documents/remove/" + x.Document, "library/" + lib, "library/" + lib + "/1", "library/remove/" + lib,
		at(h.post(h.bob, "documents/search", "words", "adas-canary")), at(h.post(h.bob, "documents/search", "words", "stands", "library", "adas-library"))}
	var answers []*httptest.ResponseRecorder
	for _, path := range gets {
		answers = append(answers, h.get(h.bob, path))
	}
	for _, path := range []string{"documents/remove/" + x.Document, "library/remove/" + lib, "library/rename/" + lib} {
		answers = append(answers, h.post(h.bob, path, "name", "bobs"))
	}
	for i, w := range answers {
		// What one asks for oneself is on the page.
		if body := strings.ReplaceAll(w.Body.String(), `value="adas-canary"`, ""); regexp.MustCompile(`adas-(library|name|canary)`).MatchString(body) {
			t.Errorf("answer %d has something of somebody else's:\n%s", i, body)
		}
	}
	// The same name is another library.
	h.put(h.bob, "adas-library", "adas-name.txt", "bobs words", 1000)
	if got, err := l.Search(t.Context(), nil, "stands", 5); err != nil || len(got) != 1 {
		t.Errorf("it is not as it was: %v %v", got, err)
	}
	h.shows(h.ada, "library/"+lib, "adas-name.txt", "1 document")
}

func TestWhatCannotBeAdded(t *testing.T) {
	h, d := settleWithDocuments(t, shaper.Policy{})
	piece := func(s vault.Session, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/page/documents/piece", strings.NewReader(body))
		r.Header.Set("Accept", "application/json")
		return h.ask(s, r)
	}
	for _, body := range []string{"", "{}", "no\n", "{}\n{}", strings.Repeat(" ", 1<<20) + "\n", `{"library":"x","path":"a.txt","size":5,"length":5}` + "\nword", `{"size":999999999999,"length":0}` + "\n",
		`{"size":5,"length":-1}` + "\n", `{"size":5,"at":9223372036854775807,"length":5}` + "\nwords", `{"size":99999999,"length":9999999}` + "\n", `{"size":5,"length":5,"more":1}` + "\nwords"} {
		if w := piece(h.ada, body); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "problem") {
			t.Errorf("%.60q: %d %s", body, w.Code, w.Body)
		}
	}
	for name, w := range map[string]*httptest.ResponseRecorder{"no file": h.form(h.ada, "x", "", ""), "another form": h.post(h.ada, "documents/add", "library", "x")} {
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	many := make([]string, 2*(mostFiles+1))
	for i := range many {
		many[i] = fmt.Sprintf("%d.txt", i)
	}
	if w := h.form(h.ada, "x", many...); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("many files: %d", w.Code)
	}
	if l, err := d.Of(t.Context(), h.ada); err != nil {
		t.Error(err)
	} else if list, err := l.List(); err != nil || len(list) > 0 {
		t.Errorf("something was kept: %v %v", list, err)
	}

	// Without a jail the page says so, and offers no form.
	h.NoAdding = errors.New("no jail here")
	if page := h.shows(h.ada, "documents", "no jail here"); strings.Contains(page, "<form class=\"fields\"") {
		t.Error("there is a form all the same")
	}
	if w := h.form(h.ada, "x", "a.txt", "words"); !strings.Contains(w.Body.String(), "no jail here") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h.NoAdding = nil

	// Where sizes of what is sent are hidden, pieces of their own size are refused.
	h.Shape.Uploads, h.Shape.Local = true, shaper.Sealed
	if w := piece(h.ada, `{"library":"x","path":"a.txt","size":5,"length":5}`+"\nwords"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("of its own size: %d", w.Code)
	}
	if w := h.put(h.ada, "x", "a.txt", "words", 1000); w.Code != http.StatusOK {
		t.Errorf("filled up: %d %s", w.Code, w.Body)
	}
	h.Shape = shaper.Policy{}

	h.bob.Lock()
	if w := h.put(h.bob, "x", "a.txt", "words", 1000); w.Code == http.StatusOK {
		t.Errorf("locked: %d", w.Code)
	}
}

// What was found in a file is told in few sizes where sizes are hidden: it tells
// nothing of how much there is to say.
func TestVerdictsHaveFewSizes(t *testing.T) {
	h, _ := settleWithDocuments(t, shaper.Policy{Local: shaper.Pad})
	for _, name := range []string{"a.txt", strings.Repeat("long ", 20) + ".txt"} {
		w := h.put(h.ada, "house", name, "something of "+name, 1000)
		if h.verdict(w).Verdict != "added" || w.Body.Len() != shaper.Bucket(w.Body.Len()) {
			t.Errorf("%s: %d bytes", name, w.Body.Len())
		}
	}
}
