package web

import (
	"strings"
	"testing"

	"abaton.local/chat/history"
	"abaton.local/models"
	"abaton.local/shaper"
)

// How a conversation is answered is said when it begins or later, kept with it, and
// the model is asked so.
func TestManner(t *testing.T) {
	h := settle(t, shaper.Policy{})
	w := h.post(h.ada, "ask", "text", "q", "model", "m", "temperature", "0,5", "seed", "0", "max_tokens", "9", "context", "2048", "instruction", "say little")
	if w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	id := strings.TrimPrefix(w.Header().Get("Location"), "/page/c/")
	q := <-h.heard
	if o := q.Options; o.Temperature == nil || *o.Temperature != 0.5 || o.Seed == nil || *o.Seed != 0 || o.MaxTokens != 9 || o.TopP != nil || q.ContextTokens != 2048 || q.Messages[0].Content != "say little" {
		t.Errorf("%+v", q)
	}
	kept := h.conversation()
	h.finish(h.ada, kept.ID, "a")
	body := h.get(h.ada, "manner/"+id).Body.String()
	for _, want := range []string{`name="temperature" inputmode="decimal" value="0.5"`, `name="seed" inputmode="numeric" value="0"`, `name="top_p" inputmode="decimal" value=""`, "\nsay little</textarea>"} {
		if !strings.Contains(body, want) {
			t.Errorf("its page has not %s:\n%s", want, body)
		}
	}
	for _, bad := range [][]string{{"temperature", "warm"}, {"temperature", "3"}, {"temperature", "NaN"}, {"top_p", "-1"}, {"seed", "-1"}, {"seed", "1.5"}, {"max_tokens", "99999999999999999999"}, {"context", "9999999"}} {
		if w := h.post(h.ada, "manner/"+id, bad...); w.Code != 422 {
			t.Errorf("%q: %d", bad, w.Code)
		}
	}
	if w := h.post(h.bob, "manner/"+id, "seed", "1"); w.Code != 404 {
		t.Errorf("another person's: %d", w.Code)
	}
	if w := h.post(h.ada, "manner/"+id, "top_p", "0.9"); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	h.reopen()
	h.post(h.ada, "again/"+id)
	if q := <-h.heard; q.Options.Temperature != nil || q.Options.TopP == nil || *q.Options.TopP != 0.9 || q.Messages[0].Content != "be brief" {
		t.Errorf("%+v", q)
	}
	h.finish(h.ada, kept.ID, "b")
}

// conversation is Ada's newest.
func (h *house) conversation() history.Conversation {
	h.t.Helper()
	c, err := h.histories[h.ada.Person].Latest()
	must(h.t, err)
	return c
}

// What is pinned is listed first, whatever was used since.
func TestPin(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada)
	other := h.begunWith(h.ada)
	if w := h.post(h.bob, "pin/"+id.String(), "pinned", "1"); w.Code != 404 {
		t.Errorf("another person's: %d", w.Code)
	}
	if w := h.post(h.ada, "pin/"+id.String(), "pinned", "1"); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, path := range []string{"", "all"} {
		body := h.get(h.ada, path).Body.String()
		pinned := strings.Index(body, "<h2>Pinned</h2>")
		if first, second := strings.LastIndex(body, id.String()), strings.LastIndex(body, other.String()); pinned < 0 || first < pinned || second < first {
			t.Errorf("%q lists them otherwise: %d %d %d", path, pinned, first, second)
		}
	}
	h.post(h.ada, "pin/"+id.String(), "pinned", "")
	if strings.Contains(h.get(h.ada, "all").Body.String(), "Pinned") {
		t.Error("it is still pinned")
	}
	brief := h.briefly(h.ada, "x")
	if w := h.post(h.ada, "pin/"+brief.String(), "pinned", "1"); w.Code != 409 {
		t.Errorf("a temporary one: %d", w.Code)
	}
	<-h.heard
	h.finish(h.ada, brief, "x")
}

// The page says how full the context is, by the engine's own count.
func TestFill(t *testing.T) {
	h := settle(t, shaper.Policy{})
	weighed := 0
	h.Pages.Weigh = func(models.Passport) (Weight, error) { weighed++; return Weight{Context: 4096}, nil }
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "a", Model: "m", PromptTokens: 1000, AnswerTokens: 24})
	for range 2 {
		if body := h.get(h.ada, "c/"+id.String()).Body.String(); !strings.Contains(body, `max="4096" value="1024"`) || !strings.Contains(body, "1024 of 4096 tokens") {
			t.Errorf("its page:\n%s", body)
		}
	}
	if weighed != 1 {
		t.Errorf("the model was weighed %d times", weighed)
	}
	h.post(h.ada, "manner/"+id.String(), "context", "6000")
	if body := h.get(h.ada, "c/"+id.String()).Body.String(); !strings.Contains(body, `max="6000"`) {
		t.Error("it does not say what was asked for")
	}
	none := h.begunWith(h.ada)
	if body := h.get(h.ada, "c/"+none.String()).Body.String(); !strings.Contains(body, `id="fill" hidden`) {
		t.Error("where nothing was counted, something is shown")
	}
}
