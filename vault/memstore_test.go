package vault

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
)

// memStore is a Store in memory that fails where a test wants it to.
type memStore struct {
	mu     sync.Mutex
	vaults map[ID]*memVault
	fail   func(n int) error // asked before the n-th commit
	n      int
}
type memVault struct {
	shell   Shell
	journal []Entry
	rows    map[ID][]byte
}

func newMemStore() *memStore { return &memStore{vaults: map[ID]*memVault{}} }

func (s *memStore) Vaults(context.Context) (l []ID, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.vaults {
		l = append(l, id)
	}
	return l, nil
}

func (s *memStore) Shell(_ context.Context, id ID) (Shell, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.vaults[id]
	if v == nil {
		return Shell{}, ErrNoVault
	}
	return Shell{Seq: v.shell.Seq, Header: slices.Clone(v.shell.Header), Slots: slices.Clone(v.shell.Slots)}, nil
}

func (s *memStore) Journal(_ context.Context, id ID, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		s.mu.Lock()
		v := s.vaults[id]
		var l []Entry
		if v != nil {
			l = slices.Clone(v.journal)
		}
		s.mu.Unlock()
		for _, e := range l {
			if e.Seq >= from && !yield(e, nil) {
				return
			}
		}
	}
}

func (s *memStore) Rows(_ context.Context, id ID, named ...ID) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		s.mu.Lock()
		v := s.vaults[id]
		var l []Row
		if v != nil {
			for k, b := range v.rows {
				if len(named) == 0 || slices.Contains(named, k) {
					l = append(l, Row{k, slices.Clone(b)})
				}
			}
		}
		s.mu.Unlock()
		for _, r := range l {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (s *memStore) Commit(_ context.Context, changes ...Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if s.fail != nil {
		if err := s.fail(s.n); err != nil {
			return err
		}
	}
	for _, c := range changes {
		var seq uint64
		if v := s.vaults[c.Vault]; v != nil {
			seq = v.shell.Seq
		}
		if seq != c.From {
			return ErrConflict
		}
	}
	for _, c := range changes {
		if c.Destroy {
			delete(s.vaults, c.Vault)
			continue
		}
		v := s.vaults[c.Vault]
		if v == nil {
			v = &memVault{rows: map[ID][]byte{}}
			s.vaults[c.Vault] = v
		}
		v.shell = Shell{Seq: c.Shell.Seq, Header: slices.Clone(c.Shell.Header), Slots: slices.Clone(c.Shell.Slots)}
		for _, e := range c.Append {
			v.journal = append(v.journal, Entry{e.Seq, slices.Clone(e.Envelope)})
		}
		v.journal = slices.DeleteFunc(v.journal, func(e Entry) bool { return e.Seq < c.Cut })
		for _, r := range c.Put {
			v.rows[r.ID] = slices.Clone(r.Envelope)
		}
		for _, id := range c.Delete {
			delete(v.rows, id)
		}
	}
	return nil
}

// copyOf is a vault as it is now, to be put back later.
func (s *memStore) copyOf(id ID) *memVault {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.vaults[id]
	c := &memVault{shell: v.shell, journal: slices.Clone(v.journal), rows: map[ID][]byte{}}
	maps.Copy(c.rows, v.rows)
	return c
}

// putBack replaces a vault.
func (s *memStore) putBack(id ID, v *memVault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &memVault{shell: v.shell, journal: slices.Clone(v.journal), rows: map[ID][]byte{}}
	maps.Copy(c.rows, v.rows)
	s.vaults[id] = c
}
