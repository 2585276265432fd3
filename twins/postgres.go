package twins

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// Postgres is a vault.Store on PostgreSQL: the tables of vault/sqlite, its
// statements, and a lock on a vault's row where SQLite has one on the file.
type Postgres struct{ pool *pgxpool.Pool }

// schema is that of vault/sqlite in PostgreSQL's words. Sealed bytes do not
// compress: EXTERNAL spares the trying.
const schema = `
CREATE TABLE IF NOT EXISTS store(format int NOT NULL PRIMARY KEY);
CREATE TABLE IF NOT EXISTS vault(id bytea PRIMARY KEY, seq bigint NOT NULL, header bytea NOT NULL, slots bytea NOT NULL);
CREATE TABLE IF NOT EXISTS rec(vault bytea NOT NULL, id bytea NOT NULL, env bytea NOT NULL, PRIMARY KEY(vault, id));
CREATE TABLE IF NOT EXISTS jrn(vault bytea NOT NULL, seq bigint NOT NULL, env bytea NOT NULL, PRIMARY KEY(vault, seq));
ALTER TABLE rec ALTER env SET STORAGE EXTERNAL;
ALTER TABLE jrn ALTER env SET STORAGE EXTERNAL`

// OpenPostgres connects, and makes the tables where they are missing. A server
// that does not write what it acknowledges is refused.
func OpenPostgres(ctx context.Context, where string) (_ *Postgres, err error) {
	pool, err := pgxpool.New(ctx, where)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			pool.Close()
		}
	}()
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var value string
		if err := pool.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return nil, err
		}
		if value != "on" {
			return nil, fmt.Errorf("the server has %s = %s: set it to on", name, value)
		}
	}
	if _, err := pool.Exec(ctx, schema); err != nil {
		return nil, err
	}
	var format int
	err = pool.QueryRow(ctx, "INSERT INTO store(format) SELECT $1 WHERE NOT EXISTS (SELECT FROM store) RETURNING format", sqlite.Format).Scan(&format)
	if errors.Is(err, pgx.ErrNoRows) {
		err = pool.QueryRow(ctx, "SELECT max(format) FROM store").Scan(&format)
	}
	if err == nil && format != sqlite.Format {
		err = fmt.Errorf("format %d is not known", format)
	}
	return &Postgres{pool}, err
}

// Close closes the connections.
func (p *Postgres) Close() { p.pool.Close() }

// asked writes ?1 as $1: what else differs, the two agree on.
func asked(text string) string { return strings.ReplaceAll(text, "?", "$") }

func gather[T any](ctx context.Context, p *Postgres, read func(pgx.CollectableRow) (T, error), text string, args ...any) ([]T, error) {
	rows, err := p.pool.Query(ctx, asked(text), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, read)
}

// Vaults is of vault.Store.
func (p *Postgres) Vaults(ctx context.Context) ([]vault.ID, error) {
	return gather(ctx, p, func(r pgx.CollectableRow) (vault.ID, error) {
		var id []byte
		err := r.Scan(&id)
		return idOf(id, err)
	}, sqlite.SQLVaults)
}

// Shell is of vault.Store.
func (p *Postgres) Shell(ctx context.Context, id vault.ID) (s vault.Shell, err error) {
	err = p.pool.QueryRow(ctx, asked(sqlite.SQLShell), id[:]).Scan(&s.Seq, &s.Header, &s.Slots)
	if errors.Is(err, pgx.ErrNoRows) {
		err = vault.ErrNoVault
	}
	return s, err
}

// Journal is of vault.Store.
func (p *Postgres) Journal(ctx context.Context, id vault.ID, from uint64) iter.Seq2[vault.Entry, error] {
	return each(func() ([]vault.Entry, error) {
		return gather(ctx, p, func(r pgx.CollectableRow) (e vault.Entry, err error) {
			return e, r.Scan(&e.Seq, &e.Envelope)
		}, sqlite.SQLJournal, id[:], int64(min(from, 1<<63-1)))
	})
}

// Rows is of vault.Store.
func (p *Postgres) Rows(ctx context.Context, id vault.ID, named ...vault.ID) iter.Seq2[vault.Row, error] {
	text, args := sqlite.SQLRows, []any{id[:], []byte{}}
	if len(named) > 0 {
		names := make([][]byte, len(named))
		for i := range named {
			names[i] = named[i][:]
		}
		text, args = "SELECT id, env FROM rec WHERE vault = $1 AND id = ANY($2)", []any{id[:], names}
	}
	return each(func() ([]vault.Row, error) {
		return gather(ctx, p, func(r pgx.CollectableRow) (row vault.Row, err error) {
			var name []byte
			err = r.Scan(&name, &row.Envelope)
			row.ID, err = idOf(name, err)
			return row, err
		}, text, args...)
	})
}

// Commit is of vault.Store. Two that change one vault wait for each other at
// its row; two that make one meet at its key.
func (p *Postgres) Commit(ctx context.Context, changes ...vault.Change) error {
	tx, err := p.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	// In one order for all: none waits for one that waits for it.
	ids := make([][]byte, len(changes))
	for i := range changes {
		ids[i] = changes[i].Vault[:]
	}
	if _, err := tx.Exec(ctx, "SELECT FROM vault WHERE id = ANY($1) ORDER BY id FOR UPDATE", ids); err != nil {
		return err
	}
	for i := range changes {
		if err := change(ctx, tx, &changes[i]); err != nil {
			return conflict(err)
		}
	}
	return conflict(tx.Commit(ctx))
}

func change(ctx context.Context, tx pgx.Tx, c *vault.Change) error {
	var seq uint64
	err := tx.QueryRow(ctx, "SELECT seq FROM vault WHERE id = $1 FOR UPDATE", c.Vault[:]).Scan(&seq)
	there := err == nil
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if seq != c.From {
		return vault.ErrConflict
	}
	batch := new(pgx.Batch)
	if !there && !c.Destroy {
		batch.Queue("INSERT INTO vault(id, seq, header, slots) VALUES($1, 0, '', '')", c.Vault[:])
	}
	for _, s := range statements(c) {
		batch.Queue(asked(s.text), s.args...)
	}
	return tx.SendBatch(ctx, batch).Close()
}

// conflict knows the errors by which PostgreSQL says that another was faster.
func conflict(err error) error {
	const unique, serialization, deadlock = "23505", "40001", "40P01"
	if said := new(pgconn.PgError); errors.As(err, &said) && (said.Code == unique || said.Code == serialization || said.Code == deadlock) {
		return vault.ErrConflict
	}
	return err
}
