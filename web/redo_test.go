package web

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"abaton.local/chat"
	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// reopen lets the model speak again after finish.
func (h *house) reopen() {
	h.speaker.pieces = make(chan string)
	h.Pages.Chat = chat.New(h.speaker, shelf{})
}

func (h *house) turns(s vault.Session, id vault.ID) []history.Turn {
	h.t.Helper()
	if b := h.brief(s); b.has(id) {
		_, tree, err := b.Tree(h.t.Context(), id)
		must(h.t, err)
		return tree.Branch(vault.ID{})
	}
	_, turns, err := h.histories[s.Person].Show(h.t.Context(), id)
	must(h.t, err)
	return turns
}

// A question that is changed stands beside the old one, which stays with all that
// followed it, and is gone back to.
func TestEdit(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.Pages.Unread = func(context.Context, vault.Session) error { t.Error("nothing goes"); return nil }
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "first", Model: "m"}, history.Turn{Role: history.User, Text: "old"}, history.Turn{Role: history.Assistant, Text: "stays", Model: "m"})
	turns := h.turns(h.ada, id)
	path := "edit/" + id.String() + "/" + turns[2].ID.String()
	if body := h.get(h.ada, path).Body.String(); !strings.Contains(body, ">\nold</textarea>") || !strings.Contains(body, "What was said until now stays") {
		t.Errorf("its page:\n%s", body)
	}
	if w := h.get(h.bob, path); w.Code != 404 {
		t.Errorf("another person's: %d", w.Code)
	}
	for name, path := range map[string]string{"an answer": "edit/" + id.String() + "/" + turns[1].ID.String(), "none": "edit/" + id.String() + "/x", "no turn": "edit/" + id.String()} {
		if w := h.post(h.ada, path, "text", "x"); w.Code != 404 {
			t.Errorf("%s was edited: %d", name, w.Code)
		}
	}
	if w := h.post(h.ada, path, "text", " "); w.Code != 422 || len(h.turns(h.ada, id)) != 4 {
		t.Errorf("an empty question: %d", w.Code)
	}
	if w := h.post(h.ada, path, "text", "new"); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if q := <-h.heard; len(q.Messages) != 4 || q.Messages[2].Content != "first" || q.Messages[3].Content != "new" {
		t.Errorf("the model was asked %q", q.Messages)
	}
	if w := h.post(h.ada, path, "text", "meanwhile"); w.Code != 303 || len(h.turns(h.ada, id)) != 3 {
		t.Errorf("while it is answered: %d", w.Code)
	}
	h.finish(h.ada, id, "better")
	if said := h.said(id, ""); said != "q|first|new|better" {
		t.Errorf("%q", said)
	}
	if said := h.said(id, turns[2].ID.String()); said != "q|first|old|stays" {
		t.Errorf("the old one: %q", said)
	}
	body := h.get(h.ada, "c/"+id.String()).Body.String()
	if !strings.Contains(body, "2 of 2") || strings.Contains(body, "stays") || !strings.Contains(body, `href="/page/c/`+id.String()+"/"+turns[2].ID.String()) {
		t.Errorf("the page of the new one:\n%s", body)
	}
	body = h.get(h.ada, "c/"+id.String()+"/"+turns[2].ID.String()).Body.String()
	if !strings.Contains(body, "1 of 2") || !strings.Contains(body, "stays") || strings.Contains(body, "better") || !strings.Contains(body, `name="after" value="`+turns[3].ID.String()) {
		t.Errorf("the page of the old one:\n%s", body)
	}
	h.reopen()
	if w := h.post(h.ada, "ask/"+id.String(), "text", "go on there", "after", turns[3].ID.String()); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if q := <-h.heard; len(q.Messages) != 6 || q.Messages[4].Content != "stays" {
		t.Errorf("the model was asked %q", q.Messages)
	}
	h.finish(h.ada, id, "gladly")
	if said := h.said(id, ""); said != "q|first|old|stays|go on there|gladly" {
		t.Errorf("%q", said)
	}
	for _, after := range []string{"x", vault.NewID().String()} {
		for _, path := range []string{"ask/", "again/", "on/"} {
			if w := h.post(h.ada, path+id.String(), "text", "x", "after", after); w.Code == 303 {
				t.Errorf("%s after %s: %d", path, after, w.Code)
			}
		}
	}
}

// said is what a conversation's page shows, through a turn.
func (h *house) said(id vault.ID, through string) string {
	h.t.Helper()
	_, tree, err := h.histories[h.ada.Person].Tree(h.t.Context(), id)
	must(h.t, err)
	var at vault.ID
	if through != "" {
		at, err = vault.ParseID(through)
		must(h.t, err)
	}
	var said []string
	for _, x := range tree.Branch(at) {
		said = append(said, x.Text)
	}
	return strings.Join(said, "|")
}

// Who asks differently where it cannot be done has neither lost nor written
// anything.
func TestEditThatFails(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "stays", Model: "m"})
	path := "edit/" + id.String() + "/" + h.turns(h.ada, id)[0].ID.String()
	v, err := h.ada.Vault()
	must(t, err)
	var others []vault.ID
	for range mostWriting {
		others = append(others, h.begun(h.ada, "x"))
	}
	before := v.Head()
	if w := h.post(h.ada, path, "text", "new"); w.Code != 422 {
		t.Errorf("while too many are written: %d", w.Code)
	}
	if w := h.post(h.ada, path, "text", "new", "model", "gone"); w.Code != 422 {
		t.Errorf("with a model that is not here: %d", w.Code)
	}
	if v.Head() != before || h.said(id, "") != "q|stays" {
		t.Errorf("%q", h.said(id, ""))
	}
	for _, id := range others {
		h.post(h.ada, "stop/"+id.String())
	}
}

// An answer that is tried again stands beside the one before, and one of them can be
// removed for good: in a temporary conversation as in one that is kept.
func TestVersions(t *testing.T) {
	for name, begin := range map[string]func(*house) vault.ID{
		"kept":      func(h *house) vault.ID { return h.begun(h.ada, "q") },
		"temporary": func(h *house) vault.ID { return h.briefly(h.ada, "q") },
	} {
		t.Run(name, func(t *testing.T) {
			h := settle(t, shaper.Policy{})
			unread := 0
			h.Pages.Unread = func(context.Context, vault.Session) error { unread++; return nil }
			id := begin(h)
			<-h.heard
			h.finish(h.ada, id, "first")
			first := h.turns(h.ada, id)[1].ID.String()
			if w := h.post(h.ada, "drop/"+id.String()+"/"+first); w.Code != 409 {
				t.Errorf("the only one was removed: %d", w.Code)
			}
			h.reopen()
			h.post(h.ada, "again/"+id.String())
			if q := <-h.heard; q.Messages[len(q.Messages)-1].Content != "q" {
				t.Errorf("the model was asked %q", q.Messages)
			}
			if body := h.get(h.ada, "c/"+id.String()).Body.String(); !strings.Contains(body, "2 of 2") || !strings.Contains(body, "data-live") {
				t.Errorf("while it is written:\n%s", body)
			}
			if w := h.post(h.ada, "drop/"+id.String()+"/"+first); w.Code != 409 && w.Code != 422 {
				t.Errorf("removed while it is written: %d", w.Code)
			}
			h.finish(h.ada, id, "second")
			second := h.turns(h.ada, id)[1]
			if second.Text != "second" || !strings.Contains(h.get(h.ada, "c/"+id.String()+"/"+first).Body.String(), "first") {
				t.Error("both are not there")
			}
			if w := h.post(h.bob, "drop/"+id.String()+"/"+first); w.Code != 404 {
				t.Errorf("another person's: %d", w.Code)
			}
			if w := h.post(h.ada, "drop/"+id.String()+"/"+second.ID.String()); w.Code != 303 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if turns := h.turns(h.ada, id); len(turns) != 2 || turns[1].Text != "first" {
				t.Errorf("%+v", turns)
			}
			if w := h.get(h.ada, "c/"+id.String()+"/"+second.ID.String()); w.Code != 303 {
				t.Errorf("the page of what is gone: %d", w.Code)
			}
			if want := map[string]int{"kept": 1, "temporary": 0}[name]; unread != want {
				t.Errorf("snapshots were taken away %d times", unread)
			}
		})
	}
}

// An answer that broke off is written on from where it is, shown whole meanwhile,
// and kept as one.
func TestGoOn(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "one two ", Model: "m", Finish: "length", AnswerTokens: 2})
	if body := h.get(h.ada, "c/"+id.String()).Body.String(); !strings.Contains(body, "/page/on/") {
		t.Error("the page does not offer it")
	}
	if w := h.post(h.ada, "on/"+id.String()); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if m := (<-h.heard).Messages; len(m) != 3 || m[2].Role != engine.Assistant || m[2].Content != "one two " {
		t.Errorf("the model was asked %q", m)
	}
	if body := h.get(h.ada, "c/"+id.String()).Body.String(); strings.Count(body, "one two") != 1 || !strings.Contains(body, "data-live") {
		t.Errorf("meanwhile:\n%s", body)
	}
	go func() { h.finish(h.ada, id, "three") }()
	if got := text(lines(t, h.get(h.ada, "live/"+id.String()).Body.Bytes())); got != "one two three" {
		t.Errorf("told %q", got)
	}
	turns := h.turns(h.ada, id)
	if len(turns) != 2 || turns[1].Text != "one two three" || turns[1].Finish != "stop" || turns[1].AnswerTokens != 7 {
		t.Errorf("kept: %+v", turns)
	}
	if w := h.post(h.ada, "on/"+id.String()); w.Code != 409 {
		t.Errorf("one that is complete: %d", w.Code)
	}
	if w := h.post(h.bob, "on/"+id.String()); w.Code != 404 {
		t.Errorf("another person's: %d", w.Code)
	}
}

// Stopped before a word more has come, an answer stays as it was.
func TestGoOnToNothing(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "a part", Model: "m", Finish: finishStopped})
	before := h.turns(h.ada, id)
	h.post(h.ada, "on/"+id.String())
	<-h.heard
	h.post(h.ada, "stop/"+id.String())
	if after := h.turns(h.ada, id); len(after) != 2 || after[1].ID != before[1].ID {
		t.Errorf("%+v", after)
	}
}

// A conversation is saved as a file that is named after nothing, of this person
// alone, and goes on record.
func TestExport(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "the answer", Model: "m"})
	for as, name := range map[string]string{"markdown": "conversation.md", "json": "conversation.json"} {
		w := h.post(h.ada, "export/"+id.String(), "as", as)
		if w.Code != 200 || w.Header().Get("Content-Disposition") != `attachment; filename="`+name+`"` || w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Body.String(), "the answer") {
			t.Errorf("%s: %d %v %s", as, w.Code, w.Header(), w.Body)
		}
		if as == "json" && !json.Valid(w.Body.Bytes()) {
			t.Error("it is no JSON")
		}
	}
	deeds, err := h.people.Deeds(t.Context(), h.ada)
	must(t, err)
	n := 0
	for _, d := range deeds {
		if d.What == vault.DeedExported {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d exports are on record", n)
	}
	for name, w := range map[string]int{"another person": h.post(h.bob, "export/"+id.String(), "as", "json").Code, "by a link": h.get(h.ada, "export/"+id.String()).Code,
		"another form": h.post(h.ada, "export/"+id.String(), "as", "html").Code} {
		if w < 400 {
			t.Errorf("%s: %d", name, w)
		}
	}
	r := httptest.NewRequest("POST", "https://box.local/page/export/"+id.String(), strings.NewReader("as=json"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w := h.ask(h.ada, r); !shaper.Padded(w.Body.Len()) || !json.Valid(w.Body.Bytes()) {
		t.Errorf("by TLS it has %d bytes", w.Body.Len())
	}
}
