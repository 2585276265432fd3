package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"abaton.local/audit"
	"abaton.local/chat/history"
	"abaton.local/chat/resume"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/sandbox"
	"abaton.local/shaper"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
	"abaton.local/web"
)

// home is where the people of this installation keep what they keep: the store,
// the device secret, the audit log and the directory over them. One process has
// it open at a time, the one that holds the store's lock.
type home struct {
	store  *sqlite.Store
	device *vault.Device
	audit  *audit.Log
	people *vault.Directory
	places folders
	shape  status                 // what is set about shapes
	own    map[string]shaper.Mode // of shapes, by person, where more is set for them
	rooms  *rooms                 // nil: no engine runs here
	resume *resume.Keeper         // of what engines had read
	pages  atomic.Pointer[web.Pages]

	verifying *turns        // of each person
	checking  chan struct{} // holds one while the store's file is read whole

	parse      library.Parser // reads documents in a jail; nil: none can be added
	embedders  *embedders     // by which they are found by meaning; nil: by words alone
	background sync.WaitGroup // what goes on without anybody's asking

	mu        sync.Mutex
	histories map[vault.PersonID]*kept // of open vaults; guarded by mu
	shelves   map[vault.PersonID]*shelved

	uploading sync.Mutex // held while room for a file is looked for and taken
}

// kept is a person's conversations over one opening of their vault.
type kept struct {
	vault   *vault.Vault
	mu      sync.Mutex       // held while they are read: others of the house need not wait for it
	history *history.History // nil until they are; guarded by mu
}

// isHome reports whether anybody was set up here. Vaults whose device secret is
// missing are a home, too: opening it says what to do.
func isHome(f folders) bool { return exists(f.Device()) || exists(f.Store()) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// A person may have their vault verified so often in a row, and then one more
// time every so often.
const (
	mostVerifying  = 3
	verifyingEvery = 5 * time.Minute
)

func newHome(places folders) *home {
	return &home{places: places, histories: map[vault.PersonID]*kept{}, shelves: map[vault.PersonID]*shelved{}, verifying: newTurns(mostVerifying, verifyingEvery), checking: make(chan struct{}, 1)}
}

// homeOptions say how a home is opened.
type homeOptions struct {
	make       bool              // where there is none
	newMachine bool              // the store came here without its device secret
	accept     *vault.RolledBack // of the directory itself
	serving    bool              // whether or not somebody works
	rooms      *rooms            // whose engines hold words of people; nil: none do
	jail       *sandbox.Jail     // that documents are read in; nil: none are added
}

// openHome opens the home. The caller holds the store's lock.
func openHome(ctx context.Context, p *program, o homeOptions) (h *home, err error) {
	h = newHome(p.cfg.Folders)
	h.rooms, h.resume = o.rooms, resume.New(int64(p.cfg.ResumeSpace)<<20)
	h.shape, h.parse, h.embedders = p.cfg.shapes(), documentParser(o.jail), &embedders{rooms: o.rooms, named: p.cfg.meant(p.cfg.Embed)}
	defer func() {
		if err != nil {
			err = errors.Join(tell(err), h.close())
		}
	}()
	if err := h.openStore(ctx, p, o); err != nil {
		return h, err
	}
	h.people, err = vault.OpenDirectory(ctx, vault.Config{
		Store: h.store, Device: h.device, StateDir: p.cfg.Folders.State, Audit: recorder{h.audit}, Now: time.Now,
		TokenIdle: tokenIdle(p.cfg.KeepAlive), NewMachine: o.newMachine, Accept: o.accept, Serving: o.serving,
		Opened: func(person vault.PersonID, v *vault.Vault) {
			h.resume.Opened(engine.Person(person), v)
			h.embedSoon(person, v)
		},
		Closing: func(person vault.PersonID) {
			h.sealVectors(person)
			o.rooms.rest(person)
		},
		Locked: func(person vault.PersonID) {
			defer h.forget(person).stopped()
			if pages := h.pages.Load(); pages != nil {
				pages.Forget(person)
			}
			h.resume.Closed(engine.Person(person))
			o.rooms.leave(person)
		},
	})
	return h, err
}

// tokenIdle is how long what a token opened stays open: as long as an idle model
// stays in memory.
func tokenIdle(keep duration) time.Duration {
	if keep < 0 {
		return forEver // and no longer than any session
	}
	return time.Duration(keep)
}

// openStore opens device secret, store and audit log.
func (h *home) openStore(ctx context.Context, p *program, o homeOptions) (err error) {
	f := p.cfg.Folders
	if h.device, err = openDevice(f, o.make); err != nil {
		return err
	}
	if h.store, err = sqlite.Open(ctx, f.Store()); err != nil {
		return err
	}
	if !o.newMachine {
		// Before the audit log, which would take a wrong device secret for a new
		// one, and advise to begin anew.
		err := h.device.Fits(ctx, h.store)
		if errors.Is(err, vault.ErrOtherDevice) {
			err = wrongDevice{f}
		}
		if err != nil {
			return err
		}
	}
	signing, pseudonyms := h.device.AuditKeys()
	h.audit, err = audit.Open(auditFolder(p), audit.Keys{Seed: signing[:], Pseudonym: pseudonyms[:]}, time.Now)
	clear(signing[:])
	clear(pseudonyms[:])
	return err
}

func openDevice(f folders, make bool) (*vault.Device, error) {
	d, err := vault.OpenDevice(f.Device(), f.Data)
	if !errors.Is(err, vault.ErrNoDevice) {
		return d, err
	}
	if _, err := os.Lstat(f.Store()); err == nil {
		return nil, fmt.Errorf("there are vaults in %s, and the device secret %s that belongs to them is missing: put it back. %s",
			f.Store(), f.Device(), withoutDevice(f))
	} else if !make || !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return vault.MakeDevice(f.Device(), f.Data)
}

// wrongDevice says that the device secret is not the one of the vaults.
type wrongDevice struct{ places folders }

func (e wrongDevice) Error() string {
	return fmt.Sprintf("the vaults in %s belong to another device secret than %s: put the right one back. %s",
		e.places.Store(), e.places.Device(), withoutDevice(e.places))
}

func (wrongDevice) Unwrap() error { return vault.ErrOtherDevice }

// withoutDevice says what to do where the device secret is lost.
func withoutDevice(f folders) string {
	dir := filepath.Dir(f.Store())
	return fmt.Sprintf("If it is lost, each person can come back with their recovery code: mv %s %s.old, then abaton vault restore --new-machine %s",
		dir, dir, filepath.Join(dir+".old", filepath.Base(f.Store())))
}

// history is the conversations of a session's person, opened with the first
// question for them and gone when the vault locks.
func (h *home) history(ctx context.Context, s vault.Session) (*history.History, error) {
	v, err := s.Vault()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	k := h.histories[s.Person]
	if k == nil || k.vault != v {
		k = &kept{vault: v}
		h.histories[s.Person] = k
	}
	h.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.history == nil {
		opened, err := history.Open(ctx, v, history.Config{})
		if err != nil {
			return nil, err
		}
		k.history = opened
	}
	return k.history, nil
}

// unread sees to it that nothing is kept, now or later, of what engines have read
// of a person's words until now: something of it is about to be deleted, and
// nobody can tell in which snapshots it is.
func (h *home) unread(ctx context.Context, s vault.Session) error {
	if _, err := s.Vault(); err != nil {
		return err
	}
	h.rooms.unread(s.Person)
	return h.resume.Forget(ctx, engine.Person(s.Person))
}

// forget lets go of what somebody whose vault has locked kept open. Their documents
// are given back, nil for none: what was at work with them may be waited for.
func (h *home) forget(person vault.PersonID) *shelved {
	h.mu.Lock()
	k := h.shelves[person]
	delete(h.histories, person)
	delete(h.shelves, person)
	h.mu.Unlock()
	if k != nil {
		k.shut()
		_ = h.counted(k, person) // of an adding that was broken off; a log that fails is told of by whoever writes next
	}
	return k
}

// closeHistories seals what of the conversations' index is not sealed yet.
func (h *home) closeHistories(ctx context.Context) (err error) {
	h.mu.Lock()
	all := h.histories
	h.histories = map[vault.PersonID]*kept{}
	h.mu.Unlock()
	for _, k := range all {
		k.mu.Lock()
		if k.history != nil {
			err = errors.Join(err, k.history.Close(ctx))
		}
		k.mu.Unlock()
	}
	return err
}

// close locks everybody and closes all, in the order that keeps each part's
// last words.
func (h *home) close() error {
	var errs []error
	// Not the caller's context: that is over when the program ends.
	errs = append(errs, h.closeHistories(context.Background()), h.closeLibraries(context.Background()))
	if h.people != nil {
		errs = append(errs, h.people.Close())
	}
	if h.audit != nil {
		errs = append(errs, h.audit.Close())
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	if h.device != nil {
		h.device.Close()
	}
	return errors.Join(errs...)
}

// recorder puts what happens to vaults on the audit log.
type recorder struct{ log *audit.Log }

// recorded is the fixed table of what is what.
func recorded() map[vault.What]audit.What {
	return map[vault.What]audit.What{
		vault.PersonCreated:      audit.PersonCreated,
		vault.PersonRemoved:      audit.PersonRemoved,
		vault.PersonDisabled:     audit.PersonDisabled,
		vault.RoleChanged:        audit.RoleChanged,
		vault.PersonRenamed:      audit.PersonRenamed,
		vault.SlotAdded:          audit.SlotAdded,
		vault.SlotRemoved:        audit.SlotRemoved,
		vault.SlotChanged:        audit.SlotChanged,
		vault.UnlockFailed:       audit.UnlockFailed,
		vault.EscrowUsed:         audit.EscrowUsed,
		vault.RootRotated:        audit.KeyRotated,
		vault.RollbackAccepted:   audit.RollbackAccepted,
		vault.VerificationFailed: audit.VerificationFailed,
		vault.DataExported:       audit.Exported,
		vault.InvitationMade:     audit.InvitationMade,
		vault.InvitationUsed:     audit.InvitationUsed,
		vault.TokenCreated:       audit.TokenCreated,
		vault.TokenRevoked:       audit.TokenRevoked,
	}
}

// Record writes an event durably, or fails: what cannot be recorded is not done.
func (r recorder) Record(e vault.Event) error {
	what, ok := recorded()[e.What]
	if !ok {
		return fmt.Errorf("the audit log knows no event %d", e.What)
	}
	x := audit.Event{What: what, Actor: e.Actor, Object: e.Object, Detail: e.Detail}
	if e.Failed {
		x.Result = audit.Failed
	}
	switch e.What {
	case vault.PersonDisabled:
		if x.Detail == 1 {
			x.What = audit.PersonEnabled
		}
		x.Detail = 0
	case vault.RootRotated:
		x.Detail = audit.RootKey
	case vault.EscrowUsed, vault.RollbackAccepted, vault.PersonRemoved, vault.DataExported:
		x.Detail = 0
	}
	return r.log.Record(x)
}

// Bind puts the heads of all vaults on the audit log.
func (r recorder) Bind(heads [32]byte, at ...time.Time) error { return r.log.Bind(heads, at...) }

// Bound tells which heads are the newest there.
func (r recorder) Bound(heads ...[32]byte) (time.Time, int) { return r.log.Bound(heads...) }

// Device is the file of the device secret: below the configuration, so that no
// copy of the data folder holds it.
func (f folders) Device() string { return filepath.Join(f.Config, "device", "secret") }

// Store is the file of the vaults.
func (f folders) Store() string { return filepath.Join(f.Data, "vault", "store.db") }

// began puts on the audit log that a server starts: with which program, behind
// which walls. Other verbs do not, for that would tell when somebody worked.
func (h *home) began(tier sandbox.Tier, isolation string, more ...audit.Event) error {
	digest, err := ownDigest()
	if err != nil {
		return fmt.Errorf("reading this program: %w", err)
	}
	events := []audit.Event{
		{What: audit.Start, Digest: digest},
		{What: audit.SandboxTier, Detail: tierNumber(tier)},
	}
	if isolation == pinnedSlot {
		events = append(events, audit.Event{What: audit.EngineShared})
	}
	return h.audit.RecordAll(append(events, more...))
}

// tierNumber is how the audit log counts tiers.
func tierNumber(t sandbox.Tier) uint32 {
	switch t {
	case sandbox.TierA:
		return audit.TierA
	case sandbox.TierB:
		return audit.TierB
	case sandbox.TierC:
		return audit.TierC
	}
	return audit.TierD
}

// run does what has its time: locking idle sessions, signing the audit log.
func (h *home) run(ctx context.Context) error {
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return h.people.Run(ctx) })
	running.Go(func() error { return h.audit.Run(ctx) })
	return running.Wait()
}

// openVaultless opens a home without its directory: enough to copy what nobody
// can read. The caller holds the store's lock.
func openVaultless(ctx context.Context, p *program) (h *home, err error) {
	h = newHome(p.cfg.Folders)
	if err := h.openStore(ctx, p, homeOptions{}); err != nil {
		return nil, errors.Join(tell(err), h.close())
	}
	return h, nil
}
