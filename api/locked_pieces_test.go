package api

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/api/openai"
	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// A large piece of an answer ends at a lock, in every dialect, streamed and whole, shaped
// or not: a slow reader hears no more of it, and what came does not look whole.
func TestLocksTearPieces(t *testing.T) {
	r := newReaders(t, twoModels[0], texts(strings.Repeat("word ", 20_000)))
	for _, w := range ways {
		for how, field := range map[string]string{"streamed": w.streams, "whole": w.whole} {
			for _, mode := range []shaper.Mode{shaper.Off, shaper.Pad} {
				r.Shape = shaper.Policy{Local: mode}
				pieces := 0
				w1 := tearing{patient{httptest.NewRecorder()}, func(p []byte) bool { return len(p) > 4096 }, r.keys(1)[0], &pieces}
				off := r.hears(t.Context(), w1, w1.s, w.path, "{"+w.ask+field+"}")
				if !off || pieces != 1 || w1.Body.Len() > 2*pieceBytes {
					t.Errorf("%s %s %v: %d pieces, %d bytes came, broken off: %v", w.path, how, mode, pieces, w1.Body.Len(), off)
				}
			}
		}
	}
}

// locks is an encoder that locks a session while it encodes.
type locks struct{ s vault.Session }

func (l locks) Frames(chat.Event) []byte {
	l.s.Lock()
	return []byte("words")
}

func (l locks) Empty(string) []byte           { return nil }
func (l locks) Failure(p wire.Problem) []byte { return []byte("failure: " + p.Code) }

// What waits to be sent, perhaps behind a sign of life that a slow client takes, is not
// heard after a lock.
func TestLockedBeforeAPiece(t *testing.T) {
	r := newReaders(t, twoModels[0], texts("a", "b"))
	w := patient{httptest.NewRecorder()}
	req, err := openai.DecodeChat([]byte("{" + hi + "}"))
	if err != nil {
		t.Fatal(err)
	}
	x := exchange{w: w, r: httptest.NewRequest(http.MethodPost, chatPath, nil), session: r.ada, words: dialectOf(httptest.NewRequest(http.MethodPost, chatPath, nil)), opened: true}
	out := r.sender(x, question{})
	out.begun = true
	r.told(x, question{asks: []chat.Ask{req.Ask}, stream: locks{r.ada}}, out)
	if got := w.Body.String(); got != "failure: locked" {
		t.Errorf("%q", got)
	}
}

// An answer that breaks off at a lock does so at a tick, whatever it was and however long
// its engine takes to stop; and its client is told that it did, over both protocols.
func TestBreakingOffTellsNothing(t *testing.T) {
	slow := func(size int, takes time.Duration) says {
		return func(ctx context.Context, _ engine.Prompt) iter.Seq2[engine.Delta, error] {
			return func(yield func(engine.Delta, error) bool) {
				call := engine.CallDelta{ID: "call_1", Name: "look_up", Arguments: `{"a":"` + strings.Repeat("x", size) + `"}`}
				if yield(engine.Delta{Calls: []engine.CallDelta{call}}, nil) {
					<-ctx.Done()
					time.Sleep(takes)
					yield(engine.Delta{}, ctx.Err())
				}
			}
		}
	}
	for _, w := range ways {
		if w.path == "/v1/completions" || strings.HasPrefix(w.path, "/api/") {
			continue // they have no calls, or tell them at the end
		}
		for _, two := range []bool{false, true} {
			var first []record
			for _, says := range []says{slow(9000, 0), slow(20_000, 150*time.Millisecond), slow(40_000, 0)} {
				synctest.Test(t, func(t *testing.T) {
					r := newReaders(t, twoModels[0], says)
					v := visit{says: says, path: w.path, body: "{" + w.ask + w.streams + "}", http2: two, session: r.ada,
						policy: shaper.Policy{LAN: shaper.Sealed, Jitter: sameDraws()}}
					defer time.AfterFunc(11*shaper.Tick/2, r.ada.Lock).Stop()
					trace, _, body, err := v.ask(t, t.Context())
					if err == nil || len(body) > 6*shaper.FrameBytes {
						t.Fatalf("%s: %v after %d bytes", w.path, err, len(body))
					}
					if first == nil {
						first = trace
					}
					if !slices.Equal(first, trace) {
						t.Errorf("%s: %s", w.path, difference(first, trace))
					}
				})
			}
		}
	}
}
