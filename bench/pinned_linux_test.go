package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
)

// BenchmarkPinned lets eight people ask one model at once under policy pinned-slot,
// with four slots and with eight, against a process for each of them and against one
// bare engine that computes eight as a batch. Half of those who share four slots
// wait, and each change of a slot's person costs an emptying.
func BenchmarkPinned(b *testing.B) {
	const n = 8
	tokens := length(64)
	h := ground(b)
	wide := h.crowd(b, n, n)
	batched, _ := bare(b, wide.argv) // with the very arguments of eight slots
	wide.stop()
	batched.ask(b, "hello", 8)
	all := slices.Repeat([]*side{batched}, n)
	names := []string{"a process for each", "4 pinned slots", "8 pinned slots", "bare -np 8"}
	ask := func(slots int) func(int) (float64, time.Duration) {
		return func(i int) (float64, time.Duration) {
			c := h.crowd(b, slots, n) // one at a time: links to sockets are named by process
			defer c.stop()
			return c.atOnce(b, i, n, tokens)
		}
	}
	asks := []func(round int) (float64, time.Duration){ask(0), ask(4), ask(8), func(i int) (float64, time.Duration) { return atOnce(b, all, i, tokens) }}
	speed, slowest := make([][]float64, len(asks)), make([][]float64, len(asks))
	for b.Loop() {
		for i := range rounds(8) {
			for j := range asks {
				k := (i + j) % len(asks)
				total, last := asks[k](i)
				speed[k], slowest[k] = append(speed[k], total), append(slowest[k], last.Seconds())
			}
		}
	}
	for k, name := range names {
		b.Logf("%s: %s in all, slowest first token %s", name, spread(speed[k], "tokens/s"), spread(slowest[k], "s"))
	}
	for k := 1; k < 3; k++ {
		b.Logf("MEASURED %s: of a process for each %s; of bare -np 8 %s", names[k], spread(ratios(speed[k], speed[0]), ""), spread(ratios(speed[k], speed[3]), ""))
		b.ReportMetric(median(ratios(speed[k], speed[0])), fmt.Sprintf("ratio-%d", k*4))
	}
}

// crowdGround is what engines of this process stand on.
type crowdGround struct {
	config engine.Config
	model  models.Digest
}

func ground(b *testing.B) *crowdGround {
	b.Helper()
	prepared := filepath.Join(home(b), "own")
	packs, err := enginepack.Open(filepath.Join(prepared, "engines"))
	must(b, err)
	pack, err := packs.Installed(b.Context())
	must(b, err)
	shelf, err := models.OpenShelf(filepath.Join(prepared, "models"))
	must(b, err)
	b.Cleanup(func() { _ = shelf.Close() })
	passport, err := shelf.Default()
	must(b, err)
	dir := b.TempDir()
	must(b, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	jail, err := sandbox.Open(b.Context(), sandbox.Config{StateDir: filepath.Join(dir, "state"), RuntimeDir: dir})
	must(b, err)
	b.Cleanup(func() { _ = jail.Close() })
	b.Chdir(dir)
	return &crowdGround{engine.Config{Jail: jail, Pack: pack, Shelf: shelf, ContextTokens: 2048, LinkDir: ".", Log: slog.New(slog.DiscardHandler)}, passport.Digest}
}

// crowd are people at an engine in this process.
type crowd struct {
	engine *engine.Engine
	model  models.Digest
	argv   []string // of one of its processes
	stop   func()
}

// crowd starts the workers of n people: one that they share with so many slots, or
// one for each.
func (h *crowdGround) crowd(b *testing.B, slots, n int) *crowd {
	b.Helper()
	config := h.config
	config.Slots = slots
	c := &crowd{model: h.model}
	var err error
	c.engine, err = engine.New(config)
	must(b, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.engine.Run(ctx) }()
	c.stop = sync.OnceFunc(func() { stop(); must(b, <-done) })
	b.Cleanup(c.stop)
	for i := range n {
		_, _, err := c.ask(b.Context(), i, "hello", 2)
		must(b, err)
	}
	for _, p := range enginesOf(os.Getpid()) {
		if slices.ContainsFunc(c.engine.Workers(), func(w engine.WorkerInfo) bool { return w.PID == p.pid }) {
			c.argv = p.argv
		}
	}
	return c
}

// ask gives how many tokens an answer had, and when its first came.
func (c *crowd) ask(ctx context.Context, who int, text string, tokens int) (n int, first time.Duration, err error) {
	zero, seed := 0.0, int64(1)
	began := time.Now()
	p := engine.Prompt{Person: engine.Person(fmt.Sprint("person", who)), Model: c.model, Messages: []engine.Message{{Role: engine.User, Content: text}},
		Options: engine.Options{MaxTokens: tokens, Temperature: &zero, Seed: &seed}}
	for d, err := range c.engine.Generate(ctx, p) {
		if err != nil {
			return 0, 0, err
		}
		if first == 0 && d.Text != "" {
			first = time.Since(began)
		}
		n = d.Usage.AnswerTokens
	}
	if n == 0 {
		err = errors.New("an answer without an end")
	}
	return n, first, err
}

func (c *crowd) atOnce(b *testing.B, round, n, tokens int) (speed float64, slowest time.Duration) {
	b.Helper()
	var wg sync.WaitGroup
	got, firsts, errs := make([]int, n), make([]time.Duration, n), make([]error, n)
	began := time.Now()
	for i := range n {
		wg.Go(func() {
			got[i], firsts[i], errs[i] = c.ask(b.Context(), i, fmt.Sprintf("(%d of %d) %s", i, round, story), tokens)
		})
	}
	wg.Wait()
	took, sum := time.Since(began), 0
	for i := range n {
		must(b, errs[i])
		sum, slowest = sum+got[i], max(slowest, firsts[i])
	}
	return float64(sum) / took.Seconds(), slowest
}
