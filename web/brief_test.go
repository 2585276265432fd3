package web

import (
	"strings"
	"testing"
	"time"

	"abaton.local/chat/history"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// A temporary conversation changes nothing in its person's vault, not one record,
// and the engine is told to keep nothing of it; one that is kept changes it.
func TestTemporaryIsNotKept(t *testing.T) {
	h := settle(t, shaper.Policy{})
	v, err := h.ada.Vault()
	must(t, err)
	before := v.Head()
	id := h.briefly(h.ada, "a canary")
	if q := <-h.heard; q.Keep || q.Messages[len(q.Messages)-1].Content != "a canary" {
		t.Errorf("the engine may keep it: %+v", q)
	}
	h.finish(h.ada, id, "an answer")
	body := h.get(h.ada, "c/"+id.String()).Body.String()
	if !strings.Contains(body, "a canary") || !strings.Contains(body, "an answer") || !strings.Contains(body, "nothing of this is kept") {
		t.Errorf("its page:\n%s", body)
	}
	h.reopen()
	turn := h.turns(h.ada, id)[0].ID.String()
	if w := h.post(h.ada, "edit/"+id.String()+"/"+turn, "text", "another canary"); w.Code != 303 {
		t.Fatalf("edited: %d %s", w.Code, w.Body)
	}
	if q := <-h.heard; q.Keep {
		t.Error("the engine may keep it after an edit")
	}
	h.finish(h.ada, id, "and more")
	for _, path := range []string{"rename/", "export/"} {
		if w := h.post(h.ada, path+id.String(), "title", "x", "as", "json"); w.Code != 409 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	found := h.post(h.ada, "search", "words", "canary").Header().Get("Location")
	if body := h.get(h.ada, strings.TrimPrefix(found, "/page/")).Body.String(); strings.Contains(body, "<mark>") {
		t.Error("a search finds it")
	}
	if w := h.post(h.ada, "delete/"+id.String()); w.Code != 303 || len(h.briefs.of) != 0 || h.newest(h.ada, id) != nil {
		t.Errorf("ended: %d, %d are left", w.Code, len(h.briefs.of))
	}
	if after := v.Head(); after != before {
		t.Errorf("the vault was at %v, and is at %v", before, after)
	}
	h.reopen()
	id = h.begun(h.ada, "this is kept")
	if q := <-h.heard; !q.Keep {
		t.Error("the engine may not keep one that is kept")
	}
	h.finish(h.ada, id, "x")
	if v.Head() == before {
		t.Error("a conversation that is kept changed nothing: this test sees nothing")
	}
}

// It belongs to one session: no other of the same person sees it, none of another
// person, and it goes with the lock, with what is being written in it.
func TestTemporaryGoesWithItsSession(t *testing.T) {
	h := settle(t, shaper.Policy{})
	again, err := h.people.Unlock(t.Context(), vault.Attempt{Name: "Ada", Way: vault.SlotPassphrase, Secret: []byte("the passphrase of Ada")})
	must(t, err)
	id := h.briefly(h.ada, "a canary")
	h.pieces <- "a part"
	a := h.newest(h.ada, id)
	for _, other := range []vault.Session{again, h.bob} {
		for _, path := range []string{"c/", "live/"} {
			if w := h.get(other, path+id.String()); w.Code != 404 {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
		if strings.Contains(h.get(other, "").Body.String(), "canary") {
			t.Error("another session's list has it")
		}
	}
	if !strings.Contains(h.get(h.ada, "").Body.String(), "canary") {
		t.Error("its own session's list has it not")
	}
	h.ada.Lock()
	if w := h.get(h.ada, "c/"+id.String()); w.Code != 403 {
		t.Errorf("after the lock: %d", w.Code)
	}
	h.briefs.sweep()
	<-a.ended
	if len(h.briefs.of) != 0 || h.newest(h.ada, id) != nil || h.briefs.timer != nil {
		t.Error("it is still in memory")
	}
	if _, err := h.brief(h.ada).Add(t.Context(), id, vault.ID{}, history.Turn{Role: history.User, Text: "x"}); err == nil {
		t.Error("it can be gone on with")
	}
}

// The lock is seen by time alone: nobody needs to ask for anything.
func TestTemporaryIsSweptByItself(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.briefs.every = time.Millisecond
	swept := make(chan vault.ID, 1)
	h.briefs.gone = func(id vault.ID) { swept <- id }
	id := h.briefly(h.ada, "a canary")
	h.finish(h.ada, id, "x")
	h.ada.Lock()
	if got := <-swept; got != id {
		t.Errorf("%v was swept", got)
	}
}

func TestTemporaryIsBounded(t *testing.T) {
	h := settle(t, shaper.Policy{})
	b := h.brief(h.ada)
	large := history.Turn{Role: history.User, Text: strings.Repeat("x", history.MaxText)}
	c, err := b.begin(history.Start{}, large)
	must(t, err)
	for range 3 {
		_, err := b.Add(t.Context(), c.ID, vault.ID{}, large)
		must(t, err)
	}
	if _, err := b.Add(t.Context(), c.ID, vault.ID{}, history.Turn{Role: history.User, Text: "x"}); err != errBriefSize {
		t.Errorf("above the bound: %v", err)
	}
	if _, err := h.brief(h.bob).begin(history.Start{}, large); err != nil {
		t.Errorf("another person's: %v", err)
	}
	must(t, b.Delete(t.Context(), c.ID))
	for range mostBriefs {
		_, err := b.begin(history.Start{}, history.Turn{Text: "x"})
		must(t, err)
	}
	if _, err := b.begin(history.Start{}, history.Turn{Text: "x"}); err != errBriefs {
		t.Errorf("one more: %v", err)
	}
}

// briefly begins a temporary conversation.
func (h *house) briefly(s vault.Session, question string) vault.ID {
	h.t.Helper()
	w := h.post(s, "ask", "text", question, "model", "m", "fleeting", "1")
	id, err := vault.ParseID(strings.TrimPrefix(w.Header().Get("Location"), "/page/c/"))
	if w.Code != 303 || err != nil {
		h.t.Fatalf("a question: %d %s", w.Code, w.Body)
	}
	return id
}
