package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"strings"
	"time"

	"abaton.local/chat"
	"abaton.local/chat/resume"
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
	"abaton.local/vault"
)

// roomSettings are the settings of every verb that may open the engine's rooms.
var roomSettings = []string{"model", "engine", "threads", "context", "temperature", "instruction", "keep_alive", "max_waiting", "resume_space", "accept_unjailed_engine"}

// rooms are what stands behind a question, in one process.
type rooms struct {
	lock   *storeLock
	shelf  *models.Shelf
	model  models.Passport // that answers when none is named
	pack   *enginepack.Pack
	jail   *sandbox.Jail
	keeper *resume.Keeper // nil: what engines had read is lost with them
	engine *engine.Engine
	exit   context.Context // ends when nobody may wait any more
}

// openRooms opens, in order, everything that needs more than a locked-down
// process may have. With fetch, what is missing is fetched first, by a process
// of its own. The rooms are ready for lockDown.
func openRooms(ctx context.Context, p *program, fetch bool) (r *rooms, err error) {
	r = &rooms{exit: context.WithoutCancel(ctx)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.lock, err = lockStore(p.cfg.Folders.State, p.verb); err != nil {
		return r, tell(err)
	}
	if err := r.stock(ctx, p, fetch); err != nil {
		return r, err
	}
	r.jail, err = sandbox.Open(ctx, sandbox.Config{
		StateDir: p.cfg.Folders.State, RuntimeDir: p.cfg.Folders.Runtime,
		AcceptUnjailed: p.cfg.AcceptUnjailed, Log: p.log,
	})
	if err != nil {
		return r, tell(err)
	}
	return r, nil
}

// stock finds engine and model, or has them fetched.
func (r *rooms) stock(ctx context.Context, p *program, fetch bool) (err error) {
	if r.shelf, err = models.OpenShelf(p.cfg.Folders.Models); err != nil {
		return tell(err)
	}
	var missing []string
	if r.pack, err = findPack(ctx, p.cfg); errors.Is(err, enginepack.ErrNone) {
		missing = append(missing, "engine")
	} else if err != nil {
		return tell(err)
	}
	if r.model, err = findModel(r.shelf, p.cfg.Model); err != nil {
		if !errors.Is(err, models.ErrEmpty) {
			return tell(err)
		}
		missing = nil // pull without arguments gets both
	} else if missing == nil {
		return nil
	}
	if !fetch {
		return tell(errors.New("engine or model is missing: `abaton pull` fetches them"))
	}
	p.screen.say("Fetching what is missing, once: `abaton pull`.")
	if err := fetchMissing(ctx, p, missing...); err != nil {
		return err
	}
	return r.stock(ctx, p, false)
}

func findModel(shelf *models.Shelf, name string) (models.Passport, error) {
	if name == "" {
		return shelf.Default()
	}
	return shelf.Find(name)
}

// lockDown gives up, for this process and for good, every way to reach the
// Internet, and then makes the engine. Nothing was asked yet.
func (r *rooms) lockDown(p *program, open ...netip.AddrPort) error {
	if err := closeWays(p, open...); err != nil {
		return err
	}
	keep := time.Duration(p.cfg.KeepAlive)
	if keep < 0 {
		keep = forEver
	}
	c := engine.Config{
		Jail: r.jail, Pack: r.pack, Shelf: r.shelf, Threads: p.cfg.Threads, ContextTokens: p.cfg.Context,
		MaxWaiting: p.cfg.MaxWaiting, KeepAlive: keep, LinkDir: ".", Log: p.log,
	}
	if r.keeper != nil && p.cfg.ResumeSpace > 0 {
		c.Keeper, c.Snapshots = r.keeper, int64(p.cfg.ResumeSpace)<<20
	}
	var err error
	r.engine, err = engine.New(c)
	return tell(err)
}

// forEver is longer than any machine runs.
const forEver = 100 * 365 * 24 * time.Hour

// closeWays locks this process down, but for listeners at the addresses in open. From the runtime folder Unix sockets have
// names short enough to be reached afterwards.
func closeWays(p *program, open ...netip.AddrPort) error {
	if err := os.Chdir(p.cfg.Folders.Runtime); err != nil {
		return tell(err)
	}
	if err := sandbox.LockDown(open...); err != nil {
		return told{fmt.Errorf("this process cannot be locked down, so it will not read a question: %w", err), unprotected}
	}
	return nil
}

// leave ends the engines of somebody whose vault was locked: they hold words.
func (r *rooms) leave(person vault.PersonID) {
	if r != nil && r.engine != nil {
		r.engine.Leave(engine.Person(person))
	}
}

// Bounds of how long keys stay for what engines had read to be sealed.
const (
	restWithin = 3 * time.Second // of one person
	exitWithin = 5 * time.Second // of everybody, when the program ends
)

// rest ends the idle engines of somebody whose vault is about to be locked, so
// that what they had read is sealed while the keys are there.
func (r *rooms) rest(person vault.PersonID) {
	if r == nil || r.engine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.exit, restWithin)
	defer cancel()
	r.engine.Rest(ctx, engine.Person(person))
}

// unread keeps what somebody's engines have read from being sealed.
func (r *rooms) unread(person vault.PersonID) {
	if r != nil && r.engine != nil {
		r.engine.Forget(engine.Person(person))
	}
}

// hurry bounds what follows once ctx ended. Release gives its timer back.
func (r *rooms) hurry(ctx context.Context) (release func()) {
	exit, stop := context.WithCancel(r.exit)
	r.exit = exit
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(exitWithin, stop) })
	return func() { unhook(); stop() }
}

func (r *rooms) close() error {
	var errs []error
	if r.jail != nil {
		errs = append(errs, r.jail.Close())
	}
	if r.lock != nil {
		r.lock.release()
	}
	return errors.Join(errs...)
}

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
	if connect(ctx, p.cfg.Folders.Socket()) != nil {
		return throughServe(ctx, p, w)
	}
	r, err := openRooms(ctx, p, true)
	if err != nil {
		return nil, err
	}
	h, err := homeFor(ctx, p, r, w)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	locking, lock := context.WithCancel(context.WithoutCancel(ctx)) // first: what engines had read is sealed by it
	gone, locked := make(chan error, 1), make(chan error, 1)
	shut := func() {
		var err error
		if h != nil { // before the sessions end: what is sealed now needs keys
			err = h.closeHistories(context.Background())
		}
		lock()
		err = errors.Join(err, <-locked)
		stop()
		err = errors.Join(err, <-gone)
		if h != nil {
			err = errors.Join(err, h.close())
		}
		if err = errors.Join(err, r.close()); err != nil && !errors.Is(err, context.Canceled) {
			p.log.Error("closing the rooms", "error", err.Error())
		}
	}
	if h != nil {
		r.keeper = h.resume
	}
	if err := r.lockDown(p); err != nil {
		gone <- nil
		locked <- nil
		shut()
		return nil, err
	}
	go func() { gone <- r.engine.Run(running) }()
	go func() {
		if h == nil {
			locked <- nil
			return
		}
		locked <- h.people.Run(locking) // locks who is idle
	}()
	s, err := seatHere(ctx, p, h, w)
	if err != nil {
		shut()
		return nil, err
	}
	a := &answers{
		answerer: here{chat.New(r.engine, r.shelf), s.desk},
		seated:   s, shelf: r.shelf, model: r.model, tier: tierWords(r.jail.Tier()), close: shut,
	}
	a.warm = func() {
		go func() { _ = r.engine.Warm(running, engine.Person(s.session.Person), a.model.Digest) }() // the first question meets the same error
	}
	return a, nil
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
	m, err := findModel(shelf, p.cfg.Model)
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

// tierWords says in a few words what a tier holds: "full jail (tier A)".
func tierWords(t sandbox.Tier) string {
	tier, words, ok := strings.Cut(t.String(), ": ")
	if !ok {
		return t.String()
	}
	return words + " (" + tier + ")"
}
