package vector

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// The benchmarks are about 100,000 vectors of 384 dimensions.
const benchVectors, benchDims = 100_000, 384

// BenchmarkSearch looks for the 100 nearest, at all vectors and by signs first.
func BenchmarkSearch(b *testing.B) {
	ids, vectors, queries := corpus(benchVectors, benchDims, 50)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x := filled(b, ids, vectors, 8192)
	x.Swap(nil, true, x.Merge(nil, true, nil))
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(vectors)
	recall := x.Calibrate()
	for name, how := range map[string]func(*asked, int) []Hit{
		"all":   func(q *asked, n int) []Hit { return x.all(q, n, nil) },
		"signs": func(q *asked, n int) []Hit { return x.bySigns(q, n, nil) },
	} {
		b.Run(name, func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				begin := time.Now()
				numbers, err := quantize(queries[len(times)%len(queries)], benchDims, fine)
				if err != nil {
					b.Fatal(err)
				}
				q := ask(numbers)
				how(&q, 100)
				times = append(times, time.Since(begin))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "ms-p95")
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
			b.ReportMetric(recall, "recall")
		})
	}
}

// BenchmarkDecode is what vectors add to unlocking.
func BenchmarkDecode(b *testing.B) {
	ids, vectors, _ := corpus(8192, benchDims, 0)
	encoded := filled(b, ids, vectors, 10_000).Merge(nil, true, nil).Encoded()
	b.SetBytes(int64(len(encoded)))
	for b.Loop() {
		if _, err := Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}
