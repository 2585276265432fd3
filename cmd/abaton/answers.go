package main

import (
	"context"
	"errors"
	"iter"

	"golang.org/x/sync/errgroup"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/models"
)

// answers is whoever answers a person at this terminal, with what is known of it.
type answers struct {
	answerer
	seated
	shelf   *models.Shelf
	model   models.Passport
	tier    string
	through bool // a running serve
	warm    func()
	close   func()
}

// walls says what stands between the model and the machine.
func (a *answers) walls() string {
	if a.through {
		return "sandbox: " + a.tier + ", by the running abaton serve"
	}
	return "sandbox: " + a.tier
}

// openAnswers finds a running serve, or opens the rooms here, and finds out who
// asks. Either way this process is locked down when it returns, and was before
// a secret was typed.
func openAnswers(ctx context.Context, p *program, w asWhom) (*answers, error) {
	if c, err := connect(ctx, p.cfg.Folders.Socket()); err != nil {
		return nil, err
	} else if c != nil {
		return throughServe(ctx, p, w)
	}
	if w.news != nil {
		return openBeside(ctx, p, w)
	}
	r, err := openRooms(ctx, p, true)
	if err != nil {
		return nil, err
	}
	h, err := homeFor(ctx, p, r, w)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	o := atWork(ctx, p, r)
	o.live(h)
	if err := o.start(); err != nil {
		return nil, o.shut(err)
	}
	s, err := seatHere(ctx, p, h, w)
	if err != nil {
		return nil, o.shut(err)
	}
	return o.answers(s), nil
}

// openBeside is openAnswers while a pull gets what is missing: this process is
// locked down at once, whoever asks may make their vault meanwhile, and what
// was fetched is opened last. Nothing of that needs more than a locked-down
// process may have.
func openBeside(ctx context.Context, p *program, w asWhom) (*answers, error) {
	r := newRooms(ctx)
	o := atWork(ctx, p, r)
	var err error
	if r.lock, err = lockStore(p.cfg.Folders.State, p.verb); err != nil {
		return nil, o.shut(tell(err))
	}
	if err := r.wallIn(ctx, p); err != nil {
		return nil, o.shut(err)
	}
	if err := closeWays(p); err != nil {
		return nil, o.shut(err)
	}
	h, s, err := welcome(ctx, p, r)
	if err != nil {
		return nil, o.shut(err)
	}
	o.live(h)
	if err := w.news.wait(ctx); err != nil {
		return nil, o.shut(err)
	}
	if err := r.stock(ctx, p, false); err != nil {
		return nil, o.shut(err)
	}
	if err := o.start(); err != nil {
		return nil, o.shut(err)
	}
	if s == nil {
		seat, err := seatHere(ctx, p, h, w)
		if err != nil {
			return nil, o.shut(err)
		}
		s = &seat
	}
	return o.answers(*s), nil
}

// opened is what stands behind answers in this process, at work.
type opened struct {
	p       *program
	r       *rooms
	h       *home
	running context.Context // of the engine
	stop    context.CancelFunc
	locking context.Context // of whoever is idle; it ends first, for what engines had read is sealed then
	lock    context.CancelFunc
	work    errgroup.Group
	locks   errgroup.Group
}

func atWork(ctx context.Context, p *program, r *rooms) *opened {
	o := &opened{p: p, r: r}
	o.running, o.stop = context.WithCancel(context.WithoutCancel(ctx))
	o.locking, o.lock = context.WithCancel(context.WithoutCancel(ctx))
	return o
}

// live has whoever is idle locked from now on. Without a home nobody lives here.
func (o *opened) live(h *home) {
	if o.h = h; h != nil {
		o.r.keeper = h.resume
		o.locks.Go(func() error { return h.people.Run(o.locking) })
	}
}

// start locks this process down and lets the engine work.
func (o *opened) start() error {
	err := o.r.lockDown(o.p)
	if err == nil {
		o.work.Go(func() error { return o.r.engine.Run(o.running) })
	}
	return err
}

// shut ends it all and passes on why. What goes wrong meanwhile is for the log.
func (o *opened) shut(why error) error {
	var err error
	if o.h != nil { // before the sessions end: what is sealed now needs keys
		err = o.h.closeHistories(context.Background())
	}
	o.lock()
	locked := o.locks.Wait()
	o.stop()
	for _, e := range []error{locked, o.work.Wait()} {
		if !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}
	if o.h != nil {
		err = errors.Join(err, o.h.close())
	}
	if err = errors.Join(err, o.r.close()); err != nil {
		o.p.log.Error("closing the rooms", "error", err.Error())
	}
	return why
}

func (o *opened) answers(s seated) *answers {
	a := &answers{
		answerer: here{chat.New(o.r.engine, o.r.shelf), s.desk}, seated: s, shelf: o.r.shelf, model: o.r.model,
		tier: tierWords(o.r.jail.Tier()), close: func() { _ = o.shut(nil) },
	}
	a.warm = func() {
		go func() { _ = o.r.engine.Warm(o.running, engine.Person(s.session.Person), a.model.Digest) }() // the first question meets the same error
	}
	return a
}

// homeFor opens the home where somebody is set up who may want to come in; the
// rooms hold the store's lock.
func homeFor(ctx context.Context, p *program, r *rooms, w asWhom) (*home, error) {
	if w.guest || !w.terminal || !isHome(p.cfg.Folders) {
		return nil, nil
	}
	h, err := openHomeFor(ctx, p, &deskOptions{homeOptions: homeOptions{rooms: r}})
	if err == nil && h.people.Unclaimed() {
		return nil, h.close()
	}
	return h, err
}

func throughServe(ctx context.Context, p *program, w asWhom) (*answers, error) {
	shelf, err := models.OpenShelf(p.cfg.Folders.Models)
	if err != nil {
		return nil, tell(err)
	}
	m, err := findModel(shelf, p.cfg.meant(p.cfg.Model))
	if err != nil {
		return nil, tell(err)
	}
	status, err := newClient(p.cfg.Folders.Socket()).status(ctx)
	if err != nil {
		return nil, tell(err)
	}
	if err := closeWays(p); err != nil {
		return nil, err
	}
	s, err := seatThere(ctx, p, w)
	if err != nil {
		return nil, err
	}
	c := s.remote
	if c == nil { // a guest
		c = newClient(socketName)
	}
	nothing := func() {}
	return &answers{answerer: c, seated: s, shelf: shelf, model: m, tier: status.Tier, through: true, warm: nothing, close: nothing}, nil
}

// here answers by the rooms of this process, for whoever is at the desk.
type here struct {
	chat *chat.Answerer
	desk *desk
}

func (h here) Answer(ctx context.Context, ask chat.Ask) iter.Seq2[chat.Event, error] {
	return h.chat.Answer(ctx, h.desk.session, ask)
}
