package library

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"abaton.local/library/bm25"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// File is a document as it is added.
type File struct {
	Library  string // its name; it comes to be with its first document
	Path     string // where it is from, whole: added from there again, it takes the place of what is there
	Name     string // its last part, by which the extension is known
	Modified time.Time
	Data     []byte
	// Quick says not to do what takes minutes: Add gives [ErrLater] in its
	// place, and nothing is kept.
	Quick bool
	// Waited says that it came a while ago, when Over had been added from its path,
	// zero for nothing: what took that place meanwhile stays.
	Waited bool
	Over   vault.ID
}

// Known says of each file whether it is in a library already, byte by byte.
func (l *Libraries) Known(library string, paths []string, sums [][32]byte) ([]bool, error) {
	s, err := l.reading()
	if err != nil {
		return nil, fmt.Errorf("looking for documents: %w", err)
	}
	name, err := libraryName(library)
	if err != nil {
		return nil, err
	}
	known := make([]bool, len(paths))
	l.mu.RLock()
	defer l.mu.RUnlock()
	x := s.named(name)
	for i := range known {
		if x != nil && i < len(sums) {
			d := s.documents[x.paths[paths[i]]]
			known[i] = d != nil && d.Sum == sums[i]
		}
	}
	return known, nil
}

// From is the document that was added to a library from a path; zero for none.
func (l *Libraries) From(library, path string) (id vault.ID, err error) {
	s, err := l.reading()
	if err != nil {
		return id, fmt.Errorf("looking for a document: %w", err)
	}
	name, err := libraryName(library)
	if err != nil {
		return id, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if x := s.named(name); x != nil {
		id = x.paths[path]
	}
	return id, nil
}

// named is a library by its name; the caller holds what guards the state.
func (s *state) named(name string) *shelf {
	for _, x := range s.shelves {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// Add reads a document and keeps it, all of it or nothing: once Add returns
// without an error, the verdict holds for good. What was there from the same
// path is gone then, with its key and its words. A file that cannot be read is a
// verdict, no error.
func (l *Libraries) Add(ctx context.Context, f File) (Outcome, error) {
	name, err := libraryName(f.Library)
	if err != nil {
		return Outcome{}, err
	}
	if l.config.Parse == nil {
		return Outcome{}, ErrNoParser
	}
	refused := func(why string, within ...Outcome) (Outcome, error) {
		return Outcome{Verdict: Refused, Why: why, Document: Document{Name: shown(f.Name), Size: int64(len(f.Data))}, Within: within}, nil
	}
	if len(f.Path) > maxPath || len(f.Name) > maxPath || f.Path == "" || !utf8.ValidString(f.Path) {
		return refused("its path is too long, or no text")
	}
	known, err := l.Known(name, []string{f.Path}, [][32]byte{sha256.Sum256(f.Data)})
	if err != nil {
		return Outcome{}, err
	}
	if known[0] {
		return Outcome{Verdict: Unchanged, Document: Document{Name: shown(f.Name), Size: int64(len(f.Data))}}, nil
	}
	now := l.config.Now()
	r := reading{ctx: ctx, parse: l.config.Parse, quick: f.Quick, now: moment(now.UnixMilli()), count: l.config.MostWithin, bytes: l.config.BytesWithin, text: mostText}
	m, err := r.make(f.Name, f.Path, f.Data, 0)
	if no, ok := errors.AsType[*parse.RefusedError](err); ok {
		var within []Outcome
		if m != nil {
			within = m.inside
		}
		return refused(no.Why.String(), within...)
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("reading a document: %w", err)
	}
	m.Modified = moment(millis(f.Modified))
	return l.keep(ctx, name, m, f)
}

// keep writes a document and all that lies in it.
func (l *Libraries) keep(ctx context.Context, name string, m *made, f File) (Outcome, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	s, err := l.changing(ctx)
	if err != nil {
		return Outcome{}, fmt.Errorf("keeping a document: %w", err)
	}
	x := s.named(name)
	var e vault.Edit
	if x == nil {
		if len(s.shelves) >= maxLibraries {
			return Outcome{}, ErrFull
		}
		x = newShelf(Library{ID: vault.NewID(), Name: name, Created: moment(l.config.Now().UnixMilli())}, l.config.SealEvery)
		e.Put = append(e.Put, vault.Put{ID: x.ID, Container: x.ID, Kind: vault.KindLibrary, Payload: x.payload()})
	}
	var docs []bm25.Document
	var fresh []*Document
	m.all(func(part *made) {
		for s.keys[keyOf(part.ID)] != (vault.ID{}) {
			part.ID = vault.NewID()
		}
		part.Library = x.ID
		if part != m {
			part.Within = m.ID
		}
		docs = part.put(&e, docs)
		fresh = append(fresh, &part.Document)
	})
	verdict := Added
	var old []*Document
	if id, ok := x.paths[m.Path]; ok {
		if f.Waited && id != f.Over {
			return Outcome{Verdict: Refused, Why: "while it was read, a newer one took its place", Document: Document{Name: m.Name, Size: m.Size}}, nil
		}
		verdict, old = Changed, s.with(id)
	}
	var r rewriting
	if len(old) > 0 {
		r = l.drop(&e, x, old)
		e.Drop = append(e.Drop, s.broken...) // they may hold words of what goes
	}
	if err := l.write(ctx, e); err != nil {
		return Outcome{}, fmt.Errorf("keeping a document: %w", err)
	}
	l.mu.Lock()
	r.done()
	if len(old) > 0 {
		s.broken = nil
	}
	for _, d := range old {
		s.abandon(d)
	}
	s.shelves[x.ID] = x
	for _, d := range fresh {
		kept := *d
		s.adopt(&kept)
	}
	x.index.Add(docs...)
	if s.work != nil {
		for _, d := range fresh {
			s.work.documents = append(s.work.documents, d.ID)
		}
	}
	l.mu.Unlock()
	select {
	case l.came <- struct{}{}:
	default: // it is told already
	}
	l.sealIfDue(ctx, x)
	return m.outcome(verdict), nil
}

// put lets an edit write a document.
func (m *made) put(e *vault.Edit, docs []bm25.Document) []bm25.Document {
	e.Put = append(e.Put, vault.Put{ID: m.ID, Container: m.ID, Kind: vault.KindDocument, Order: uint64(max(0, m.Added.UnixMilli())), Payload: m.payload()})
	for _, f := range m.leaves {
		e.Put = append(e.Put, vault.Put{ID: vault.NewID(), Container: m.ID, Kind: vault.KindPassages, Order: uint64(f.First), Payload: f.payload()})
		for i, p := range f.Passages {
			docs = append(docs, bm25.Document{ID: passageID(m.ID, f.First+i), Text: f.searchable(p)})
		}
	}
	return docs
}

// with is a document and those in it; the caller holds what guards the state.
func (s *state) with(id vault.ID) (list []*Document) {
	for _, d := range s.documents {
		if d.ID == id || d.Within == id {
			list = append(list, d)
		}
	}
	return list
}

// drop lets an edit destroy documents of one library and their words.
func (l *Libraries) drop(e *vault.Edit, x *shelf, list []*Document) rewriting {
	docs := make(map[bm25.ID]bool)
	for _, d := range list {
		e.Drop = append(e.Drop, d.ID)
		for n := range d.Passages {
			docs[passageID(d.ID, n)] = true
		}
	}
	return l.forget(e, x, docs)
}
