package library

import (
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
	b.Run("long", func(b *testing.B) { scale(b, keepReport(600)) }) // reports of 600 pages
	b.Run("mail", func(b *testing.B) { scale(b, keepMail) })        // a document for each passage
}

func scale(b *testing.B, keep keeping) {
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
	for n := 0; passages < most; n++ {
		p, d := keep(b, l, n)
		passages, documents = passages+p, documents+d
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
		b.ReportMetric(time.Since(begin).Seconds(), "s-vault-of-that")
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
		keepReport(100)(b, l, 1_000_000)
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

// report is a document of so many pages as its data says, about 2,900 letters each;
// without pages, a bundle of so many short documents.
func report(r *rand.Rand, words []string, src parse.Source) parse.Document {
	var pages, bundle, n int
	_, _ = fmt.Sscan(string(src.Data), &pages, &bundle, &n)
	d := parse.Document{Result: parse.Result{Format: parse.PDF}}
	paragraph := func(page int) {
		var text strings.Builder
		for text.Len() < 960 {
			text.WriteString(word(r, words) + " ")
		}
		d.Records = append(d.Records, parse.Record{Page: page, Text: strings.TrimSpace(text.String())})
	}
	for i := range bundle {
		d.Children = append(d.Children, parse.Child{Name: fmt.Sprint(i, ".eml"), Data: []byte("0 0")})
	}
	if pages+bundle == 0 {
		paragraph(0)
	}
	for page := range pages {
		d.Records = append(d.Records, parse.Record{Page: page + 1, Kind: parse.Heading, Level: 1, Text: "Section " + strconv.Itoa(page+1)})
		for range 3 {
			paragraph(page + 1)
		}
	}
	d.Result.Records = len(d.Records)
	return d
}

// keeping adds something, another thing for each number.
type keeping func(b *testing.B, l *Libraries, n int) (passages, documents int)

func keepReport(pages int) keeping {
	return func(b *testing.B, l *Libraries, n int) (int, int) { return keepFile(b, l, fmt.Sprintln(pages, 0, n)) }
}

func keepMail(b *testing.B, l *Libraries, n int) (int, int) {
	return keepFile(b, l, fmt.Sprintln(0, 500, n))
}

func keepFile(b *testing.B, l *Libraries, data string) (passages, documents int) {
	b.Helper()
	out, err := l.Add(b.Context(), File{Library: "all", Path: "/" + data, Name: data + ".pdf", Data: []byte(data)})
	fatal(b, err)
	for _, in := range out.Within {
		passages += in.Document.Passages
	}
	return passages + out.Document.Passages, 1 + len(out.Within)
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
