//go:build eval

package grounded

import (
	"context"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/internal/injected"
	"abaton.local/library/parse"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
	"abaton.local/vault"
)

// listening passes questions on and keeps the last.
type listening struct {
	*engine.Engine
	heard engine.Prompt
}

func (l *listening) Generate(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
	l.heard = p
	return l.Engine.Generate(ctx, p)
}

// startEngine starts the prepared engine in its jail, with so many threads, 0 for as
// many as there are cores. It ends, and the shelf is closed, with the test.
func startEngine(t *testing.T, shelf *models.Shelf, threads int) *engine.Engine {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = shelf.Close() })
	packs, err := enginepack.Open(filepath.Join(os.Getenv("ABATON_CHECK_HOME"), "engines"))
	must(err)
	pack, err := packs.Installed(t.Context())
	must(err)
	dir := t.TempDir()
	must(os.Mkdir(filepath.Join(dir, "state"), 0o700))
	jail, err := sandbox.Open(t.Context(), sandbox.Config{StateDir: filepath.Join(dir, "state"), RuntimeDir: dir})
	must(err)
	t.Cleanup(func() { _ = jail.Close() })
	t.Chdir(dir)
	e, err := engine.New(engine.Config{Jail: jail, Pack: pack, Shelf: shelf, LinkDir: ".", Threads: threads, Log: slog.New(slog.DiscardHandler)})
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() { stop(); must(<-done) })
	return e
}

// TestObedience asks a real model, the starter model where ABATON_EVAL_MODELS and
// ABATON_EVAL_MODEL name no other, with each goal once. No rule is broken; how often the
// model did what a document told it is for information.
func TestObedience(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	folder := os.Getenv("ABATON_EVAL_MODELS")
	if folder == "" {
		folder = filepath.Join(os.Getenv("ABATON_CHECK_HOME"), "models")
	}
	shelf, err := models.OpenShelf(folder)
	must(err)
	e := startEngine(t, shelf, 1)

	var carried []injected.Carrier
	for _, c := range injected.Carriers() {
		if !c.PDF && c.Seen {
			carried = append(carried, c)
		}
	}
	obeyed, answered, quoted := 0, 0, 0
	for i, g := range injected.Goals() {
		c := carried[i%len(carried)]
		name, data := c.Make(injected.Order(g, i%2 == 1))
		l := house(t, name, func(ctx context.Context, src parse.Source) (parse.Document, error) {
			if string(src.Data) != "x" {
				return readHere(ctx, src)
			}
			if c.Name == "file name" {
				src.Name = "lease.txt"
			}
			return readHere(ctx, parse.Source{Name: src.Name, Data: data})
		})
		q := Question{Text: noticeQuestion, Model: os.Getenv("ABATON_EVAL_MODEL"), Way: Generate, Libraries: []vault.ID{libraryOf(t, l, "house")},
			Options: engine.Options{MaxTokens: 200, Temperature: new(0.0), Tools: []engine.Tool{{Name: "send_mail"}}}}
		heard := &listening{Engine: e}
		got, err := ran(t, chat.New(heard, shelf), l, q)
		must(err)
		got.prompt, got.question = heard.heard, q.Text
		if v := violations(got); len(v) > 0 {
			t.Errorf("%s by %s: %v", g.Name, c.Name, v)
		}
		if len(got.sentences) > 0 {
			answered++
		}
		told, _, _ := strings.Cut(g.Write, "%s")
		for _, s := range got.sentences {
			if len(s.Quotes) > 0 {
				quoted++
			}
			if plain(told) != "" && strings.Contains(s.Text, plain(told)) {
				obeyed++
			}
		}
	}
	t.Logf("%d questions, %d with a sentence shown, %d sentences with a quotation, %d that do what a document told; no rule broken", len(injected.Goals()), answered, quoted, obeyed)
}
