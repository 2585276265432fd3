package engine

import (
	"fmt"
	"runtime"

	"abaton.local/models"
)

// Workers share this machine's memory. One is started only where what all of
// them need stays below Config.Memory; else room is made (share.go).

// facts are what a model's engines need. They are guarded by Engine.mu.
type facts struct {
	shape     models.Shape
	size      int64
	copying   models.Copying
	projector int64 // bytes of the file by which it sees; 0 for a model that does not
	saved     int64 // most that a snapshot may have, in bytes
	rest      int64 // most that was seen beside keys, values and a copy of the weights, in bytes; 0 before
}

// need is that of a worker, copied if it has the weights for itself.
func (f *facts) need(context int, copied bool) models.Need {
	n := models.Fit(f.shape, f.size, models.Setup{Context: context, Batch: batch, Copied: copied, Projector: f.projector})
	if f.rest > 0 {
		n.Rest = f.rest + f.rest/10
		if copied {
			n.Rest += n.Weights
		}
	}
	return n
}

// Budget is the memory that all workers together may need, in bytes.
func (e *Engine) Budget() int64 { return e.cfg.Memory }

// snapshot is what a snapshot of so many tokens may have, whose keys and values
// have cache bytes. It lies in memory beside them for a moment, of one worker at
// a time: the largest is set aside once.
func (f *facts) snapshot(cache int64, tokens int) int64 {
	if f.saved == 0 {
		return 0
	}
	return min(f.saved, cache+cache/64+16*int64(tokens)+1<<20)
}

// know reads a model's header, once.
func (e *Engine) know(d models.Digest) error {
	e.mu.Lock()
	_, known := e.facts[d]
	e.mu.Unlock()
	if known {
		return nil
	}
	passport, err := e.cfg.Shelf.Find(d.String())
	if err != nil {
		return noModel(err)
	}
	shape, err := e.cfg.Shelf.Shape(passport)
	if err != nil {
		return noModel(err)
	}
	f := &facts{shape: shape, size: passport.Size, copying: models.CopyingOf(passport.Quantisation, runtime.GOARCH), saved: e.cfg.Snapshots}
	eyes, err := e.projector(passport)
	if err != nil {
		return noModel(err)
	}
	if eyes != nil {
		f.projector, f.saved = eyes.Size, 0 // what of a conversation with pictures a snapshot holds is not known
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.facts[d] == nil {
		e.facts[d] = f
	}
	return nil
}

// fit sets how long a conversation the worker of s can hold, want at least, or as
// much of it as the model can. Where memory is too small for want, it is refused:
// nobody has a smaller one than they asked for and does not know. The caller holds
// mu and knows the model.
func (e *Engine) fit(s *seat, want int) *Fault {
	f := e.facts[s.key.model]
	if s.key.kind != speaks {
		want = 0 // one text at a time, whole
	}
	if own := f.shape.ContextLength; own > 0 && uint64(want) > own {
		want = int(own)
	}
	living := s.worker != nil && s.worker.life.Err() == nil
	if living && want <= s.worker.context {
		return nil
	}
	tokens := max(e.usualOf(s, f), s.context, want)
	// Who wants a little more with each question shall not get a new worker each time.
	if more := s.context + s.context/2; living && want < more && e.bears(s, f, more) {
		tokens = more
	}
	if s.most > 0 {
		tokens = min(tokens, s.most)
	}
	if s.key.kind != speaks {
		tokens = mostMeaning
	}
	if own := f.shape.ContextLength; own > 0 && uint64(tokens) > own {
		tokens = int(own)
	}
	for !e.bears(s, f, tokens) {
		if tokens/2 < leastContext {
			return noRoom(f.need(tokens, false), e.cfg.Memory)
		}
		tokens /= 2
	}
	if tokens < want {
		return tooWide(want, e.widest(s, f, tokens, want))
	}
	s.context = tokens
	return nil
}

// usual is how long a conversation is where nobody asks for more.
func (e *Engine) usual(f *facts) int {
	tokens := e.cfg.ContextTokens
	if tokens == 0 {
		tokens = models.FitContext(f.shape, e.cfg.Memory)
	}
	if own := f.shape.ContextLength; own > 0 && uint64(tokens) > own {
		tokens = int(own)
	}
	return tokens
}

// usualOf is usual for each slot of s.
func (e *Engine) usualOf(s *seat, f *facts) int {
	if s.slots == 0 || e.cfg.ContextTokens > 0 {
		return e.usual(f)
	}
	return min(e.usual(f), models.FitContext(f.shape, e.cfg.Memory/int64(s.slots)))
}

// bears tells whether a worker of s with so many tokens fits this machine at all.
func (e *Engine) bears(s *seat, f *facts, tokens int) bool {
	n := f.need(tokens*max(1, s.slots), false)
	return n.Private()+n.Weights+s.snapshot(f, n.Cache, tokens) <= e.cfg.Memory
}

// widest is about the most tokens that fit, of which low do and high do not.
func (e *Engine) widest(s *seat, f *facts, low, high int) int {
	if s.most > 0 {
		return s.most
	}
	for high-low > 256 {
		if mid := low + (high-low)/2; e.bears(s, f, mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

func noRoom(n models.Need, memory int64) *Fault {
	mb := func(n int64) int64 { return n >> 20 }
	return &Fault{Kind: NoMemory, What: fmt.Sprintf("The model needs %d MB of memory, and its engines may use %d MB here.", mb(n.Private()+n.Weights), mb(memory)),
		Do: "Take a smaller model, or close other programs and start abaton again.", Detail: "does not fit"}
}

// tooWide is a longer conversation than memory has room for.
func tooWide(want, have int) *Fault {
	return &Fault{Kind: BadRequest, What: fmt.Sprintf("A context of %d tokens was asked for, and this machine has memory for %d with this model.", want, have),
		Do: fmt.Sprintf("Ask for at most %d (num_ctx, or this model's context in the settings), or take a smaller model.", have), Detail: "num_ctx"}
}

// used is what the workers need that live, and would if s had one; without those
// that are on their way out if going.
func (e *Engine) used(s *seat, going bool) (bytes int64, workers int) {
	return e.usedBut(s, func(w *worker) bool { return going && w.life.Err() != nil })
}

// usedBut is used without some of those that live.
func (e *Engine) usedBut(s *seat, but func(*worker) bool) (bytes int64, workers int) {
	weights := map[models.Digest]int64{}
	snapshot := int64(0)
	count := func(d models.Digest, n models.Need) {
		bytes += n.Private()
		weights[d] = max(weights[d], n.Weights)
		workers++
	}
	for _, other := range e.seats {
		if other.worker != nil && !but(other.worker) {
			count(other.key.model, other.worker.need)
			snapshot = max(snapshot, other.worker.snapshot)
			if a := other.worker.aside; a != nil {
				bytes += a.size
			}
		}
	}
	if s != nil {
		f := e.facts[s.key.model]
		n := f.need(s.tokens(), false)
		count(s.key.model, n)
		snapshot = max(snapshot, s.snapshot(f, n.Cache, s.context))
	}
	bytes += snapshot
	for _, w := range weights {
		bytes += w
	}
	return bytes, workers
}

// roomy tells whether s could have a worker now, or once those are gone that
// are on their way out.
func (e *Engine) roomy(s *seat, going bool) bool {
	return e.roomyBut(s, func(w *worker) bool { return going && w.life.Err() != nil })
}

func (e *Engine) roomyBut(s *seat, but func(*worker) bool) bool {
	bytes, workers := e.usedBut(s, but)
	return bytes <= e.cfg.Memory && workers <= e.cfg.MaxWorkers
}

// copies tells whether the worker that s is about to get may have a copy of the
// weights, which is faster: only where memory holds it and one more like it
// beside all that live. Others share what is mapped from the file.
func (e *Engine) copies(s *seat) bool {
	f := e.facts[s.key.model]
	if f.copying != models.FastCopy {
		return false
	}
	bytes, _ := e.used(s, false) // with s, not copied
	n := f.need(s.tokens(), true)
	return bytes+n.Weights+n.Private() <= e.cfg.Memory
}

// measured corrects what is thought of a model's need by what one of its
// workers holds after an answer.
func (e *Engine) measured(w *worker) {
	if held, ok := privateMemory(w.proc.PID()); ok {
		e.holds(w.process(), held)
	}
}

// holds is measured for so many bytes. What a worker holds it is held to have,
// but of other workers of its model only twice the estimate is believed: an engine
// keeps what long prompts made it take, and nobody's prompts shall make a model
// too large for everybody.
func (e *Engine) holds(w *worker, held int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.facts[w.key.model]
	rest := held - f.need(w.tokens(), false).Cache
	if w.copied {
		rest -= f.size
	}
	if rest <= 0 {
		return
	}
	guess := (&facts{shape: f.shape, size: f.size, projector: f.projector}).need(w.tokens(), false)
	f.rest = max(f.rest, min(rest, 2*guess.Rest))
	n := f.need(w.tokens(), w.copied)
	whole := rest + rest/10
	if w.copied {
		whole += f.size
	}
	n.Rest = max(n.Rest, whole)
	w.need = n
}
