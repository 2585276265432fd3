package corpus_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"abaton.local/engine"
	"abaton.local/leak"
	"abaton.local/leak/corpus"
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

// recorder asks the real engine and model for a few tokens.
func recorder(t *testing.T) leak.Recorder {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	home := os.Getenv("ABATON_CHECK_HOME")
	if home == "" {
		t.Fatal("run `make check`, which prepares the engine and the model")
	}
	packs, err := enginepack.Open(filepath.Join(home, "engines"))
	must(err)
	pack, err := packs.Installed(t.Context())
	must(err)
	shelf, err := models.OpenShelf(filepath.Join(home, "models"))
	must(err)
	t.Cleanup(func() { _ = shelf.Close() })
	passport, err := shelf.Default()
	must(err)
	dir, err := os.MkdirTemp("", "rec") // short: it holds sockets
	must(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(os.Mkdir(filepath.Join(dir, "state"), 0o700))
	jail, err := sandbox.Open(t.Context(), sandbox.Config{StateDir: filepath.Join(dir, "state"), RuntimeDir: dir})
	must(err)
	t.Cleanup(func() { _ = jail.Close() })
	t.Chdir(dir)
	e, err := engine.New(engine.Config{Jail: jail, Pack: pack, Shelf: shelf, Threads: 1, LinkDir: ".", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() { stop(); must(<-done) })
	return leak.Recorder{Engine: e, Prompt: engine.Prompt{Person: "recorder", Model: passport.Digest},
		About: corpus.About{Version: "t", Model: passport.Name, Recorded: "today", Temperature: 0.7, MaxTokens: 12}}
}

// TestRecord records from the real engine, is cut off, goes on, and keeps to the
// file of its own.
func TestRecord(t *testing.T) {
	r := recorder(t)
	path := filepath.Join(t.TempDir(), "r.jsonl")
	all := corpus.Prompts(corpus.Verdict)
	prompts := []corpus.Prompt{all[0], all[250], corpus.Prompts(corpus.Languages)[150]}
	read := func() []corpus.Recording {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		about, recordings, err := corpus.Read(bytes.NewReader(text))
		if err != nil || !reflect.DeepEqual(about, r.About) {
			t.Fatalf("%+v %v", about, err)
		}
		return recordings
	}

	ctx, cancel := context.WithCancel(t.Context())
	r.Told = func(done, all int) {
		if all != 3 {
			t.Errorf("%d questions", all)
		}
		if done == 2 {
			cancel()
		}
	}
	if err := r.Record(ctx, path, prompts); !errors.Is(err, context.Canceled) {
		t.Fatalf("cut off, it says %v", err)
	}
	before := read()
	if len(before) != 2 {
		t.Fatalf("%d answers are kept of 2", len(before))
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"prompt":"verdict/sa`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	r.Told = nil
	if err := r.Record(t.Context(), path, prompts); err != nil {
		t.Fatal(err)
	}
	after := read()
	if len(after) != 3 || !reflect.DeepEqual(after[:2], before) {
		t.Fatalf("%d answers after going on", len(after))
	}
	asked := make(map[string]bool)
	for _, a := range after {
		asked[a.Prompt] = true
		// The judge's instructions are part of what is read.
		least := 15
		if strings.HasPrefix(a.Prompt, corpus.Verdict) {
			least = 60
		}
		if a.PromptTokens < least || len(a.Pieces) == 0 || len(a.Pieces) > 12 || a.Stopped < a.Pieces[len(a.Pieces)-1].At || a.Pieces[0].At <= 0 {
			t.Errorf("%+v", a)
		}
		// An English text of whole characters comes token by token, however fast.
		if strings.HasPrefix(a.Prompt, corpus.Verdict) && a.Truncated && len(a.Pieces) != 12 {
			t.Errorf("12 tokens are %d pieces: %+v", len(a.Pieces), a.Pieces)
		}
	}
	for _, p := range prompts {
		if !asked[p.ID] {
			t.Errorf("%s was not asked", p.ID)
		}
	}

	// A second round has other seeds; a third run has nothing to do.
	r.Rounds = 2
	if err := r.Record(t.Context(), path, prompts[:1]); err != nil {
		t.Fatal(err)
	}
	if n := len(read()); n != 4 {
		t.Errorf("%d answers after a second round to one prompt", n)
	}
	r.Told = func(int, int) { t.Error("asked again") }
	if err := r.Record(t.Context(), path, prompts[:1]); err != nil {
		t.Fatal(err)
	}

	r.About.MaxTokens++
	if _, is := errors.AsType[*leak.FileOfOthersError](r.Record(t.Context(), path, prompts)); !is {
		t.Error("answers of another length were put beside these")
	}
	for _, diary := range []string{"a diary\n", "a diary", "{}\n{}"} {
		if err := os.WriteFile(path, []byte(diary), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.Record(t.Context(), path, prompts); err == nil {
			t.Error("a file of something else was written to")
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != diary {
			t.Errorf("a file of something else is now %q, %v", text, err)
		}
	}
}
