package web

import (
	"net/http"

	"abaton.local/vault"
)

// makeLibrary makes one with nothing in it.
func (p *Pages) makeLibrary(v visit) {
	l, ok := p.libraries(v)
	if !ok {
		return
	}
	made, err := l.Make(v.r.Context(), field(v.r, "name"))
	if err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, "/page/library/"+made.ID.String())
}

// renameLibrary gives one another name.
func (p *Pages) renameLibrary(v visit) {
	l, ok := p.libraries(v)
	if !ok {
		return
	}
	one, ok := p.libraryNamed(v, l, v.rest)
	if !ok {
		return
	}
	if _, err := l.Rename(v.r.Context(), one.ID, field(v.r, "name")); err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, "/page/library/"+one.ID.String())
}

// removing asks before a document or a library goes.
type removing struct {
	What      string
	Document  bool
	Documents int // that go: of a library, or in a document
	To, Back  string
}

// removeLibrary asks, and once more was said destroys a library.
func (p *Pages) removeLibrary(v visit) {
	l, ok := p.libraries(v)
	if !ok {
		return
	}
	one, ok := p.libraryNamed(v, l, v.rest)
	if !ok {
		return
	}
	if v.r.Method != http.MethodPost {
		name := one.Name
		if one.Damaged {
			name = "(cannot be read)"
		}
		p.confirm(v, removing{What: name, Documents: one.Documents, To: "/page/library/remove/" + v.rest, Back: "/page/library/" + v.rest})
		return
	}
	if _, err := p.Documents.RemoveLibrary(v.r.Context(), v.s, one.ID); err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, "/page/documents")
}

// removeDocument asks, and once more was said destroys a document.
func (p *Pages) removeDocument(v visit) {
	l, ok := p.libraries(v)
	if !ok {
		return
	}
	d, ok := p.documentNamed(v, l, v.rest)
	if !ok {
		return
	}
	back := "/page/documents"
	if d.Library != (vault.ID{}) {
		back = "/page/library/" + d.Library.String()
	}
	if v.r.Method != http.MethodPost {
		r := removing{What: d.Name, Document: true, To: "/page/documents/remove/" + d.ID.String(), Back: back}
		list, err := l.Documents(d.Library)
		if err != nil {
			p.fail(v, err)
			return
		}
		for _, x := range list {
			if x.Within == d.ID {
				r.Documents++
			}
		}
		p.confirm(v, r)
		return
	}
	if _, err := p.Documents.Remove(v.r.Context(), v.s, d.ID); err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, back)
}

func (p *Pages) confirm(v visit, r removing) {
	x, err := p.framed(v, "documents")
	if err != nil {
		p.fail(v, err)
		return
	}
	x.Content = r
	p.render(v.w, v.r, http.StatusOK, "remove", x)
}
