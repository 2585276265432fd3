package bm25

import "slices"

// Scope is several indexes that are searched as if they were one. A document
// must live in one of them only. Its methods look at one index after the other:
// what is added or deleted meanwhile may count or not.
type Scope []*Index

// Search gives the n best documents of all indexes, ranked as one index that
// held everything would rank them.
func (s Scope) Search(q Query, n int) (hits []Hit) {
	switch s = s.distinct(); {
	case n <= 0:
		return nil
	case len(s) == 1:
		return s[0].Search(q, n)
	}
	docs, words, having := s.weigh(q)
	if docs == 0 {
		return nil
	}
	for _, x := range s {
		hits = append(hits, x.searchAmong(q, n, docs, words, having)...)
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	return hits[:min(n, len(hits))]
}

func (s Scope) distinct() Scope {
	var out Scope
	for _, x := range s {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// weigh counts over all indexes what scores depend on.
func (s Scope) weigh(q Query) (docs int, words uint64, having map[string]int) {
	having = make(map[string]int)
	for _, x := range s {
		d, w := x.weigh(q, having)
		docs, words = docs+d, words+w
	}
	return docs, words, having
}

func (x *Index) weigh(q Query, having map[string]int) (docs int, words uint64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	docs, words = x.size()
	s := x.scorer(docs, words)
	done := make(map[string]bool)
	count := func(term string) {
		if term != "" && !done[term] {
			done[term] = true
			having[term] += s.find(term)
		}
	}
	for _, w := range q.words {
		count(w.exact)
		for _, f := range w.forms {
			count(f.term)
		}
	}
	return docs, words
}

func (x *Index) searchAmong(q Query, n, docs int, words uint64, having map[string]int) []Hit {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.scorer(docs, words)
	s.having = having
	for _, w := range q.words {
		s.word(w)
	}
	return s.top(n)
}

// Coverage says of each document how much of what the query says it has, and how
// much they have together: the share of the query's words, each weighted by how
// rare it is in all indexes, from 0 to 1. A word that stands nowhere weighs as one
// that stands once. A document that is not there, and every document where nothing
// was asked, has 0.
func (s Scope) Coverage(q Query, ids ...ID) (each []float64, together float64) {
	docs := 0
	having := make([]int, len(q.words))
	has := make([][]bool, len(ids)) // by word
	for i := range has {
		has[i] = make([]bool, len(q.words))
	}
	for _, x := range s.distinct() {
		docs += x.cover(q, ids, having, has)
	}
	each = make([]float64, len(ids))
	all := 0.0
	for k, w := range q.words {
		// A compound adds to its parts, as in a search.
		weight := rarity(float64(docs), max(1, having[k]))
		if len(w.forms) == 1 {
			weight *= w.forms[0].weight
		}
		all += weight
		some := false
		for i := range ids {
			if has[i][k] {
				each[i] += weight
				some = true
			}
		}
		if some {
			together += weight
		}
	}
	if all == 0 {
		return each, 0
	}
	for i := range each {
		each[i] = min(1, each[i]/all)
	}
	return each, min(1, together/all)
}

// cover adds up how many documents have each word, and which of those named do.
func (x *Index) cover(q Query, ids []ID, having []int, has [][]bool) (docs int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	docs, words := x.size()
	s := x.scorer(docs, words)
	places := make([]int, len(ids))
	for i, id := range ids {
		places[i] = x.number(id)
	}
	seen := make([]bool, len(s.total))
	var touched []uint32
	for k, w := range q.words {
		for _, f := range w.forms {
			s.one(f.term, func(doc uint32, _ float64) {
				if !seen[doc] {
					seen[doc] = true
					touched = append(touched, doc)
				}
			})
		}
		having[k] += len(touched)
		for i, at := range places {
			if at >= 0 && seen[at] {
				has[i][k] = true
			}
		}
		for _, doc := range touched {
			seen[doc] = false
		}
		touched = touched[:0]
	}
	return docs
}

// number is the number of a living document over all parts, -1 if there is none.
func (x *Index) number(id ID) int {
	base := 0
	for _, p := range x.parts {
		if doc, ok := p.seg.find(id); ok && !p.dead.has(doc) {
			return base + int(doc)
		}
		base += p.seg.Len()
	}
	if doc, ok := x.open.place[id]; ok {
		return base + int(doc)
	}
	return -1
}
