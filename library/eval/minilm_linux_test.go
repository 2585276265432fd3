//go:build eval

package eval

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"abaton.local/engine"
	"abaton.local/internal/ggufgen"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
)

func TestMain(m *testing.M) {
	if sandbox.IsChild() {
		sandbox.Child()
	}
	os.Exit(m.Run())
}

// miniLM is the embedding model of the tests in a worker of the prepared engine.
type miniLM struct {
	engine *engine.Engine
	digest models.Digest
}

func startMiniLM(t *testing.T) *miniLM {
	t.Helper()
	packs, err := enginepack.Open(filepath.Join(os.Getenv("ABATON_CHECK_HOME"), "engines"))
	must(t, err)
	pack, err := packs.Installed(t.Context())
	must(t, err)
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	shelf, err := models.OpenShelf(filepath.Join(dir, "models"))
	must(t, err)
	t.Cleanup(func() { _ = shelf.Close() })
	ref, err := models.ParseRef("file:" + filepath.Join(os.Getenv("ABATON_CHECK_CACHE"), "minilm", "minilm.gguf"))
	must(t, err)
	passport, err := models.NewPuller(shelf, nil, models.PullerConfig{}).Pull(t.Context(), ref, nil)
	must(t, err)
	if passport.Digest.String() != ggufgen.MiniLMDigest {
		t.Fatal("the prepared model is another one: remove it and run `make base`")
	}
	jail, err := sandbox.Open(t.Context(), sandbox.Config{StateDir: filepath.Join(dir, "state"), RuntimeDir: dir})
	must(t, err)
	t.Cleanup(func() { _ = jail.Close() })
	t.Chdir(dir)
	e, err := engine.New(engine.Config{Jail: jail, Pack: pack, Shelf: shelf, LinkDir: ".", Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() { stop(); must(t, <-done) })
	return &miniLM{e, passport.Digest}
}

// embed gives the embeddings of texts, whose ends are left out where they are
// longer than what the model reads.
func (m *miniLM) embed(t *testing.T, texts []string) [][]float32 {
	t.Helper()
	v, err := m.engine.Embed(t.Context(), engine.Meaning{Person: "anna", Model: m.digest, Texts: texts, Cut: true})
	must(t, err)
	return v.Of
}
