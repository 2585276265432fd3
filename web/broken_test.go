package web

import (
	"strings"
	"testing"

	"abaton.local/shaper"
)

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
