package vault_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

// story is what a vault does with its store, as steps that each leave a known
// content. A step that failed may have happened or not.
type story struct {
	*made
	now, maybe map[vault.ID]string // maybe: what it is if the last step happened after all
	roots      []*vault.Key        // one of them opens it
	in, other  vault.ID
	ids        []vault.ID
}

func newStory(st *vaulttest.Memory) *story {
	s := &story{made: &made{st: st, id: vault.NewID(), root: vault.NewKey()}, in: vault.NewID(), other: vault.NewID()}
	for range 6 {
		s.ids = append(s.ids, vault.NewID())
	}
	s.roots = []*vault.Key{s.root}
	s.now = map[vault.ID]string{}
	return s
}

func (s *story) put(n int, in vault.ID, text string) vault.Edit {
	return vault.Edit{Put: []vault.Put{{ID: s.ids[n], Container: in, Kind: vault.KindTurn, Payload: []byte(text)}}}
}

func (s *story) steps() []func(context.Context) error {
	edit := func(e vault.Edit) func(context.Context) error {
		return func(ctx context.Context) error {
			s.maybe = maps.Clone(s.now)
			for _, p := range e.Put {
				s.maybe[p.ID] = string(p.Payload)
			}
			for _, id := range e.Delete {
				delete(s.maybe, id)
			}
			for range e.Drop {
				delete(s.maybe, s.ids[3])
			}
			err := s.Write(ctx, e)
			if err == nil {
				s.now = s.maybe
			}
			return err
		}
	}
	large := strings.Repeat("large", 300_000)
	return []func(context.Context) error{
		edit(s.put(0, s.in, "zero")),
		edit(s.put(1, s.in, large)),
		edit(s.put(3, s.other, "in the other")),
		edit(vault.Edit{Put: append(s.put(0, s.in, "zero again").Put, s.put(4, s.in, "four").Put...), Drop: []vault.ID{s.other}}),
		func(ctx context.Context) error {
			s.maybe = s.now
			next := vault.NewKey()
			s.roots = append(s.roots, next)
			return s.Rotate(ctx, next, []byte("other slots"))
		},
		edit(s.put(1, s.in, large+" and more")),
		func(ctx context.Context) error { s.maybe = s.now; return s.Continue(ctx) },
		func(ctx context.Context) error { s.maybe = s.now; return s.ReplaceSlots(ctx, []byte("third")) },
		edit(vault.Edit{Delete: s.ids[:1]}),
		func(ctx context.Context) error { return holds(ctx, s.Vault, s.now) },
	}
}

// settled opens the store as after a restart: with one of the root keys, and
// with the content before or after the step that failed.
func (s *story) settled(ctx context.Context) error {
	var opened int
	var last error
	for _, root := range s.roots {
		v, err := vault.Open(ctx, s.st, s.id, root, vault.Opening{})
		if err != nil {
			last = err
			continue
		}
		opened++
		if err := v.Verify(ctx); err != nil {
			return err
		}
		if err := holds(ctx, v, s.now); err != nil {
			if err := holds(ctx, v, s.maybe); err != nil {
				return fmt.Errorf("neither before nor after: %w", err)
			}
		}
		v.Close()
	}
	if opened != 1 {
		return fmt.Errorf("%d of %d root keys open the vault: %w", opened, len(s.roots), last)
	}
	return nil
}

// The n-th call to the store fails, for all n, before or after it did its work,
// once or for ever. Nothing that was acknowledged is lost, the vault opens, and
// where the fault was passing, the same Vault goes on.
func TestNthStoreCallFails(t *testing.T) {
	st := vaulttest.NewMemory()
	s := newStory(st)
	var err error
	if s.Vault, err = vault.Create(t.Context(), st, s.id, s.root, nil); err != nil {
		t.Fatal(err)
	}
	st.Fail(vaulttest.Failure{})
	for i, step := range s.steps() {
		if err := step(t.Context()); err != nil {
			t.Fatalf("step %d without a fault: %v", i, err)
		}
	}
	if err := s.settled(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := st.Calls()
	for at := 1; at <= calls; at++ {
		for _, forever := range []bool{false, true} {
			for _, done := range []bool{false, true} {
				s.try(t, vaulttest.Failure{At: at, Forever: forever, Done: done})
			}
		}
	}
}

func (*story) try(t *testing.T, f vaulttest.Failure) {
	s := newStory(vaulttest.NewMemory())
	var err error
	if s.Vault, err = vault.Create(t.Context(), s.st, s.id, s.root, nil); err != nil {
		t.Fatal(err)
	}
	s.st.Fail(f)
	for i, step := range s.steps() {
		err := step(t.Context())
		if err == nil {
			continue
		}
		if !errors.Is(err, vaulttest.ErrFault) {
			t.Fatalf("%+v: step %d: %v", f, i, err)
		}
		if !f.Forever { // the vault itself finds out what happened
			if err := holds(t.Context(), s.Vault, s.now); err != nil {
				// A read met the new rows, or the list is of the new state.
				if err := holds(t.Context(), s.Vault, s.maybe); err != nil {
					t.Fatalf("%+v: after step %d: %v", f, i, err)
				}
			}
			if err := s.ReplaceSlots(t.Context(), []byte("after the fault")); err != nil {
				t.Fatalf("%+v: after step %d: %v", f, i, err)
			}
		}
		s.st.Fail(vaulttest.Failure{})
		break
	}
	s.st.Fail(vaulttest.Failure{})
	s.Close()
	if err := s.settled(t.Context()); err != nil {
		t.Fatalf("%+v: %v", f, err)
	}
}

// Of two that have the vault open, the second to write finds out.
func TestSecondWriterFindsOut(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	m.write(t, in, "a")
	second, err := m.reopen(t.Context(), m.st, m.Head())
	if err != nil {
		t.Fatal(err)
	}
	m.write(t, in, "b")
	for range 2 {
		if err := second.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: vault.NewID(), Container: in, Kind: 2}}}); !errors.Is(err, vault.ErrConflict) {
			t.Errorf("the second writer: %v", err)
		}
	}
	second.Close()
	m.write(t, in, "c")
	if err := m.inspect(t, m.st, m.Head()); err != nil {
		t.Error(err)
	}
}

// A vault is made once.
func TestCreateTwice(t *testing.T) {
	m := make1(t)
	if _, err := vault.Create(t.Context(), m.st, m.id, vault.NewKey(), nil); !errors.Is(err, vault.ErrConflict) {
		t.Errorf("made again: %v", err)
	}
	if _, err := vault.Open(t.Context(), m.st, vault.NewID(), m.root, vault.Opening{}); !errors.Is(err, vault.ErrNoVault) || errors.Is(err, vault.ErrRolledBack) {
		t.Errorf("one that is not there: %v", err)
	}
	m.st.Fail(vaulttest.Failure{At: 1})
	if _, err := vault.Create(t.Context(), m.st, vault.NewID(), vault.NewKey(), nil); !errors.Is(err, vaulttest.ErrFault) {
		t.Errorf("a store that fails: %v", err)
	}
}
