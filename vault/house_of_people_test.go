package vault

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// record is a Recorder that remembers, and fails where a test wants it to.
type record struct {
	mu     sync.Mutex
	events []Event
	bound  []binding
	err    error
	step   func() error // asked before each writing, where a test wants it
}

// binding is a digest of all heads, and its time.
type binding struct {
	heads [32]byte
	at    time.Time
}

func (r *record) Bind(heads [32]byte, at ...time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fails(); err != nil {
		return err
	}
	for _, t := range at {
		r.bound = append(r.bound, binding{heads, t})
	}
	return nil
}

func (r *record) Bound(heads ...[32]byte) (time.Time, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bound) == 0 {
		return time.Time{}, -1
	}
	last := r.bound[len(r.bound)-1]
	return last.at, slices.Index(heads, last.heads)
}

func (r *record) Record(e Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fails(); err != nil {
		return err
	}
	r.events = append(r.events, e)
	return nil
}

func (r *record) fails() error {
	if r.err == nil && r.step != nil {
		return r.step()
	}
	return r.err
}

// take gives what was recorded since the last take.
func (r *record) take() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.events
	r.events = nil
	return e
}

func (r *record) saw(w What) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.events, func(e Event) bool { return e.What == w })
}

// place is a machine with a store: what a directory can be opened on again.
type place struct {
	t      testing.TB
	store  *memStore
	config Config
	record *record
	clock  time.Time
	mu     sync.Mutex
	locked []PersonID     // guarded by mu
	root   [cellSize]byte // of the owner, for benchmarks
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, store: newMemStore(), record: &record{}, clock: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	device, err := MakeDevice(filepath.Join(dir, "config", "device"), filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	p.config = Config{
		Store: p.store, Device: device, StateDir: filepath.Join(dir, "state"), Audit: p.record,
		Now: func() time.Time { return p.clock }, Cost: FloorCost(),
		Locked: func(id PersonID) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.locked = append(p.locked, id)
		},
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

// left gives those whose keys are gone, in that order.
func (p *place) left() []PersonID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.locked)
}

// open opens the directory, which the test closes.
func (p *place) open() *Directory {
	p.t.Helper()
	d, err := OpenDirectory(p.t.Context(), p.config)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

const (
	ownerPass  = "the owner has a passphrase"
	memberPass = "and the member has another"
)

// owner makes the first owner.
func (p *place) owner(d *Directory) Session {
	p.t.Helper()
	claim, err := d.Claim()
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := d.Join(p.t.Context(), Newcomer{Ticket: claim.Reveal(), Name: "Olga", Passphrase: []byte(ownerPass)})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// member makes one more person.
func (p *place) member(d *Directory, owner Session, name string) Session {
	p.t.Helper()
	n, _, err := d.Invite(p.t.Context(), owner, RoleMember)
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := d.Join(p.t.Context(), Newcomer{Ticket: n.Reveal(), Name: name, Passphrase: []byte(memberPass)})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *place) unlock(d *Directory, name, pass string) Session {
	p.t.Helper()
	s, err := d.Unlock(p.t.Context(), Attempt{Name: name, Way: SlotPassphrase, Secret: []byte(pass)})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// openVaults counts the vaults that are open, and is 0 only where no session is
// left either that could open one.
func (p *place) openVaults(d *Directory) int {
	d.lobby.mu.Lock()
	defer d.lobby.mu.Unlock()
	return max(len(d.lobby.open), len(d.lobby.seats))
}

// rootOf copies the root key of an unlocked session, and again unlocks with it:
// for tests in which somebody unlocks often, and the stretching is not the point.
func (p *place) rootOf(d *Directory, s Session) (root [cellSize]byte) {
	p.t.Helper()
	if err := d.lobby.with(s.seat, func(o *home) error { root = *o.root; return nil }); err != nil {
		p.t.Fatal(err)
	}
	return root
}

func (p *place) again(d *Directory, s Session, root [cellSize]byte) Session {
	p.t.Helper()
	cell, err := d.config.Device.arena.cell()
	if err != nil {
		p.t.Fatal(err)
	}
	*cell = root
	who, _ := d.who(s.Person)
	s, err = d.admit(p.t.Context(), who, pass(who.Name, ""), p.store.copyOf(identity(who.id)).shell.Slots, cell, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// keep writes a text into a session's vault and gives its ID.
func (p *place) keep(s Session, text string) ID {
	p.t.Helper()
	v, err := s.Vault()
	if err != nil {
		p.t.Fatal(err)
	}
	id := NewID()
	if err := v.Write(p.t.Context(), Edit{Put: []Put{{ID: id, Container: ID{1, 2, 3}, Kind: KindSetting, Payload: []byte(text)}}}); err != nil {
		p.t.Fatal(err)
	}
	return id
}

// has checks that a session's vault holds a text.
func (p *place) has(s Session, id ID, text string) {
	p.t.Helper()
	v, err := s.Vault()
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := v.Read(p.t.Context(), id)
	if err != nil || string(b) != text {
		p.t.Fatalf("read %d bytes, %v", len(b), err)
	}
}
