package bench

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"abaton.local/chat/resume"
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

func TestMain(m *testing.M) {
	if sandbox.IsChild() {
		sandbox.Child()
	}
	os.Exit(m.Run())
}

// BenchmarkResume compares going on with a conversation of 4,000 tokens whose
// engine has ended: from its snapshot, and by reading it again. Both are the
// time to the first text of the answer, with the engine's start; the snapshot is
// unsealed from a vault on a disk. Promise: at least 20 times faster.
func BenchmarkResume(b *testing.B) {
	const tokens = 4000
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	h := resumeRooms(b)
	var read, resumed, sealed []float64
	var size int64
	for b.Loop() {
		for i := range rounds {
			p := h.prompt(strings.Repeat("The keeper of the lighthouse lit the lamp at seven and wrote it down. ", tokens/15) + string(rune('A'+i)))
			_, text, usage := h.ask(b, p)
			if usage.PromptTokens < tokens {
				b.Fatalf("%d tokens in the prompt", usage.PromptTokens)
			}
			p.Messages = append(p.Messages, engine.Message{Role: engine.Assistant, Content: text}, engine.Message{Role: engine.User, Content: "And then?"})
			began := time.Now()
			h.engine.Rest(b.Context(), p.Person)
			sealed = append(sealed, time.Since(began).Seconds())
			size = 0
			for _, r := range h.vault.List(vault.KindResume, vault.ID{}) {
				size += int64(r.Size)
			}
			first, _, _ := h.ask(b, p)
			resumed = append(resumed, first.Seconds())
			h.engine.Leave(p.Person)
			again := p
			again.Keep = false
			again.Messages = slices.Clone(p.Messages)
			first, _, _ = h.ask(b, again)
			read = append(read, first.Seconds())
			h.engine.Leave(p.Person)
			if err := h.keeper.Forget(b.Context(), p.Person); err != nil {
				b.Fatal(err)
			}
		}
	}
	var ratio []float64
	for i := range read {
		ratio = append(ratio, read[i]/resumed[i])
	}
	b.Logf("first text after %d tokens: from the snapshot %s, read again %s; sealing at the lock %s, %.0f MB", tokens, spread(resumed, "s"), spread(read, "s"), spread(sealed, "s"), float64(size)/1e6)
	b.Logf("MEASURED going on from a snapshot is faster by: %s; goal 20", spread(ratio, ""))
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(median(resumed), "s-first")
}

// resumeHouse is an engine in its jail and a vault on a disk, in this process.
type resumeHouse struct {
	engine *engine.Engine
	keeper *resume.Keeper
	vault  *vault.Vault
	model  models.Digest
}

func resumeRooms(b *testing.B) *resumeHouse {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	own := filepath.Join(home(b), "own")
	packs, err := enginepack.Open(filepath.Join(own, "engines"))
	must(err)
	pack, err := packs.Installed(b.Context())
	must(err)
	shelf, err := models.OpenShelf(filepath.Join(own, "models"))
	must(err)
	b.Cleanup(func() { _ = shelf.Close() })
	passport, err := shelf.Default()
	must(err)
	dir := b.TempDir()
	must(os.Mkdir(filepath.Join(dir, "state"), 0o700))
	jail, err := sandbox.Open(b.Context(), sandbox.Config{StateDir: filepath.Join(dir, "state"), RuntimeDir: dir})
	must(err)
	b.Cleanup(func() { _ = jail.Close() })
	store, err := sqlite.Open(b.Context(), filepath.Join(dir, "store.db"))
	must(err)
	b.Cleanup(func() { _ = store.Close() })
	root := vault.NewKey()
	b.Cleanup(root.Clear)
	v, err := vault.Create(b.Context(), store, vault.NewID(), root, nil)
	must(err)
	b.Cleanup(v.Close)
	h := &resumeHouse{keeper: resume.New(2 << 30), vault: v, model: passport.Digest}
	h.keeper.Opened("anna", v)
	b.Chdir(dir)
	h.engine, err = engine.New(engine.Config{Jail: jail, Pack: pack, Shelf: shelf, ContextTokens: 8192, LinkDir: ".", Keeper: h.keeper, Log: slog.New(slog.NewTextHandler(b.Output(), nil))})
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- h.engine.Run(ctx) }()
	b.Cleanup(func() { stop(); must(<-done) })
	return h
}

func (h *resumeHouse) prompt(text string) engine.Prompt {
	zero, seed := 0.0, int64(1)
	return engine.Prompt{Person: "anna", Model: h.model, Keep: true, Messages: []engine.Message{{Role: engine.User, Content: text}},
		Options: engine.Options{MaxTokens: 8, Temperature: &zero, Seed: &seed}}
}

// ask gives the time to the first text.
func (h *resumeHouse) ask(b *testing.B, p engine.Prompt) (first time.Duration, text string, usage engine.Usage) {
	b.Helper()
	began := time.Now()
	for d, err := range h.engine.Generate(b.Context(), p) {
		if err != nil {
			b.Fatal(err)
		}
		if text == "" && d.Text != "" {
			first = time.Since(began)
		}
		text, usage = text+d.Text, d.Usage
	}
	if first == 0 {
		b.Fatal(errors.New("no text came"))
	}
	return first, text, usage
}
