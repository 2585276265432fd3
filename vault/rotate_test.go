package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"abaton.local/vault"
)

func TestRotation(t *testing.T) {
	m := make1(t)
	in, other := vault.NewID(), vault.NewID()
	var texts []string
	for i := range 700 { // three steps of Continue
		texts = append(texts, fmt.Sprint("text ", i))
	}
	ids := m.write(t, in, texts...)
	m.write(t, other, strings.Repeat("large ", 400_000), "and small")
	before, head := m.st.Clone(), m.Head()
	oldRoot := m.root
	m.root = vault.NewKey()
	if err := m.Rotate(t.Context(), m.root, []byte("slots of the new key")); err != nil {
		t.Fatal(err)
	}
	if set, version := m.Slots(); string(set) != "slots of the new key" || version != 2 {
		t.Errorf("slot set of version %d", version)
	}
	left := m.Left()
	if left != len(m.content) {
		t.Errorf("%d records are left, want all %d", left, len(m.content))
	}
	for steps := 0; ; steps++ {
		if _, err := vault.Open(t.Context(), m.st, m.id, oldRoot, vault.Opening{}); err == nil {
			t.Fatalf("after %d steps the old root key opens the vault", steps)
		}
		again, err := m.reopen(t.Context(), m.st, head)
		if err != nil {
			t.Fatal(err)
		}
		if again.Left() != m.Left() {
			t.Errorf("after %d steps %d are left, after reopening %d", steps, m.Left(), again.Left())
		}
		if err := holds(t.Context(), again, m.content); err != nil {
			t.Errorf("after %d steps: %v", steps, err)
		}
		if err := again.Verify(t.Context()); err != nil {
			t.Errorf("after %d steps: %v", steps, err)
		}
		if m.Left() == 0 {
			if steps < 3 {
				t.Errorf("done after %d steps: the steps are not bounded", steps)
			}
			break
		}
		// The next step is made by one who just opened it, and writes between.
		m.Close()
		m.Vault = again
		if steps == 1 {
			m.write(t, in, "written while it goes on")
			if err := m.Write(t.Context(), vault.Edit{Delete: ids[600:610], Put: []vault.Put{{ID: ids[611], Container: in, Kind: vault.KindTurn, Payload: []byte("edited meanwhile")}}}); err != nil {
				t.Fatal(err)
			}
			for _, id := range ids[600:610] {
				delete(m.content, id)
			}
			m.content[ids[611]] = "edited meanwhile"
			head = m.Head()
		}
		if err := m.Continue(t.Context()); err != nil {
			t.Fatal(err)
		}
		head = m.Head()
	}
	// No row is as it was, so nothing opens under a key that was in the old ring.
	now := m.st.Image(m.id)
	for id, b := range before.Image(m.id).Rows {
		if string(now.Rows[id]) == string(b) {
			t.Errorf("row %v is the same as before", id)
		}
	}
	if err := m.Continue(t.Context()); err != nil || m.Head() != head {
		t.Errorf("going on when all is done: %v", err)
	}
	// Control: what was before is opened by the old root key, and by that only.
	if _, err := vault.Open(t.Context(), before, m.id, m.root, vault.Opening{}); err == nil {
		t.Error("the new root key opens what was before")
	}
	if _, err := vault.Open(t.Context(), before, m.id, oldRoot, vault.Opening{}); err != nil {
		t.Error(err)
	}
}

func TestRotationOfAnEmptyVaultAndTwice(t *testing.T) {
	m := make1(t)
	for range 3 {
		m.root = vault.NewKey()
		if err := m.Rotate(t.Context(), m.root, nil); err != nil {
			t.Fatal(err)
		}
		if m.Left() != 0 {
			t.Errorf("%d records are left of none", m.Left())
		}
	}
	in := vault.NewID()
	ids := m.write(t, in, "a", "b")
	for n := range 3 { // again before the last is done
		m.root = vault.NewKey()
		if err := m.Rotate(t.Context(), m.root, nil); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			if err := m.Write(t.Context(), vault.Edit{Delete: ids[:1]}); err != nil {
				t.Fatal(err)
			}
			delete(m.content, ids[0])
		}
		if err := m.inspect(t, m.st.Clone(), m.Head()); err != nil {
			t.Fatal(err)
		}
	}
	for m.Left() != 0 {
		if err := m.Continue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.inspect(t, m.st.Clone(), m.Head()); err != nil {
		t.Error(err)
	}
	// The last record of an older key is deleted: the key has still to go.
	m.root = vault.NewKey()
	if err := m.Rotate(t.Context(), m.root, nil); err != nil {
		t.Fatal(err)
	}
	more := m.write(t, in, "new")
	if err := m.Write(t.Context(), vault.Edit{Delete: ids[1:]}); err != nil {
		t.Fatal(err)
	}
	delete(m.content, ids[1])
	if m.Left() != -1 {
		t.Errorf("%d left, want -1", m.Left())
	}
	if err := m.Continue(t.Context()); err != nil || m.Left() != 0 {
		t.Errorf("%d left, %v", m.Left(), err)
	}
	if err := m.inspect(t, m.st.Clone(), m.Head()); err != nil || len(more) != 1 {
		t.Error(err)
	}
}

// A damaged record stops the resealing; deleting it lets it go on.
func TestRotationMeetsDamage(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	ids := m.write(t, in, "a", "b", "c")
	m.root = vault.NewKey()
	if err := m.Rotate(t.Context(), m.root, nil); err != nil {
		t.Fatal(err)
	}
	m.st.Image(m.id).Rows[ids[1]][90] ^= 8
	err := m.Continue(t.Context())
	if d, ok := errors.AsType[*vault.Damage](err); !ok || d.Row != ids[1] || d.Fault != vault.Changed {
		t.Fatalf("got %v", err)
	}
	if err := m.Write(t.Context(), vault.Edit{Delete: ids[1:2]}); err != nil {
		t.Fatal(err)
	}
	delete(m.content, ids[1])
	if err := m.Continue(t.Context()); err != nil || m.Left() != 0 {
		t.Fatalf("%d left, %v", m.Left(), err)
	}
	if err := m.inspect(t, m.st.Clone(), m.Head()); err != nil {
		t.Error(err)
	}
}

// Containers beyond a page, dropped and made anew.
func TestRingOfManyContainers(t *testing.T) {
	m := make1(t)
	var containers []vault.ID
	for i := range 600 {
		in := vault.NewID()
		containers = append(containers, in)
		m.write(t, in, fmt.Sprint("first of ", i))
		if i == 255 || i == 256 || i == 257 || i == 599 {
			if err := m.inspect(t, m.st.Clone(), m.Head()); err != nil {
				t.Fatalf("%d containers: %v", i+1, err)
			}
		}
	}
	var e vault.Edit
	for i := 0; i < len(containers); i += 2 {
		e.Drop = append(e.Drop, containers[i])
		for _, r := range m.List(0, containers[i]) {
			delete(m.content, r.ID)
		}
	}
	fresh := vault.Put{ID: vault.NewID(), Container: vault.NewID(), Kind: vault.KindTurn, Payload: []byte("in the same edit")}
	e.Put = []vault.Put{fresh}
	m.content[fresh.ID] = "in the same edit"
	if err := m.Write(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := m.inspect(t, m.st.Clone(), m.Head()); err != nil {
		t.Fatal(err)
	}
	m.write(t, containers[0], "the dropped one's name, with a key of its own")
	if err := m.inspect(t, m.st.Clone(), m.Head()); err != nil {
		t.Fatal(err)
	}
}
