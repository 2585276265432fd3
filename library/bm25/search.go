package bm25

import (
	"bytes"
	"math"
)

// Search gives the n best documents, best first; of equals, the one with the
// smaller ID. The time is in proportion to how often the query's words occur.
func (x *Index) Search(q Query, n int) []Hit {
	x.mu.RLock()
	defer x.mu.RUnlock()
	docs, words := x.size()
	if docs == 0 || n <= 0 {
		return nil
	}
	s := x.scorer(docs, words)
	for _, w := range q.words {
		s.word(w)
	}
	return s.top(n)
}

// size is the number of living documents and of their words.
func (x *Index) size() (docs int, words uint64) {
	for doc := range x.open.ids {
		if !x.dead.has(uint32(doc)) {
			docs++
			words += uint64(x.open.lengths[doc])
		}
	}
	for _, p := range x.parts {
		docs += p.seg.Len() - p.dead.count
		words += p.seg.words
		if p.dead.count > 0 {
			for doc := range p.seg.lengths {
				if p.dead.has(uint32(doc)) {
					words -= uint64(p.seg.lengths[doc])
				}
			}
		}
	}
	return docs, words
}

// scorer adds up the scores of one search in one index. Documents have a number
// over all parts: that in their part, after those of the parts before.
type scorer struct {
	x       *Index
	docs    float64        // living
	average float64        // words of a document
	having  map[string]int // documents that have a term, where more than this index is searched
	total   []float64
	best    []float64   // value of a word's forms so far, 0 outside word
	touched []uint32    // where best is not 0
	lists   [][]posting // of one term, for each part
}

func (x *Index) scorer(docs int, words uint64) *scorer {
	n := len(x.open.ids)
	for _, p := range x.parts {
		n += p.seg.Len()
	}
	s := &scorer{x: x, docs: float64(docs), average: 1, total: make([]float64, n), lists: make([][]posting, len(x.parts)+1)}
	if words > 0 {
		s.average = float64(words) / float64(docs)
	}
	return s
}

// find reads the postings of a term into lists, and counts the living documents
// that have it.
func (s *scorer) find(term string) (found int) {
	for i := range s.lists {
		list := s.lists[i][:0]
		dead := &s.x.dead
		if i < len(s.x.parts) {
			list = s.x.parts[i].seg.postings(list, term)
			dead = &s.x.parts[i].dead
		} else if number, ok := s.x.open.number[term]; ok {
			list = append(list, s.x.open.lists[number]...)
		}
		if dead.count > 0 {
			live := list[:0]
			for _, p := range list {
				if !dead.has(p.doc) {
					live = append(live, p)
				}
			}
			list = live
		}
		s.lists[i] = list
		found += len(list)
	}
	return found
}

// one calls f with the value of a term for each living document that has it.
func (s *scorer) one(term string, f func(doc uint32, v float64)) {
	found := s.find(term)
	if found == 0 {
		return
	}
	if s.having != nil {
		found = s.having[term]
	}
	rare := rarity(s.docs, found)
	base := uint32(0)
	for i, list := range s.lists {
		lengths := s.x.open.lengths
		if i < len(s.x.parts) {
			lengths = s.x.parts[i].seg.lengths
		}
		for _, p := range list {
			count := float64(p.count)
			norm := k1 * (1 - b + b*float64(lengths[p.doc])/s.average)
			f(base+p.doc, rare*count*(k1+1)/(count+norm))
		}
		base += uint32(len(lengths))
	}
}

// rarity is what a term says that stands in so many documents.
func rarity(docs float64, having int) float64 {
	return math.Log(1 + (docs-float64(having)+0.5)/(float64(having)+0.5))
}

// word adds what a word is worth in each document.
func (s *scorer) word(w wanted) {
	if w.exact != "" {
		s.one(w.exact, func(doc uint32, v float64) { s.total[doc] += exactWeight * v })
	}
	if len(w.forms) == 1 {
		weight := w.forms[0].weight
		s.one(w.forms[0].term, func(doc uint32, v float64) { s.total[doc] += weight * v })
		return
	}
	if s.best == nil {
		s.best = make([]float64, len(s.total))
	}
	for _, form := range w.forms {
		s.one(form.term, func(doc uint32, v float64) {
			if s.best[doc] == 0 {
				s.touched = append(s.touched, doc)
			}
			s.best[doc] = max(s.best[doc], form.weight*v)
		})
	}
	for _, doc := range s.touched {
		s.total[doc] += s.best[doc]
		s.best[doc] = 0
	}
	s.touched = s.touched[:0]
}

// top picks the n best.
func (s *scorer) top(n int) []Hit {
	var hits []Hit
	base := 0
	take := func(id ID, score float64) {
		if len(hits) == n {
			if last := hits[n-1]; !before(Hit{id, score}, last) {
				return
			}
			hits = hits[:n-1]
		}
		at := len(hits)
		hits = append(hits, Hit{id, score})
		for ; at > 0 && before(hits[at], hits[at-1]); at-- {
			hits[at], hits[at-1] = hits[at-1], hits[at]
		}
	}
	for _, p := range s.x.parts {
		for doc, v := range s.total[base : base+p.seg.Len()] {
			if v > 0 {
				take(p.seg.id(uint32(doc)), v)
			}
		}
		base += p.seg.Len()
	}
	for doc, v := range s.total[base:] {
		if v > 0 {
			take(s.x.open.ids[doc], v)
		}
	}
	return hits
}

func before(a, b Hit) bool {
	if a.Score != b.Score {
		return a.Score > b.Score
	}
	return bytes.Compare(a.ID[:], b.ID[:]) < 0
}
