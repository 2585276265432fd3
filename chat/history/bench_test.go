package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

// heavy is the history of somebody who writes a lot: 100,000 messages of about
// 1 KB in 10,000 conversations, in a vault over a store in memory. words are the
// words it is made of, unequal as those of a language (Zipf).
func heavy(b *testing.B) (o *home, words func() string, size int) {
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.07, 3, 60000)
	all := make([]string, 60001)
	for i := range all {
		word := make([]byte, 3+r.IntN(8))
		for k := range word {
			word[k] = byte('a' + r.IntN(26))
		}
		all[i] = string(word)
	}
	words = func() string { return all[zipf.Uint64()] }
	text := func() string {
		var s strings.Builder
		for s.Len() < 1000 {
			s.WriteString(words())
			s.WriteByte(' ')
		}
		size += s.Len()
		return s.String()
	}
	o = &home{st: vaulttest.NewMemory(), id: vault.NewID(), root: vault.NewKey(), now: time.UnixMilli(1_764_000_000_000)}
	o.config.Now = func() time.Time {
		o.now = o.now.Add(time.Second)
		return o.now
	}
	var err error
	if o.v, err = vault.Create(b.Context(), o.st, o.id, o.root, nil); err != nil {
		b.Fatal(err)
	}
	o.open(b)
	for range 10_000 {
		turns := make([]Turn, 10)
		for i := range turns {
			turns[i] = Turn{Role: []Role{User, Assistant}[i%2], Text: text()}
		}
		if _, err := o.h.New(b.Context(), Start{Model: "tiny"}, turns...); err != nil {
			b.Fatal(err)
		}
	}
	return o, words, size
}

// BenchmarkHeavy measures on one such history: searching for the ten best places
// with their snippets, beside reading all texts and looking; opening vault and
// history, beside building the index anew; listing; one durable message.
func BenchmarkHeavy(b *testing.B) {
	begin := time.Now()
	o, words, _ := heavy(b)
	b.Logf("written in %v", time.Since(begin).Round(time.Millisecond))
	query := func() string {
		q := make([]string, 2+len(words())%9)
		for i := range q {
			q[i] = words()
		}
		return strings.Join(q, " ")
	}
	b.Run("search", func(b *testing.B) {
		begin := time.Now()
		q, n := strings.Fields(query()), 0
		for got, err := range o.v.ReadMany(b.Context(), idsOf(o.v.List(vault.KindTurn, vault.ID{}))) {
			t, err2 := parseTurn(got.Payload)
			if err != nil || err2 != nil {
				b.Fatal(err, err2)
			}
			if slices.ContainsFunc(q, func(w string) bool { return strings.Contains(t.Text, w) }) {
				n++
			}
		}
		scan := time.Since(begin)
		b.Logf("the scan finds %d", n)
		var times []time.Duration
		for b.Loop() {
			q := query()
			begin := time.Now()
			if _, err := o.h.Search(b.Context(), q, 10); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(begin))
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "ms-p95")
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-p50")
		b.ReportMetric(float64(scan)/float64(times[len(times)/2]), "scan/search")
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if list, err := o.h.List(); err != nil || len(list) != 10_000 {
				b.Fatal(len(list), err)
			}
		}
	})
	b.Run("append", func(b *testing.B) {
		c, err := o.h.Latest()
		if err != nil {
			b.Fatal(err)
		}
		var times []time.Duration
		for b.Loop() {
			begin := time.Now()
			if _, err := o.h.Append(b.Context(), c.ID, Turn{Role: User, Text: fmt.Sprint("one more message ", len(times))}); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(begin))
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "ms-p99")
	})
	b.Run("open", func(b *testing.B) {
		if err := o.h.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
		var inVault, inHistory time.Duration
		for b.Loop() {
			o.v.Close()
			begin := time.Now()
			var err error
			if o.v, err = vault.Open(b.Context(), o.st, o.id, o.root, vault.Opening{}); err != nil {
				b.Fatal(err)
			}
			inVault += time.Since(begin)
			begin = time.Now()
			o.open(b)
			inHistory += time.Since(begin)
		}
		b.ReportMetric(float64(inVault.Milliseconds())/float64(b.N), "ms-vault")
		b.ReportMetric(float64(inHistory.Milliseconds())/float64(b.N), "ms-history")
		if err := o.v.Write(b.Context(), vault.Edit{Drop: idsOf(o.v.List(vault.KindSegment, vault.ID{}))}); err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		o.open(b)
		b.ReportMetric(float64(time.Since(begin))/(float64(inHistory)/float64(b.N)), "build/open")
		b.ReportMetric(float64(len(o.v.List(vault.KindSegment, vault.ID{}))), "segments")
	})
}
