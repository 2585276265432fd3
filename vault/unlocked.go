package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"abaton.local/vault/internal/seal"
)

// Key is a vault's root key, or another of its secrets; it does not print.
type Key = seal.Key

// NewKey draws a key.
func NewKey() *Key { return seal.NewKey() }

// Head stands for all that a vault ever was, up to one journal entry. It tells
// nothing of what is in it. Kept outside the store, it shows whether an old copy
// was put back. The zero Head is that of no vault.
type Head struct {
	Seq uint64
	Sum seal.Head
}

// Vault is one person's unlocked vault: sealed records over a store that is
// trusted with nothing but to keep them. It is safe for concurrent use. Each
// vault is opened once at a time, by one process: a second finds out at its
// first Write, with [ErrConflict].
type Vault struct {
	id ID
	st *leavable

	// writing is held by whoever changes the vault; mu is taken after it.
	writing sync.Mutex
	doubt   *change // a commit of which it is not known whether it happened; guarded by writing
	stale   bool    // somebody else changed the vault; guarded by writing

	// mu guards what follows. It is written with writing held too, so that its
	// holder reads without mu. Nobody waits for the store with mu held.
	mu       sync.RWMutex
	closed   bool
	keys     *keys
	head     header
	slots    []byte
	manifest *manifest
	ring     *ring
}

// keys are what is derived of a root key; the container keys are the ring's.
type keys struct {
	generation uint32
	header     *seal.Sealer
	journal    *seal.Sealer
	snapshot   *seal.Key
	ring       *seal.Key
}

func sealerOf(k *seal.Key) *seal.Sealer {
	defer k.Clear()
	return seal.NewSealer(k)
}

func deriveKeys(root *seal.Key, generation uint32) *keys {
	g := binary.BigEndian.AppendUint32(nil, generation)
	return &keys{
		generation: generation,
		header:     sealerOf(root.Derive("header")),
		journal:    sealerOf(root.Derive("journal", g)),
		snapshot:   root.Derive("snapshot", g),
		ring:       root.Derive("ring", g),
	}
}

func (k *keys) clear() {
	k.header.Clear()
	k.journal.Clear()
	k.snapshot.Clear()
	k.ring.Clear()
}

// Create makes an empty vault that root and whoever is in the slot set can open,
// and opens it. The root key stays the caller's. A vault of that ID is
// [ErrConflict].
func Create(ctx context.Context, st Store, id ID, root *Key, slots []byte) (*Vault, error) {
	v := &Vault{id: id, st: newLeavable(st), keys: deriveKeys(root, 1), manifest: newManifest(1, 0)}
	v.ring = freshRing(id, 1, v.keys.ring)
	v.head.generation, v.head.first = 1, 1
	c := v.begin()
	c.slots, c.step.slots = bytes.Clone(slots), slotsMark{1, seal.Digest(slots)}
	if err := v.commit(ctx, c); err != nil {
		v.wipe()
		return nil, err
	}
	return v, nil
}

// Opening says what is known of a vault that is opened.
type Opening struct {
	// Remembered is the vault's head as it was last seen and kept outside the
	// store; zero where nothing is known.
	Remembered Head
	// AcceptRollback opens the vault though it is not what is remembered: after
	// its person restored a backup and said so.
	AcceptRollback bool
}

// Open opens a vault with its root key, which stays the caller's.
// [ErrRolledBack] means that the store holds another state than the one
// remembered, or none; a *[Damage] that it holds no state of this vault at all.
func Open(ctx context.Context, st Store, id ID, root *Key, o Opening) (*Vault, error) {
	shell, err := st.Shell(ctx, id)
	if errors.Is(err, ErrNoVault) && o.Remembered != (Head{}) {
		return nil, fmt.Errorf("%w: %w", ErrRolledBack, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the vault: %w", err)
	}
	v := &Vault{id: id, st: newLeavable(st), slots: shell.Slots}
	if err := v.load(ctx, &shell, root); err != nil {
		v.wipe()
		return nil, err
	}
	if !o.AcceptRollback {
		if err := v.holds(ctx, o.Remembered); err != nil {
			v.wipe()
			return nil, err
		}
	}
	return v, nil
}

func (v *Vault) load(ctx context.Context, shell *Shell, root *seal.Key) error {
	opener := sealerOf(root.Derive("header"))
	defer opener.Clear()
	plain, err := opener.Open(nil, shell.Header, headerPlace(v.id, shell.Seq))
	if err != nil {
		return v.damage(BadHeader)
	}
	defer clear(plain)
	v.head, err = parseHeader(plain)
	if errors.Is(err, ErrNewer) {
		return err
	}
	if err != nil || v.head.seq != shell.Seq || v.head.seq == 0 || v.head.first == 0 || v.head.generation == 0 {
		return v.damage(BadHeader)
	}
	if seal.Digest(shell.Slots) != v.head.slots.digest {
		return v.damage(BadSlots)
	}
	v.keys = deriveKeys(root, v.head.generation)
	if err := v.loadManifest(ctx); err != nil {
		return err
	}
	v.ring, err = loadRing(ctx, v.st, v.id, v.head.generation, v.keys.ring, v.head.ring)
	if err != nil {
		return err
	}
	if uint64(v.manifest.old) != v.head.old {
		return v.damage(BadState)
	}
	if !v.ring.covers(v.manifest) {
		return v.damage(BadRing)
	}
	return nil
}

// loadManifest finds the newest snapshot that is whole and applies the entries
// since.
func (v *Vault) loadManifest(ctx context.Context) error {
	var last error = v.damage(BadState)
	for _, start := range v.head.starts() {
		m, err := v.loadFrom(ctx, &start)
		if err == nil {
			v.manifest = m
			return nil
		}
		if _, damaged := errors.AsType[*Damage](err); !damaged {
			return err
		}
		last = err
	}
	return last
}

func (v *Vault) loadFrom(ctx context.Context, start *snapshotMark) (m *manifest, err error) {
	if start.seq == 0 {
		m = newManifest(v.keys.generation, 0)
	} else if m, err = loadSnapshot(ctx, v.st, v.id, v.keys, start); err != nil {
		return nil, err
	}
	return m, v.replay(ctx, m, start.seq, start.head)
}

// replay applies the journal after entry seq to m, to the header's head.
func (v *Vault) replay(ctx context.Context, m *manifest, seq uint64, head seal.Head) error {
	slots := v.head.slots
	for e, err := range v.st.Journal(ctx, v.id, seq+1) {
		if err != nil {
			return fmt.Errorf("reading the vault's journal: %w", err)
		}
		if e.Seq != seq+1 || e.Seq > v.head.seq {
			return v.damage(BadJournal)
		}
		plain, err := v.keys.journal.Open(nil, e.Envelope, journalPlace(v.id, e.Seq, v.keys.generation))
		if err != nil {
			return v.damage(BadJournal)
		}
		s, err := parseStep(plain)
		clear(plain)
		if err != nil || s.previous != head {
			return v.damage(BadJournal)
		}
		for i := range s.ops {
			if err := m.apply(&s.ops[i]); err != nil {
				return v.damage(BadJournal)
			}
		}
		if s.slots.version > 0 {
			slots = s.slots
		}
		seq, head = e.Seq, seal.NextHead(head, e.Seq, e.Envelope)
	}
	if seq != v.head.seq || head != v.head.head || slots != v.head.slots {
		return v.damage(BadJournal)
	}
	return nil
}

// holds is ErrRolledBack unless what is remembered lies on the vault's chain. A
// head from before the oldest entry that is left is taken for one.
func (v *Vault) holds(ctx context.Context, r Head) error {
	if r == (Head{}) {
		return nil
	}
	if r.Seq >= v.head.seq {
		if r.Seq == v.head.seq && r.Sum == v.head.head {
			return nil
		}
		return ErrRolledBack
	}
	if r.Seq+1 < v.head.first {
		return nil
	}
	known := map[uint64]seal.Head{v.head.seq: v.head.head}
	for _, s := range v.head.starts() {
		known[s.seq] = s.head
	}
	seq, head := r.Seq, r.Sum
	for e, err := range v.st.Journal(ctx, v.id, r.Seq+1) {
		if sum, ok := known[seq]; ok {
			if sum != head {
				return ErrRolledBack
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the vault's journal: %w", err)
		}
		if e.Seq != seq+1 {
			return v.damage(BadJournal)
		}
		seq, head = e.Seq, seal.NextHead(head, e.Seq, e.Envelope)
	}
	if seq != v.head.seq {
		return v.damage(BadJournal)
	}
	if head != v.head.head {
		return ErrRolledBack
	}
	return nil
}

func (v *Vault) damage(f Fault) *Damage { return &Damage{Vault: v.id, Fault: f} }

// String hides what the vault holds.
func (*Vault) String() string { return "vault …" }

// Format hides what the vault holds from every verb of package fmt.
func (v *Vault) Format(f fmt.State, _ rune) { io.WriteString(f, v.String()) }

// ID names the vault.
func (v *Vault) ID() ID { return v.id }

// Head is what to remember outside the store, after every Write that matters
// and at the end. It is zero once the vault is closed.
func (v *Vault) Head() Head {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.closed {
		return Head{}
	}
	return Head{v.head.seq, v.head.head}
}

// Slots gives the slot set and its version, which rises by one with every
// change. They are proven: the sealed header names both.
func (v *Vault) Slots() (set []byte, version uint64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return bytes.Clone(v.slots), v.head.slots.version
}

// List gives the records of a kind (0: of every kind) in a container (zero: in
// all) by their order. It reads nothing from the store, and gives nothing once
// the vault is closed.
func (v *Vault) List(k Kind, container ID) []Record {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.closed {
		return nil
	}
	return v.manifest.list(k, container)
}

// Lookup gives what is known of a record without reading it: ErrNoRecord where
// there is none.
func (v *Vault) Lookup(id ID) (Record, error) {
	it, err := v.item(id)
	if err != nil {
		return Record{}, err
	}
	return it.record(), nil
}

func (v *Vault) item(id ID) (item, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.closed {
		return item{}, ErrLocked
	}
	it := v.manifest.find(id)
	if it == nil {
		return item{}, fmt.Errorf("record %v: %w", id, ErrNoRecord)
	}
	return *it, nil
}

// closing is how long a vault's last moments may take: a write that is under way,
// the last words, a snapshot. A store that hangs must not keep keys in memory.
const closing = 3 * time.Second

// hurry lets the vault leave its store, whatever that is at, unless called off
// within the time for closing.
func (v *Vault) hurry() (callOff func()) {
	timer := time.AfterFunc(closing, v.st.leave)
	return func() { timer.Stop() }
}

// Close wipes the keys and forgets the rest: from then on everything is
// ErrLocked. It waits a moment for a Write that is under way; one that hangs
// fails with ErrLocked, and whether it happened the next opening shows. Where
// many entries came since the last snapshot it takes one, for that opening's
// sake; that this fails harms nothing.
func (v *Vault) Close() {
	defer v.hurry()()
	v.writing.Lock()
	defer v.writing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	if v.ready(ctx) == nil && v.head.seq-v.head.snapshots[0].seq > snapshotAtClose {
		c := v.begin()
		c.snapshot = true
		v.commit(ctx, c) // lost, if it fails, is nothing but time at the next opening
	}
	v.wipe()
	v.st.leave() // readers hold copies of keys until the store answers them
}

// wipe drops all keys and what they opened. The holder of writing calls it, or
// nobody else knows the vault yet.
func (v *Vault) wipe() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	v.closed = true
	if v.doubt != nil {
		v.doubt.drop(v)
	}
	if v.ring != nil {
		v.ring.clear()
	}
	if v.keys != nil {
		v.keys.clear()
	}
	v.keys, v.ring, v.manifest, v.doubt, v.slots, v.head = nil, nil, nil, nil, nil, header{}
}
