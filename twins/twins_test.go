package twins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// served is the PostgreSQL of all tests here.
var served *cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, stop, err := startCluster(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	served = c
	return m.Run()
}

func TestModerncSuite(t *testing.T) {
	vaulttest.Suite(t, func(t *testing.T) vault.Store {
		return modernc(t, filepath.Join(t.TempDir(), "store.db"))
	})
}

func TestPostgresSuite(t *testing.T) {
	vaulttest.Suite(t, func(t *testing.T) vault.Store { return served.store(t) })
}

func modernc(t *testing.T, path string) *Modernc {
	t.Helper()
	m, err := OpenModernc(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func ours(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// person is a vault with what opens it and what is in it.
type person struct {
	id   vault.ID
	root *vault.Key
	head vault.Head
	kept map[vault.ID]string
}

// settle makes a vault and takes it through a life: records of all sizes,
// deletions, another root key, and enough entries for a snapshot.
func settle(t *testing.T, st vault.Store) *person {
	t.Helper()
	ctx := t.Context()
	p := &person{id: vault.NewID(), root: vault.NewKey(), kept: map[vault.ID]string{}}
	v, err := vault.Create(ctx, st, p.id, p.root, []byte("slots"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1200 {
		in, id := vault.ID{1, byte(i % 7)}, vault.NewID()
		text := bytes.Repeat([]byte{byte(i)}, i)
		if i%500 == 0 {
			text = bytes.Repeat(text, 2000) // a large one, in parts
		}
		e := vault.Edit{Put: []vault.Put{{ID: id, Container: in, Kind: vault.KindTurn, Order: uint64(i), Payload: text}}}
		if i%10 == 9 {
			for gone := range p.kept {
				e.Delete = append(e.Delete, gone)
				delete(p.kept, gone)
				break
			}
		}
		p.kept[id] = string(text)
		err = errors.Join(err, v.Write(ctx, e))
	}
	p.root = vault.NewKey()
	err = errors.Join(err, v.Rotate(ctx, p.root, []byte("other slots")))
	p.head = v.Head()
	v.Close()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// whole opens the vault in st and demands all of it, at the same head.
func (p *person) whole(t *testing.T, st vault.Store) {
	t.Helper()
	v, err := vault.Open(t.Context(), st, p.id, p.root, vault.Opening{Remembered: p.head})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.Head() != p.head {
		t.Errorf("another head: %d instead of %d", v.Head().Seq, p.head.Seq)
	}
	if err := v.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(v.List(0, vault.ID{})); n != len(p.kept) {
		t.Errorf("%d records instead of %d", n, len(p.kept))
	}
	for id, want := range p.kept {
		if b, err := v.Read(t.Context(), id); err != nil || string(b) != want {
			t.Fatalf("a record differs (%v)", err)
		}
	}
}

// write changes the vault once more through st.
func (p *person) write(t *testing.T, st vault.Store) {
	t.Helper()
	v, err := vault.Open(t.Context(), st, p.id, p.root, vault.Opening{Remembered: p.head})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	id := vault.NewID()
	if err := v.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: id, Container: vault.NewID(), Kind: vault.KindTurn, Payload: []byte("by a twin")}}}); err != nil {
		t.Fatal(err)
	}
	p.kept[id], p.head = "by a twin", v.Head()
}

// TestSameFile: what one SQLite wrote the other reads and goes on with, in turns.
func TestSameFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	st := ours(t, path)
	p := settle(t, st)
	for range 2 {
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		m := modernc(t, path)
		p.whole(t, m)
		p.write(t, m)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		st = ours(t, path)
		p.whole(t, st)
		p.write(t, st)
		if err := st.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestCarriedOver: sealed bytes go from SQLite to PostgreSQL and back, by nobody
// who has a key, and are the same vaults with the same heads and journals.
func TestCarriedOver(t *testing.T) {
	first := ours(t, filepath.Join(t.TempDir(), "first.db"))
	one, two := settle(t, first), settle(t, first)
	postgres := served.store(t)
	carry(t, first, postgres)
	one.whole(t, postgres)
	two.whole(t, postgres)
	second := ours(t, filepath.Join(t.TempDir(), "second.db"))
	carry(t, postgres, second)
	one.whole(t, second)
	two.whole(t, second)
	if a, b := everything(t, first), everything(t, second); !bytes.Equal(a.Dump(), b.Dump()) {
		t.Error("there and back, it is not the same")
	}
	one.write(t, second)
	one.whole(t, second)
}

// carry copies row by row, each vault in one piece.
func carry(t *testing.T, from, to vault.Store) {
	t.Helper()
	all := everything(t, from)
	ids, err := from.Vaults(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		img := all.Image(id)
		c := vault.Change{Vault: id, Shell: img.Shell, Append: img.Journal}
		for row, b := range img.Rows {
			c.Put = append(c.Put, vault.Row{ID: row, Envelope: b})
		}
		if err := to.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// everything reads a store whole.
func everything(t *testing.T, st vault.Store) *vaulttest.Memory {
	t.Helper()
	all := vaulttest.NewMemory()
	ids, err := st.Vaults(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		img := &vaulttest.Image{Rows: map[vault.ID][]byte{}}
		if img.Shell, err = st.Shell(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for e, err := range st.Journal(t.Context(), id, 0) {
			if err != nil {
				t.Fatal(err)
			}
			img.Journal = append(img.Journal, e)
		}
		for r, err := range st.Rows(t.Context(), id) {
			if err != nil {
				t.Fatal(err)
			}
			img.Rows[r.ID] = r.Envelope
		}
		all.Replace(id, img)
	}
	return all
}

// TestPostgresThatForgets: a server that acknowledges what it has not written is
// refused.
func TestPostgresThatForgets(t *testing.T) {
	if p, err := OpenPostgres(t.Context(), served.at("postgres")+" synchronous_commit=off"); err == nil {
		p.Close()
		t.Error("synchronous_commit=off is taken")
	}
}
