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
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
	"abaton.local/vault"
)

// roomSettings are the settings of every verb that may open the engine's rooms.
var roomSettings = []string{"model", "engine", "threads", "context", "temperature", "instruction", "keep_alive", "max_waiting", "accept_unjailed_engine"}

// rooms are what stands behind a question, in one process.
type rooms struct {
	lock   *storeLock
	shelf  *models.Shelf
	model  models.Passport // that answers when none is named
	pack   *enginepack.Pack
	jail   *sandbox.Jail
	engine *engine.Engine
}

// openRooms opens, in order, everything that needs more than a locked-down
// process may have. With fetch, what is missing is fetched first, by a process
// of its own. The rooms are ready for lockDown.
func openRooms(ctx context.Context, p *program, fetch bool) (r *rooms, err error) {
	r = &rooms{}
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
	var err error
	r.engine, err = engine.New(engine.Config{
		Jail: r.jail, Pack: r.pack, Shelf: r.shelf, Threads: p.cfg.Threads, ContextTokens: p.cfg.Context,
		MaxWaiting: p.cfg.MaxWaiting, KeepAlive: keep, LinkDir: ".", Log: p.log,
	})
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
	if r.engine != nil {
		r.engine.Leave(engine.Person(person))
	}
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
	shelf  *models.Shelf
	model  models.Passport
	tier   string
	remote bool
	warm   func()
	close  func()
}

// walls says what stands between the model and the machine.
func (a *answers) walls() string {
	if a.remote {
		return "sandbox: " + a.tier + ", by the running abaton serve"
	}
	return "sandbox: " + a.tier
}

// openAnswers finds a running serve, or opens the rooms here. Either way this
// process is locked down when it returns.
func openAnswers(ctx context.Context, p *program, _ string) (*answers, error) {
	if connect(ctx, p.cfg.Folders.Socket()) != nil {
		return throughServe(ctx, p)
	}
	r, err := openRooms(ctx, p, true)
	if err != nil {
		return nil, err
	}
	if err := r.lockDown(p); err != nil {
		return nil, errors.Join(err, r.close())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	gone := make(chan error, 1)
	go func() { gone <- r.engine.Run(running) }()
	a := &answers{
		answerer: here{chat.New(r.engine, r.shelf)},
		shelf:    r.shelf, model: r.model, tier: tierWords(r.jail.Tier()),
	}
	a.warm = func() {
		go func() { _ = r.engine.Warm(running, engine.Person(vault.Owner), a.model.Digest) }() // the first question meets the same error
	}
	a.close = func() {
		stop()
		if err := errors.Join(<-gone, r.close()); err != nil && !errors.Is(err, context.Canceled) {
			p.log.Error("closing the rooms", "error", err.Error())
		}
	}
	return a, nil
}

func throughServe(ctx context.Context, p *program) (*answers, error) {
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
	nothing := func() {}
	return &answers{answerer: newClient(socketName), shelf: shelf, model: m, tier: status.Tier, remote: true, warm: nothing, close: nothing}, nil
}

// here answers by the rooms of this process, for its owner.
type here struct{ chat *chat.Answerer }

func (h here) Answer(ctx context.Context, ask chat.Ask) iter.Seq2[chat.Event, error] {
	return h.chat.Answer(ctx, vault.Session{Person: vault.Owner}, ask)
}

// tierWords says in a few words what a tier holds: "full jail (tier A)".
func tierWords(t sandbox.Tier) string {
	tier, words, ok := strings.Cut(t.String(), ": ")
	if !ok {
		return t.String()
	}
	return words + " (" + tier + ")"
}
