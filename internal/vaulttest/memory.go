// Package vaulttest has what tests of vaults need: a store in memory that can be
// copied, tampered with and made to fail, and the suite that every store has to
// pass. It is for tests only.
//
//	st := vaulttest.NewMemory()
//	v, err := vault.Create(ctx, st, vault.NewID(), vault.NewKey(), nil)
package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"

	"abaton.local/vault"
)

// Memory is a working [vault.Store]. The zero Memory is empty.
type Memory struct {
	mu     sync.Mutex
	vaults map[vault.ID]*Image
	calls  int // since Fail
	fail   Failure
}

// Image is all that a store keeps of one vault.
type Image struct {
	Shell   vault.Shell
	Journal []vault.Entry // ascending
	Rows    map[vault.ID][]byte
}

// Failure says which calls of a store fail, counted from 1 since Fail.
type Failure struct {
	At      int  // the first that fails; 0: none
	Forever bool // and all after it
	// Done makes a Commit that fails happen all the same, as where the answer was
	// lost on its way.
	Done bool
}

// ErrFault is what a call fails with.
var ErrFault = errors.New("the store was made to fail")

// NewMemory gives an empty store.
func NewMemory() *Memory { return new(Memory) }

// Fail makes calls fail from now on; the zero Failure ends that.
func (m *Memory) Fail(f Failure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls, m.fail = 0, f
}

// Calls is how many calls there were since Fail.
func (m *Memory) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// Clone copies the store as it is, without its failures.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &Memory{vaults: make(map[vault.ID]*Image)}
	for id, img := range m.vaults {
		c.vaults[id] = img.clone()
	}
	return c
}

// Image gives what is kept of a vault, to be tampered with while nobody uses the
// store; nil where there is none.
func (m *Memory) Image(id vault.ID) *Image {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.vaults[id]
}

// Replace puts a copy of an image in place of the vault; nil takes the vault
// away.
func (m *Memory) Replace(id vault.ID, img *Image) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if img == nil {
		delete(m.vaults, id)
		return
	}
	if m.vaults == nil {
		m.vaults = make(map[vault.ID]*Image)
	}
	m.vaults[id] = img.clone()
}

func (i *Image) clone() *Image {
	c := &Image{Shell: cloneShell(i.Shell), Rows: make(map[vault.ID][]byte, len(i.Rows))}
	for _, e := range i.Journal {
		c.Journal = append(c.Journal, vault.Entry{Seq: e.Seq, Envelope: bytes.Clone(e.Envelope)})
	}
	for id, b := range i.Rows {
		c.Rows[id] = bytes.Clone(b)
	}
	return c
}

func cloneShell(s vault.Shell) vault.Shell {
	s.Header, s.Slots = bytes.Clone(s.Header), bytes.Clone(s.Slots)
	return s
}

// call counts one; the lock is held. done says that a failing Commit happens.
func (m *Memory) call(ctx context.Context) (done bool, err error) {
	m.calls++
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if m.fail.At > 0 && (m.calls == m.fail.At || m.fail.Forever && m.calls > m.fail.At) {
		return m.fail.Done, ErrFault
	}
	return true, nil
}

// Vaults is of [vault.Store].
func (m *Memory) Vaults(ctx context.Context) ([]vault.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.call(ctx); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Keys(m.vaults)), nil
}

// Shell is of [vault.Store].
func (m *Memory) Shell(ctx context.Context, id vault.ID) (vault.Shell, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.call(ctx); err != nil {
		return vault.Shell{}, err
	}
	img := m.vaults[id]
	if img == nil {
		return vault.Shell{}, vault.ErrNoVault
	}
	return cloneShell(img.Shell), nil
}

// Journal is of [vault.Store]. Where it fails, half of the entries come first.
func (m *Memory) Journal(ctx context.Context, id vault.ID, from uint64) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		m.mu.Lock()
		_, err := m.call(ctx)
		var found []vault.Entry
		if img := m.vaults[id]; img != nil {
			for _, e := range img.Journal {
				if e.Seq >= from {
					found = append(found, vault.Entry{Seq: e.Seq, Envelope: bytes.Clone(e.Envelope)})
				}
			}
		}
		m.mu.Unlock()
		give(found, err, yield)
	}
}

// Rows is of [vault.Store]. Where it fails, half of the rows come first.
func (m *Memory) Rows(ctx context.Context, id vault.ID, named ...vault.ID) iter.Seq2[vault.Row, error] {
	return func(yield func(vault.Row, error) bool) {
		m.mu.Lock()
		_, err := m.call(ctx)
		var found []vault.Row
		if img := m.vaults[id]; img != nil && len(named) > 0 {
			for _, id := range named {
				if b, ok := img.Rows[id]; ok {
					found = append(found, vault.Row{ID: id, Envelope: bytes.Clone(b)})
				}
			}
		} else if img != nil {
			for id, b := range img.Rows {
				found = append(found, vault.Row{ID: id, Envelope: bytes.Clone(b)})
			}
		}
		m.mu.Unlock()
		give(found, err, yield)
	}
}

func give[T any](found []T, err error, yield func(T, error) bool) {
	if err != nil {
		found = found[:len(found)/2]
	}
	for _, f := range found {
		if !yield(f, nil) {
			return
		}
	}
	if err != nil {
		var none T
		yield(none, err)
	}
}

// Commit is of [vault.Store].
func (m *Memory) Commit(ctx context.Context, changes ...vault.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	done, err := m.call(ctx)
	if !done {
		return err
	}
	// Only what the changes touch is put aside: a copy of all would make every
	// commit as slow as the vault is large.
	after := make(map[vault.ID]uint64)
	for i := range changes {
		c := &changes[i]
		at, ok := after[c.Vault]
		if img := m.vaults[c.Vault]; img != nil && !ok {
			at = img.Shell.Seq
		}
		if at != c.From {
			return vault.ErrConflict
		}
		after[c.Vault] = c.Shell.Seq
		if c.Destroy {
			after[c.Vault] = 0
		}
	}
	if m.vaults == nil {
		m.vaults = make(map[vault.ID]*Image)
	}
	for i := range changes {
		m.change(&changes[i])
	}
	return err
}

func (m *Memory) change(c *vault.Change) {
	if c.Destroy {
		delete(m.vaults, c.Vault)
		return
	}
	img := m.vaults[c.Vault]
	if img == nil {
		img = &Image{Rows: make(map[vault.ID][]byte)}
		m.vaults[c.Vault] = img
	}
	img.Shell = cloneShell(c.Shell)
	for _, e := range c.Append {
		img.Journal = append(img.Journal, vault.Entry{Seq: e.Seq, Envelope: bytes.Clone(e.Envelope)})
	}
	if c.Cut > 0 {
		img.Journal = slices.DeleteFunc(img.Journal, func(e vault.Entry) bool { return e.Seq < c.Cut })
	}
	for _, r := range c.Put {
		img.Rows[r.ID] = bytes.Clone(r.Envelope)
	}
	for _, id := range c.Delete {
		delete(img.Rows, id)
	}
}
