package engine

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"abaton.local/models"
	"abaton.local/sandbox"
)

// key is a security context: tokens of two keys never meet in one process.
type key struct {
	model  models.Digest
	person Person
	kind   kind
}

// kind says what a worker does; the engine can do only one of them at a time.
type kind string

const (
	speaks kind = "" // answers
	embeds kind = "embed"
	ranks  kind = "rank"
	behind kind = "behind" // embeds what nobody waits for
)

// worker is one engine process. One goroutine (Engine.bring) writes its fields;
// others read what is set before a channel is closed after it closed.
type worker struct {
	key  key
	life context.Context         // ends when the worker is to end
	stop context.CancelCauseFunc // ends life; the cause says why

	ready   chan struct{}    // closed when it can be asked, or never will be
	failed  bool             // set before ready: it never will be
	proc    *sandbox.Process // set before ready, if it started at all
	client  *client          // set before ready
	scrub   *scrubber        // set before ready
	tools   bool             // the model's template knows them; set before ready
	kills   kills            // set before it starts
	around  around           // of a worker for meanings; set before ready
	said    *tail            // set before ready
	context int              // tokens; set before ready
	copied  bool             // it may have a copy of the weights; set before it starts
	goesOn  bool             // its first question waits for a snapshot; set before it starts
	sees    bool             // it has a projector; set before it runs
	shares  bool             // it must not, though the engine would make one; set before it starts
	need    models.Need      // in memory; guarded by Engine.mu

	blamed Person // of a worker that people share: who was at work alone when it failed; set before gone
	slots  *table // of a worker that people share, else nil; never changes
	loan   *loan  // of one of its slots, as which somebody sees it; nil for the worker itself

	snapshot  int64     // bytes set aside for one; never changes
	next      *talk     // that it will be asked about first; never changes
	ahead     *unsealed // what that goes on from; guarded by Engine.mu
	aside     *aside    // beside what its slot holds; guarded by Engine.mu
	noAside   bool      // it failed once; guarded by Engine.mu
	talk      *talk     // what its slot holds, nil where nobody may keep it; guarded by Engine.mu
	forgotten int       // times that its person deleted something; guarded by Engine.mu
	unkeep    func()    // stops a snapshot on its way to its keeper; guarded by Engine.mu

	gone  chan struct{} // closed when the process has ended and nothing is left of it
	fault *Fault        // set before gone: why it ended, nil when we wanted it to
}

// Why a worker is ended by us.
var (
	errDone     = errors.New("it is not needed any more")
	errHung     = errors.New("it stopped answering")
	errTooSlow  = errors.New("it took too long to load")
	errBadReply = errors.New("it broke its protocol")
	errUnclean  = errors.New("it did not empty a slot")
	errShare    = errors.New("its person has more than their share of memory")
)

// up tells whether the worker can be asked.
func (w *worker) up() bool {
	select {
	case <-w.gone:
		return false
	default:
	}
	select {
	case <-w.ready:
		return !w.failed
	default:
		return false
	}
}

// run is the worker's whole life, from start to clean-up. It returns why it
// ended, nil when that was wanted.
func (w *worker) run(e *Engine) *Fault {
	ctx := w.life
	from, goesOn := e.goesOnFrom(w)
	w.goesOn = goesOn
	if fault := w.start(ctx, e); fault != nil {
		switch {
		case context.Cause(ctx) == errShare:
			return overShare()
		case ctx.Err() != nil:
			return nil // it was to end before it ran, and nothing failed
		}
		return fault
	}
	if goesOn {
		e.keepAhead(w, e.unseal(w.life, w, from))
	}
	err := w.load(ctx, e.cfg.Patience)
	if err == nil {
		w.said.seal()
		close(w.ready)
		select {
		case <-ctx.Done():
		case <-w.proc.Done():
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if u := e.begun(w); u != nil {
		u.free()
	}
	var last *sealing
	if err == errDone && w.up() {
		last = e.save(w)
	}
	select {
	case <-w.proc.Done():
	default:
		_ = w.proc.Kill() // an error here means that it is just gone
		<-w.proc.Done()
	}
	<-w.said.done
	_ = w.proc.RunDir().Close() // waits for a dial in progress
	if last != nil {
		e.keep(w, last)
	}
	loaded := w.up()
	return w.why(err, loaded)
}

// start puts the engine into its jail and sets proc, said and client.
func (w *worker) start(ctx context.Context, e *Engine) *Fault {
	pack, fault := e.installed(ctx)
	if fault != nil {
		return fault
	}
	passport, err := e.cfg.Shelf.Find(w.key.model.String())
	if err != nil {
		return noModel(err)
	}
	model, err := e.cfg.Shelf.Open(ctx, passport)
	if err != nil {
		return noModel(err)
	}
	defer model.Close()
	shape, err := e.cfg.Shelf.Shape(passport)
	if err != nil {
		return noModel(err)
	}
	eyes, err := e.projector(passport)
	if err != nil {
		return noModel(err)
	}
	w.sees = eyes != nil && w.key.kind == speaks
	f := flags{Context: w.tokens(), Slots: w.slots.count(), Threads: e.cfg.Threads, HTTPThreads: 1 + 3*w.slots.count(), Timeout: 10 * time.Minute, Batch: batch, Kind: w.key.kind, Shares: w.shares, Sees: w.sees, GoesOn: w.goesOn, extra: e.extra}
	if fault := w.key.kind.fits(shape.Pooling); fault != nil {
		return fault
	}
	if w.key.kind != speaks {
		f.Batch = w.context
	}
	memory := e.memory
	if memory == 0 {
		memory = memoryLimit(shape, passport.Size, f)
		if w.sees {
			memory = min(memory, 1<<61) + 2*eyes.Size + visionMargin
		}
	}
	r, out, err := os.Pipe()
	if err != nil {
		return unstarted(err)
	}
	defer out.Close() // the engine has its own
	held, err := pack.Hold(ctx)
	if err != nil {
		r.Close()
		return unstarted(err)
	}
	defer held.Close()
	spec := jailSpec(pack, held, e.cfg.Shelf.Path(w.key.model), model, f, memory, w.snapshot)
	if w.sees {
		sight, err := e.cfg.Shelf.Open(ctx, *eyes)
		if err != nil {
			r.Close()
			return noModel(err)
		}
		defer sight.Close()
		spec.Files = append(spec.Files, sandbox.File{Path: e.cfg.Shelf.Path(eyes.Digest), Inside: projectorInside, Opened: sight})
	}
	spec.Stderr = out
	w.kills = countKills(e.kills)
	if w.proc, err = e.launch(ctx, spec); err != nil {
		r.Close()
		return unstarted(err)
	}
	w.said = newTail(r)
	dir := w.proc.RunDir()
	w.client = newClient(func(ctx context.Context) (net.Conn, error) {
		return e.links.dial(ctx, dir, filepath.Base(socketInside))
	})
	if e.wire != nil {
		w.client.http.Transport = e.wire(w.key.person, w.client.http.Transport)
	}
	return nil
}

// load waits until the model is loaded and learns its control tokens. It
// returns early when the process ends.
func (w *worker) load(ctx context.Context, p Patience) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.Load, errTooSlow)
	defer cancel()
	tick := time.NewTicker(p.Poll)
	defer tick.Stop()
	for {
		ok, err := w.client.healthy(ctx)
		if ok {
			if err = w.learn(ctx); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.proc.Done():
			return errDone
		case <-tick.C:
		}
		if err != nil && !unconnected(err) {
			return errBadReply
		}
	}
}

// learn asks the engine, once its model is loaded, for what we have to know of it.
func (w *worker) learn(ctx context.Context) (err error) {
	if w.key.kind != speaks {
		w.around, err = w.client.around(ctx)
		w.scrub = &scrubber{client: w.client, context: w.context}
		return err
	}
	p, err := w.client.properties(ctx)
	if err != nil {
		return err
	}
	w.tools = p.tools()
	marker, err := p.marker(w.sees)
	if err != nil {
		return err
	}
	if w.scrub, err = newScrubber(ctx, w.client, w.context, p.Template, p.ForTools); err == nil && w.sees {
		w.scrub.markers = append([]string{marker}, w.scrub.markers...)
	}
	return err
}

// unconnected tells the errors of a socket that is not there yet, or of one
// whose engine is just ending.
func unconnected(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}
