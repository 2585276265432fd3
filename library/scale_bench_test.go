package library

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"abaton.local/library/parse"
	"abaton.local/library/vector"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// BenchmarkScale is a library of 100,000 passages in a store on disk: unlocking to
// the first search, the time of a query by words and by vectors, the memory that it
// takes, and what keeping a report of 100 pages adds to reading it.
func BenchmarkScale(b *testing.B) {
	ctx := b.Context()
	path := filepath.Join(b.TempDir(), "store.db")
	st, err := sqlite.Open(ctx, path)
	fatal(b, err)
	id, root := vault.NewID(), vault.NewKey()
	v, err := vault.Create(ctx, st, id, root, []byte("slots"))
	fatal(b, err)
	words := vocabulary()
	r := rand.New(rand.NewPCG(8, 2026))
	config := Config{Parse: func(_ context.Context, src parse.Source) (parse.Document, error) { return report(r, words, src), nil }}
	l, err := Open(ctx, v, config)
	fatal(b, err)
	passages := 0
	for n := 0; passages < scalePassages; n++ {
		passages += keepReport(b, l, n, 600)
	}
	fatal(b, l.Close(ctx))
	v.Close()
	fatal(b, st.Close())

	for b.Loop() {
		idle := resident(b)
		st, err := sqlite.Open(ctx, path)
		fatal(b, err)
		begin := time.Now()
		v, err := vault.Open(ctx, st, id, root, vault.Opening{})
		fatal(b, err)
		l, err := Open(ctx, v, config)
		fatal(b, err)
		query(b, l, r, words)
		b.ReportMetric(time.Since(begin).Seconds(), "s-unlock-to-search")
		b.ReportMetric(float64(resident(b)-idle)/1e6, "MB-words")
		var times []time.Duration
		for range 400 {
			times = append(times, query(b, l, r, words))
		}
		b.ReportMetric(p95(times), "ms-words-p95")
		begin = time.Now()
		keepReport(b, l, 1_000_000, 100)
		query(b, l, r, words)
		b.ReportMetric(time.Since(begin).Seconds(), "s-keep-100-pages")

		x := vectorsOf(b, passages)
		b.ReportMetric(float64(resident(b)-idle)/1e6, "MB-words-and-vectors")
		times = times[:0]
		for range 400 {
			q := direction(r)
			begin := time.Now()
			_, err := x.Search(q, 100)
			fatal(b, err)
			times = append(times, time.Since(begin)+query(b, l, r, words))
		}
		b.ReportMetric(p95(times), "ms-words-and-vectors-p95")
		runtime.KeepAlive(x)
		fatal(b, l.Close(ctx))
		v.Close()
		fatal(b, st.Close())
	}
	b.ReportMetric(float64(passages), "passages")
}

const (
	scalePassages = 100_000
	scaleDims     = 384
)

func fatal(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// vocabulary is words as frequent as those of a language are: the n-th is n times as
// rare as the first.
func vocabulary() (words []string) {
	for i := range 60_000 {
		words = append(words, "w"+strconv.FormatInt(int64(i)*7919, 36))
	}
	return words
}

func word(r *rand.Rand, words []string) string {
	at := int(float64(len(words)) * max(0, r.ExpFloat64()/9-0.01))
	return words[min(at, len(words)-1)]
}

// report is a document of so many pages as its data says, about 2,900 letters each.
func report(r *rand.Rand, words []string, src parse.Source) parse.Document {
	pages, _ := strconv.Atoi(string(bytes.TrimSpace(src.Data[:8])))
	d := parse.Document{Result: parse.Result{Format: parse.PDF}}
	for page := range pages {
		d.Records = append(d.Records, parse.Record{Page: page + 1, Kind: parse.Heading, Level: 1, Text: "Section " + strconv.Itoa(page+1)})
		for range 3 {
			var text strings.Builder
			for text.Len() < 960 {
				text.WriteString(word(r, words) + " ")
			}
			d.Records = append(d.Records, parse.Record{Page: page + 1, Text: strings.TrimSpace(text.String())})
		}
	}
	d.Result.Records = len(d.Records)
	return d
}

func keepReport(b *testing.B, l *Libraries, n, pages int) int {
	b.Helper()
	out, err := l.Add(b.Context(), File{Library: "all", Path: fmt.Sprintf("/%d.pdf", n), Name: fmt.Sprintf("%d.pdf", n), Data: fmt.Appendf(nil, "%-8d%d", pages, n)})
	fatal(b, err)
	return out.Document.Passages
}

// query asks as people do, of rare words and common ones, and takes what is shown.
func query(b *testing.B, l *Libraries, r *rand.Rand, words []string) time.Duration {
	b.Helper()
	q := strings.Join([]string{word(r, words), word(r, words), word(r, words), words[r.IntN(len(words))], words[r.IntN(len(words))]}, " ")
	begin := time.Now()
	_, err := l.Search(b.Context(), nil, q, 10)
	fatal(b, err)
	return time.Since(begin)
}

func vectorsOf(b *testing.B, n int) *vector.Index {
	b.Helper()
	x, err := vector.NewIndex(vector.Space{Maker: [32]byte{1}, Dims: scaleDims})
	fatal(b, err)
	r := rand.New(rand.NewPCG(9, 2026))
	for i := range n {
		fatal(b, x.Add(vector.ID{byte(i), byte(i >> 8), byte(i >> 16)}, direction(r)))
	}
	x.Swap(nil, true, x.Merge(nil, true, nil))
	x.Calibrate()
	return x
}

func direction(r *rand.Rand) []float32 {
	v := make([]float32, scaleDims)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func p95(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)*95/100].Microseconds()) / 1000
}

// resident is what this process holds of the machine's memory, in bytes, once it
// has given back what it does not need.
func resident(b *testing.B) int64 {
	b.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	fatal(b, err)
	n, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	fatal(b, err)
	return n * int64(os.Getpagesize())
}
