package sqlite

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"abaton.local/vault"
)

// plainRows is what a program without a vault would have: the same messages as
// they are, in SQLite under the same pragmas.
type plainRows struct {
	db  *sqlite3.Conn
	put *sqlite3.Stmt
}

func newPlain(b *testing.B, path string) *plainRows {
	b.Helper()
	db, err := sqlite3.OpenContext(sqlite3.WithMaxMemory(b.Context(), maxMemory), path)
	if err == nil {
		err = set(db, pragmas())
	}
	if err == nil {
		err = db.Exec("CREATE TABLE IF NOT EXISTS message(num INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, conversation BLOB NOT NULL, body BLOB NOT NULL)")
	}
	if err != nil {
		b.Fatal(err)
	}
	p := &plainRows{db: db}
	if p.put, _, err = db.Prepare("INSERT INTO message(id, conversation, body) VALUES(?, ?, ?)"); err != nil {
		b.Fatal(err)
	}
	return p
}

func (p *plainRows) write(b *testing.B, puts []vault.Put) {
	err := p.db.Exec("BEGIN IMMEDIATE")
	for i := range puts {
		if err == nil {
			err = bind(p.put, puts[i].ID[:], puts[i].Container[:], puts[i].Payload)
		}
		if err == nil {
			err = p.put.Exec()
		}
	}
	if err == nil {
		err = p.db.Exec("COMMIT")
	}
	if err != nil {
		b.Fatal(err)
	}
}

func (p *plainRows) close(b *testing.B) {
	p.put.Close()
	if err := p.db.Close(); err != nil {
		b.Fatal(err)
	}
}

// messages gives n messages of 1 KiB in conversations of about twenty.
func messages(n int) []vault.Put {
	var puts []vault.Put
	var in vault.ID
	for i := range n {
		if i%20 == 0 {
			in = vault.NewID()
		}
		body := make([]byte, 1024)
		rand.Read(body)
		puts = append(puts, vault.Put{ID: vault.NewID(), Container: in, Kind: vault.KindTurn, Order: uint64(i), Payload: body})
	}
	return puts
}

// both measures the vault and plain rows one after the other, call by call.
type both struct{ sealed, plain []time.Duration }

func (t *both) run(sealed, plain func()) {
	start := time.Now()
	sealed()
	middle := time.Now()
	plain()
	t.sealed, t.plain = append(t.sealed, middle.Sub(start)), append(t.plain, time.Since(middle))
}

func sum(list []time.Duration) (all time.Duration) {
	for _, d := range list {
		all += d
	}
	return all
}

func quantile(list []time.Duration, q float64) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[int(q*float64(len(list)-1))]
}

func newVault(b *testing.B) (*vault.Vault, *plainRows) {
	st, path := newStore(b)
	v, err := vault.Create(b.Context(), st, vault.NewID(), vault.NewKey(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(v.Close)
	p := newPlain(b, path+".plain")
	b.Cleanup(func() { p.close(b) })
	return v, p
}

// BenchmarkBulk writes 100 messages of 1 KiB at a time.
func BenchmarkBulk(b *testing.B) {
	v, p := newVault(b)
	var t both
	for b.Loop() {
		puts := messages(100)
		t.run(func() {
			if err := v.Write(b.Context(), vault.Edit{Put: puts}); err != nil {
				b.Fatal(err)
			}
		}, func() { p.write(b, puts) })
	}
	n := float64(100 * len(t.sealed))
	b.ReportMetric(n/sum(t.sealed).Seconds(), "sealed-messages/s")
	b.ReportMetric(n/sum(t.plain).Seconds(), "plain-messages/s")
	b.ReportMetric(float64(sum(t.sealed))/float64(sum(t.plain)), "ratio")
}

// BenchmarkDurable writes one message of 1 KiB at a time, each on the disk
// before the next.
func BenchmarkDurable(b *testing.B) {
	v, p := newVault(b)
	var t both
	in := vault.NewID()
	for b.Loop() {
		puts := messages(1)
		puts[0].Container = in
		t.run(func() {
			if err := v.Write(b.Context(), vault.Edit{Put: puts}); err != nil {
				b.Fatal(err)
			}
		}, func() { p.write(b, puts) })
	}
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		sealed, plain := quantile(t.sealed, q.at), quantile(t.plain, q.at)
		b.ReportMetric(float64(sealed.Microseconds()), "sealed-us-"+q.name)
		b.ReportMetric(float64(plain.Microseconds()), "plain-us-"+q.name)
		b.ReportMetric(float64(sealed)/float64(plain), "ratio-"+q.name)
	}
}

// BenchmarkLoad opens a store with 100,000 messages and lists them, as at every
// unlocking, and then reads them all; beside it, plain rows are opened and read.
func BenchmarkLoad(b *testing.B) {
	const n = 100_000
	ctx, dir := b.Context(), b.TempDir()
	path, plainPath := filepath.Join(dir, "store.db"), filepath.Join(dir, "plain.db")
	id, root := vault.NewID(), vault.NewKey()
	load(b, ctx, n, path, plainPath, id, root)
	var opening, reading both
	for b.Loop() {
		var st *Store
		var v *vault.Vault
		var ids []vault.ID
		var p *plainRows
		opening.run(func() {
			st = openAt(b, path)
			var err error
			if v, err = vault.Open(ctx, st, id, root, vault.Opening{}); err != nil {
				b.Fatal(err)
			}
			for _, r := range v.List(vault.KindTurn, vault.ID{}) {
				ids = append(ids, r.ID)
			}
		}, func() {
			p = newPlain(b, plainPath)
			p.count(b, "SELECT id, conversation FROM message", n)
		})
		reading.run(func() {
			got := 0
			for c, err := range v.ReadMany(ctx, ids) {
				if err != nil || len(c.Payload) != 1024 {
					b.Fatal(len(c.Payload), err)
				}
				got++
			}
			if got != n {
				b.Fatalf("%d of %d", got, n)
			}
		}, func() { p.count(b, "SELECT body, id, conversation FROM message", n) })
		v.Close()
		st.Close()
		p.close(b)
	}
	b.ReportMetric(quantile(opening.sealed, 0.5).Seconds(), "sealed-open-s")
	b.ReportMetric(quantile(opening.plain, 0.5).Seconds(), "plain-open-s")
	b.ReportMetric(float64(sum(opening.sealed))/float64(sum(opening.plain)), "ratio-open")
	b.ReportMetric(quantile(reading.sealed, 0.5).Seconds(), "sealed-read-s")
	b.ReportMetric(quantile(reading.plain, 0.5).Seconds(), "plain-read-s")
	b.ReportMetric(float64(sum(reading.sealed))/float64(sum(reading.plain)), "ratio-read")
}

func load(b *testing.B, ctx context.Context, n int, path, plainPath string, id vault.ID, root *vault.Key) {
	b.Helper()
	st, p := openAt(b, path), newPlain(b, plainPath)
	v, err := vault.Create(ctx, st, id, root, nil)
	for range n / 100 {
		puts := messages(100)
		if err == nil {
			err = v.Write(ctx, vault.Edit{Put: puts})
		}
		p.write(b, puts)
	}
	if err != nil {
		b.Fatal(err)
	}
	v.Close()
	p.close(b)
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
}

// count reads all columns of all rows.
func (p *plainRows) count(b *testing.B, text string, want int) {
	q, _, err := p.db.Prepare(text)
	if err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	n := 0
	for ; q.Step(); n++ {
		for c := range q.ColumnCount() {
			q.ColumnBlob(c, nil)
		}
	}
	if q.Err() != nil || n != want {
		b.Fatal(n, q.Err())
	}
}
