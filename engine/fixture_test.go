package engine

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		panic(err)
	}
	if err := os.Chdir(dir); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		left, _ := os.ReadDir(".")
		for _, f := range left {
			println("left behind in the working directory:", f.Name())
			code = 1
		}
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

type plain struct {
	cmd  *exec.Cmd
	dir  *os.File
	done chan struct{}
	mu   sync.Mutex
	kill bool
}

func (p *plain) PID() int              { return p.cmd.Process.Pid }
func (p *plain) RunDir() *os.File      { return p.dir }
func (p *plain) Stop() error           { return p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *plain) Continue() error       { return p.cmd.Process.Signal(syscall.SIGCONT) }
func (p *plain) Done() <-chan struct{} { return p.done }
func (p *plain) Kill() error {
	p.mu.Lock()
	p.kill = true
	p.mu.Unlock()
	return p.cmd.Process.Kill()
}
func (p *plain) Exit() sandbox.Exit {
	s := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	x := sandbox.Exit{Code: -1, Killed: p.kill}
	if s.Signaled() {
		x.Signal, x.PolicyHit = s.Signal(), s.Signal() == syscall.SIGSYS
	} else {
		x.Code = s.ExitStatus()
	}
	return x
}

func startPlain(_ context.Context, s sandbox.Spec) (process, error) {
	dir, err := os.MkdirTemp("/tmp", "run")
	if err != nil {
		return nil, err
	}
	_ = os.Mkdir(dir+"/slots", 0o700)
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	at := func(p string) string {
		if rest, ok := cutPrefix(p, "/run"); ok {
			return dir + rest
		}
		for _, f := range s.Files {
			if f.Inside == p {
				return f.Path
			}
		}
		return p
	}
	cmd := exec.Command(s.Program.Path, s.Args(at)...)
	cmd.Env, cmd.Stderr = s.Env, s.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(s.Memory), Max: uint64(s.Memory)}, nil)
	p := &plain{cmd: cmd, dir: d, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		d.Close()
		os.RemoveAll(dir)
		close(p.done)
	}()
	return p, nil
}

func cutPrefix(s, p string) (string, bool) {
	if len(s) >= len(p) && s[:len(p)] == p {
		return s[len(p):], true
	}
	return s, false
}

type shelf map[models.Digest]string

func (s shelf) Find(name string) (models.Passport, error) {
	d, err := models.ParseDigest(name)
	if err != nil {
		return models.Passport{}, err
	}
	info, err := os.Stat(s[d])
	if err != nil {
		return models.Passport{}, err
	}
	return models.Passport{Digest: d, Size: info.Size()}, nil
}
func (s shelf) Shape(models.Passport) (models.Shape, error) {
	return models.Shape{ContextLength: 8192, Layers: 30, Embedding: 576, HeadsKV: 3, KeyLen: 64, ValueLen: 64, Vocab: 49152, CacheElements: 30 * 3 * 128}, nil
}
func (s shelf) Open(_ context.Context, p models.Passport) (*os.File, error) {
	return os.Open(s[p.Digest])
}
func (s shelf) Path(d models.Digest) string { return s[d] }

var smol = models.Digest{1}

func quick() Patience {
	return Patience{Probe: 60 * time.Millisecond, Silence: 20 * time.Second, Slice: 10 * time.Millisecond,
		Backoff: []time.Duration{time.Millisecond}, Crashes: 5, Within: time.Minute}
}

// start makes an engine whose processes are gone when the test ends.
func start(t testing.TB, change func(*Config)) *Engine {
	t.Helper()
	server, model := os.Getenv("ABATON_TEST_SERVER"), os.Getenv("ABATON_TEST_MODEL")
	if server == "" || model == "" {
		t.Fatal("run `make check`, which prepares the engine and the model")
	}
	dir, _ := os.Getwd()
	c := Config{Pack: &enginepack.Pack{Server: server, Dir: filepath.Dir(server), Layout: enginepack.Static}, Shelf: shelf{smol: model},
		ContextTokens: 1024, Patience: quick(), LinkDir: dir, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&c)
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	e.launch = startPlain
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
	return Prompt{Person: "anna", Model: smol, Messages: []Message{{User, text}}, Options: Options{MaxTokens: max, Temperature: &zero, Seed: &seed}}
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
