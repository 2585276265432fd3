package leak

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"abaton.local/engine"
	"abaton.local/leak/corpus"
)

// Replay is an engine that says again what another one said, each piece at the
// moment it was recorded. Which answer a question gets stands in its context,
// not in its words: those have to be of the size that a person's would be.
type Replay struct {
	mu      sync.Mutex
	answers map[string]*answer // guarded by mu
}

// answer is one that is being said.
type answer struct {
	corpus.Recording
	stopped time.Time
}

// replayKey is where a context says which answer is meant.
type replayKey struct{}

// Asking is ctx for a question whose answer was put under an id.
func Asking(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, replayKey{}, id)
}

// put gets an answer ready.
func (r *Replay) put(id string, rec corpus.Recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answers == nil {
		r.answers = make(map[string]*answer)
	}
	r.answers[id] = &answer{Recording: rec}
}

// take forgets an answer and tells when it had been said; never: the zero time.
func (r *Replay) take(id string) (stopped time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.answers[id]; a != nil {
		stopped = a.stopped
	}
	delete(r.answers, id)
	return stopped
}

var errNoRecording = errors.New("there is no recording for this question")

// Generate says the answer that the context asks for.
func (r *Replay) Generate(ctx context.Context, _ engine.Prompt) iter.Seq2[engine.Delta, error] {
	return func(yield func(engine.Delta, error) bool) {
		id, _ := ctx.Value(replayKey{}).(string)
		r.mu.Lock()
		a := r.answers[id]
		r.mu.Unlock()
		if a == nil {
			yield(engine.Delta{}, errNoRecording)
			return
		}
		begun := time.Now()
		for _, p := range a.Pieces {
			if err := until(ctx, begun.Add(p.At)); err != nil {
				yield(engine.Delta{}, err)
				return
			}
			if !yield(engine.Delta{Text: p.Text}, nil) {
				return
			}
		}
		if err := until(ctx, begun.Add(a.Stopped)); err != nil {
			yield(engine.Delta{}, err)
			return
		}
		r.mu.Lock()
		a.stopped = time.Now()
		r.mu.Unlock()
		end := engine.Delta{Finish: engine.Stopped, Usage: engine.Usage{PromptTokens: a.PromptTokens, AnswerTokens: len(a.Pieces)}}
		if a.Truncated {
			end.Finish = engine.Length
		}
		yield(end, nil)
	}
}

// until waits for a moment.
func until(ctx context.Context, at time.Time) error {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
