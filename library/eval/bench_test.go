// Package eval measures how well and how fast documents are found: the whole way
// from a question to its passages, which no room has alone. It has tests only.
package eval

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"abaton.local/library/bm25"
	"abaton.local/library/find"
	"abaton.local/library/vector"
)

const chunks, dims = 100_000, 384

// library is indexes of 100,000 passages of about 320 tokens, whose words are as
// unequal as those of a language, in segments as they are kept.
type library struct {
	words     *bm25.Index
	meanings  *vector.Index
	encoded   [][]byte // of words
	vectors   [][]byte // of meanings
	questions []string
	asked     [][]float32
	texts     []string // of the first passages, to be picked from
}

func aLibrary(b *testing.B) *library {
	b.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	zipf := rand.NewZipf(r, 1.07, 3, 60000)
	vocabulary := make([]string, 60001)
	for i := range vocabulary {
		word := make([]byte, 3+r.IntN(8))
		for k := range word {
			word[k] = byte('a' + r.IntN(26))
		}
		vocabulary[i] = string(word)
	}
	some := func(n int) string {
		words := make([]string, n)
		for i := range words {
			words[i] = vocabulary[zipf.Uint64()]
		}
		return strings.Join(words, " ")
	}
	meaning := func() []float32 {
		v := make([]float32, dims)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	l := &library{words: bm25.NewIndex()}
	var err error
	l.meanings, err = vector.NewIndex(vector.Space{Dims: dims})
	must(b, err)
	for i := range chunks {
		var id bm25.ID
		binary.BigEndian.PutUint64(id[:], r.Uint64())
		text := some(220)
		if i < 1000 {
			l.texts = append(l.texts, text)
		}
		l.words.Add(bm25.Document{ID: id, Text: text})
		must(b, l.meanings.Add(vector.ID(id), meaning()))
		if i%8192 == 8191 || i == chunks-1 {
			s, v := l.words.Merge(nil, true, nil), l.meanings.Merge(nil, true, nil)
			l.words.Swap(nil, true, s)
			l.meanings.Swap(nil, true, v)
			l.encoded, l.vectors = append(l.encoded, s.Encoded()), append(l.vectors, v.Encoded())
		}
	}
	for range 100 {
		l.questions, l.asked = append(l.questions, some(4+r.IntN(9))), append(l.asked, meaning())
	}
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// question goes from a question and its embedding to the passages to read.
func (l *library) question(b *testing.B, i int) {
	q := bm25.ParseQuery(l.questions[i])
	scope := bm25.Scope{l.words}
	var lexical, dense []find.ID
	var candidates []bm25.ID
	for _, h := range scope.Search(q, 100) {
		lexical = append(lexical, find.ID(h.ID))
		candidates = append(candidates, h.ID)
	}
	hits, err := l.meanings.Search(l.asked[i], 100)
	must(b, err)
	for _, h := range hits {
		dense = append(dense, find.ID(h.ID))
	}
	var ranked []find.Candidate
	for k, r := range find.Fuse(lexical, dense) {
		ranked = append(ranked, find.Candidate{ID: r.ID, Document: find.ID{r.ID[0]}, Text: l.texts[k]})
	}
	picked := find.Pick(ranked, find.Usual())
	_, together := scope.Coverage(q, candidates...)
	evidence := find.Evidence{Coverage: together, Cosine: hits[0].Cosine, Embedded: true}
	if len(picked) == 0 || !(find.Gate{Coverage: 0.01, Cosine: 0.5}).Enough(evidence) {
		b.Fatal("nothing was found")
	}
}

// BenchmarkQuestion asks 100,000 passages, whose vectors lie as badly for the
// signs as vectors can: each is compared in full.
func BenchmarkQuestion(b *testing.B) {
	l := aLibrary(b)
	var times []time.Duration
	for b.Loop() {
		begin := time.Now()
		l.question(b, len(times)%len(l.questions))
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "ms-p95")
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-p50")
}

// BenchmarkUnlock reads the segments of 100,000 passages, as they come out of
// their seals, and asks the first question. Memory is what the open library
// takes, its encodings included.
func BenchmarkUnlock(b *testing.B) {
	l := aLibrary(b)
	var before, after runtime.MemStats
	for b.Loop() {
		l.words, l.meanings = bm25.NewIndex(), nil
		var err error
		l.meanings, err = vector.NewIndex(vector.Space{Dims: dims})
		must(b, err)
		for i, e := range l.encoded {
			s, err := bm25.Decode(e)
			must(b, err)
			l.words.Attach(s, func(bm25.ID) bool { return true })
			v, err := vector.Decode(l.vectors[i])
			must(b, err)
			must(b, l.meanings.Attach(v, func(vector.ID) bool { return true }))
		}
		l.question(b, 0)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	*l = library{}
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms")
}
