package browsers

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/ncruces/go-sqlite3/driver"
)

// trustingProfile makes a profile in which a person has installed an authority's
// certificate, where Chromium keeps those: as its own settings page writes it
// (chrome/browser/net/server_certificate_database.cc, version 1).
func trustingProfile(t *testing.T, authority []byte) (profile string) {
	t.Helper()
	block, _ := pem.Decode(authority)
	if block == nil {
		t.Fatalf("no certificate: %s", authority)
	}
	profile, err := os.MkdirTemp("", "abaton-profile-")
	must(t, err)
	must(t, os.Mkdir(filepath.Join(profile, "Default"), 0o700))
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(profile, "Default", "ServerCertificate"))
	must(t, err)
	defer db.Close()
	sum := sha256.Sum256(block.Bytes)
	trusted := []byte{0x0a, 2, 8, 3} // CertificateMetadata{trust: {trust_type: TRUSTED}}
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{"CREATE TABLE meta(key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR)", nil},
		{"INSERT INTO meta VALUES('version','1'),('last_compatible_version','1')", nil},
		{"CREATE TABLE certificates(sha256hash_hex TEXT PRIMARY KEY,der_cert BLOB NOT NULL,trust_settings BLOB NOT NULL)", nil},
		{"INSERT INTO certificates VALUES(?,?,?)", []any{hex.EncodeToString(sum[:]), block.Bytes, trusted}},
	} {
		_, err := db.Exec(step.sql, step.args...)
		must(t, err)
	}
	return profile
}
