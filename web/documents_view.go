package web

import (
	"net/http"
	"strconv"
	"strings"

	"abaton.local/library"
	"abaton.local/vault"
	"abaton.local/web/markup"
)

// viewed is a part of a document, as our own text.
type viewed struct {
	library.Document
	Library       string // its name
	LibraryID     string
	Warnings      []string
	List          []stretch
	From, To      int // passages that are shown, from 1
	Newer, Older  string
	PartlyDamaged bool
}

// stretch is the text of a passage and what stands before it.
type stretch struct {
	library.Stretch
	Leaf  string // the page, or the sheet or slide, that begins here; empty: none
	Cited bool
}

// view shows a document. A path may name a passage: the part in which it lies is
// shown, and it is marked there.
func (p *Pages) view(v visit) {
	l, ok := p.libraries(v)
	if !ok {
		return
	}
	id, passage, has := strings.Cut(v.rest, "/")
	d, ok := p.documentNamed(v, l, id)
	if !ok {
		return
	}
	cited, first := -1, 0
	if has {
		n, err := strconv.Atoi(passage)
		if err != nil || n < 0 || n > 0 && n >= d.Passages {
			p.problem(v, http.StatusNotFound, "There is no such place in this document.")
			return
		}
		cited, first = n, n-n%passagesOnAPage
	}
	d, list, err := l.View(v.r.Context(), d.ID, first, passagesOnAPage)
	if d.ID == (vault.ID{}) {
		p.fail(v, err)
		return
	}
	x, ferr := p.framed(v, "documents")
	if ferr != nil {
		p.fail(v, ferr)
		return
	}
	y := viewed{Document: d, Warnings: warnings(d), From: first + 1, To: min(first+passagesOnAPage, d.Passages), PartlyDamaged: err != nil}
	if libraries, err := l.List(); err == nil {
		for _, one := range libraries {
			if one.ID == d.Library {
				y.Library, y.LibraryID = one.Name, one.ID.String()
			}
		}
	}
	page := 0
	for _, s := range list {
		t := stretch{Stretch: s, Cited: s.Passage == cited}
		if s.Page != page && s.Page > 0 {
			page, t.Leaf = s.Page, titled(d.Place(s.Page))
		}
		page = max(page, s.LastPage)
		y.List = append(y.List, t)
	}
	if first > 0 {
		y.Newer = strconv.Itoa(first - passagesOnAPage)
	}
	if next := first + passagesOnAPage; next < d.Passages {
		y.Older = strconv.Itoa(next)
	}
	x.Content = y
	p.render(v.w, v.r, http.StatusOK, "document", x)
}

// passagesFound is what a search in documents found.
type passagesFound struct {
	Query     string
	Library   string // empty: all
	Libraries []library.Library
	List      []passagePlace
	WordsOnly string // why nothing was looked for by meaning; empty: it was
	Damaged   bool
}

// passagePlace is a passage that was found.
type passagePlace struct {
	library.Found
	Parts []part
}

type docsQuery struct{ query, library string }

// searchDocuments takes the words of a search and leads to what is found, as
// search does.
func (p *Pages) searchDocuments(v visit) {
	q := docsQuery{strings.TrimSpace(field(v.r, "words")), field(v.r, "library")}
	if len(q.query) > mostQuery {
		p.problem(v, http.StatusUnprocessableEntity, "These are too many words to search for. Take a few.")
		return
	}
	p.lead(v, "/page/documents/found/"+p.parcels.put(v.s, q, p.Now()))
}

func (p *Pages) foundDocuments(v visit) {
	l, ok := p.libraries(v)
	if !ok {
		return
	}
	q, ok := p.parcels.take(v.s, v.rest, false, p.Now()).(docsQuery)
	if !ok {
		p.lead(v, "/page/documents")
		return
	}
	var scope []vault.ID
	f := passagesFound{Query: q.query, Library: q.library}
	if q.library != "" {
		one, err := l.Library(q.library)
		if err != nil {
			p.fail(v, err)
			return
		}
		scope = []vault.ID{one.ID}
	}
	x, err := p.framed(v, "documents")
	if err == nil {
		f.Libraries, err = l.List()
	}
	if err != nil {
		p.fail(v, err)
		return
	}
	found, err := l.Look(v.r.Context(), scope, q.query, mostPassages)
	if err != nil && found.Passages == nil {
		p.fail(v, err)
		return
	}
	f.Damaged = err != nil
	if found.WordsOnly != nil {
		f.WordsOnly = p.Words(found.WordsOnly)
	}
	for _, hit := range found.Passages {
		f.List = append(f.List, passagePlace{hit, partsOf(hit)})
	}
	x.Content = f
	p.render(v.w, v.r, http.StatusOK, "passages", x)
}

// partsOf is what of a passage is shown on few lines.
func partsOf(f library.Found) (list []part) {
	put := func(text string, hit bool) {
		if text != "" {
			list = append(list, part{markup.Clean(text), hit})
		}
	}
	if f.Start > 0 {
		put("… ", false)
	}
	at := f.Start
	for _, m := range f.Matches {
		if m[0] < at || m[1] > f.End {
			continue
		}
		put(f.Text[at:m[0]], false)
		put(f.Text[m[0]:m[1]], true)
		at = m[1]
	}
	put(f.Text[at:f.End], false)
	if f.End < len(f.Text) {
		put(" …", false)
	}
	return list
}
