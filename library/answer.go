package library

import (
	"context"
	"errors"
	"fmt"

	"abaton.local/library/bm25"
	"abaton.local/library/find"
	"abaton.local/vault"
)

// Answer is what documents say to a question: passages, word for word. Nothing
// in it was made by a model.
type Answer struct {
	// Enough says that the passages may hold the answer. Where they do not, they
	// are the nearest that there is, and nothing may be claimed from them.
	Enough   bool
	Coverage float64 // how much of the question's words the best of them has, by how rare they are: 0 to 1
	Passages []Quoted
}

// Quoted is a passage of an answer.
type Quoted struct {
	Found
	Coverage float64
	Same     []Found // passages that say the same, from other places
}

// Considered is how many passages are looked at for one answer.
const considered = 50

// Answer finds the passages that answer a question, of the libraries named or of
// all, as far as the caps allow. The scope and what is looked for come from the
// person alone: what a document says changes neither.
func (l *Libraries) Answer(ctx context.Context, libraries []vault.ID, question string, caps find.Caps) (Answer, error) {
	s, err := l.reading()
	if err != nil {
		return Answer{}, fmt.Errorf("answering: %w", err)
	}
	scope, err := l.scope(s, libraries)
	if err != nil {
		return Answer{}, err
	}
	wanted, _ := find.Question([]find.Turn{{By: find.Person, Text: question}})
	q := bm25.ParseQuery(wanted)
	var ids []bm25.ID
	for _, hit := range scope.Search(q, considered) {
		ids = append(ids, hit.ID)
	}
	found, damage, err := l.passages(ctx, s, ids)
	if err != nil {
		return Answer{}, fmt.Errorf("answering: %w", err)
	}
	byID := make(map[find.ID]*Found, len(found))
	var candidates []find.Candidate
	for i := range found {
		f := &found[i]
		f.mark(q)
		id := find.ID(passageID(f.Document.ID, f.Passage))
		byID[id] = f
		candidates = append(candidates, find.Candidate{ID: id, Document: find.ID(f.Document.ID), Text: f.Text})
	}
	picked := find.Pick(candidates, caps)
	ids = ids[:0]
	for _, p := range picked {
		ids = append(ids, bm25.ID(p.ID))
	}
	var a Answer
	for i, c := range scope.Coverage(q, ids...) {
		quoted := Quoted{Found: *byID[picked[i].ID], Coverage: c}
		for _, same := range picked[i].Same {
			quoted.Same = append(quoted.Same, *byID[same])
		}
		a.Passages = append(a.Passages, quoted)
		a.Coverage = max(a.Coverage, c)
	}
	a.Enough = find.Needed([32]byte{}).Enough(find.Evidence{Coverage: a.Coverage})
	return a, errors.Join(damage...)
}
