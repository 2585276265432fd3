package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"abaton.local/vault"
)

// Many read while many write, rotate and verify; every text that is read is one
// that was written, and no reader takes a change for damage.
func TestConcurrentReadersAndWriters(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	var texts []string
	for i := range 40 {
		texts = append(texts, fmt.Sprintf("%d: 0", i))
	}
	texts[7] = "7: " + strings.Repeat("large", 300_000)
	ids := m.write(t, in, texts...)
	const rounds = 30
	fine := func(err error) bool { return err == nil || errors.Is(err, vault.ErrNoRecord) }
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for n := range rounds {
				i := (w*7 + n) % len(ids)
				text := fmt.Sprintf("%d: %d", i, n)
				if i == 7 {
					text += strings.Repeat("grown", 300_000)
				}
				if err := m.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: ids[i], Container: in, Kind: vault.KindTurn, Order: uint64(i), Payload: []byte(text)}}}); err != nil {
					t.Error(err)
				}
				fleeting := vault.Put{ID: vault.NewID(), Container: vault.NewID(), Kind: vault.KindTurn, Payload: []byte("fleeting")}
				if err := m.Write(t.Context(), vault.Edit{Put: []vault.Put{fleeting}}); err != nil {
					t.Error(err)
				}
				if err := m.Write(t.Context(), vault.Edit{Drop: []vault.ID{fleeting.Container}}); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range rounds {
				for _, r := range m.List(0, vault.ID{}) {
					if _, err := m.Read(t.Context(), r.ID); !fine(err) {
						t.Error(err)
					}
				}
				for c, err := range m.ReadMany(t.Context(), ids) {
					if !fine(err) || err == nil && !strings.HasPrefix(string(c.Payload), fmt.Sprintf("%d: ", c.Order)) {
						t.Errorf("%q, %v", c.Payload[:min(9, len(c.Payload))], err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for range rounds / 10 {
			if err := m.Rotate(t.Context(), vault.NewKey(), nil); err != nil {
				t.Error(err)
			}
			for m.Left() != 0 {
				if err := m.Continue(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if err := m.Verify(t.Context()); err != nil {
				t.Error(err)
			}
			m.Head()
			m.Slots()
		}
	})
	wg.Wait()
	if n := len(m.List(0, vault.ID{})); n != len(ids) {
		t.Errorf("%d records, want %d", n, len(ids))
	}
}

// Locking while others read and write: they get ErrLocked, or were in time.
func TestCloseUnderWay(t *testing.T) {
	for range 20 {
		m := make1(t)
		in := vault.NewID()
		ids := m.write(t, in, "a", "b", "c")
		started := make(chan struct{}, 4)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				started <- struct{}{}
				for {
					if _, err := m.Read(t.Context(), ids[0]); err != nil {
						if !errors.Is(err, vault.ErrLocked) {
							t.Error(err)
						}
						return
					}
				}
			})
			wg.Go(func() {
				started <- struct{}{}
				for {
					err := m.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: ids[1], Container: in, Kind: vault.KindTurn}}})
					if err != nil {
						if !errors.Is(err, vault.ErrLocked) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		for range 4 {
			<-started
		}
		m.Close()
		wg.Wait()
	}
}

// The loop may write, and may be left; nothing goes on behind it.
func TestReadManyLoops(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	texts := make([]string, 1500)
	for i := range texts {
		texts[i] = fmt.Sprint(i)
	}
	ids := m.write(t, in, texts...)
	n := 0
	for c, err := range m.ReadMany(t.Context(), append(ids, ids[0], vault.NewID())) {
		if errors.Is(err, vault.ErrNoRecord) && m.content[c.ID] == "" {
			continue
		}
		if err != nil || string(c.Payload) != m.content[c.ID] {
			t.Fatal(err)
		}
		if n++; n%500 == 0 {
			if err := m.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: c.ID, Container: in, Kind: vault.KindTurn, Payload: []byte("changed in the loop")}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != len(ids) {
		t.Errorf("%d records, want each of %d once", n, len(ids))
	}
	for range m.ReadMany(t.Context(), ids) {
		break
	}
	calls := m.st.Calls()
	m.Head()
	if m.st.Calls() != calls {
		t.Error("the store is still asked after the loop")
	}
}
