package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"abaton.local/internal/ggufgen"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
)

// aloneVerb makes this test binary a small program: it starts an engine for a
// tiny model below the working directory, says its number, and stays.
const aloneVerb = "hold-an-engine"

func alone(server string) error {
	ctx := context.Background()
	pack, err := enginepack.FromPath(server)
	if err != nil {
		return err
	}
	if err := os.WriteFile("tiny.gguf", ggufgen.TinyLlama(1).Bytes(), 0o600); err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	s, err := models.OpenShelf("models")
	if err != nil {
		return err
	}
	ref, err := models.ParseRef("file:" + filepath.Join(dir, "tiny.gguf"))
	if err != nil {
		return err
	}
	p, err := models.NewPuller(s, nil, models.PullerConfig{}).Pull(ctx, ref, nil)
	if err != nil {
		return err
	}
	jail, err := sandbox.Open(ctx, sandbox.Config{RuntimeDir: dir})
	if err != nil {
		return err
	}
	// As the program does before it reads a prompt: from here on no address longer
	// than 15 bytes can be connected to. The program is never root by then.
	if os.Geteuid() != 0 {
		if err := sandbox.LockDown(); err != nil {
			return err
		}
	}
	e, err := New(Config{Jail: jail, Pack: pack, Shelf: s, Threads: 1, ContextTokens: 512, LinkDir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	go func() { _ = e.Run(ctx) }()
	q := ask("bado", 0)
	q.Model = p.Digest
	for {
		n := 0
		for d, err := range e.Generate(ctx, q) {
			if err != nil {
				return err
			}
			if n += len(d.Text); n > 0 && d.Finish == "" {
				fmt.Println(e.Workers()[0].PID, jail.Tier())
				_, _ = io.Copy(io.Discard, os.Stdin) // in the middle of an answer, until the test kills this process
			}
		}
	}
}
