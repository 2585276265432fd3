package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"abaton.local/chat/resume"
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
	"abaton.local/vault"
)

// roomSettings are the settings of every verb that may open the engine's rooms.
var roomSettings = []string{"model", "embed", "engine", "threads", "context", "temperature", "instruction", "keep_alive", "max_waiting", "resume_space", "isolation", "slots", "accept_unjailed_engine"}

// rooms are what stands behind a question, in one process.
type rooms struct {
	lock     *storeLock
	shelf    *models.Shelf
	model    models.Passport // that answers when none is named
	pack     *enginepack.Pack
	jail     *sandbox.Jail
	keeper   *resume.Keeper // nil: what engines had read is lost with them
	engine   *engine.Engine
	fetching atomic.Bool     // a pull that began beside this process is at work
	exit     context.Context // ends when nobody may wait any more

	notEmptied func() // is told of an engine that people shared and that did not forget; nil tells nobody
}

// newRooms are empty, and nobody is in a hurry to leave them.
func newRooms(ctx context.Context) *rooms { return &rooms{exit: context.WithoutCancel(ctx)} }

// openRooms opens, in order, everything that needs more than a locked-down
// process may have. With fetch, what is missing is fetched first, by a process
// of its own. The rooms are ready for lockDown.
func openRooms(ctx context.Context, p *program, fetch bool) (r *rooms, err error) {
	r = newRooms(ctx)
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
	return r, r.wallIn(ctx, p)
}

// openRoomsBeside is openRooms for a server that somebody starts at a terminal: what
// is missing is fetched beside it, by a process that is started before this one is
// locked down and that hears no word. People can be set up meanwhile.
func openRoomsBeside(ctx context.Context, p *program) (r *rooms, err error) {
	r = newRooms(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.lock, err = lockStore(p.cfg.Folders.State, p.verb); err != nil {
		return r, tell(err)
	}
	what, lacks, err := r.missing(ctx, p)
	if err != nil {
		return r, err
	}
	if lacks {
		p.screen.say("Fetching what is missing, once and beside: `abaton pull`.")
		if err := fetchBeside(ctx, p, &r.fetching, what...); err != nil {
			return r, err
		}
	}
	return r, r.wallIn(ctx, p)
}

// wallIn finds out how well this machine can shut an engine in.
func (r *rooms) wallIn(ctx context.Context, p *program) (err error) {
	r.jail, err = openJail(ctx, p)
	return err
}

func openJail(ctx context.Context, p *program) (*sandbox.Jail, error) {
	jail, err := sandbox.Open(ctx, sandbox.Config{
		StateDir: p.cfg.Folders.State, RuntimeDir: p.cfg.Folders.Runtime,
		AcceptUnjailed: p.cfg.AcceptUnjailed, Log: p.log,
	})
	return jail, tell(err)
}

// stock finds engine and model, or has them fetched.
func (r *rooms) stock(ctx context.Context, p *program, fetch bool) error {
	what, lacks, err := r.missing(ctx, p)
	if err != nil || !lacks {
		return err
	}
	if !fetch {
		return tell(errors.New("engine or model is missing: `abaton pull` fetches them"))
	}
	p.screen.say("Fetching what is missing, once: `abaton pull`.")
	if err := fetchMissing(ctx, p, what...); err != nil {
		return err
	}
	return r.stock(ctx, p, false)
}

// missing says whether `abaton pull` has to get something before anybody can
// answer, and what to name to it: nothing when it is engine and model.
func (r *rooms) missing(ctx context.Context, p *program) (what []string, lacks bool, err error) {
	if r.shelf, err = models.OpenShelf(p.cfg.Folders.Models); err != nil {
		return nil, false, tell(err)
	}
	if r.pack, err = findPack(ctx, p.cfg); errors.Is(err, enginepack.ErrNone) {
		what, lacks = append(what, "engine"), true
	} else if err != nil {
		return nil, false, tell(err)
	}
	if r.model, err = findModel(r.shelf, p.cfg.meant(p.cfg.Model)); errors.Is(err, models.ErrEmpty) {
		return nil, true, nil
	}
	return what, lacks, tell(err)
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
	return r.begin(p)
}

// begin makes the engine, in the runtime folder.
func (r *rooms) begin(p *program) error {
	keep := time.Duration(p.cfg.KeepAlive)
	if keep < 0 {
		keep = forEver
	}
	c := engine.Config{
		Jail: r.jail, Pack: r.pack, Shelf: r.shelf, Threads: p.cfg.Threads, ContextTokens: p.cfg.Context,
		MaxWaiting: p.cfg.MaxWaiting, KeepAlive: keep, LinkDir: ".", Log: p.log,
	}
	if r.pack == nil {
		c.Later = func(ctx context.Context) (*enginepack.Pack, error) { return findPack(ctx, p.cfg) }
	}
	if p.cfg.Isolation == pinnedSlot {
		c.Slots, c.Unclean = p.cfg.Slots, r.unclean
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

// tierWords says in a few words what a tier holds: "full jail (tier A)".
func tierWords(t sandbox.Tier) string {
	tier, words, ok := strings.Cut(t.String(), ": ")
	if !ok {
		return t.String()
	}
	return words + " (" + tier + ")"
}
