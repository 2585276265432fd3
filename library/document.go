package library

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"abaton.local/library/bm25"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// Library is documents that are searched together.
type Library struct {
	ID        vault.ID
	Name      string
	Created   time.Time
	Documents int
	Passages  int
	Meanings  int  // passages that are found by what they mean, too
	Damaged   bool // its name could not be read; the documents may be well
}

// Document is what is known of one without reading its passages.
type Document struct {
	ID      vault.ID // given by the room
	Library vault.ID
	Within  vault.ID // the document that it lay in, as an attachment or in an archive; zero elsewhere

	Name     string // safe to show: what cannot be seen in it is spelled out
	Path     string // where it was added from: added from there again, it takes this one's place; of one that lay in another, its name there
	Format   string
	Sum      [32]byte // SHA-256 of the file
	Size     int64
	Modified time.Time // of the file; zero where that is not known
	Added    time.Time

	Pages      int // 0 where the format has none
	Passages   int
	Characters int
	Hidden     int      // pieces that its own program does not show; they are not kept
	Unseen     int      // characters that nobody sees, taken out
	Missing    []string // what was not read of it, and why
	Damaged    bool     // what is above could not be read
}

// Part is what its parts are called that Pages counts: a page, a sheet, a slide.
func (d Document) Part() string { return parse.Format(d.Format).Part() }

// Place names one of them, as it is shown; empty where there is nothing to tell apart.
func (d Document) Place(n int) string { return parse.Format(d.Format).Place(n, d.Pages) }

// Errors on which callers branch.
var (
	ErrUnknown   = errors.New("there is no such document; `abaton docs list` shows those that there are")
	ErrAmbiguous = errors.New("several documents have identifiers that begin so; give more of its digits")
	ErrNoLibrary = errors.New("there is no library of that name; `abaton docs list` shows those that there are")
	ErrName      = errors.New("a library is called by a name of 1 to 64 characters that can be seen")
	ErrNoParser  = errors.New("documents cannot be added here: this program has no jailed reader of documents, and reads none outside a jail")
	ErrLater     = parse.ErrLater // of a file that was to be read quickly and cannot be: add it again, behind others
	ErrFull      = errors.New("there are as many libraries as one person may have: remove one, or add to one that there is")
)

// Bounds of what is kept.
const (
	maxLibraries = 1000
	maxPath      = 4096 // bytes
	maxShown     = 200  // characters of a name
)

// key is what the identifiers of a document's passages begin with.
type key [12]byte

func keyOf(document vault.ID) key { return key(document[:12]) }

// passageID names a document's n-th passage: the beginning of the document's
// own name, which is random, and the number.
func passageID(document vault.ID, n int) (id bm25.ID) {
	copy(id[:], document[:12])
	binary.BigEndian.PutUint32(id[12:], uint32(n))
	return id
}

func placeOf(id bm25.ID) (key, int) { return key(id[:12]), int(binary.BigEndian.Uint32(id[12:])) }

// shown is a name as it can be shown on one line, and nothing in it lost: what
// cannot be seen, or turns the order of what follows around, is spelled out.
func shown(name string) string {
	var b strings.Builder
	n := 0
	for at := 0; at < len(name); {
		r, size := utf8.DecodeRuneInString(name[at:])
		piece := name[at : at+size]
		switch {
		case r == utf8.RuneError && size == 1:
			piece = fmt.Sprintf(`\x%02x`, name[at])
		case r == ' ' || unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && !unicode.Is(unicode.Variation_Selector, r):
		case r < 0x80:
			piece = fmt.Sprintf(`\x%02x`, r)
		default:
			piece = fmt.Sprintf(`\u{%x}`, r)
		}
		if n += utf8.RuneCountInString(piece); n > maxShown {
			b.WriteString("…")
			break
		}
		b.WriteString(piece)
		at += size
	}
	return strings.TrimSpace(b.String())
}

// libraryName is a name as it is kept and compared.
func libraryName(s string) (string, error) {
	name, err := vault.ParseName(s)
	if err != nil {
		return "", ErrName
	}
	return name, nil
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
