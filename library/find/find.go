// Package find makes of two rankings, by words and by meaning, the few passages
// that a question is answered from: ranks are fused, passages that say the same
// are folded, no document or sender takes all places, and what was found is held
// against what a question needs before anybody answers.
//
// Everything here is a function of its arguments. In this package nothing that a
// document says ever becomes part of what is looked for.
package find

import (
	"bytes"
	"cmp"
	"slices"
)

// ID names a passage. It is the caller's.
type ID [16]byte

// Ranked is a passage by its place in several rankings.
type Ranked struct {
	ID    ID
	Score float64 // sums of 1/(5+rank)
}

// damping is the k of reciprocal rank fusion: how little the first places count
// more than those behind. With the 60 of its authors (Cormack, Clarke and
// Büttcher, 2009), who fused whole runs of many searches, a passage that is
// behind in both rankings stood before the first of either. It is measured:
// library/eval, half A of its questions, where 3 and 5 find the same.
const damping = 5

// Fuse makes one ranking of several, each best first: a passage counts
// 1/(5+rank) in each in which it stands. Scores of two rankings are never
// compared, they have nothing in common. Of equals the smaller ID is first.
func Fuse(rankings ...[]ID) []Ranked {
	var out []Ranked
	place := make(map[ID]int)
	for _, ranking := range rankings {
		counted := make(map[ID]bool, len(ranking))
		for i, id := range ranking {
			if counted[id] {
				continue
			}
			counted[id] = true
			at, ok := place[id]
			if !ok {
				at = len(out)
				place[id] = at
				out = append(out, Ranked{ID: id})
			}
			out[at].Score += 1 / float64(damping+i+1)
		}
	}
	slices.SortFunc(out, func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}
