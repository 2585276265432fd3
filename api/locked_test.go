package api

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"abaton.local/engine"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// thenLocks says all that it has and, once it was taken, locks the vault of whoever
// asked.
func thenLocks(s *vault.Session, words ...string) says {
	return func(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			defer func() { s.Lock() }()
			texts(words...)(ctx, p)(yield)
		}
	}
}

// What was said and waits for its moment is not heard by who was locked meanwhile,
// and weighs as much as any answer.
func TestLockedHearNoMore(t *testing.T) {
	long := strings.Repeat("word ", 200)
	for _, w := range []int{0, 2, 3, 4} { // each dialect, and responses, which say a text twice
		w := ways[w]
		for how, field := range map[string]string{"streamed": w.streams, "whole": w.whole} {
			t.Run(strings.ReplaceAll(w.path[1:], "/", ".")+" "+how, func(t *testing.T) {
				var s vault.Session
				r := newReaders(t, twoModels[0], thenLocks(&s, long))
				r.Shape = shaper.Policy{Local: shaper.Sealed, Window: 3 * shaper.Tick}
				s = r.ada
				_, body := r.ask(s, w.path, "{"+w.ask+field+"}")
				if strings.Contains(body, "word") || !strings.Contains(body, "Your vault is locked") || len(body)%(3*shaper.FrameBytes) != 0 {
					t.Errorf("%d bytes: %.300s", len(body), body)
				}
			})
		}
	}
}

// locking is a connection that locks a session with the first piece that it takes.
type locking struct {
	patient
	s      vault.Session
	pieces *int
}

func (l locking) Write(p []byte) (int, error) {
	*l.pieces++
	l.s.Lock()
	return l.patient.Write(p)
}

// An answer that is on its way in pieces ends at a lock, and does not look whole.
func TestLocksBreakOffPieces(t *testing.T) {
	r := newReaders(t, twoModels[0], texts(strings.Repeat("word ", 20_000)))
	req := httptest.NewRequest(http.MethodPost, chatPath, strings.NewReader("{"+hi+"}"))
	req.Header.Set("Content-Type", "application/json")
	pieces := 0
	defer func() {
		if broke := recover(); broke != http.ErrAbortHandler || pieces != 1 {
			t.Errorf("%d pieces came, then %v", pieces, broke)
		}
	}()
	r.ServeSession(locking{patient{httptest.NewRecorder()}, r.ada, &pieces}, req, r.ada)
}

// Nor does a stream without a shape go on, where somebody else of the same person
// keeps the engine at it.
func TestLocksEndStreams(t *testing.T) {
	var s vault.Session
	r := newReaders(t, twoModels[0], func(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			for range 99 {
				if !yield(engine.Delta{Text: "word "}, nil) {
					return
				}
				s.Lock()
			}
		}
	})
	s = r.ada
	if _, body := r.ask(s, chatPath, "{"+hi+`,"stream":true}`); strings.Count(body, "word ") != 1 || !strings.Contains(body, "Your vault is locked") {
		t.Errorf("%s", body)
	}
}
