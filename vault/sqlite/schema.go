package sqlite

// What a store's file says of itself, byte by byte in docs/formats/store.md. A
// second implementation in the tests reads the same file through these.
const (
	// Format is the number of the schema, in the file's user_version. A store
	// with a higher number is refused.
	Format = 1
	// ApplicationID tells a store from other SQLite files: "Abtn".
	ApplicationID = 0x4162746e
)

// Schema makes the tables. A store whose schema reads otherwise, by a byte or
// by one more trigger, is refused: its file was changed by somebody else.
//
// Rows lie in the order in which they came, beside an index by name: names are
// random, and rows ordered by them would touch one page each. Entries are
// ordered by number, so those of one vault lie together.
const Schema = SchemaVault + ";" + SchemaRec + ";" + SchemaRecID + ";" + SchemaJrn

// The parts of Schema, as SQLite keeps their text.
const (
	SchemaVault = `CREATE TABLE vault(id BLOB NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, header BLOB NOT NULL, slots BLOB NOT NULL) WITHOUT ROWID`
	SchemaRec   = `CREATE TABLE rec(num INTEGER PRIMARY KEY, vault BLOB NOT NULL, id BLOB NOT NULL, env BLOB NOT NULL)`
	SchemaRecID = `CREATE UNIQUE INDEX rec_id ON rec(vault, id)`
	SchemaJrn   = `CREATE TABLE jrn(vault BLOB NOT NULL, seq INTEGER NOT NULL, env BLOB NOT NULL, PRIMARY KEY(vault, seq)) WITHOUT ROWID`
)

// The statements, all that a store ever runs once it is open. Blobs are bound,
// never written into the text.
const (
	SQLVaults       = `SELECT id FROM vault`
	SQLShell        = `SELECT seq, header, slots FROM vault WHERE id = ?1`
	SQLSeq          = `SELECT seq, slots = ?2 FROM vault WHERE id = ?1`
	SQLJournal      = `SELECT seq, env FROM jrn WHERE vault = ?1 AND seq >= ?2 ORDER BY seq`
	SQLRow          = `SELECT env FROM rec WHERE vault = ?1 AND id = ?2`
	SQLRows         = `SELECT id, env FROM rec WHERE vault = ?1 AND id > ?2 ORDER BY id`
	SQLPutShell     = `INSERT INTO vault(id, seq, header, slots) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(id) DO UPDATE SET seq = excluded.seq, header = excluded.header, slots = excluded.slots`
	SQLAppend       = `INSERT INTO jrn(vault, seq, env) VALUES(?1, ?2, ?3)`
	SQLCut          = `DELETE FROM jrn WHERE vault = ?1 AND seq < ?2`
	SQLPut          = `INSERT INTO rec(vault, id, env) VALUES(?1, ?2, ?3) ON CONFLICT(vault, id) DO UPDATE SET env = excluded.env`
	SQLDelete       = `DELETE FROM rec WHERE vault = ?1 AND id = ?2`
	SQLDestroyRows  = `DELETE FROM rec WHERE vault = ?1`
	SQLDestroyJrn   = `DELETE FROM jrn WHERE vault = ?1`
	SQLDestroyShell = `DELETE FROM vault WHERE id = ?1`
)
