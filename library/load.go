package library

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"abaton.local/library/bm25"
	"abaton.local/library/vector"
	"abaton.local/vault"
)

// load makes the state from what is in the vault. The caller holds writing.
func (l *Libraries) load(ctx context.Context) error {
	s := &state{shelves: make(map[vault.ID]*shelf), documents: make(map[vault.ID]*Document), keys: make(map[key]vault.ID), makers: make(map[vector.Space]maker)}
	if err := l.readLibraries(ctx, s); err != nil {
		return err
	}
	if err := l.readDocuments(ctx, s); err != nil {
		return err
	}
	// seen are the passages that are in a segment.
	seen := make(map[vault.ID][]bool, len(s.documents))
	for id, d := range s.documents {
		if d.Passages > 0 {
			seen[id] = make([]bool, d.Passages)
		}
	}
	if err := l.readSegments(ctx, s, seen); err != nil {
		return err
	}
	if err := l.readMeanings(ctx, s); err != nil {
		return err
	}
	l.mu.Lock()
	l.state, l.doubt = s, false
	l.mu.Unlock()
	if err := l.indexRest(ctx, seen); err != nil {
		l.doubt = true // the next change reads all anew, and so indexes what is not
		return err
	}
	return nil
}

func (l *Libraries) readLibraries(ctx context.Context, s *state) error {
	for got, err := range l.vault.ReadMany(ctx, idsOf(l.vault.List(vault.KindLibrary, vault.ID{}))) {
		var x Library
		if err == nil {
			x, err = parseLibrary(got.Payload)
		}
		if err != nil {
			if !single(err, got.ID) {
				return fmt.Errorf("opening the libraries: %w", err)
			}
			s.damage = append(s.damage, fmt.Errorf("library %v: %w", got.ID, err))
			x = damaged(got.ID)
		}
		x.ID = got.ID
		s.shelves[got.ID] = newShelf(x, l.config.SealEvery)
	}
	return nil
}

// damaged is a library whose name cannot be read: it is called by its number, so
// that it can be named.
func damaged(id vault.ID) Library {
	return Library{ID: id, Name: "library " + id.String()[:8], Damaged: true}
}

func (l *Libraries) readDocuments(ctx context.Context, s *state) error {
	for got, err := range l.vault.ReadMany(ctx, idsOf(l.vault.List(vault.KindDocument, vault.ID{}))) {
		var d Document
		if err == nil {
			d, err = parseDocument(got.Payload)
		}
		if err != nil {
			if !single(err, got.ID) {
				return fmt.Errorf("opening the libraries: %w", err)
			}
			s.damage = append(s.damage, fmt.Errorf("document %v: %w", got.ID, err))
			d = Document{Name: "(its name cannot be read)", Damaged: true}
		}
		d.ID = got.ID
		if s.shelves[d.Library] == nil && !d.Damaged {
			s.damage = append(s.damage, fmt.Errorf("library %v: %w", d.Library, errPayload))
			s.shelves[d.Library] = newShelf(damaged(d.Library), l.config.SealEvery)
		}
		s.adopt(&d)
	}
	return nil
}

// adopt makes a document one of memory; the caller holds what guards the state.
func (s *state) adopt(d *Document) {
	s.documents[d.ID] = d
	s.keys[keyOf(d.ID)] = d.ID
	if x := s.shelves[d.Library]; x != nil {
		x.Documents++
		x.Passages += d.Passages
		if d.Within == (vault.ID{}) {
			x.paths[d.Path] = d.ID
		}
	}
}

// abandon takes it away again.
func (s *state) abandon(d *Document) {
	delete(s.documents, d.ID)
	delete(s.keys, keyOf(d.ID))
	if x := s.shelves[d.Library]; x != nil {
		x.Documents--
		x.Passages -= d.Passages
		if x.paths[d.Path] == d.ID {
			delete(x.paths, d.Path)
		}
	}
}

// readSegments attaches the segments that are sound, and marks what they hold as
// seen.
func (l *Libraries) readSegments(ctx context.Context, s *state, seen map[vault.ID][]bool) error {
	for got, err := range l.vault.ReadMany(ctx, idsOf(l.vault.List(vault.KindWords, vault.ID{}))) {
		var seg *bm25.Segment
		var in vault.ID
		if err == nil {
			in, seg, err = parseSegment(got.Payload)
		} else if !single(err, got.ID) {
			return fmt.Errorf("opening the index: %w", err)
		}
		if err != nil {
			s.damage = append(s.damage, fmt.Errorf("segment %v: %w", got.ID, err))
		}
		x := s.shelves[in]
		if err != nil || !seg.Current() || x == nil {
			s.broken = append(s.broken, got.ID)
			continue
		}
		x.index.Attach(seg, func(id bm25.ID) bool {
			k, n := placeOf(id)
			document := s.keys[k]
			marks := seen[document]
			if n >= len(marks) || marks[n] || s.documents[document].Library != in {
				return false
			}
			marks[n] = true
			return true
		})
		x.kept[seg] = got.ID
	}
	return nil
}

// indexRest indexes what is in no segment, from the passages themselves.
func (l *Libraries) indexRest(ctx context.Context, seen map[vault.ID][]bool) error {
	s := l.state
	var leaves []vault.ID
	var damage []error
	for id, marks := range seen {
		if slices.Contains(marks, false) {
			leaves = append(leaves, idsOf(l.vault.List(vault.KindPassages, id))...)
		}
	}
	for got, err := range l.vault.ReadMany(ctx, leaves) {
		if err == nil {
			var f leaf
			if f, err = parseLeaf(got.Payload); err == nil {
				x, marks := s.shelves[s.documents[got.Container].Library], seen[got.Container]
				for i, p := range f.Passages {
					if n := f.First + i; n < len(marks) && !marks[n] {
						x.index.Add(bm25.Document{ID: passageID(got.Container, n), Text: f.searchable(p)})
					}
				}
				if x.index.Open() >= l.config.MaxSegment {
					l.sealIfDue(ctx, x)
				}
				continue
			}
		}
		if !single(err, got.ID) {
			return fmt.Errorf("indexing: %w", err)
		}
		damage = append(damage, fmt.Errorf("passages %v: %w", got.ID, err))
	}
	l.mu.Lock() // it can be looked at already
	s.damage = append(s.damage, damage...)
	l.mu.Unlock()
	for _, x := range s.shelves {
		l.sealIfDue(ctx, x)
	}
	return nil
}

// single says whether an error is about one record, so that the others can be
// read all the same. What a later version wrote is no damage: it is refused.
func single(err error, id vault.ID) bool {
	if id == (vault.ID{}) {
		return false
	}
	_, damaged := errors.AsType[*vault.Damage](err)
	return damaged || errors.Is(err, errPayload) || errors.Is(err, vault.ErrNoRecord)
}

func idsOf(records []vault.Record) []vault.ID {
	ids := make([]vault.ID, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	return ids
}
