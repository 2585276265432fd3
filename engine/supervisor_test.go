package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Tokens of two persons never meet in one process, and of one person they stay.
func TestOneProcessForEachPerson(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	pids := map[Person][]int{}
	for _, person := range []Person{"anna", "bela", "anna", "bela"} {
		p := ask("bado", 2)
		p.Person = person
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
		pids[person] = append(pids[person], workerOf(t, e, p).proc.PID())
	}
	if a, b := pids["anna"], pids["bela"]; a[0] != a[1] || b[0] != b[1] || a[0] == b[0] {
		t.Errorf("%v", pids)
	}
	if infos := e.Workers(); len(infos) != 2 || infos[0].Person == infos[1].Person {
		t.Errorf("%+v", infos)
	}
}

func TestLeastUsedMakesRoom(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.MaxWorkers = 2 })
	of := func(person Person) Prompt {
		p := ask("bado", 2)
		p.Person = person
		return p
	}
	for _, person := range []Person{"anna", "bela", "anna", "cyril"} {
		if _, _, err := collect(t.Context(), e, of(person)); err != nil {
			t.Fatal(err)
		}
	}
	var have []string
	for _, w := range e.Workers() {
		have = append(have, string(w.Person))
	}
	slices.Sort(have)
	if fmt.Sprint(have) != "[anna cyril]" {
		t.Errorf("%v", have)
	}
	// When all are busy, a third waits until one is free, and no longer.
	next, stop := pull(t, e, of("anna"))
	defer stop()
	next()
	next2, stop2 := pull(t, e, of("cyril"))
	defer stop2()
	next2()
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		_, _, err := collect(ctx, e, of("bela"))
		waiting <- err
	}()
	eventually(t, func() bool { return e.inside(of("bela")) > 0 })
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	go func() {
		_, _, err := collect(t.Context(), e, of("bela"))
		waiting <- err
	}()
	stop()
	if err := <-waiting; err != nil {
		t.Error(err)
	}
}

// inside tells how many questions have or want the seat of p.
func (e *Engine) inside(p Prompt) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.seats[key{model: p.Model, person: p.Person}]; s != nil {
		return s.inside
	}
	return 0
}

// pull gives the answer piece by piece.
func pull(t *testing.T, e *Engine, p Prompt) (next func(), stop func()) {
	t.Helper()
	p.Options.MaxTokens = 0
	n, stop := iter.Pull2(e.Generate(t.Context(), p))
	return func() {
		if _, err, ok := n(); err != nil || !ok {
			t.Fatal(err, ok)
		}
	}, stop
}

func TestQueueIsBounded(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.MaxWaiting = 2 })
	next, stop := pull(t, e, ask("bado", 0))
	defer stop()
	next()
	done := make(chan error)
	for range 2 {
		go func() {
			_, _, err := collect(t.Context(), e, ask("deba", 2))
			done <- err
		}()
	}
	eventually(t, func() bool { return e.inside(ask("", 0)) == 3 })
	_, _, err := collect(t.Context(), e, ask("deba", 2))
	faultOf(t, err, Busy)
	stop()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestIdleWorkersEnd(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.KeepAlive = 30 * time.Millisecond })
	p := ask("bado", 2)
	if _, _, err := collect(t.Context(), e, p); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	s := e.seats[key{model: p.Model, person: p.Person}]
	change := e.change
	worker := s.worker
	e.mu.Unlock()
	if worker != nil {
		<-worker.gone
		if worker.fault != nil {
			t.Errorf("an idle worker's end is no fault: %v", worker.fault)
		}
	}
	_ = change
	// A question that comes while it goes is answered all the same.
	for range 20 {
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Millisecond) // about when it is ended
	}
}

func TestEndOfRun(t *testing.T) {
	s, d := tiny(t, nil)
	dir, _ := os.Getwd()
	e, err := New(Config{Jail: jail, Pack: pack, Shelf: s, Threads: 1, LinkDir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ran := make(chan error)
	go func() { ran <- e.Run(ctx) }()
	p := ask("bado", 0)
	p.Model = d
	var got error
	ended := false
	for _, err := range e.Generate(t.Context(), p) {
		if got = err; !ended {
			ended = true
			w := workerOf(t, e, p)
			cancel()
			<-w.gone
		}
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
	faultOf(t, got, Busy)
	if len(e.Workers()) != 0 {
		t.Error("workers are left")
	}
	_, _, err = collect(t.Context(), e, p)
	faultOf(t, err, Busy)
}

func TestNewRefuses(t *testing.T) {
	dir, _ := os.Getwd()
	ok := Config{Jail: jail, Pack: pack, Shelf: shelf, LinkDir: dir, Log: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*Config){
		"no jail": func(c *Config) { c.Jail = nil }, "no pack": func(c *Config) { c.Pack = nil }, "no shelf": func(c *Config) { c.Shelf = nil },
		"no log": func(c *Config) { c.Log = nil }, "no folder": func(c *Config) { c.LinkDir = "nowhere" }, "another folder": func(c *Config) { c.LinkDir = "/" },
	} {
		c := ok
		change(&c)
		if _, err := New(c); err == nil {
			t.Error(name)
		}
	}
	e, err := New(ok)
	if err != nil || e.cfg.Threads < 1 || e.cfg.Memory < 1<<28 || e.turns.atOnce != 1 {
		t.Errorf("%+v %v", e, err)
	}
	e.end()
}

// What the engine's process is given: our flags and three variables.
func TestCommandLine(t *testing.T) {
	e := start(t, func(c *Config) { c.Threads, c.ContextTokens = 2, 100000 })
	p := ask("", 1)
	if err := e.Warm(t.Context(), p.Person, p.Model); err != nil {
		t.Fatal(err)
	}
	w := workerOf(t, e, p)
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", w.proc.PID()))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.ReplaceAll(strings.TrimSuffix(string(args), "\x00"), "\x00", " ")
	_, line, _ = strings.Cut(line, " ")
	want := "-m /model.gguf --host /run/engine.sock --offline --no-ui --slot-save-path /run/slots --cache-ram 0 --no-cache-idle-slots -sps 0 " +
		"--no-kv-unified --ctx-checkpoints 2 --no-context-shift -np 1 -c 8192 -b 512 -ub 512 -t 2 -tb 2 --threads-http 4 --timeout 600 " +
		"--log-verbosity 1 --log-colors off --load-mode mmap --fit off"
	if line != want && !strings.Contains(line, filepath.Join("jail-")) { // paths of the host in a jail without a root
		t.Errorf("%s", line)
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", w.proc.PID()))
	if err == nil && os.Geteuid() == 0 {
		vars := strings.Split(strings.TrimSuffix(string(env), "\x00"), "\x00")
		if len(vars) < 3 || fmt.Sprint(vars[:3]) != "[LANG=C.UTF-8 GGML_NO_BACKTRACE=1 HOME=/nonexistent]" || len(vars) > 4 || len(vars) == 4 && !strings.HasPrefix(vars[3], "LD_LIBRARY_PATH=") {
			t.Errorf("%q", vars)
		}
	}
}

// Nothing that a person says is on the engine's standard error that we keep, in
// a log, or in a fault: not even what the engine itself prints there.
func TestCanary(t *testing.T) {
	var log journal
	e, ask := startTiny(t, nil, func(c *Config) { c.Log = log.log() })
	e.encode = encodeDeadly
	const canary = "kanarienvogel"
	p := ask(canary, 3)
	p.Options.Stop = []string{canary}
	p.Options.JSONSchema = []byte(`{"type":"object","title":"` + canary + `","properties":{"` + canary + `":{"type":"string","format":"` + canary + `"}}}`)
	var faults []error
	keep := func(_ string, _ Delta, err error) { faults = append(faults, err) }
	keep(collect(t.Context(), e, p))
	w := workerOf(t, e, p)
	// What makes the engine itself print a person's text: the warning names the pattern.
	body, err := encodeChat([]Message{{Role: User, Content: canary}}, Options{MaxTokens: 1, JSONSchema: []byte(`{"type":"string","pattern":"^` + canary + `("}`)}, steering{})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := w.client.chat(t.Context(), body); err == nil {
		_, _ = io.Copy(io.Discard, r)
		r.Close()
	}
	keep(collect(t.Context(), e, ask(canary+strings.Repeat(" bado", 4000), 3)))
	keep(collect(t.Context(), e, ask(canary+deadly, 3)))
	p.Options.JSONSchema = []byte(`{"type":"` + canary + `"}`)
	keep(collect(t.Context(), e, p))
	p.Options.JSONSchema = []byte(`{"` + canary + `":1}`)
	keep(collect(t.Context(), e, p))
	p.Options = Options{Stop: []string{canary + "\x00"}}
	keep(collect(t.Context(), e, p))
	<-w.gone
	var text strings.Builder
	text.WriteString(log.String() + w.said.last())
	for _, err := range faults {
		if f, ok := errors.AsType[*Fault](err); ok {
			text.WriteString(f.Error() + f.Detail)
		}
	}
	if strings.Contains(text.String(), canary) {
		t.Errorf("a person's text got out: %s", text.String())
	}
	w.said.mu.Lock()
	defer w.said.mu.Unlock()
	if !strings.Contains(text.String(), "twice") || w.said.held < len(canary) {
		t.Errorf("the control: faults were not made, or the engine printed nothing: %s", text.String())
	}
}
