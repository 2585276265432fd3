package engine

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"abaton.local/internal/ggufgen"
)

// journal is a log that can be read.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func (j *journal) log() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// The engine's grammar parser recurses, so a grammar that nests deep enough
// ends it (llama.cpp issue 26600). No caller can send one; these tests do.
const deadly = "crash"

func encodeDeadly(messages []Message, o Options, to steering) ([]byte, error) {
	body, err := encodeChat(messages, o, to)
	if err != nil || !strings.Contains(messages[len(messages)-1].Content, deadly) {
		return body, err
	}
	const deep = 60000
	grammar, err := json.Marshal("root ::= " + strings.Repeat("(", deep) + `"a"` + strings.Repeat(")", deep))
	return append(append(append(body[:len(body)-1], `,"grammar":`...), grammar...), '}'), err
}

func TestBadModel(t *testing.T) {
	e, ask := startTiny(t, func(f *ggufgen.File) { // sound, but not whole
		f.Tensors = slices.DeleteFunc(f.Tensors, func(t ggufgen.Tensor) bool { return t.Name == "output_norm.weight" })
	}, nil)
	_, _, err := collect(t.Context(), e, ask("x", 1))
	f := faultOf(t, err, BadModel)
	if !strings.Contains(f.What, "output_norm.weight") {
		t.Errorf("the engine's last line is not told: %s", f)
	}
	if len(e.Workers()) != 0 {
		t.Error("a worker is left")
	}
	_, _, err = collect(t.Context(), e, Prompt{Person: "a", Model: smol, Messages: []Message{{Role: User, Content: "x"}}})
	faultOf(t, err, BadModel) // not on this shelf
}

func TestCrashAndPoison(t *testing.T) {
	var log journal
	e, ask := startTiny(t, nil, func(c *Config) { c.Log = log.log() })
	e.encode = encodeDeadly
	_, _, err := collect(t.Context(), e, ask("CANARY "+deadly, 4))
	f := faultOf(t, err, Poison)
	e.mu.Lock()
	for _, s := range e.seats {
		if n := len(s.circuit.crashes); n != 2 {
			t.Errorf("%d crashes, want one and one of the second try", n)
		}
	}
	e.mu.Unlock()
	if len(e.Workers()) != 0 {
		t.Error("a worker is left")
	}
	// Asked again, it is refused without starting anything; others are answered.
	if _, _, err = collect(t.Context(), e, ask("CANARY "+deadly, 4)); err == nil || len(e.Workers()) != 0 {
		t.Errorf("%v, %d workers", err, len(e.Workers()))
	}
	faultOf(t, err, Poison)
	if _, _, err := collect(t.Context(), e, ask("bado", 4)); err != nil {
		t.Errorf("another question: %v", err)
	}
	said := log.String()
	if !strings.Contains(said, f.Detail) || !strings.Contains(said, "kind=crashed") {
		t.Errorf("the log lacks the question's hash or the crashes: %s", said)
	}
	if strings.Contains(said+f.Error()+f.Detail, "CANARY") {
		t.Errorf("a person's text got out: %s %v", said, f)
	}
}

// What a person wrote is printed by the engine (its warning names a pattern
// that it cannot follow), and then it ends: its last words are not in the log.
func TestLastWordsAreNotLogged(t *testing.T) {
	var log journal
	e, ask := startTiny(t, nil, func(c *Config) { c.Log = log.log() })
	const canary = "/canary-anna.cpp:123: x"
	printed := 0
	e.encode = func(m []Message, o Options, to steering) ([]byte, error) {
		body, err := encodeChat([]Message{{Role: User, Content: "bado"}}, Options{MaxTokens: 1, JSONSchema: []byte(`{"type":"string","pattern":"^` + canary + `("}`)}, steering{})
		if err != nil {
			return nil, err
		}
		// The same worker hears both: first what it prints, then what ends it.
		w := workerOf(t, e, ask("", 0))
		if r, err := w.client.chat(t.Context(), body); err == nil {
			_, _ = io.Copy(io.Discard, r)
			r.Close()
		}
		w.said.mu.Lock()
		defer w.said.mu.Unlock()
		if w.said.held >= len(canary) {
			printed++
		}
		return encodeDeadly([]Message{{Role: User, Content: deadly}}, o, steering{})
	}
	_, _, err := collect(t.Context(), e, ask("bado", 4))
	f := faultOf(t, err, Poison)
	said := log.String()
	if printed == 0 || !strings.Contains(said, "kind=crashed") {
		t.Errorf("the control: printed %d times; %s", printed, said)
	}
	if strings.Contains(said+f.Error()+f.Detail, "canary") {
		t.Errorf("a person's text got out: %s %v", said, f)
	}
}

// A worker that dies before any text came is replaced, and nobody notices.
func TestCrashIsRetried(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	tries := 0
	e.encode = func(m []Message, o Options, to steering) ([]byte, error) {
		if tries++; tries == 1 {
			return encodeDeadly([]Message{{Role: User, Content: deadly}}, o, steering{})
		}
		return encodeChat(m, o, to)
	}
	text, _, err := collect(t.Context(), e, ask("bado", 4))
	if err != nil || text == "" || tries != 2 {
		t.Errorf("%q %v after %d tries", text, err, tries)
	}
}

// After text came the answer ends with a fault: what was said stays said.
func TestCrashAfterText(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	p := ask("bado", 0)
	text, err := "", error(nil)
	for d, derr := range e.Generate(t.Context(), p) {
		text, err = text+d.Text, derr
		if derr == nil && text == d.Text { // once
			body, eerr := encodeDeadly([]Message{{Role: User, Content: deadly}}, Options{}, steering{})
			if eerr != nil {
				t.Fatal(eerr)
			}
			w := workerOf(t, e, p)
			if r, cerr := w.client.chat(t.Context(), body); cerr == nil {
				r.Close()
			}
			<-w.gone
		}
	}
	if text == "" {
		t.Error("no text came")
	}
	f := faultOf(t, err, Crashed)
	if !strings.Contains(f.Detail, "signal") {
		t.Errorf("the signal is not told: %q", f.Detail)
	}
}

func TestCircuit(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.Patience.Crashes = 2 })
	e.encode = encodeDeadly
	_, _, err := collect(t.Context(), e, ask(deadly, 4))
	faultOf(t, err, Poison)
	_, _, err = collect(t.Context(), e, ask("bado", 4))
	if f := faultOf(t, err, Paused); f.Detail != "circuit open" || f.After < time.Second || f.After > time.Minute {
		t.Errorf("%q, after %v", f.Detail, f.After)
	}
	// Another person's worker is not concerned.
	p := ask("bado", 4)
	p.Person = "bela"
	if _, _, err := collect(t.Context(), e, p); err != nil {
		t.Error(err)
	}
}

func TestHang(t *testing.T) {
	var log journal
	e, ask := startTiny(t, nil, func(c *Config) {
		c.Log = log.log()
		c.Patience.Probe = 50 * time.Millisecond
	})
	p := ask("bado", 0)
	if err := e.Warm(t.Context(), p.Person, p.Model); err != nil {
		t.Fatal(err)
	}
	// Before any text: it is ended, and the question asked of a new one.
	first := workerOf(t, e, p)
	if err := first.proc.Stop(); err != nil {
		t.Fatal(err)
	}
	if text, _, err := collect(t.Context(), e, ask("bado", 4)); err != nil || text == "" {
		t.Errorf("%q %v", text, err)
	}
	<-first.gone
	faultOf(t, first.fault, Hung)
	if !strings.Contains(log.String(), "kind=hung") {
		t.Errorf("not in the log: %s", log.String())
	}
	// In the middle of an answer.
	text, err := "", error(nil)
	for d, derr := range e.Generate(t.Context(), p) {
		if err = derr; err == nil && text == "" {
			if err := workerOf(t, e, p).proc.Stop(); err != nil {
				t.Fatal(err)
			}
		}
		text += d.Text
	}
	faultOf(t, err, Hung)
	if text == "" {
		t.Error("what was said is lost")
	}
}

// A caller who reads slowly is not taken for an engine that hangs.
func TestSlowReader(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) {
		c.Patience.Probe, c.Patience.Silence = 20*time.Millisecond, time.Second
		c.Patience.Misses = 1 << 30
	})
	n := 0
	for _, err := range e.Generate(t.Context(), ask("bado", 5)) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			<-time.After(5 * time.Second / 2) // longer than the engine may take
		}
	}
}

func TestNoMemory(t *testing.T) {
	var log journal
	const tokens = 512 << 10 // with them grow keys, values and masks
	e, ask := startTiny(t, func(f *ggufgen.File) { f.Set("llama.context_length", uint32(tokens)) },
		func(c *Config) { c.ContextTokens, c.Log = tokens, log.log() })
	e.memory = 640 << 20
	text, _, err := collect(t.Context(), e, ask("bado", 4))
	if err != nil || text == "" {
		t.Fatalf("%q %v: %s", text, err, log.String())
	}
	if !strings.Contains(log.String(), "ran out of memory") || e.Workers()[0].Context != tokens/2 {
		t.Errorf("%+v: %s", e.Workers(), log.String())
	}
	e, ask = startTiny(t, nil, nil)
	e.memory = 40 << 20
	_, _, err = collect(t.Context(), e, ask("x", 1))
	faultOf(t, err, NoMemory)
}

// A signal that we did not send is the kernel's, for want of memory, only if the
// kernel says so. What somebody else's program did is not told as too little memory,
// and does not cost half of the context.
func TestKilledByTheSystem(t *testing.T) {
	for _, c := range []struct {
		counted int64
		known   bool
		want    Kind
	}{{1, true, NoMemory}, {0, true, Killed}, {1, false, Killed}} {
		e, ask := startTiny(t, nil, nil)
		var count atomic.Int64
		e.kills = func() (int64, bool) { return count.Load(), c.known }
		p := ask("bado", 0)
		var err error
		hit := false
		for _, derr := range e.Generate(t.Context(), p) {
			if err = derr; err == nil && !hit {
				hit = true
				count.Add(c.counted)
				kill(t, workerOf(t, e, p).proc.PID())
			}
		}
		if f := faultOf(t, err, c.want); !strings.Contains(f.Detail, "killed") {
			t.Errorf("%q", f.Detail)
		}
		if _, _, err := collect(t.Context(), e, ask("bado", 4)); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		e.mu.Lock()
		if n := len(e.suspect); n != 0 {
			t.Errorf("%d questions are suspected", n)
		}
		e.mu.Unlock()
	}
}

func TestPolicyHit(t *testing.T) {
	var log journal
	e, ask := startTiny(t, nil, func(c *Config) { c.Log = log.log() })
	// A real call that the filter does not know: the engine makes a folder.
	e.extra = []string{"--log-prompts-dir", "/run/slots/prompts"}
	for range maxPolicyHits {
		_, _, err := collect(t.Context(), e, ask("x", 1))
		faultOf(t, err, PolicyHit)
	}
	if strings.Count(log.String(), "jail forbids") != 2 {
		t.Errorf("not in the log: %s", log.String())
	}
	e.extra = nil
	_, _, err := collect(t.Context(), e, ask("x", 1))
	if f := faultOf(t, err, PolicyHit); f.Detail != "held back" {
		t.Errorf("the model is started a third time: %v", f)
	}
}

// What somebody's words made an engine do is held against them alone: else they could
// take a model from everybody.
func TestAPolicyHitWhileAnsweringIsItsPersons(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	anna, bela := ask("bado", 2), ask("bado", 2)
	bela.Person = "bela"
	for range maxPolicyHits {
		if err := e.Warm(t.Context(), anna.Person, anna.Model); err != nil {
			t.Fatal(err)
		}
		// As the worker's own goroutine does where the filter ended it.
		w := workerOf(t, e, anna)
		e.mu.Lock()
		s := e.seats[w.key]
		e.mu.Unlock()
		w.stop(errDone)
		<-w.gone
		e.ended(s, &worker{key: w.key, ready: w.ready, gone: make(chan struct{})}, policyHit("SIGSYS"))
	}
	_, _, err := collect(t.Context(), e, anna)
	if f := faultOf(t, err, PolicyHit); f.Detail != "held back" {
		t.Errorf("%v", f)
	}
	if _, _, err := collect(t.Context(), e, bela); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}
