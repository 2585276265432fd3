package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"abaton.local/chat/history"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// A stream that was open when the vault locked says no word more, though the answer
// lies there: in a shape, the words of a long one would go on for minutes. It says why
// it ends, or breaks off within a line whose rest has words.
func TestAStreamEndsWithTheLock(t *testing.T) {
	ends := map[bool]int{}
	for name, shape := range map[string]shaper.Policy{"as it comes": {}, "shaped": {Jitter: func() time.Duration { return 0 }}} {
		for size := range 8 {
			h := settle(t, shape)
			id := h.begun(h.ada, "Say it")
			said := strings.Repeat("a secret ", 400*(size%2)+1+size)
			h.pieces <- said
			for text := ""; text == ""; text, _, _, _ = h.newest(h.ada, id).seen(0) {
			}
			url := "/page/live/" + id.String()
			if name == "shaped" {
				url = "https://box.local" + url
			}
			w := &lockingWriter{ResponseRecorder: httptest.NewRecorder(), lock: h.ada.Lock}
			broken := h.leaves(w, httptest.NewRequest("GET", url, nil))
			after := w.Body.String()[w.before:]
			if broken == strings.Contains(after, `"locked"`) || strings.Contains(after, "secret") || strings.Contains(after, "ops") || broken && after != "" {
				t.Errorf("%s, %d: broken off %v, after the lock came %q", name, size, broken, strings.ReplaceAll(after, "  ", ""))
			}
			if !broken {
				lines(t, w.Body.Bytes())
			}
			ends[broken]++
		}
	}
	if ends[true] == 0 || ends[false] == 0 {
		t.Errorf("ended in each way: %v", ends)
	}
}

// leaves tells whether a response to Ada was broken off.
func (h *house) leaves(w http.ResponseWriter, r *http.Request) (broken bool) {
	defer func() {
		p := recover()
		if broken = p == http.ErrAbortHandler; !broken && p != nil {
			panic(p)
		}
	}()
	h.ServeSession(w, r, h.ada)
	return false
}

// What a slow reader takes in several parts ends at a lock, too.
func TestALockTearsALine(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begun(h.ada, "Say it")
	h.pieces <- strings.Repeat("a secret ", 9000)
	for text := ""; text == ""; text, _, _, _ = h.newest(h.ada, id).seen(0) {
	}
	w := &lockingWriter{ResponseRecorder: httptest.NewRecorder(), lock: h.ada.Lock}
	if broken := h.leaves(w, httptest.NewRequest("GET", "/page/live/"+id.String(), nil)); !broken || w.Body.Len() != partBytes {
		t.Errorf("broken off %v after %d bytes", broken, w.Body.Len())
	}
}

// What waits for a channel's frames is not said after the lock: the page is told of it,
// or the channel ends where the page has a part of a message.
func TestAChannelSaysNoMoreAfterALock(t *testing.T) {
	ends := map[bool]int{}
	for size := range 6 {
		h := settle(t, shaper.Policy{Jitter: func() time.Duration { return 0 }})
		c := &channel{visit: visit{s: h.ada}, pages: h.Pages, tells: map[int]*telling{}}
		ended := false
		c.end = func() { ended = true }
		c.tell(reply{Number: 1, Said: []byte(`"` + strings.Repeat("a secret ", []int{1, 30, 50, 60, 90, 200}[size]) + `"`)})
		c.tell(reply{Number: 2, Said: []byte(`"a secret"`)})
		var in shaper.Inlet
		frame := c.Next(shaper.FrameBytes)
		if c.Void() {
			t.Fatal("void before the lock")
		}
		if _, err := in.Take(frame); err != nil {
			t.Fatal(err)
		}
		c.Next(shaper.FrameBytes) // is ready, and does not leave any more
		h.ada.Lock()
		if !c.Void() {
			t.Fatal("not void after it")
		}
		c.tell(reply{Number: 3, Said: []byte(`"a secret"`)}) // of a request that is at work
		var heard strings.Builder
		used := 0
		for range 4 {
			frame := c.Next(shaper.FrameBytes)
			used += int(frame[0]) + int(frame[1])
			if strings.Contains(string(frame), "secret") {
				t.Errorf("%d: %q", size, frame)
			}
			list, err := in.Take(frame)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range list {
				heard.Write(b)
			}
		}
		told := strings.Contains(heard.String(), `"locked":true`)
		if ends[told]++; !ended || told == (used == 0) {
			t.Errorf("%d: told %v, ended %v; %d", size, told, ended, used)
		}
	}
	if ends[true] == 0 || ends[false] == 0 {
		t.Errorf("ended in each way: %v", ends)
	}
}

// lockingWriter locks the vault once the first words were sent.
type lockingWriter struct {
	*httptest.ResponseRecorder
	lock   func()
	before int // bytes that came until then
}

func (w *lockingWriter) SetWriteDeadline(time.Time) error { return nil }

func (w *lockingWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseRecorder.Write(b)
	if w.before == 0 && strings.Contains(string(b), "secret") {
		w.before = w.Body.Len()
		w.lock()
	}
	return n, err
}

// What pages have in memory goes when the vault locks, and not when the next one
// comes: the words of a search, a key, an answer that has just ended.
func TestForget(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.post(h.bob, "search", "words", "his own")
	h.post(h.ada, "search", "words", "secret")
	h.post(h.ada, "keys", "name", "editor", "scope", "ask", "days", "9")
	id := h.begun(h.ada, "Say it")
	a := h.newest(h.ada, id)
	h.finish(h.ada, id, "a secret")
	h.ada.Lock()
	h.Pages.Forget(h.ada.Person)
	if len(h.parcels.of) != 1 || len(h.answers) != 0 {
		t.Errorf("%d parcels, %d answers", len(h.parcels.of), len(h.answers))
	}
	if text, _, _, _ := a.seen(0); text != "" || a.text.Len() != 0 {
		t.Error("its words are still there")
	}
}

// An answer that ends after the lock and before anybody is told of the lock is
// taken off the list, where it is not found any more: its words go with that.
func TestEndsBetweenLockAndForget(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begun(h.ada, "Say it")
	a := h.newest(h.ada, id)
	h.pieces <- "a secret"
	for text := ""; text == ""; text, _, _, _ = a.seen(0) {
	}
	h.ada.Lock()
	h.finish(h.ada, id)
	for h.newest(h.ada, id) != nil {
	}
	h.working.Wait()
	h.Pages.Forget(h.ada.Person)
	if text, _, _, _ := a.seen(0); text != "" || a.text.Len() != 0 {
		t.Error("its words are still there")
	}
}

// A second page has a conversation answered while the first deletes it: what an
// engine read of it then must go as well.
func TestDeleteWhileAsking(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada)
	var unread []bool // whether an answer of it was at work
	h.Pages.Unread = func(context.Context, vault.Session) error {
		if len(unread) == 0 { // between the first look and the deletion
			if w := h.post(h.ada, "again/"+id.String()); w.Code != 303 {
				t.Errorf("asking again: %d", w.Code)
			}
			<-h.heard
		}
		unread = append(unread, h.writing(h.ada, id) != nil)
		return nil
	}
	if w := h.post(h.ada, "delete/"+id.String()); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(unread) != 2 || unread[1] || h.newest(h.ada, id) != nil {
		t.Errorf("%v", unread)
	}
	if w := h.post(h.ada, "again/"+id.String()); w.Code != 404 {
		t.Errorf("afterwards: %d", w.Code)
	}
}

// Who tries again where it cannot be done keeps the answer that there is.
func TestAgainKeepsWhatItCannotReplace(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "old", Model: "m"})
	if w := h.post(h.ada, "again/"+id.String(), "model", "gone"); w.Code != 422 {
		t.Errorf("with a model that is not here: %d", w.Code)
	}
	var others []vault.ID
	for range mostWriting {
		others = append(others, h.begun(h.ada, "x"))
	}
	if w := h.post(h.ada, "again/"+id.String()); w.Code != 422 {
		t.Errorf("while too many are written: %d", w.Code)
	}
	_, turns, err := h.histories[h.ada.Person].Show(t.Context(), id)
	if err != nil || len(turns) != 2 || turns[1].Text != "old" {
		t.Errorf("%v %+v", err, turns)
	}
	for _, id := range others {
		h.post(h.ada, "stop/"+id.String())
	}
}
