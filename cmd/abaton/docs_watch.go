package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"abaton.local/library"
	"abaton.local/vault"
)

// watching is one `docs add --watch`: a library follows what lies on the disk.
// It looks again and again, for that works on every system and on disks of the
// network too, and looks the more seldom the longer a look takes.
type watching struct {
	*adding
	args   []string
	person vault.PersonID // whose library it is
	traces *traces
	took   time.Duration   // the last look
	said   map[remark]bool // those of the last look: each is made once
	waits  string          // why nothing can be done now
	tried  string          // the session that was last asked with
	spent  string          // the one that was refused
}

// How often a watch looks at the disk; on a slow one looks take a twentieth of the
// time.
const (
	watchEvery   = time.Second
	watchTrouble = 5 * time.Second // after something went wrong
	watchSeldom  = time.Minute
	watchPart    = 20
)

// Verdicts of a watch alone.
const (
	removed library.Verdict = "removed"
	stays   library.Verdict = "stays"
)

// canWatch says whether there is a server to hand files to. A verb that opened
// the vault by itself would keep all others from it for as long as it watches.
func canWatch(ctx context.Context, p *program) error {
	c, err := connect(ctx, p.cfg.Folders.Socket())
	if err == nil && c == nil {
		err = tell(errNoServer)
	}
	return err
}

var errNoServer = errors.New("docs add --watch hands files to a running `abaton serve`, and none is running: start it, then `abaton login`")

func docsWatch(ctx context.Context, p *program, d *desk, args []string, o docsOptions) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	if d.remote == nil {
		return tell(errNoServer) // it ended a moment ago
	}
	w := &watching{adding: newAdding(p, d, o), args: args, traces: newTraces(args), tried: d.remote.credential}
	w.note = w.traces.verdict
	me, err := seeVault().at(ctx, d, struct{}{})
	if err != nil {
		return err
	}
	w.person = me.Person.ID
	for begun := false; ; {
		err := w.round(ctx)
		if ctx.Err() != nil {
			break
		}
		begun = begun || err == nil || w.seen > 0
		if err != nil && (!begun || !w.mayWait(ctx, err)) {
			return err
		}
		if err == nil && w.waits != "" {
			w.waits, w.spent = "", ""
			p.screen.say("Watching again.")
		}
		wait := min(max(watchEvery, watchPart*w.took), watchSeldom)
		if err != nil && !errors.Is(err, errNotYet) {
			wait = max(wait, watchTrouble)
		}
		if !pause(ctx, wait) {
			break
		}
	}
	// Where this fails, the server has counted what was done, or does so when it ends.
	_, _ = addedDocuments().at(context.WithoutCancel(ctx), w.desk, struct{}{})
	p.screen.say(w.summary())
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// mayWait says once what is in the way. A lock, a server that ended, a full disk
// pass; a missing protection and wrong usage do not.
func (w *watching) mayWait(ctx context.Context, err error) bool {
	if errors.Is(err, errNotYet) {
		return true
	}
	text, code := words(err, w.p.log)
	if code == unprotected || code == wrongUsage {
		return false
	}
	if c, no := connect(ctx, socketName); c == nil && no == nil {
		text = "`abaton serve` is not running"
	} else if code == locked {
		w.spent = w.tried
		if !errors.Is(err, errOther) {
			text = "the vault is locked: `abaton login` unlocks it"
		}
	}
	if w.waits != text {
		w.waits = text
		w.p.screen.say(strings.TrimSuffix(text, ".") + ". Watching waits, and goes on where it was.")
	}
	return true
}

// round looks at the disk once and does what follows from it.
func (w *watching) round(ctx context.Context) error {
	if w.waits != "" {
		if err := w.again(ctx); err != nil {
			return err
		}
	}
	from := time.Now()
	l, err := lookAt(ctx, w.args)
	if err != nil {
		return err
	}
	w.took = time.Since(from)
	if w.traces.had == nil {
		list, err := w.documents(ctx)
		if err != nil {
			return err
		}
		w.traces.stock(list)
	}
	w.passed = l.passed
	w.todo, w.seen = w.traces.news(l), 0
	w.batch, w.held = nil, 0 // of a round that broke off
	if err := w.read(ctx); err != nil {
		return err
	}
	gone, kept := w.traces.gone(l)
	w.tell(append(l.remarks, kept...))
	return w.remove(ctx, gone)
}

// read adds the files that are news.
func (w *watching) read(ctx context.Context) error {
	if len(w.todo) == 0 {
		return nil
	}
	w.meter.begin("adding")
	defer w.meter.end()
	return w.adding.read(ctx)
}

var errOther = errors.New("somebody else is logged in now, and these are not their documents")

// errNotYet says that nothing has changed about what is waited for.
var errNotYet = errors.New("still waiting")

// again finds out whether what was in the way is not any more: the server is
// there, and whoever is logged in is the one who was. A session that was refused
// is not tried again, and nothing but who it is is asked with somebody else's.
func (w *watching) again(ctx context.Context) error {
	secret, err := keptSession(w.p.cfg.Folders.Runtime)
	if err != nil {
		return tell(err)
	}
	if secret == "" || secret == w.spent {
		return errNotYet
	}
	c := newClient(socketName)
	c.credential, w.tried = secret, secret
	me, err := seeVault().at(ctx, &desk{remote: c}, struct{}{})
	if err != nil {
		return err
	}
	if me.Person.ID != w.person {
		return told{errOther, locked}
	}
	w.desk.remote = c
	return nil
}

// tell makes the remarks that were not made at the last look.
func (w *watching) tell(list []remark) {
	said := map[remark]bool{}
	for _, r := range list {
		if !w.said[r] {
			w.remark(r)
		}
		said[r] = true
	}
	w.said = said
}

// documents are those of the library that were added from a path.
func (w *watching) documents(ctx context.Context) (map[string]vault.ID, error) {
	all, err := listDocuments().at(ctx, w.desk, "")
	if err != nil {
		return nil, err
	}
	list := map[string]vault.ID{}
	for _, l := range all.Libraries {
		if l.Name != w.o.library {
			continue
		}
		for _, d := range all.Documents {
			if d.Library == l.ID && d.Within == (vault.ID{}) {
				list[d.Path] = d.ID
			}
		}
	}
	return list, nil
}

// mostRemoved is how many documents one call removes.
const mostRemoved = 1000

// remove has the documents of files go that are gone.
func (w *watching) remove(ctx context.Context, gone []string) error {
	if len(gone) == 0 {
		return nil
	}
	have, err := w.documents(ctx)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(gone, mostRemoved) {
		in := removeIn{Followed: true}
		for _, path := range part {
			if id, is := have[pathText(path)]; is {
				in.IDs = append(in.IDs, id)
			}
		}
		if len(in.IDs) > 0 {
			if _, err := removeDocuments().at(ctx, w.desk, in); err != nil {
				return err
			}
		}
		for _, path := range part {
			w.traces.forget(path)
			if _, is := have[pathText(path)]; is {
				w.verdict(pathText(path), removed, "its file is gone")
			}
		}
	}
	return nil
}
