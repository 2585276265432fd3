package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

// inspect opens a vault as its person would, who remembers head, reads all that
// it lists, and verifies it.
func (m *made) inspect(t *testing.T, st vault.Store, head vault.Head) error {
	v, err := m.reopen(t.Context(), st, head)
	if err != nil {
		return err
	}
	defer v.Close()
	verified := v.Verify(t.Context())
	if err := holds(t.Context(), v, m.content); err != nil {
		if verified == nil {
			t.Errorf("reading finds what Verify does not: %v", err)
		}
		return err
	}
	return verified
}

// The seven things that the owner of the database can do to it, and some more.
// Each must be seen by who remembers the head.
func TestOwnersAttacksAreSeen(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	ids := m.write(t, in, "message 0", "message 1", "message 2", "message 3")
	m.write(t, vault.NewID(), "of another conversation", "and more of it")
	more := m.write(t, in, "alone in its entry")
	large := m.write(t, in, strings.Repeat("large ", 500_000))
	if err := m.ReplaceSlots(t.Context(), []byte("slots of the second day")); err != nil {
		t.Fatal(err)
	}
	old, oldHead := m.st.Clone(), m.Head()
	edit := func(id vault.ID, s string) {
		t.Helper()
		if err := m.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: id, Container: in, Kind: vault.KindTurn, Payload: []byte(s)}}}); err != nil {
			t.Fatal(err)
		}
		m.content[id] = s
	}
	edit(ids[2], "message 2, edited")
	if err := m.ReplaceSlots(t.Context(), []byte("slots of the third day")); err != nil {
		t.Fatal(err)
	}
	edit(ids[3], "message 3, edited")
	head := m.Head()
	before := old.Image(m.id)
	last := func(img *vaulttest.Image) *vault.Entry { return &img.Journal[len(img.Journal)-1] }
	partOf := func(img *vaulttest.Image) (part vault.ID) { // of the large record
		for id, b := range img.Rows {
			if len(b) == 1<<20 {
				part = id
			}
		}
		return part
	}

	if err := m.inspect(t, m.st.Clone(), head); err != nil {
		t.Fatalf("the untouched vault: %v", err)
	}
	for name, attack := range map[string]func(*vaulttest.Image){
		"two records swapped":          func(i *vaulttest.Image) { i.Rows[ids[0]], i.Rows[ids[1]] = i.Rows[ids[1]], i.Rows[ids[0]] },
		"a record deleted":             func(i *vaulttest.Image) { delete(i.Rows, ids[0]) },
		"an older version put back":    func(i *vaulttest.Image) { i.Rows[ids[2]] = before.Rows[ids[2]] },
		"older version and slots":      func(i *vaulttest.Image) { i.Rows[ids[2]], i.Shell.Slots = before.Rows[ids[2]], before.Shell.Slots },
		"deleted with its journal row": func(i *vaulttest.Image) { delete(i.Rows, more[0]); i.Journal = slices.Delete(i.Journal, 3, 4) },
		"deleted, the journal numbered": func(i *vaulttest.Image) {
			delete(i.Rows, more[0])
			i.Journal = renumbered(slices.Delete(i.Journal, 3, 4))
			i.Shell.Seq--
		},
		"the tail cut": func(i *vaulttest.Image) {
			i.Rows[ids[3]] = before.Rows[ids[3]]
			i.Journal = i.Journal[:len(i.Journal)-1]
		},
		"the tail cut, and the number": func(i *vaulttest.Image) {
			i.Rows[ids[3]] = before.Rows[ids[3]]
			i.Journal = i.Journal[:len(i.Journal)-1]
			i.Shell.Seq--
		},
		"the whole from a backup":       func(i *vaulttest.Image) { *i = *old.Clone().Image(m.id) },
		"a backup under its new number": func(i *vaulttest.Image) { seq := i.Shell.Seq; *i = *old.Clone().Image(m.id); i.Shell.Seq = seq },
		"the header of a backup":        func(i *vaulttest.Image) { i.Shell.Header = before.Shell.Header },
		"the shell of a backup":         func(i *vaulttest.Image) { i.Shell = before.Shell },
		"all but the shell gone":        func(i *vaulttest.Image) { i.Journal, i.Rows = nil, map[vault.ID][]byte{} },
		"all rows gone":                 func(i *vaulttest.Image) { clear(i.Rows) },
		"the journal gone":              func(i *vaulttest.Image) { i.Journal = nil },
		"an entry doubled":              func(i *vaulttest.Image) { i.Journal = append(i.Journal, *last(i)) },
		"an entry more":                 func(i *vaulttest.Image) { e := *last(i); e.Seq++; i.Journal = append(i.Journal, e) },
		"an entry before the first":     func(i *vaulttest.Image) { e := *last(i); e.Seq = 0; i.Journal = slices.Insert(i.Journal, 0, e) },
		"two entries swapped": func(i *vaulttest.Image) {
			i.Journal[1].Envelope, i.Journal[2].Envelope = i.Journal[2].Envelope, i.Journal[1].Envelope
		},
		"a row more":                    func(i *vaulttest.Image) { i.Rows[vault.NewID()] = i.Rows[ids[0]] },
		"the slot set swapped":          func(i *vaulttest.Image) { i.Shell.Slots = []byte("slots of somebody else") },
		"a slot revived":                func(i *vaulttest.Image) { i.Shell.Slots = before.Shell.Slots },
		"no slots":                      func(i *vaulttest.Image) { i.Shell.Slots = nil },
		"a part of a large one gone":    func(i *vaulttest.Image) { delete(i.Rows, partOf(i)) },
		"a part of a large one changed": func(i *vaulttest.Image) { i.Rows[partOf(i)][77] ^= 4 },
		"the list of parts gone":        func(i *vaulttest.Image) { delete(i.Rows, large[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			st := m.st.Clone()
			attack(st.Image(m.id))
			err := m.inspect(t, st, head)
			damage, damaged := errors.AsType[*vault.Damage](err)
			if !damaged && !errors.Is(err, vault.ErrRolledBack) {
				t.Fatalf("not seen: %v", err)
			}
			if damaged && damage.Vault != m.id {
				t.Error("the damage is another vault's")
			}
			for _, s := range []string{"message", "edited", "slots of", "large"} {
				if strings.Contains(err.Error(), s) {
					t.Error("the error tells content")
				}
			}
		})
	}
	t.Run("nothing at all is left", func(t *testing.T) {
		st := m.st.Clone()
		st.Replace(m.id, nil)
		if err := m.inspect(t, st, head); !errors.Is(err, vault.ErrRolledBack) || !errors.Is(err, vault.ErrNoVault) {
			t.Errorf("not seen: %v", err)
		}
	})

	// What only the remembered head shows: without it, a whole old vault is a good
	// vault. It is what its person may accept after a restore.
	m.content[ids[2]], m.content[ids[3]] = "message 2", "message 3"
	if err := m.inspect(t, old.Clone(), oldHead); err != nil {
		t.Errorf("the backup, when it was new: %v", err)
	}
	if err := m.inspect(t, old.Clone(), vault.Head{}); err != nil {
		t.Errorf("the backup, for who remembers nothing: %v", err)
	}
	v, err := vault.Open(t.Context(), old.Clone(), m.id, m.root, vault.Opening{Remembered: head, AcceptRollback: true})
	if err != nil {
		t.Fatalf("the backup, accepted: %v", err)
	}
	if err := holds(t.Context(), v, m.content); err != nil {
		t.Error(err)
	}
}

func renumbered(entries []vault.Entry) []vault.Entry {
	for i := range entries {
		entries[i].Seq = uint64(i + 1)
	}
	return entries
}

// An old copy that was put back and went on from there is no longer older; but
// what was seen before is not on its chain.
func TestAForkIsSeen(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	m.write(t, in, "a")
	old := m.st.Clone()
	oldHead := m.Head()
	m.write(t, in, "b")
	seen := m.Head()
	fork, err := m.reopen(t.Context(), old, oldHead)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if err := fork.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: vault.NewID(), Container: in, Kind: 2}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := m.reopen(t.Context(), old, seen); !errors.Is(err, vault.ErrRolledBack) {
			t.Errorf("%d entries on: %v", n+1, err)
		}
		if _, err := m.reopen(t.Context(), old, oldHead); err != nil {
			t.Errorf("%d entries on, for who saw only the common part: %v", n+1, err)
		}
	}
	// A vault at the number that is remembered, but another.
	for range 3 {
		m.write(t, in, "c")
	}
	if _, err := m.reopen(t.Context(), old, vault.Head{Seq: fork.Head().Seq, Sum: m.Head().Sum}); !errors.Is(err, vault.ErrRolledBack) {
		t.Errorf("same number, another head: %v", err)
	}
}

// Remembered heads are followed across snapshots as long as there are entries.
func TestRememberedHeadAndSnapshots(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	var heads []vault.Head
	for range 400 { // closing after more than 100 entries takes a snapshot
		m.write(t, in, "x")
		heads = append(heads, m.Head())
		if m.Head().Seq%130 == 0 {
			m.Close()
			v, err := m.reopen(t.Context(), m.st, heads[len(heads)-1])
			if err != nil {
				t.Fatal(err)
			}
			m.Vault = v
		}
	}
	first := m.st.Image(m.id).Journal[0].Seq
	if first < 100 {
		t.Fatalf("the journal was not cut: it begins at %d", first)
	}
	checked := 0
	for _, h := range heads {
		if _, err := m.reopen(t.Context(), m.st, h); err != nil {
			t.Errorf("the head after entry %d: %v", h.Seq, err)
		}
		h.Sum[5] ^= 1
		if _, err := m.reopen(t.Context(), m.st, h); h.Seq >= first {
			checked++
			if !errors.Is(err, vault.ErrRolledBack) {
				t.Errorf("a wrong head after entry %d: %v", h.Seq, err)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d wrong heads could be tried", checked)
	}
}

// Two vaults on one store never mix, whatever their owner moves.
func TestVaultsOnOneStoreNeverMix(t *testing.T) {
	a, b := make1(t), make1(t)
	b.st = a.st
	var err error
	if b.Vault, err = vault.Create(t.Context(), b.st, b.id, b.root, nil); err != nil {
		t.Fatal(err)
	}
	in := vault.NewID() // of the same name in both
	ids := a.write(t, in, "a's")
	if err := b.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: ids[0], Container: in, Kind: vault.KindTurn, Payload: []byte("b's")}}}); err != nil {
		t.Fatal(err)
	}
	b.content[ids[0]] = "b's"
	for name, m := range map[string]*made{"a": a, "b": b} {
		if err := m.inspect(t, m.st, m.Head()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := vault.Open(t.Context(), a.st, a.id, b.root, vault.Opening{}); err == nil {
		t.Error("another's root key opens the vault")
	}
	st := a.st.Clone()
	st.Image(a.id).Rows[ids[0]] = st.Image(b.id).Rows[ids[0]]
	if err := a.inspect(t, st, a.Head()); err == nil {
		t.Error("another's row was taken")
	}
	st = a.st.Clone()
	st.Replace(a.id, st.Image(b.id))
	if err := a.inspect(t, st, a.Head()); err == nil {
		t.Error("another's vault was taken")
	}
	if _, err := vault.Open(t.Context(), st, a.id, b.root, vault.Opening{}); err == nil {
		t.Error("another's vault opens under this name with its own root key")
	}
}

// An older snapshot and the journal stand in for a newest one that is damaged.
func TestDamagedSnapshotIsNoLoss(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	before := rowsOf(m)
	var snapshot [2]vault.ID
	for n := range 2 {
		for range 120 {
			m.write(t, in, fmt.Sprint("text ", len(m.content)))
		}
		m.Close()
		for id := range rowsOf(m) {
			if !before[id] && m.content[id] == "" {
				if len(m.st.Image(m.id).Rows[id]) > 1000 && id != snapshot[0] {
					snapshot[n] = id
				}
			}
		}
		v, err := m.reopen(t.Context(), m.st, vault.Head{})
		if err != nil {
			t.Fatal(err)
		}
		m.Vault = v
	}
	head := m.Head()
	for _, broken := range [][]vault.ID{{snapshot[1]}, {snapshot[0]}, {snapshot[0], snapshot[1]}} {
		st := m.st.Clone()
		for _, id := range broken {
			st.Image(m.id).Rows[id][100] ^= 1
		}
		v, err := m.reopen(t.Context(), st, head)
		if len(broken) == 2 {
			if _, damaged := errors.AsType[*vault.Damage](err); !damaged {
				t.Errorf("both snapshots damaged: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := holds(t.Context(), v, m.content); err != nil {
			t.Error(err)
		}
		if _, damaged := errors.AsType[*vault.Damage](v.Verify(t.Context())); !damaged {
			t.Error("Verify does not tell of a damaged snapshot")
		}
	}
}

func rowsOf(m *made) map[vault.ID]bool {
	found := make(map[vault.ID]bool)
	for id := range maps.Keys(m.st.Image(m.id).Rows) {
		found[id] = true
	}
	return found
}

// A dropped container's key is gone: with everything that the store ever held
// before and the root key itself, but not the old header, its records stay shut.
func TestDroppedContainerIsShut(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	ids := m.write(t, in, "to be forgotten")
	m.write(t, vault.NewID(), "to be kept")
	before := m.st.Clone().Image(m.id)
	if err := m.Write(t.Context(), vault.Edit{Drop: []vault.ID{in}}); err != nil {
		t.Fatal(err)
	}
	delete(m.content, ids[0])
	if err := m.inspect(t, m.st.Clone(), m.Head()); err != nil {
		t.Fatal(err)
	}
	now := m.st.Image(m.id)
	for id, b := range before.Rows {
		if _, left := now.Rows[id]; left && bytes.Equal(now.Rows[id], b) && m.content[id] == "" {
			t.Errorf("row %v of the old ring is still there", id)
		}
	}
	if _, err := m.Read(t.Context(), ids[0]); !errors.Is(err, vault.ErrNoRecord) {
		t.Errorf("reading it: %v", err)
	}
}
