package main

import (
	"context"
	"errors"
	"time"

	"abaton.local/library"
	"abaton.local/vault"
)

// addDocument takes a file or a piece of one. With the last piece the document is
// read, and what became of it is the answer. The path is a name to know it by:
// nothing here opens it.
func addDocument() long[addIn, addOut] {
	return long[addIn, addOut]{"docs/add", func(ctx context.Context, h *home, s vault.Session, in addIn, _ progress) (out addOut, err error) {
		got, err := h.addDocument(ctx, s, in)
		if errors.Is(err, library.ErrLater) {
			return addOut{Later: true}, nil
		}
		if got != nil {
			out.Outcome = new(outcomeOf(*got))
		}
		return out, err
	}}
}

// addDocument does it. The outcome is nil while more is to come. What is read at once
// is read in one row, one after the other; what takes long, for it has pages that are
// pictures, comes to another, once that is known of it, and nothing waits for it. Who
// asks for what is quick is told, library.ErrLater, and sends it again.
func (h *home) addDocument(ctx context.Context, s vault.Session, in addIn) (out *library.Outcome, err error) {
	k, err := h.shelf(s)
	if err != nil {
		return nil, err
	}
	if err := h.readsDocuments(); err != nil {
		return nil, err
	}
	whole, err := h.arrive(k, in)
	if err != nil || whole == nil && in.Size > 0 {
		return nil, err
	}
	defer k.finished(in)
	x, err := h.libraries(ctx, s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := k.open(ctx)
	defer cancel()
	defer func() {
		if err != nil && k.locked.Err() != nil {
			err = vault.ErrLocked
		}
	}()
	f := library.File{Library: in.Library, Path: in.Path, Name: in.Name, Modified: in.Modified, Data: whole, Quick: true}
	got, err := addAt(ctx, k.reading, x, &f)
	if errors.Is(err, library.ErrLater) && !in.Quick {
		f.Quick, f.Waited = false, true
		got, err = addAt(ctx, k.recognising, x, &f)
	}
	if err != nil {
		return nil, err
	}
	if got.Verdict == library.Added || got.Verdict == library.Changed {
		k.arriving.Lock()
		k.added++
		k.arriving.Unlock()
	}
	return &got, nil
}

// addAt adds a file in its turn. Of one that comes again, what it is to replace is
// noted before anything else has its turn.
func addAt(ctx context.Context, turn chan struct{}, x *library.Libraries, f *library.File) (got library.Outcome, err error) {
	over, err := take(ctx, turn)
	if err != nil {
		return got, err
	}
	defer over()
	if got, err = x.Add(ctx, *f); errors.Is(err, library.ErrLater) {
		if at, no := x.From(f.Library, f.Path); no == nil {
			f.Over = at
		}
	}
	return got, err
}

type addIn struct {
	Library  string    `json:"library"`
	Path     string    `json:"path"`
	Name     string    `json:"name"`
	Modified time.Time `json:"modified,omitzero"`
	Size     int64     `json:"size"`
	Upload   string    `json:"upload,omitempty"` // drawn by the sender, for a file in pieces
	At       int64     `json:"at,omitempty"`     // where this piece begins
	Quick    bool      `json:"quick,omitempty"`  // what takes long is not begun: see addOut
	Data     []byte    `json:"data"`
}

type addOut struct {
	Outcome *outcomeJSON `json:"outcome,omitempty"` // none while more is to come
	Later   bool         `json:"later,omitempty"`   // it takes long: to be sent again, behind all others
}

// outcomeJSON is what became of a file.
type outcomeJSON struct {
	Verdict  library.Verdict `json:"verdict"`
	Why      string          `json:"why,omitempty"`
	Document documentJSON    `json:"document"`
	Within   []outcomeJSON   `json:"within,omitempty"`
}

func outcomeOf(o library.Outcome) outcomeJSON {
	out := outcomeJSON{Verdict: o.Verdict, Why: o.Why, Document: documentOf(o.Document)}
	for _, x := range o.Within {
		out.Within = append(out.Within, outcomeOf(x))
	}
	return out
}

// addedDocuments says that a verb has added all it wanted.
func addedDocuments() call[struct{}, struct{}] {
	return call[struct{}, struct{}]{"docs/added", func(_ context.Context, h *home, s vault.Session, _ struct{}) (struct{}, error) {
		k, err := h.shelf(s)
		if err == nil {
			err = h.counted(k, s.Person)
		}
		return struct{}{}, err
	}}
}
