package vault_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
	"pgregory.net/rapid"
)

// model is a vault beside a map that says what must be in it.
type model struct {
	story
	containers map[vault.ID]vault.ID // of each record
	head       vault.Head            // the newest that was acknowledged
	count      uint16
}

func (m *model) text(t *rapid.T) string {
	if rapid.IntRange(0, 99).Draw(t, "large") == 99 {
		return strings.Repeat(rapid.StringN(1, 1, 1).Draw(t, "word"), 1_100_000)
	}
	return rapid.StringN(0, 40, 400).Draw(t, "text")
}

// newID counts: a sequence that failed must be the same when it is tried again.
func (m *model) newID() vault.ID {
	m.count++
	return vault.ID{byte(m.count >> 8), byte(m.count), 1}
}

func (m *model) records() []vault.ID {
	return slices.SortedFunc(maps.Keys(m.now), func(a, b vault.ID) int { return slices.Compare(a[:], b[:]) })
}

func (m *model) inUse() []vault.ID {
	ids := slices.Collect(maps.Values(m.containers))
	slices.SortFunc(ids, func(a, b vault.ID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// edit makes an edit that some of its parts are drawn for.
func (m *model) edit(t *rapid.T) {
	after, containers := maps.Clone(m.now), maps.Clone(m.containers)
	var e vault.Edit
	used := map[vault.ID]bool{}
	if ids := m.inUse(); len(ids) > 0 && rapid.IntRange(0, 5).Draw(t, "drop") == 0 {
		e.Drop = []vault.ID{rapid.SampledFrom(ids).Draw(t, "container")}
	}
	dropped := func(c vault.ID) bool { return slices.Contains(e.Drop, c) }
	for id, in := range m.containers {
		if dropped(in) {
			delete(after, id)
			delete(containers, id)
			used[id] = true
		}
	}
	for range rapid.IntRange(0, 6).Draw(t, "parts") {
		ids := slices.DeleteFunc(m.records(), func(id vault.ID) bool { return used[id] })
		id := m.newID()
		if len(ids) > 0 && rapid.Bool().Draw(t, "known") {
			id = rapid.SampledFrom(ids).Draw(t, "record")
		}
		used[id] = true
		if _, known := m.now[id]; known && rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
			e.Delete = append(e.Delete, id)
			delete(after, id)
			delete(containers, id)
			continue
		}
		in, known := m.containers[id]
		if !known {
			in = m.newID()
			if ids := slices.DeleteFunc(m.inUse(), dropped); len(ids) > 0 && rapid.IntRange(0, 3).Draw(t, "new container") > 0 {
				in = rapid.SampledFrom(ids).Draw(t, "in")
			}
		}
		text := m.text(t)
		e.Put = append(e.Put, vault.Put{ID: id, Container: in, Kind: vault.KindTurn, Payload: []byte(text)})
		after[id], containers[id] = text, in
	}
	m.step(t, func(ctx context.Context) error { return m.Write(ctx, e) }, after, containers)
}

// step does something that leads to another content; sometimes the store
// crashes under it, and the vault is opened anew.
func (m *model) step(t *rapid.T, do func(context.Context) error, after map[vault.ID]string, containers map[vault.ID]vault.ID) {
	crash := rapid.IntRange(0, 5).Draw(t, "crash") == 0
	if crash {
		m.st.Fail(vaulttest.Failure{At: rapid.IntRange(1, 3).Draw(t, "at"), Forever: true, Done: rapid.Bool().Draw(t, "done")})
	}
	err := do(context.Background())
	if err == nil {
		m.now, m.containers = after, containers
	} else if !crash || !errors.Is(err, vaulttest.ErrFault) {
		t.Fatal(err)
	}
	if !crash {
		m.head = m.Head()
		return
	}
	if err == nil {
		m.head = m.Head()
	}
	m.Close() // its last snapshot fails, too
	m.st.Fail(vaulttest.Failure{})
	m.open(t)
	if err != nil {
		if m.Head().Seq > m.head.Seq { // it happened after all
			m.now, m.containers = after, containers
		}
	}
	m.head = m.Head()
	m.check(t)
}

func (m *model) open(t *rapid.T) {
	var opened *vault.Vault
	for _, root := range m.roots {
		if v, err := vault.Open(context.Background(), m.st, m.id, root, vault.Opening{Remembered: m.head}); err == nil {
			if opened != nil {
				t.Fatal("two root keys open it")
			}
			opened, m.root = v, root
		}
	}
	if opened == nil {
		t.Fatal("no root key opens it")
	}
	m.Vault = opened
	m.roots = []*vault.Key{m.root}
}

func (m *model) check(t *rapid.T) {
	if err := holds(context.Background(), m.Vault, m.now); err != nil {
		t.Fatal(err)
	}
	for _, r := range m.List(0, vault.ID{}) {
		if m.containers[r.ID] != r.Container {
			t.Fatalf("record %v lies in another container", r.ID)
		}
	}
}

// sequence is one run against the map.
func sequence(t *rapid.T) {
	m := &model{story: *newStory(vaulttest.NewMemory()), containers: map[vault.ID]vault.ID{}}
	var err error
	if m.Vault, err = vault.Create(context.Background(), m.st, m.id, m.root, nil); err != nil {
		t.Fatal(err)
	}
	m.head = m.Head()
	var old *vaulttest.Memory
	var oldHead vault.Head
	t.Repeat(map[string]func(*rapid.T){
		"":      m.check,
		"edit":  m.edit,
		"edit2": m.edit,
		"edit3": m.edit,
		"slots": func(t *rapid.T) {
			m.step(t, func(ctx context.Context) error {
				return m.ReplaceSlots(ctx, []byte(rapid.StringN(0, 9, 90).Draw(t, "slots")))
			}, m.now, m.containers)
		},
		"rotate": func(t *rapid.T) {
			next := vault.NewKey()
			m.roots = append(m.roots, next)
			m.step(t, func(ctx context.Context) error { return m.Rotate(ctx, next, []byte("slots")) }, m.now, m.containers)
		},
		"continue": func(t *rapid.T) { m.step(t, m.Continue, m.now, m.containers) },
		"many": func(t *rapid.T) { // enough entries for a snapshot at the end
			for range 120 {
				if err := m.ReplaceSlots(context.Background(), []byte("slots")); err != nil {
					t.Fatal(err)
				}
			}
			m.head = m.Head()
		},
		"reopen": func(t *rapid.T) {
			m.Close()
			m.open(t)
			m.head = m.Head()
		},
		"verify": func(t *rapid.T) {
			if err := m.Verify(context.Background()); err != nil {
				t.Fatal(err)
			}
		},
		"backup": func(*rapid.T) { old, oldHead = m.st.Clone(), m.head },
		"put the backup back": func(t *rapid.T) {
			if old == nil || oldHead == m.head {
				return
			}
			for _, root := range m.roots {
				if v, err := vault.Open(context.Background(), old, m.id, root, vault.Opening{Remembered: m.head}); err == nil {
					t.Fatalf("an old copy at %d was taken for the one at %d", v.Head().Seq, m.head.Seq)
				}
			}
		},
	})
	if err := m.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	m.Close()
}

func TestSequencesAgainstAMap(t *testing.T) { sequences(t, 3) }

// sequences runs so many hundreds of them.
func sequences(t *testing.T, hundreds int) {
	for n := range hundreds {
		t.Run(fmt.Sprint(n), func(t *testing.T) { rapid.Check(t, sequence) })
	}
}
