package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"abaton.local/internal/ggufgen"
	"abaton.local/models"
)

// startMany makes an engine with several tiny models, and a question for one of
// them by a person.
func startMany(t *testing.T, n int, change func(*Config)) (*Engine, func(person Person, model int) Prompt) {
	t.Helper()
	dir := t.TempDir()
	s, err := models.OpenShelf(filepath.Join(dir, "models"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var digests []models.Digest
	for i := range n {
		path := filepath.Join(dir, fmt.Sprint(i, ".gguf"))
		if err := os.WriteFile(path, ggufgen.TinyLlama(uint64(i+1)).Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		ref, err := models.ParseRef("file:" + path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := models.NewPuller(s, nil, models.PullerConfig{}).Pull(t.Context(), ref, nil)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, p.Digest)
	}
	e := start(t, func(c *Config) { c.Shelf = s; change(c) })
	return e, func(person Person, model int) Prompt {
		p := ask("bado", 2)
		p.Person, p.Model = person, digests[model]
		return p
	}
}

// answering has an answer in the making that is not read on. Its end comes once it
// is told to.
func answering(t *testing.T, e *Engine, p Prompt) (end func() error) {
	t.Helper()
	p.Options.MaxTokens = 0
	on, told := slowly(t, e, p)
	return func() error {
		on()
		_, _, err := told()
		return err
	}
}

// One person asks as many models as the machine has workers for, without an end.
// The promise: whoever asks for one waits for Patience.Share and no longer, and no
// more is broken off for it than is needed.
func TestManyModelsLeaveRoomForAnother(t *testing.T) {
	e, ask := startMany(t, 3, func(c *Config) { c.MaxWorkers, c.Patience.Share = 3, 20*time.Millisecond })
	var ends []func() error
	for i := range 3 {
		ends = append(ends, answering(t, e, ask("anna", i)))
	}
	if _, _, err := collect(t.Context(), e, ask("bela", 0)); err != nil {
		t.Error(err)
	}
	broken := 0
	for _, end := range ends {
		if err := end(); err != nil {
			faultOf(t, err, OverShare)
			broken++
		}
	}
	if broken != 1 {
		t.Errorf("%d answers were broken off", broken)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, s := range e.seats {
		if len(s.circuit.crashes) != 0 {
			t.Errorf("%s crashed", k.person)
		}
	}
}

// Nor does a conversation of any length take all of the memory from others.
func TestAWideContextLeavesRoomForAnother(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.ContextTokens, c.Patience.Share = 256, 20*time.Millisecond })
	if _, _, err := collect(t.Context(), e, ask("bado", 4)); err != nil { // after which the need is known, not guessed
		t.Fatal(err)
	}
	n := need(t, e, ask("", 0).Model)
	e.mu.Lock()
	e.cfg.Memory = n.Weights + n.Private() + n.Private()/2 // for one worker
	e.mu.Unlock()
	wide := ask("bado", 0)
	wide.ContextTokens = 1024
	end := answering(t, e, wide)
	bela := ask("bado", 2)
	bela.Person = "bela"
	if _, _, err := collect(t.Context(), e, bela); err != nil {
		t.Error(err)
	}
	faultOf(t, end(), OverShare)

	// One of the usual length is nobody's excess, however long others wait.
	end = answering(t, e, ask("bado", 0))
	done := make(chan error)
	go func() {
		_, _, err := collect(t.Context(), e, bela)
		done <- err
	}()
	eventually(t, func() bool { return e.inLine() == 1 })
	e.mu.Lock()
	s := e.seats[key{model: bela.Model, person: bela.Person}]
	s.hungry = s.hungry.Add(-time.Hour)
	if wait := e.press(s); wait != 0 {
		t.Errorf("to be waited for: %v", wait)
	}
	e.mu.Unlock()
	if err := end(); err != nil {
		t.Errorf("broken off: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Whoever has more than their share comes after who has less, though they came first.
func TestWhoHasMoreComesLater(t *testing.T) {
	e, ask := startMany(t, 3, func(c *Config) { c.MaxWorkers, c.Patience.Share = 2, time.Hour })
	first, second := answering(t, e, ask("anna", 0)), answering(t, e, ask("anna", 1))
	third, bela := make(chan error, 1), make(chan error, 1)
	go func() {
		_, _, err := collect(t.Context(), e, ask("anna", 2))
		third <- err
	}()
	eventually(t, func() bool { return e.inLine() == 1 })
	go func() {
		p := ask("bela", 0)
		var err error
		for d, aerr := range e.Generate(t.Context(), p) {
			if err = aerr; d.Finish == "" && err == nil && len(third) != 0 {
				err = errors.New("the other one was answered first")
			}
		}
		bela <- err
	}()
	eventually(t, func() bool { return e.inLine() == 2 })
	if err := first(); err != nil {
		t.Error(err)
	}
	if err := <-bela; err != nil {
		t.Error(err)
	}
	if err := second(); err != nil {
		t.Error(err)
	}
	if err := <-third; err != nil {
		t.Error(err)
	}
}

// A context that memory cannot hold is refused with a number, and that number holds.
// It was halved before until it fitted, and nobody was told.
func TestATooWideContextIsRefused(t *testing.T) {
	const own = 512 << 10
	e, ask := startTiny(t, func(f *ggufgen.File) { f.Set("llama.context_length", uint32(own)) }, func(c *Config) { c.ContextTokens = 1024 })
	p := ask("bado", 2)
	need(t, e, p.Model)
	e.mu.Lock()
	f := e.facts[p.Model]
	n := f.need(own/2, false)
	e.cfg.Memory = n.Private() + n.Weights
	e.mu.Unlock()
	p.ContextTokens = 1 << 24
	_, _, err := collect(t.Context(), e, p)
	fault := faultOf(t, err, BadRequest)
	told := regexp.MustCompile(`asked for, and this machine has memory for (\d+) `).FindStringSubmatch(fault.What)
	if fault.Detail != "num_ctx" || len(told) != 2 || !strings.Contains(fault.What, fmt.Sprint(own)) {
		t.Fatalf("%+v", fault)
	}
	if p.ContextTokens, err = strconv.Atoi(told[1]); err != nil || p.ContextTokens < own/2-256 || p.ContextTokens >= own {
		t.Fatalf("%d, %v", p.ContextTokens, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &seat{key: key{model: p.Model, person: p.Person}}
	if fault := e.fit(s, p.ContextTokens); fault != nil || s.context != p.ContextTokens {
		t.Errorf("%d of %d: %v", s.context, p.ContextTokens, fault)
	}
	// So it is where an engine ran out of memory with as much.
	s.most = p.ContextTokens / 2
	if fault := e.fit(s, p.ContextTokens); fault == nil || !strings.Contains(fault.What, fmt.Sprint(s.most)) {
		t.Errorf("%v", fault)
	}
	s.context = 0
	if fault := e.fit(s, 0); fault != nil || s.context != 1024 {
		t.Errorf("the usual one: %d, %v", s.context, fault)
	}
}
