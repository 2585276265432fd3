package web

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"abaton.local/shaper"
)

// Who stops a shaped answer ends the model's work and not the stream: it is as long as
// that of an answer that nobody stops.
func TestStoppingKeepsTheShape(t *testing.T) {
	h := settle(t, shaper.Policy{Window: 2 * time.Second, Jitter: func() time.Duration { return 0 }})
	if w := h.post(h.ada, "settings", "shape", "sealed"); w.Code != 303 {
		t.Fatal(w.Code)
	}
	id := h.begun(h.ada, "Say it")
	told := make(chan *httptest.ResponseRecorder)
	go func() { told <- h.get(h.ada, "live/"+id.String()) }()
	h.pieces <- "a part"
	for text := ""; text == ""; text, _, _, _ = h.newest(h.ada, id).seen(0) {
	}
	if w := h.post(h.ada, "stop/"+id.String()); w.Code != 303 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w := <-told
	list := lines(t, w.Body.Bytes())
	if n, want := w.Body.Len(), int(2*time.Second/shaper.Tick)*shaper.FrameBytes; n != want || text(list) != "a part" || list[len(list)-1].End.Finish != finishStopped {
		t.Errorf("%d bytes of %d, %q, %+v", n, want, text(list), list[len(list)-1].End)
	}
}

// What a model says in bytes that are no characters, cut anywhere, is shown and kept
// with a sign in their place, and a character that came in two pieces is one.
func TestBrokenBytesOfAModel(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begun(h.ada, "Say it")
	go h.finish(h.ada, id, "a\xf0\x9f", "\x98\x80b\xe2\x82", "c\xff", "\xc3")
	const want = "a\U0001F600b\uFFFD\uFFFDc\uFFFD\uFFFD"
	if got := text(lines(t, h.get(h.ada, "live/"+id.String()).Body.Bytes())); got != want {
		t.Errorf("told %q", got)
	}
	if turns := h.turns(h.ada, id); len(turns) != 2 || turns[1].Text != want {
		t.Errorf("kept %+v", turns)
	}
	if body := h.get(h.ada, "c/"+id.String()).Body.String(); !strings.Contains(body, want) {
		t.Errorf("shown:\n%s", body)
	}
}
