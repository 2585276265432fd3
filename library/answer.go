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
	Coverage float64 // how much of the question's words they have together, by how rare these are: 0 to 1
	Cosine   float64 // how near the nearest is in meaning; 0 where that was not compared
	Passages []Quoted

	WordsOnly error // why nothing was looked for by meaning; nil where it was
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
	wanted, _ := find.Question([]find.Turn{{By: find.Person, Text: question}})
	r, err := l.rank(ctx, s, libraries, wanted, considered)
	if err != nil {
		return Answer{}, err
	}
	ids := r.candidates(considered)
	found, damage, err := l.passages(ctx, s, ids)
	if err != nil {
		return Answer{}, fmt.Errorf("answering: %w", err)
	}
	byID := make(map[find.ID]*Found, len(found))
	var candidates []find.Candidate
	for i := range found {
		f := &found[i]
		id := find.ID(passageID(f.Document.ID, f.Passage))
		byID[id] = f
		candidates = append(candidates, find.Candidate{ID: id, Document: find.ID(f.Document.ID), Text: f.Text})
	}
	picked := find.Pick(candidates, caps)
	ids = ids[:0]
	for _, p := range picked { // the others are not shown: nobody looks for words in them
		ids = append(ids, bm25.ID(p.ID))
		r.mark(byID[p.ID])
		for _, same := range p.Same {
			r.mark(byID[same])
		}
	}
	each, together := r.scope.Coverage(r.query, ids...)
	a := Answer{Coverage: together, Cosine: r.best, WordsOnly: r.wordsOnly}
	for i, c := range each {
		quoted := Quoted{Found: *byID[picked[i].ID], Coverage: c}
		for _, same := range picked[i].Same {
			quoted.Same = append(quoted.Same, *byID[same])
		}
		a.Passages = append(a.Passages, quoted)
	}
	among := 0
	for _, x := range r.scope {
		among += x.Len()
	}
	a.Enough = len(a.Passages) > 0 && r.gate.Enough(find.Evidence{Coverage: a.Coverage, Cosine: a.Cosine, Embedded: a.WordsOnly == nil, Among: among})
	return a, errors.Join(damage...)
}
