package grounded

import (
	"context"
	"errors"
	"slices"

	"abaton.local/library"
	"abaton.local/library/find"
	"abaton.local/vault"
)

// fence is a person's documents as one answer may read them. Where it looks is
// fixed before anything is read; what is looked for is the person's; once
// something was read nothing more is looked for, and only documents that were
// found, or that the person named, are read further.
type fence struct {
	documents Documents
	turn      *Turn
	libraries []vault.ID
	known     map[vault.ID]library.Document // those that were looked up; there may be too many to list
	open      map[vault.ID]bool             // those that may be read
}

// errFenced is a mistake of this package's.
var errFenced = errors.New("grounded: something outside of what the person chose was to be read")

func enclose(d Documents, t *Turn, q Question) (*fence, error) {
	f := &fence{documents: d, turn: t, libraries: q.Libraries, known: make(map[vault.ID]library.Document), open: make(map[vault.ID]bool)}
	for _, id := range q.Whole {
		x, err := d.Document(id)
		if err != nil {
			return nil, err
		}
		f.known[id], f.open[id] = x, true
	}
	return f, nil
}

// document is what is known of a document, of one too that holds another: nothing
// of its text is read for that.
func (f *fence) document(id vault.ID) (library.Document, bool) {
	d, ok := f.known[id]
	if !ok && id != (vault.ID{}) {
		var err error
		if d, err = f.documents.Document(id); err != nil {
			return library.Document{}, false
		}
		f.known[id], ok = d, true
	}
	return d, ok
}

// inScope says whether a document lies in the libraries that the person chose.
func (f *fence) inScope(d library.Document) bool {
	return len(f.libraries) == 0 || slices.Contains(f.libraries, d.Library)
}

// search looks for passages.
func (f *fence) search(ctx context.Context, text string, caps find.Caps) (library.Answer, error) {
	if !f.turn.May(Search) {
		return library.Answer{}, errFenced
	}
	a, err := f.documents.Answer(ctx, f.libraries, text, caps)
	inside := a.Passages[:0]
	for _, p := range a.Passages {
		if !f.inScope(p.Document) && !f.turn.May(Elsewhere) {
			continue
		}
		p.Same = slices.DeleteFunc(p.Same, func(s library.Found) bool { return !f.inScope(s.Document) })
		f.open[p.Document.ID] = true
		f.known[p.Document.ID] = p.Document
		inside = append(inside, p)
	}
	a.Passages = inside
	for _, p := range inside {
		f.turn.Read(f.label(p.Document))
	}
	return a, err
}

// name lets a document be read that the person named in the question.
func (f *fence) name(d library.Document) {
	if f.inScope(d) {
		f.open[d.ID] = true
	}
}

// parts reads passages of a document that is open.
func (f *fence) parts(ctx context.Context, id vault.ID, first, past int) ([]library.Part, error) {
	if !f.open[id] {
		return nil, errFenced
	}
	d, parts, err := f.documents.Parts(ctx, id, first, past)
	if d.ID != id {
		return nil, err
	}
	f.turn.Read(f.label(d))
	return parts, err
}

func (f *fence) label(d library.Document) Label {
	return origin(d, f.document, func(library.Document) string { return "" }).Label
}
