package eval

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"abaton.local/library/bm25"
	"abaton.local/library/find"
	"abaton.local/library/vector"
)

// considered is how many passages of each ranking are looked at, and read how
// many of both together, as in room library.
const (
	considered = 100
	read       = 50
)

// finder finds passages the way the product does.
type finder struct {
	list     []passage
	byID     map[find.ID]*passage
	words    *bm25.Index
	meanings *vector.Index // nil: by words alone
	vectors  vectors
}

func newFinder(t testing.TB, list []passage, v vectors) *finder {
	t.Helper()
	f := &finder{list: list, byID: make(map[find.ID]*passage), words: index(list), vectors: v}
	for i := range list {
		f.byID[list[i].id] = &list[i]
	}
	if v != nil {
		var err error
		f.meanings, err = vector.NewIndex(vector.Space{Dims: dims})
		must(t, err)
		for _, p := range list {
			must(t, f.meanings.Add(vector.ID(p.id), v.of(t, p.text)))
		}
	}
	return f
}

// found is what was found for a question.
type found struct {
	ranking  []find.ID // fused
	picked   []*passage
	evidence find.Evidence
}

// ask finds passages by words (lexical), by meaning (dense), or by both.
func (f *finder) ask(t testing.TB, wanted string, lexical, dense bool, caps find.Caps) (out found) {
	t.Helper()
	q := bm25.ParseQuery(wanted)
	var rankings [][]find.ID
	if lexical {
		var ids []find.ID
		for _, h := range f.words.Search(q, considered) {
			ids = append(ids, find.ID(h.ID))
		}
		rankings = append(rankings, ids)
	}
	if dense {
		hits, err := f.meanings.Search(f.vectors.of(t, wanted), considered)
		must(t, err)
		var ids []find.ID
		for _, h := range hits {
			ids = append(ids, find.ID(h.ID))
		}
		rankings = append(rankings, ids)
		out.evidence.Embedded, out.evidence.Cosine = true, hits[0].Cosine
	}
	fused := find.Fuse(rankings...)
	for _, r := range fused {
		out.ranking = append(out.ranking, r.ID)
	}
	documentOf := func(id find.ID) find.ID {
		n := f.byID[id].document
		return find.ID{byte(n >> 8), byte(n), 1}
	}
	var candidates []find.Candidate
	for _, id := range find.First(fused, read, documentOf) {
		candidates = append(candidates, find.Candidate{ID: id, Document: documentOf(id), Text: f.byID[id].said})
	}
	var ids []bm25.ID
	for _, p := range find.Pick(candidates, caps) {
		out.picked = append(out.picked, f.byID[p.ID])
		ids = append(ids, bm25.ID(p.ID))
	}
	out.evidence.Among = len(f.list)
	_, out.evidence.Coverage = (bm25.Scope{f.words}).Coverage(q, ids...)
	return out
}

// recall is the share of what is wanted that passages have.
func recall(q *question, passages []*passage) float64 {
	have := 0
	for _, g := range q.gold {
		if slices.ContainsFunc(passages, func(p *passage) bool { return p.covers(g) }) {
			have++
		}
	}
	return float64(have) / float64(len(q.gold))
}

// reciprocal is one divided by the place of the first passage that has some of
// what is wanted.
func reciprocal(q *question, passages []*passage) float64 {
	for i, p := range passages {
		if slices.ContainsFunc(q.gold, p.covers) {
			return 1 / float64(i+1)
		}
	}
	return 0
}

// within are the passages, best first, that fit into so many characters, as
// their length is counted.
func within(passages []*passage, characters int, length func(*passage) int) (out []*passage) {
	for _, p := range passages {
		if n := length(p); n <= characters {
			characters -= n
			out = append(out, p)
		}
	}
	return out
}

// The peer is Open WebUI with the defaults that its documentation gives
// (November 2026, when 0.12.4 was its newest release): passages of 1,000
// characters that overlap by 100, all-MiniLM-L6-v2, the three nearest, no words.
// It is emulated by our code: it reads what our parsers make of a file, and is
// asked what we ask, follow-ups with what they lean on.
const (
	peerSize    = 1000
	peerOverlap = 100
	peerTop     = 3
)

// peerPassages cuts the documents as the splitter of the peer does: at empty
// lines, where that is not enough at lines, words, characters, and then joined
// again as far as a passage holds.
func (s *set) peerPassages() (list []passage) {
	for i, d := range s.documents {
		for _, at := range splitted(d.Text, 0, len(d.Text), []string{"\n\n", "\n", " ", ""}) {
			text := d.Text[at[0]:at[1]]
			list = append(list, passage{place{i, at[0], at[1]}, idOf(i, at[0]), text, text})
		}
	}
	return list
}

func splitted(text string, start, end int, separators []string) (out [][2]int) {
	sep, rest := separators[0], separators[1:]
	for len(rest) > 0 && !strings.Contains(text[start:end], sep) {
		sep, rest = rest[0], rest[1:]
	}
	var small [][2]int
	at := start
	for part := range strings.SplitSeq(text[start:end], sep) {
		piece := [2]int{at, at + len(part)}
		at = piece[1] + len(sep)
		switch {
		case part == "":
		case utf8.RuneCountInString(part) < peerSize:
			small = append(small, piece)
		default:
			out = append(out, joined(text, small)...)
			small = nil
			if len(rest) == 0 {
				out = append(out, piece)
				continue
			}
			out = append(out, splitted(text, piece[0], piece[1], rest)...)
		}
	}
	return append(out, joined(text, small)...)
}

func joined(text string, pieces [][2]int) (out [][2]int) {
	length := func(list [][2]int) int {
		if len(list) == 0 {
			return 0
		}
		return utf8.RuneCountInString(text[list[0][0]:list[len(list)-1][1]])
	}
	var open [][2]int
	for _, p := range pieces {
		if len(open) > 0 && length(append(slices.Clone(open), p)) > peerSize {
			out = append(out, [2]int{open[0][0], open[len(open)-1][1]})
			for len(open) > 0 && (length(open) > peerOverlap || length(append(slices.Clone(open), p)) > peerSize) {
				open = open[1:]
			}
		}
		open = append(open, p)
	}
	if len(open) > 0 {
		out = append(out, [2]int{open[0][0], open[len(open)-1][1]})
	}
	return out
}

// The emulated splitter keeps to what it emulates.
func TestPeerPassages(t *testing.T) {
	s := loadSet(t)
	overlaps := 0
	list := s.peerPassages()
	for i, p := range list {
		if n := utf8.RuneCountInString(p.text); n > peerSize || n == 0 {
			t.Errorf("a passage of %d characters", n)
		}
		if i > 0 && list[i-1].document == p.document && p.start < list[i-1].end {
			overlaps++
			if n := utf8.RuneCountInString(s.documents[p.document].Text[p.start:list[i-1].end]); n > peerOverlap {
				t.Errorf("an overlap of %d characters", n)
			}
		}
	}
	for _, q := range s.some((*question).answerable) {
		for _, g := range q.gold {
			if !slices.ContainsFunc(list, func(p passage) bool { return p.covers(g) }) {
				t.Errorf("%s: no passage has half of what is wanted", q.ID)
			}
		}
	}
	if overlaps == 0 {
		t.Error("no passages overlap")
	}
}
