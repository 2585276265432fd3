// Package twins has vault.Store twice more: on another SQLite, which reads and
// writes the files of vault/sqlite, and on PostgreSQL. They keep the interface
// honest and show that sealed bytes can be carried from one store to another;
// neither is part of the program.
package twins

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net/url"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// Modernc is a vault.Store on modernc.org/sqlite, in the format of vault/sqlite
// and with its statements.
type Modernc struct{ db *sql.DB }

// OpenModernc opens a store's file, made where it is missing in a folder that
// is there.
func OpenModernc(ctx context.Context, path string) (*Modernc, error) {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"locking_mode(EXCLUSIVE)", "synchronous(EXTRA)", "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)", "trusted_schema(OFF)", "cell_size_check(ON)",
	}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	m := &Modernc{db}
	if err := m.prepare(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return m, nil
}

func (m *Modernc) prepare(ctx context.Context) error {
	var format, tables int
	var locking, journal string
	var synchronous, secure int
	for text, to := range map[string]any{
		"PRAGMA user_version": &format, "SELECT count(*) FROM sqlite_schema": &tables,
		"PRAGMA locking_mode": &locking, "PRAGMA journal_mode": &journal, "PRAGMA synchronous": &synchronous, "PRAGMA secure_delete": &secure,
	} {
		if err := m.db.QueryRowContext(ctx, text).Scan(to); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	if locking != "exclusive" || journal != "wal" || synchronous != 2 || secure != 1 {
		return fmt.Errorf("SQLite does not take the settings: %s %s %d %d", locking, journal, synchronous, secure)
	}
	switch {
	case format == 0 && tables == 0:
		_, err := m.db.ExecContext(ctx, fmt.Sprintf("BEGIN EXCLUSIVE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", sqlite.Schema, sqlite.ApplicationID, sqlite.Format))
		return err
	case format != sqlite.Format:
		return fmt.Errorf("format %d is not known", format)
	}
	return nil
}

// Close closes the file.
func (m *Modernc) Close() error { return m.db.Close() }

// collect runs a query and reads all of it, so that nobody holds the one
// connection while a caller loops.
func collect[T any](ctx context.Context, db *sql.DB, read func(*sql.Rows) (T, error), text string, args ...any) (list []T, err error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := read(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// Vaults is of vault.Store.
func (m *Modernc) Vaults(ctx context.Context) ([]vault.ID, error) {
	return collect(ctx, m.db, func(r *sql.Rows) (vault.ID, error) {
		var id []byte
		err := r.Scan(&id)
		return idOf(id, err)
	}, sqlite.SQLVaults)
}

// Shell is of vault.Store.
func (m *Modernc) Shell(ctx context.Context, id vault.ID) (s vault.Shell, err error) {
	err = m.db.QueryRowContext(ctx, sqlite.SQLShell, id[:]).Scan(&s.Seq, &s.Header, &s.Slots)
	if errors.Is(err, sql.ErrNoRows) {
		err = vault.ErrNoVault
	}
	return s, err
}

// Journal is of vault.Store.
func (m *Modernc) Journal(ctx context.Context, id vault.ID, from uint64) iter.Seq2[vault.Entry, error] {
	return each(func() ([]vault.Entry, error) {
		return collect(ctx, m.db, func(r *sql.Rows) (e vault.Entry, err error) {
			return e, r.Scan(&e.Seq, &e.Envelope)
		}, sqlite.SQLJournal, id[:], int64(min(from, 1<<63-1)))
	})
}

// Rows is of vault.Store.
func (m *Modernc) Rows(ctx context.Context, id vault.ID, named ...vault.ID) iter.Seq2[vault.Row, error] {
	if len(named) == 0 {
		return each(func() ([]vault.Row, error) {
			return collect(ctx, m.db, func(r *sql.Rows) (row vault.Row, err error) {
				var name []byte
				err = r.Scan(&name, &row.Envelope)
				row.ID, err = idOf(name, err)
				return row, err
			}, sqlite.SQLRows, id[:], []byte{})
		})
	}
	return func(yield func(vault.Row, error) bool) {
		for _, name := range named {
			row := vault.Row{ID: name}
			err := m.db.QueryRowContext(ctx, sqlite.SQLRow, id[:], name[:]).Scan(&row.Envelope)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// each reads when it is looped over and yields what was read.
func each[T any](read func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		list, err := read()
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

func idOf(b []byte, err error) (id vault.ID, _ error) {
	if err == nil && copy(id[:], b) != len(b) || len(b) != len(id) {
		return id, errors.Join(err, errors.New("an identifier is none"))
	}
	return id, err
}

// Commit is of vault.Store.
func (m *Modernc) Commit(ctx context.Context, changes ...vault.Change) error {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i := range changes {
		if err := m.change(ctx, tx, &changes[i]); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (m *Modernc) change(ctx context.Context, tx *sql.Tx, c *vault.Change) error {
	var seq uint64
	var same bool
	if err := tx.QueryRowContext(ctx, sqlite.SQLSeq, c.Vault[:], whole(c.Shell.Slots)).Scan(&seq, &same); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if seq != c.From {
		return vault.ErrConflict
	}
	for _, s := range statements(c) {
		if _, err := tx.ExecContext(ctx, s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// statement is a step of a change.
type statement struct {
	text string
	args []any
}

// statements are what a change does, in order.
func statements(c *vault.Change) (list []statement) {
	id := c.Vault[:]
	add := func(text string, args ...any) {
		list = append(list, statement{text, append([]any{id}, args...)})
	}
	if c.Destroy {
		add(sqlite.SQLDestroyRows)
		add(sqlite.SQLDestroyJrn)
		add(sqlite.SQLDestroyShell)
		return list
	}
	for _, e := range c.Append {
		add(sqlite.SQLAppend, int64(e.Seq), whole(e.Envelope))
	}
	if c.Cut > 0 {
		add(sqlite.SQLCut, int64(min(c.Cut, 1<<63-1)))
	}
	for _, r := range c.Put {
		add(sqlite.SQLPut, r.ID[:], whole(r.Envelope))
	}
	for _, d := range c.Delete {
		add(sqlite.SQLDelete, d[:])
	}
	add(sqlite.SQLPutShell, int64(c.Shell.Seq), whole(c.Shell.Header), whole(c.Shell.Slots))
	return list
}

// whole makes no bytes of nil, which would be a NULL.
func whole(b []byte) []byte { return append([]byte{}, b...) }
