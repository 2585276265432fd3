package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"abaton.local/vault"
)

const (
	// maxMemory bounds what SQLite may use, in bytes. It is address space, taken
	// as it is needed: 30 MiB for rows of 1 MiB, however many in one change, and a
	// few times as much as they have for a few of the largest.
	maxMemory = 512 << 20
	// maxValue bounds what SQLite takes for one value. A file that claims more
	// is damaged.
	maxValue = vault.MaxRow + 64<<10
)

// pragma is a setting and what SQLite must answer when asked for it.
type pragma struct{ name, set, want string }

// pragmas in the order in which they are set; docs/formats/store.md says why
// each. EXTRA comes before WAL, for the journal of that one switch would
// otherwise come back after a power cut and empty the store; FULL follows.
func pragmas() []pragma {
	return []pragma{
		{"locking_mode", "EXCLUSIVE", "exclusive"},
		{"trusted_schema", "OFF", "0"},
		{"cell_size_check", "ON", "1"},
		{"temp_store", "MEMORY", "2"},
		{"secure_delete", "ON", "1"},
		{"cache_size", "-16384", "-16384"}, // KiB
		{"synchronous", "EXTRA", "3"},
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "FULL", "2"},
		{"wal_autocheckpoint", "2000", "2000"},         // pages of 4 KiB
		{"journal_size_limit", "16777216", "16777216"}, // bytes
	}
}

// connect opens uri, sets what must be set, reads it back, and makes the tables
// in a new file.
func connect(ctx context.Context, uri string, list []pragma) (*sqlite3.Conn, error) {
	db, err := sqlite3.OpenContext(sqlite3.WithMaxMemory(ctx, maxMemory), uri)
	if err != nil {
		return nil, err
	}
	if err := prepare(db, list); err != nil {
		// A file that we refuse stays as it is.
		db.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
		db.Close()
		return nil, err
	}
	return db, nil
}

func prepare(db *sqlite3.Conn, list []pragma) error {
	db.Limit(sqlite3.LIMIT_LENGTH, maxValue)
	if _, err := db.Config(sqlite3.DBCONFIG_DEFENSIVE, true); err != nil {
		return err
	}
	if err := set(db, list[:1]); err != nil { // before the first look at the file
		return err
	}
	fresh, err := inspect(db)
	if err != nil {
		return err
	}
	if err := set(db, list); err != nil {
		return err
	}
	if !fresh {
		return nil
	}
	return db.Exec(fmt.Sprintf("BEGIN EXCLUSIVE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", Schema, ApplicationID, Format))
}

// set sets each and asks for it: a pragma that SQLite does not know, or cannot
// follow, is no error to SQLite, and a statement that is not stepped does
// nothing.
func set(db *sqlite3.Conn, list []pragma) error {
	for _, p := range list {
		if err := db.Exec("PRAGMA " + p.name + " = " + p.set); err != nil {
			return err
		}
		got, err := ask(db, p.name)
		if err != nil {
			return err
		}
		if got != p.want {
			return fmt.Errorf("SQLite does not take %s = %s (it says %q): this file system cannot keep a store; name another data folder", p.name, p.set, got)
		}
	}
	return nil
}

// ask reads a pragma.
func ask(db *sqlite3.Conn, name string) (string, error) {
	q, _, err := db.Prepare("PRAGMA " + name)
	if err != nil {
		return "", err
	}
	defer q.Close()
	if !q.Step() {
		return "", q.Err()
	}
	return q.ColumnText(0), nil
}

// inspect tells a fresh file from a store of ours, and refuses all else.
func inspect(db *sqlite3.Conn) (fresh bool, err error) {
	var number [2]int64
	for i, name := range []string{"application_id", "user_version"} {
		text, err := ask(db, name)
		if err != nil {
			return false, err
		}
		if number[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return false, err
		}
	}
	tables, err := schemaOf(db)
	switch {
	case err != nil:
		return false, err
	case number == [2]int64{} && len(tables) == 0:
		return true, nil
	case number[0] != ApplicationID:
		return false, &Trouble{Kind: Foreign, Err: errors.New("it is another program's database")}
	case number[1] > Format:
		return false, &Trouble{Kind: Newer, Err: fmt.Errorf("format %d, this version reads up to %d", number[1], Format)}
	case number[1] != Format:
		return false, &Trouble{Kind: Damaged, Err: fmt.Errorf("no format has the number %d", number[1])}
	}
	want := []string{SchemaJrn, SchemaRec, SchemaRecID, SchemaVault} // by name
	if len(tables) != len(want) {
		return false, &Trouble{Kind: Foreign, Err: fmt.Errorf("it has %d tables and indexes of its own instead of %d", len(tables), len(want))}
	}
	for i := range want {
		if tables[i] != want[i] {
			return false, &Trouble{Kind: Foreign, Err: errors.New("its tables were changed")}
		}
	}
	return false, nil
}

// schemaOf gives the text of everything in the schema, by name; what SQLite
// makes by itself has none.
func schemaOf(db *sqlite3.Conn) (text []string, err error) {
	q, _, err := db.Prepare("SELECT sql FROM sqlite_schema ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer q.Close()
	for q.Step() {
		text = append(text, q.ColumnText(0))
	}
	return text, q.Err()
}
