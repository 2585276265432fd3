package web

import (
	"net/http/httptest"
	"strings"
	"testing"

	"abaton.local/chat/history"
	"abaton.local/shaper"
)

// Every page that takes a name of something is asked by another person for what is
// Ada's, whatever kind of thing it is for. A page that is added here is tried, too.
func TestEveryPageIsOnesOwn(t *testing.T) {
	h, d := settleWithDocuments(t, shaper.Policy{})
	const canary = "adas-canary"
	x := h.verdict(h.put(h.ada, canary, canary+".txt", canary+" stands here", 1000))
	l, err := d.Of(t.Context(), h.ada)
	must(t, err)
	lib, err := l.Library(canary)
	must(t, err)
	c, err := h.histories[h.ada.Person].New(t.Context(), history.Start{Instruction: canary}, history.Turn{Role: history.User, Text: canary}, history.Turn{Role: history.Assistant, Text: canary})
	must(t, err)
	_, err = h.histories[h.ada.Person].Rename(t.Context(), c.ID, canary)
	must(t, err)
	_, tree, err := h.histories[h.ada.Person].Tree(t.Context(), c.ID)
	must(t, err)
	turn := tree.All()[1].ID.String()
	names := []string{c.ID.String(), c.ID.String() + "/" + turn, turn, x.Document, x.Document + "/0", lib.ID.String(), lib.ID.String() + "/1",
		strings.TrimPrefix(at(h.post(h.ada, "documents/search", "words", canary)), "documents/found/"), strings.TrimPrefix(at(h.form(h.ada, canary, canary+".md", canary)), "documents/added/")}
	before := h.own(d)
	if !strings.Contains(before, canary) {
		t.Fatal("control: what is Ada's is not seen")
	}
	tried := 0
	for _, rt := range routes {
		if !strings.HasSuffix(rt.path, "/") {
			continue
		}
		for _, name := range names {
			tried++
			var w *httptest.ResponseRecorder
			if rt.method == "GET" {
				w = h.get(h.bob, rt.path+name)
			} else {
				w = h.post(h.bob, rt.path+name, "name", "bobs", "title", "bobs", "text", "bobs", "pinned", "1", "as", "json", "instruction", "bobs")
			}
			if strings.Contains(w.Body.String(), canary) {
				t.Errorf("%s /page/%s%s shows what is Ada's (%d)", rt.method, rt.path, name, w.Code)
			}
		}
	}
	if tried < 200 {
		t.Errorf("%d addresses were tried", tried)
	}
	if after := h.own(d); after != before {
		t.Errorf("what is Ada's was changed:\n%s\n%s", before, after)
	}
}

// own is all that is Ada's, as text.
func (h *house) own(d *stacked) string {
	h.t.Helper()
	var b strings.Builder
	must(h.t, h.histories[h.ada.Person].ExportJSON(h.t.Context(), &b))
	l, err := d.Of(h.t.Context(), h.ada)
	must(h.t, err)
	list, err := l.Documents([16]byte{})
	must(h.t, err)
	for _, x := range list {
		_, text, err := l.Text(h.t.Context(), x.ID)
		must(h.t, err)
		b.WriteString(x.Library.String() + x.Name + text)
	}
	shelves, err := l.List()
	must(h.t, err)
	for _, x := range shelves {
		b.WriteString(x.Name)
	}
	return b.String()
}
