package library

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"abaton.local/library/find"
	"abaton.local/library/parse"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// BenchmarkScale is a library of 100,000 passages and their vectors of 384 dimensions
// in a store on disk: from unlocking to the first search, beside what is begun
// then; the time from a question to its passages; the memory above a process that
// has nothing; and what keeping a report of 100 pages adds to reading it. Of an
// embedding model there is only what it would say: asking one for a question's
// vector is measured by BenchmarkEmbedding in bench. -short is a fiftieth of it.
func BenchmarkScale(b *testing.B) {
	for _, pages := range []int{600, 1} { // a few long documents; one for each passage, as of mail
		b.Run(fmt.Sprint("pages=", pages), func(b *testing.B) { scale(b, pages) })
	}
}

func scale(b *testing.B, pages int) {
	ctx := b.Context()
	most := scalePassages
	if testing.Short() {
		most /= 50
	}
	idle := resident(b)
	path := filepath.Join(b.TempDir(), "store.db")
	st, err := sqlite.Open(ctx, path)
	fatal(b, err)
	id, root := vault.NewID(), vault.NewKey()
	v, err := vault.Create(ctx, st, id, root, []byte("slots"))
	fatal(b, err)
	words := vocabulary()
	r := rand.New(rand.NewPCG(8, 2026))
	config := Config{
		Parse:       func(_ context.Context, src parse.Source) (parse.Document, error) { return report(r, words, src), nil },
		Embed:       newClusters(),
		EmbedAtOnce: 512, SealVectors: 4096, // so that making it takes less
	}
	l, err := Open(ctx, v, config)
	fatal(b, err)
	passages, documents := 0, 0
	for ; passages < most; documents++ {
		passages += keepReport(b, l, documents, pages)
	}
	embedAllOf(b, l)
	fatal(b, l.Close(ctx))
	v.Close()
	fatal(b, st.Close())
	config.EmbedAtOnce, config.SealVectors = 0, 0

	for b.Loop() {
		st, err := sqlite.Open(ctx, path)
		fatal(b, err)
		debug.FreeOSMemory()
		begin := time.Now()
		v, err := vault.Open(ctx, st, id, root, vault.Opening{})
		fatal(b, err)
		l, err := Open(ctx, v, config)
		fatal(b, err)
		running, stop := context.WithCancel(ctx)
		var run sync.WaitGroup
		run.Go(func() { l.Run(running) })
		ask(b, l, r, words, 0)
		b.ReportMetric(time.Since(begin).Seconds(), "s-unlock-to-search")
		embedAllOf(b, l) // what Run does at first: to see whether signs hold
		b.ReportMetric(float64(resident(b)-idle)/1e6, "MB-above-idle")
		var asked, searched []time.Duration
		for n := range 400 {
			asked = append(asked, ask(b, l, r, words, n))
			searched = append(searched, query(b, l, r, words))
		}
		b.ReportMetric(quantile(asked, 50), "ms-question-p50")
		b.ReportMetric(quantile(asked, 95), "ms-question-p95")
		b.ReportMetric(quantile(searched, 95), "ms-search-p95")
		b.ReportMetric(float64(resident(b)-idle)/1e6, "MB-above-idle-asked")
		begin = time.Now()
		keepReport(b, l, 1_000_000, 100)
		query(b, l, r, words)
		b.ReportMetric(time.Since(begin).Seconds(), "s-keep-100-pages")
		stop()
		run.Wait()
		fatal(b, l.Close(ctx))
		v.Close()
		fatal(b, st.Close())
	}
	b.ReportMetric(float64(passages), "passages")
	b.ReportMetric(float64(documents), "documents")
}

const (
	scalePassages = 100_000
	scaleDims     = 384
)

// clusters is what an embedding model would say: texts lie about as near to each
// other as those of a language do, in clusters.
type clusters struct {
	mu      sync.Mutex
	r       *rand.Rand
	centres [][]float32
}

func newClusters() *clusters {
	c := &clusters{r: rand.New(rand.NewPCG(9, 2026))}
	for range 2000 {
		c.centres = append(c.centres, direction(c.r))
	}
	return c
}

func (c *clusters) Model(context.Context) (Model, error) {
	return Model{Digest: [32]byte{1}, Dims: scaleDims}, nil
}

func (c *clusters) Embed(_ context.Context, _ Model, texts []string, _ bool) (all [][]float32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range texts {
		v, centre := direction(c.r), c.centres[c.r.IntN(len(c.centres))]
		for i := range v {
			v[i] = centre[i] + 0.6*v[i]
		}
		all = append(all, v)
	}
	return all, nil
}

func embedAllOf(b *testing.B, l *Libraries) {
	b.Helper()
	for more := true; more; {
		var err error
		more, err = l.Embed(b.Context())
		fatal(b, err)
	}
}

// ask has a question answered by passages, as a chat with documents does.
func ask(b *testing.B, l *Libraries, r *rand.Rand, words []string, n int) time.Duration {
	b.Helper()
	q := fmt.Sprint("Question ", n, ": ", question(r, words), "?")
	begin := time.Now()
	a, err := l.Answer(b.Context(), nil, q, find.Usual())
	fatal(b, err)
	took := time.Since(begin)
	if len(a.Passages) == 0 || a.WordsOnly != nil {
		b.Fatalf("%d passages by words and meaning: %v", len(a.Passages), a.WordsOnly)
	}
	return took
}

// question is rare words and common ones, as people ask.
func question(r *rand.Rand, words []string) string {
	return strings.Join([]string{word(r, words), word(r, words), word(r, words), words[r.IntN(len(words))], words[r.IntN(len(words))]}, " ")
}

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

// report is a document of so many pages as its data says, about 2,900 letters each,
// or of one paragraph where it is one page.
func report(r *rand.Rand, words []string, src parse.Source) parse.Document {
	pages, _ := strconv.Atoi(string(bytes.TrimSpace(src.Data[:8])))
	d := parse.Document{Result: parse.Result{Format: parse.PDF}}
	for page := range pages {
		d.Records = append(d.Records, parse.Record{Page: page + 1, Kind: parse.Heading, Level: 1, Text: "Section " + strconv.Itoa(page+1)})
		for range min(3, 2*pages-1) {
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

// query looks for passages, as a search does.
func query(b *testing.B, l *Libraries, r *rand.Rand, words []string) time.Duration {
	b.Helper()
	q := question(r, words)
	begin := time.Now()
	_, err := l.Search(b.Context(), nil, q, 10)
	fatal(b, err)
	return time.Since(begin)
}

func direction(r *rand.Rand) []float32 {
	v := make([]float32, scaleDims)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// quantile is in milliseconds.
func quantile(times []time.Duration, percent int) float64 {
	slices.Sort(times)
	return float64(times[len(times)*percent/100].Microseconds()) / 1000
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
