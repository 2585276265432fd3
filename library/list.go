package library

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"abaton.local/library/vector"
	"abaton.local/vault"
)

// List gives all libraries by their names. It reads nothing from the store.
func (l *Libraries) List() ([]Library, error) {
	s, err := l.reading()
	if err != nil {
		return nil, fmt.Errorf("listing the libraries: %w", err)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	most := s.mostly()
	list := make([]Library, 0, len(s.shelves))
	for _, x := range s.shelves {
		list = append(list, x.described(most))
	}
	inOrder(list, func(x Library) string { return x.Name }, func(a, b Library) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return list, nil
}

// described is a library with what has come of it since; the caller holds what
// guards the state.
func (x *shelf) described(space vector.Space) Library {
	d := x.Library
	d.Meanings = x.count(space)
	return d
}

// WordsOnly says why nothing more is embedded here, so that what is added now is
// found by its words alone; nil where it is. What is embedded already is found by
// meaning for as long as its model is here.
func (l *Libraries) WordsOnly(ctx context.Context) error {
	if l.config.Embed == nil {
		return ErrNoEmbedder
	}
	_, err := l.config.Embed.Model(ctx)
	return err
}

// mostly is where most passages have vectors.
func (s *state) mostly() (most vector.Space) {
	for space := range s.makers {
		if s.count(space) > s.count(most) {
			most = space
		}
	}
	return most
}

// Library is the library of a name.
func (l *Libraries) Library(name string) (Library, error) {
	s, err := l.reading()
	if err != nil {
		return Library{}, fmt.Errorf("looking for a library: %w", err)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if clean, err := libraryName(name); err == nil {
		if x := s.named(clean); x != nil {
			return x.described(s.mostly()), nil
		}
	}
	return Library{}, ErrNoLibrary
}

// Documents gives the documents of a library, zero for all, by their names.
func (l *Libraries) Documents(library vault.ID) ([]Document, error) {
	s, err := l.reading()
	if err != nil {
		return nil, fmt.Errorf("listing documents: %w", err)
	}
	l.mu.RLock()
	var list []Document
	for _, d := range s.documents {
		if library == (vault.ID{}) || d.Library == library {
			list = append(list, *d)
		}
	}
	l.mu.RUnlock()
	byName(list)
	return list, nil
}

// Document gives one document: [ErrUnknown] where there is none.
func (l *Libraries) Document(id vault.ID) (Document, error) {
	s, err := l.reading()
	if err != nil {
		return Document{}, fmt.Errorf("looking for a document: %w", err)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	d := s.documents[id]
	if d == nil {
		return Document{}, ErrUnknown
	}
	return *d, nil
}

// Named gives the documents whose names are those that is asked of, by their
// names. It asks for every document there is, so it must be quick, and it must not
// come back to the libraries.
func (l *Libraries) Named(is func(name string) bool) ([]Document, error) {
	s, err := l.reading()
	if err != nil {
		return nil, fmt.Errorf("looking for documents by name: %w", err)
	}
	var list []Document
	l.mu.RLock()
	for _, d := range s.documents {
		if is(d.Name) {
			list = append(list, *d)
		}
	}
	l.mu.RUnlock()
	byName(list)
	return list, nil
}

// minPrefix is how many digits name a document at least, so that a slip of the
// finger does not remove one.
const minPrefix = 4

// Find gives the document whose identifier begins with the digits that a person
// typed: [ErrUnknown] or [ErrAmbiguous] where that is not one.
func (l *Libraries) Find(prefix string) (Document, error) {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	if len(prefix) < minPrefix || strings.Trim(prefix, "0123456789abcdef") != "" {
		return Document{}, fmt.Errorf("a document is named by the first digits of its identifier, %d at least: %w", minPrefix, ErrUnknown)
	}
	s, err := l.reading()
	if err != nil {
		return Document{}, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found *Document
	for id, d := range s.documents {
		if strings.HasPrefix(id.String(), prefix) {
			if found != nil {
				return Document{}, ErrAmbiguous
			}
			found = d
		}
	}
	if found == nil {
		return Document{}, ErrUnknown
	}
	return *found, nil
}

// Text gives a document with all its text. What cannot be read is left out, and
// comes as an error beside the rest.
func (l *Libraries) Text(ctx context.Context, id vault.ID) (Document, string, error) {
	s, err := l.reading()
	if err != nil {
		return Document{}, "", fmt.Errorf("reading a document: %w", err)
	}
	l.mu.RLock()
	d := s.documents[id]
	l.mu.RUnlock()
	if d == nil {
		return Document{}, "", ErrUnknown
	}
	leaves, damage, err := l.leaves(ctx, idsOf(l.vault.List(vault.KindPassages, id)))
	if err != nil {
		return Document{}, "", fmt.Errorf("reading a document: %w", err)
	}
	all := make([]leaf, 0, len(leaves))
	for _, f := range leaves {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b leaf) int { return cmp.Compare(a.First, b.First) })
	var b strings.Builder
	end := 0
	for _, f := range all {
		if from := end - f.Base; from < 0 {
			b.WriteString("\n\n") // what is between could not be read
			b.WriteString(f.Text)
		} else if from <= len(f.Text) {
			b.WriteString(f.Text[from:])
		}
		end = max(end, f.Base+len(f.Text))
	}
	return *d, b.String(), errors.Join(damage...)
}

// leaves reads records of passages. Errors of single ones come apart from one
// that ended the reading; what is gone meanwhile is left out.
func (l *Libraries) leaves(ctx context.Context, ids []vault.ID) (leaves map[vault.ID]leaf, damage []error, err error) {
	leaves = make(map[vault.ID]leaf, len(ids))
	for got, err := range l.vault.ReadMany(ctx, ids) {
		if errors.Is(err, vault.ErrNoRecord) {
			continue
		}
		if err == nil {
			var f leaf
			if f, err = parseLeaf(got.Payload); err == nil {
				leaves[got.ID] = f
				continue
			}
		}
		if !single(err, got.ID) {
			return nil, nil, err
		}
		damage = append(damage, fmt.Errorf("passages %v: %w", got.ID, err))
	}
	return leaves, damage, nil
}
