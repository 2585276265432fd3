package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"abaton.local/library"
	"abaton.local/vault"
	"abaton.local/web/markup"
)

// Documents are those that people keep, as the house behind the page has them.
type Documents interface {
	// Of gives those of a session's person.
	Of(context.Context, vault.Session) (*library.Libraries, error)

	// Add takes a file or a piece of one. The outcome is nil while more is to come.
	// A [Busy] file has others in its way.
	Add(context.Context, vault.Session, Piece) (*library.Outcome, error)

	// Added says that all was added that somebody wanted to add.
	Added(vault.Session) error

	// Remove destroys documents, RemoveLibrary those of one library and itself.
	// Both say how many went.
	Remove(context.Context, vault.Session, ...vault.ID) (int, error)
	RemoveLibrary(context.Context, vault.Session, vault.ID) (int, error)
}

// Piece is a file or a part of one.
type Piece struct {
	Library  string // its name
	Path     string // to know it by: a later one from the same takes its place
	Name     string
	Modified time.Time
	Size     int64  // of the whole file
	Upload   string // drawn by the page, for a file in pieces
	At       int64  // where this piece begins
	Quick    bool   // what takes minutes is not begun: library.ErrLater comes in its place
	Data     []byte
}

// Busy is the error of a file that others are in the way of: sent again from its
// beginning, it comes in once these are read.
type Busy struct{ Err error }

func (b Busy) Error() string { return b.Err.Error() }

func (b Busy) Unwrap() error { return b.Err }

// Bounds of what one page of documents shows.
const (
	documentsOnAPage = 200
	passagesOnAPage  = 96
	mostPassages     = 50 // found by one search
	mostWarnings     = 20 // of one document
)

// usualLibrary is where documents go when no library is named.
const usualLibrary = "documents"

// stacks is what the page of documents shows.
type stacks struct {
	Query, Library string // of no search
	Libraries      []library.Library
	Adding         adding
	Meaning        meaning
	Damaged        bool
}

// adding is the form that adds documents.
type adding struct {
	Library string            // into which; empty: it can be chosen
	Choices []library.Library // from these
	Usual   string            // that is made with its first document; empty: it is there
	Why     string            // nothing can be added; empty: it can
}

// libraries are those of a visit's person; false: the visit was answered.
func (p *Pages) libraries(v visit) (*library.Libraries, bool) {
	if p.Documents == nil {
		p.problem(v, http.StatusNotFound, "There is no such page.")
		return nil, false
	}
	x, err := p.Documents.Of(v.r.Context(), v.s)
	if err != nil {
		p.fail(v, err)
		return nil, false
	}
	return x, true
}

// documents shows the libraries.
func (p *Pages) documents(v visit) {
	l, ok := p.libraries(v)
	if !ok {
		return
	}
	x, err := p.framed(v, "documents")
	if err != nil {
		p.fail(v, err)
		return
	}
	list, err := l.List()
	if err != nil {
		p.fail(v, err)
		return
	}
	s := stacks{Libraries: list, Adding: p.adding(list), Meaning: p.meaningOf(v, l, list), Damaged: l.Damage() != nil}
	x.Content = s
	p.render(v.w, v.r, http.StatusOK, "documents", x)
}

// adding is the form for a person who has these libraries.
func (p *Pages) adding(list []library.Library) adding {
	a := adding{Usual: usualLibrary}
	for _, x := range list {
		if x.Name == usualLibrary {
			a.Usual = ""
		}
		if !x.Damaged {
			a.Choices = append(a.Choices, x)
		}
	}
	if p.NoAdding != nil {
		a.Why = p.Words(p.NoAdding)
	}
	return a
}

// shelfPage is the page of one library.
type shelfPage struct {
	library.Library
	Title        string
	List         []docLine
	Adding       adding
	Meaning      meaning
	Newer, Older string // page numbers; empty: there is none
}

// docLine is a document in a list.
type docLine struct {
	library.Document
	Warnings []string
	In       string // the document that it lies in
}

// oneLibrary shows the documents of a library, so many on a page.
func (p *Pages) oneLibrary(v visit) {
	l, ok := p.libraries(v)
	if !ok {
		return
	}
	name, page, _ := strings.Cut(v.rest, "/")
	n := 1
	if page != "" {
		n, _ = strconv.Atoi(page) // 0 is no page either
	}
	one, ok := p.libraryNamed(v, l, name)
	if !ok {
		return
	}
	list, err := l.Documents(one.ID)
	if err != nil {
		p.fail(v, err)
		return
	}
	if n < 1 || n > 1<<20 || n > 1 && (n-1)*documentsOnAPage >= len(list) {
		p.problem(v, http.StatusNotFound, "There is no such page.")
		return
	}
	x, err := p.framed(v, "documents")
	if err != nil {
		p.fail(v, err)
		return
	}
	s := shelfPage{Library: one, Title: one.Name, Adding: p.adding(nil), Meaning: p.meaningOf(v, l, []library.Library{one})}
	s.Adding.Library = one.Name
	if one.Damaged {
		s.Title, s.Adding.Library = "(cannot be read)", ""
	}
	holds := map[vault.ID]string{}
	for _, d := range list {
		holds[d.ID] = d.Name
	}
	from := (n - 1) * documentsOnAPage
	to := min(from+documentsOnAPage, len(list))
	for _, d := range list[from:to] {
		s.List = append(s.List, docLine{d, warnings(d), holds[d.Within]})
	}
	if to < len(list) {
		s.Older = strconv.Itoa(n + 1)
	}
	if n > 1 {
		s.Newer = strconv.Itoa(n - 1)
	}
	x.Content = s
	p.render(v.w, v.r, http.StatusOK, "library", x)
}

// libraryNamed is the library of an identifier, of this person's; false: there is
// none, and the visit was answered.
func (p *Pages) libraryNamed(v visit, l *library.Libraries, id string) (library.Library, bool) {
	list, err := l.List()
	if err != nil {
		p.fail(v, err)
		return library.Library{}, false
	}
	for _, x := range list {
		if x.ID.String() == id {
			return x, true
		}
	}
	p.problem(v, http.StatusNotFound, "There is no such library.")
	return library.Library{}, false
}

// documentNamed is the document of an identifier, of this person's; false: there
// is none, and the visit was answered.
func (p *Pages) documentNamed(v visit, l *library.Libraries, id string) (library.Document, bool) {
	if _, err := vault.ParseID(id); err == nil {
		d, err := l.Find(id)
		if err == nil {
			return d, true
		}
		if !errors.Is(err, library.ErrUnknown) {
			p.fail(v, err)
			return library.Document{}, false
		}
	}
	p.problem(v, http.StatusNotFound, "There is no such document. It may have been removed, or added anew since.")
	return library.Document{}, false
}

// warnings are what a person should know of a document.
func warnings(d library.Document) (lines []string) {
	if d.Damaged {
		lines = append(lines, "What is known of it cannot be read. A backup may hold it.")
	}
	for i, m := range d.Missing {
		if i == mostWarnings {
			lines = append(lines, fmt.Sprintf("And %d more parts were not read.", len(d.Missing)-i))
			break
		}
		if how, ok := strings.CutPrefix(m, "letter by letter, but "); ok { // it was read, in its way
			lines = append(lines, sentence(how))
			continue
		}
		lines = append(lines, "Not read: "+markup.Clean(m)+".")
	}
	if d.Hidden > 0 {
		lines = append(lines, fmt.Sprintf("Left out: %s of hidden text, which its own program does not show.", counted(d.Hidden, "piece")))
	}
	if d.Unseen > 0 {
		lines = append(lines, fmt.Sprintf("Taken out: %s that nobody sees.", counted(d.Unseen, "character")))
	}
	return lines
}

// counted is a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
