package vault_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

// made is a small vault with what is in it.
type made struct {
	*vault.Vault
	st      *vaulttest.Memory
	id      vault.ID
	root    *vault.Key
	content map[vault.ID]string
}

func make1(t testing.TB) *made {
	t.Helper()
	m := &made{st: vaulttest.NewMemory(), id: vault.NewID(), root: vault.NewKey(), content: make(map[vault.ID]string)}
	v, err := vault.Create(t.Context(), m.st, m.id, m.root, []byte("slots of the first day"))
	if err != nil {
		t.Fatal(err)
	}
	m.Vault = v
	return m
}

func (m *made) write(t testing.TB, in vault.ID, texts ...string) (ids []vault.ID) {
	t.Helper()
	var e vault.Edit
	for i, s := range texts {
		id := vault.NewID()
		ids = append(ids, id)
		e.Put = append(e.Put, vault.Put{ID: id, Container: in, Kind: vault.KindTurn, Order: uint64(i), Payload: []byte(s)})
		m.content[id] = s
	}
	if err := m.Write(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return ids
}

// reopen opens the vault anew from a store.
func (m *made) reopen(ctx context.Context, st vault.Store, remembered vault.Head) (*vault.Vault, error) {
	return vault.Open(ctx, st, m.id, m.root, vault.Opening{Remembered: remembered})
}

// holds compares a vault with what must be in it.
func holds(ctx context.Context, v *vault.Vault, want map[vault.ID]string) error {
	list := v.List(0, vault.ID{})
	if len(list) != len(want) {
		return fmt.Errorf("it lists %d records, want %d", len(list), len(want))
	}
	for _, r := range list {
		b, err := v.Read(ctx, r.ID)
		if err != nil {
			return err
		}
		if s, ok := want[r.ID]; !ok || s != string(b) || r.Size != len(s) {
			return fmt.Errorf("record %v holds something else", r.ID)
		}
	}
	ids := make([]vault.ID, 0, len(want))
	for id := range want {
		ids = append(ids, id)
	}
	n := 0
	for c, err := range v.ReadMany(ctx, ids) {
		if err != nil {
			return err
		}
		if want[c.ID] != string(c.Payload) {
			return fmt.Errorf("record %v holds something else for ReadMany", c.ID)
		}
		n++
	}
	if n != len(want) {
		return fmt.Errorf("ReadMany gives %d records, want %d", n, len(want))
	}
	return nil
}

func TestWhatIsWrittenIsThereAfterReopening(t *testing.T) {
	m := make1(t)
	in, other := vault.NewID(), vault.NewID()
	ids := m.write(t, in, "one", "two", "three")
	m.write(t, other, "elsewhere", "")
	if err := m.Write(t.Context(), vault.Edit{
		Put:    []vault.Put{{ID: ids[0], Container: in, Kind: vault.KindTurn, Order: 9, Payload: []byte("one, edited")}},
		Delete: []vault.ID{ids[1]},
	}); err != nil {
		t.Fatal(err)
	}
	m.content[ids[0]] = "one, edited"
	delete(m.content, ids[1])
	head := m.Head()
	for name, v := range map[string]*vault.Vault{"as written": m.Vault, "reopened": must(m.reopen(t.Context(), m.st, head))} {
		if err := holds(t.Context(), v, m.content); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := v.Verify(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var order []vault.ID
		for _, r := range v.List(vault.KindTurn, in) {
			order = append(order, r.ID)
		}
		if !slices.Equal(order, []vault.ID{ids[2], ids[0]}) {
			t.Errorf("%s: the list is not by order", name)
		}
		if r, err := v.Lookup(ids[0]); err != nil || r.Version != 2 || r.Container != in || r.Kind != vault.KindTurn || r.Order != 9 {
			t.Errorf("%s: Lookup gives %+v, %v", name, r, err)
		}
		if v.Head() != head {
			t.Errorf("%s: another head", name)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestClosedVaultIsLocked(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	ids := m.write(t, in, "secret")
	m.Close()
	m.Close()
	_, err := m.Read(t.Context(), ids[0])
	_, err2 := m.Lookup(ids[0])
	errs := []error{err, err2, m.Write(t.Context(), vault.Edit{Delete: ids}), m.Verify(t.Context()), m.Continue(t.Context()), m.Rotate(t.Context(), vault.NewKey(), nil), m.ReplaceSlots(t.Context(), nil)}
	for _, err := range m.ReadMany(t.Context(), ids) {
		errs = append(errs, err)
	}
	for i, err := range errs {
		if !errors.Is(err, vault.ErrLocked) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if len(errs) != 8 || m.List(0, in) != nil || m.Head() != (vault.Head{}) || m.Left() != 0 {
		t.Error("the closed vault still tells something")
	}
}

func TestEditsThatCannotBe(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	ids := m.write(t, in, "a", "b")
	put := func(id, in vault.ID, k vault.Kind) vault.Put { return vault.Put{ID: id, Container: in, Kind: k} }
	before := m.Head()
	for name, e := range map[string]vault.Edit{
		"no identifier":        {Put: []vault.Put{put(vault.ID{}, in, 1)}},
		"no container":         {Put: []vault.Put{put(vault.NewID(), vault.ID{}, 1)}},
		"no kind":              {Put: []vault.Put{put(vault.NewID(), in, 0)}},
		"a kind of our own":    {Put: []vault.Put{put(vault.NewID(), in, 0xf0)}},
		"twice":                {Put: []vault.Put{put(ids[0], in, 2), put(ids[0], in, 2)}},
		"put and deleted":      {Put: []vault.Put{put(ids[0], in, 2)}, Delete: ids[:1]},
		"deleted twice":        {Delete: []vault.ID{ids[0], ids[0]}},
		"dropped twice":        {Drop: []vault.ID{in, in}},
		"dropped and deleted":  {Drop: []vault.ID{in}, Delete: ids[:1]},
		"dropped and put":      {Drop: []vault.ID{in}, Put: []vault.Put{put(vault.NewID(), in, 2)}},
		"another container":    {Put: []vault.Put{put(ids[0], vault.NewID(), 2)}},
		"another kind":         {Put: []vault.Put{put(ids[0], in, 1)}},
		"unknown record":       {Delete: []vault.ID{vault.NewID()}},
		"unknown container":    {Drop: []vault.ID{vault.NewID()}},
		"good and then wrong":  {Put: []vault.Put{put(vault.NewID(), in, 2), put(vault.NewID(), in, 0)}},
		"larger than anything": {Put: []vault.Put{{ID: vault.NewID(), Container: in, Kind: 2, Payload: make([]byte, vault.MaxPayload+1)}}},
	} {
		if err := m.Write(t.Context(), e); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if m.Head() != before {
		t.Error("a refused edit left something")
	}
	if err := m.Write(t.Context(), vault.Edit{}); err != nil || m.Head() != before {
		t.Errorf("the empty edit: %v", err)
	}
	if err := holds(t.Context(), m.Vault, m.content); err != nil {
		t.Error(err)
	}
}
