package bm25

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"
)

// The benchmarks are about 100,000 messages of 1 KB in segments of 8,192, the
// history of somebody who writes a lot.
const (
	benchDocs    = 100_000
	benchSegment = 8192
)

// indexed builds the segments of docs.
func indexed(docs []Document) (x *Index, encoded [][]byte) {
	x = NewIndex()
	for part := range slices.Chunk(docs, benchSegment) {
		x.Add(part...)
		s := x.Merge(nil, true, nil)
		x.Swap(nil, true, s)
		encoded = append(encoded, s.Encoded())
	}
	return x, encoded
}

// BenchmarkDecode is what the index adds to unlocking: every segment is read
// and checked. Beside it, building the same from the texts.
func BenchmarkDecode(b *testing.B) {
	docs, _ := corpus(benchDocs)
	begin := time.Now()
	_, encoded := indexed(docs)
	build := time.Since(begin)
	var size int
	for _, e := range encoded {
		size += len(e)
	}
	for b.Loop() {
		x := NewIndex()
		for _, e := range encoded {
			s, err := Decode(e)
			if err != nil {
				b.Fatal(err)
			}
			x.Attach(s, func(ID) bool { return true })
		}
		if x.Len() != benchDocs {
			b.Fatal("documents are missing")
		}
	}
	each := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(float64(each.Microseconds())/1000, "ms")
	b.ReportMetric(float64(size)/1e6, "MB")
	b.ReportMetric(float64(build)/float64(each), "build/decode")
}

// BenchmarkSearch asks queries of two to ten words, any of which may match, for
// the ten best. Beside it, looking for the same words in all texts.
func BenchmarkSearch(b *testing.B) {
	docs, queries := corpus(benchDocs)
	x, _ := indexed(docs)
	begin := time.Now()
	for _, q := range queries[:3] {
		naive(docs, q)
	}
	scan := time.Since(begin) / 3
	var times []time.Duration
	for b.Loop() {
		begin := time.Now()
		x.Search(ParseQuery(queries[len(times)%len(queries)]), 10)
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "ms-p95")
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(scan)/float64(times[len(times)/2]), "scan/search")
}

// naive counts the texts that hold a word of the query.
func naive(docs []Document, query string) (n int) {
	words := strings.Fields(query)
	for _, d := range docs {
		text := strings.ToLower(d.Text)
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) {
			n++
		}
	}
	return n
}

// BenchmarkAdd adds one message at a time and seals the open part every 1,024:
// what a message costs, sealing spread over all.
func BenchmarkAdd(b *testing.B) {
	docs, _ := corpus(4096)
	x := NewIndex()
	n := uint64(0)
	for b.Loop() {
		d := docs[n%uint64(len(docs))]
		n++
		binary.BigEndian.PutUint64(d.ID[:], n)
		x.Add(d)
		if n%1024 == 0 {
			x.Swap(nil, true, x.Merge(nil, true, nil))
			x.Swap(x.Segments(), false, nil) // kept elsewhere
		}
	}
}

// BenchmarkMerge rewrites a full segment without one of its documents, which is
// what deleting costs.
func BenchmarkMerge(b *testing.B) {
	docs, _ := corpus(benchSegment)
	x, _ := indexed(docs)
	all := x.Segments()
	for b.Loop() {
		if s := x.Merge(all, false, func(id ID) bool { return id == docs[7].ID }); s.Len() != benchSegment-1 {
			b.Fatal("the wrong number is left")
		}
	}
}
