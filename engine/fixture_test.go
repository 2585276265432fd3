package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abaton.local/internal/ggufgen"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
	"go.uber.org/goleak"
)

// The jail and what runs in it, made once for all tests.
var (
	jail  *sandbox.Jail
	pack  *enginepack.Pack
	shelf *models.Shelf
	smol  models.Digest // SmolLM2-135M-Instruct

	sourceDir string // of this package
)

func TestMain(m *testing.M) {
	if sandbox.IsChild() {
		sandbox.Child()
	}
	if len(os.Args) == 3 && os.Args[1] == aloneVerb {
		fmt.Fprintln(os.Stderr, alone(os.Args[2]))
		os.Exit(1)
	}
	goleak.VerifyTestMain(room{m})
}

// room runs the tests in a working directory of their own and looks whether
// they leave something behind.
type room struct{ m *testing.M }

func (r room) Run() int {
	dir, err := os.MkdirTemp("", "engine")
	if err == nil {
		defer os.RemoveAll(dir)
		err = furnish(dir)
	}
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := r.m.Run()
	if err := jail.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	_ = shelf.Close()
	left, _ := filepath.Glob("e*")
	jails, _ := filepath.Glob("jail-*")
	if left = append(left, jails...); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left behind in the working directory:", left)
		code = 1
	}
	return code
}

func furnish(dir string) (err error) {
	ctx := context.Background()
	if sourceDir, err = os.Getwd(); err != nil {
		return err
	}
	home := os.Getenv("ABATON_CHECK_HOME")
	if home == "" {
		return errors.New("run `make check`, which prepares the engine and the model")
	}
	store, err := enginepack.Open(filepath.Join(home, "engines"))
	if err != nil {
		return err
	}
	if pack, err = store.Installed(ctx); err != nil {
		return err
	}
	if shelf, err = models.OpenShelf(filepath.Join(home, "models")); err != nil {
		return err
	}
	p, err := shelf.Default()
	if err != nil {
		return err
	}
	smol = p.Digest
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		return err
	}
	jail, err = sandbox.Open(ctx, sandbox.Config{StateDir: state, RuntimeDir: dir})
	return err
}

// tiny puts a model with random weights on a shelf of its own, as edit leaves it.
func tiny(t testing.TB, edit func(*ggufgen.File)) (*models.Shelf, models.Digest) {
	t.Helper()
	f := ggufgen.TinyLlama(1)
	if edit != nil {
		edit(f)
	}
	return shelfOf(t, f)
}

// shelfOf puts a model on a shelf of its own.
func shelfOf(t testing.TB, f *ggufgen.File) (*models.Shelf, models.Digest) {
	t.Helper()
	return shelfOfBytes(t, f.Bytes())
}

func shelfOfBytes(t testing.TB, b []byte) (*models.Shelf, models.Digest) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "tiny.gguf")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := models.OpenShelf(filepath.Join(dir, "models"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ref, err := models.ParseRef("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := models.NewPuller(s, nil, models.PullerConfig{}).Pull(t.Context(), ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, p.Digest
}

// start makes an engine whose processes are gone when the test ends.
func start(t testing.TB, change func(*Config)) *Engine {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Jail: jail, Pack: pack, Shelf: shelf, Threads: 1, ContextTokens: 1024, Patience: Patience{Backoff: []time.Duration{time.Millisecond}, Reader: time.Hour}, LinkDir: dir,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&c)
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return e
}

func ask(text string, max int) Prompt {
	zero, seed := 0.0, int64(1)
	return Prompt{Person: "anna", Model: smol, Messages: []Message{{Role: User, Content: text}}, Options: Options{MaxTokens: max, Temperature: &zero, Seed: &seed}}
}

// startTiny makes an engine for a tiny model, and a question for it.
func startTiny(t testing.TB, edit func(*ggufgen.File), change func(*Config)) (*Engine, func(string, int) Prompt) {
	t.Helper()
	s, d := tiny(t, edit)
	e := start(t, func(c *Config) {
		c.Shelf = s
		if change != nil {
			change(c)
		}
	})
	return e, func(text string, max int) Prompt {
		p := ask(text, max)
		p.Model = d
		return p
	}
}

// faultOf is the fault that err must be.
func faultOf(t testing.TB, err error, k Kind) *Fault {
	t.Helper()
	var f *Fault
	if !errors.As(err, &f) || f.Kind != k {
		t.Fatalf("want a fault of kind %s, got %v", k, err)
	}
	if !strings.HasSuffix(f.What, ".") || !strings.HasSuffix(f.Do, ".") {
		t.Errorf("not sentences: %q %q", f.What, f.Do)
	}
	return f
}

// workerOf gives the living worker of p.
func workerOf(t testing.TB, e *Engine, p Prompt) *worker {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.seats[key{model: p.Model, person: p.Person}]
	if s == nil || s.worker == nil {
		t.Fatal("there is no worker")
	}
	return s.worker
}

// collect gives the whole answer.
func collect(ctx context.Context, e *Engine, p Prompt) (string, Delta, error) {
	text := ""
	for d, err := range e.Generate(ctx, p) {
		if err != nil {
			return text, d, err
		}
		text += d.Text
		if d.Finish != "" {
			return text, d, nil
		}
	}
	return text, Delta{}, nil
}

// cleaned is the scrubber's work on a conversation.
func cleaned(ctx context.Context, w *worker, messages []Message) ([]Message, error) {
	p, _, err := w.scrub.clean(ctx, Prompt{Messages: messages})
	return p.Messages, err
}
