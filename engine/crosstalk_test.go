package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"abaton.local/internal/ggufgen"
)

// Tests of cross-talk ask the real engine in two houses: ours, and one where all
// people share an engine as it comes. What is looked for must be seen there, else
// it proves nothing here.

// told is what somebody learns from one answer, and what only the engine knows.
type told struct {
	text   string
	first  time.Duration // until the first piece
	cached int           // tokens of the prompt that were not read anew
	read   int           // those that were
}

// house answers texts of people.
type house interface {
	ask(ctx context.Context, who Person, text string, most int) (told, error)
}

// tap listens to what the engine says of its cache. The product drops that.
type tap struct {
	mu     sync.Mutex
	last   map[Person]told             // of each person's last answer
	asked  map[string]int              // fields of all questions
	slots  map[string]int              // values of the fields that steer a cache
	change func(Person, []byte) []byte // what is heard in place of an answer; nil leaves it
}

// on makes t listen to all workers of e that start from now on.
func (t *tap) on(e *Engine) {
	t.last, t.asked, t.slots = map[Person]told{}, map[string]int{}, map[string]int{}
	e.wire = func(who Person, next http.RoundTripper) http.RoundTripper {
		return listener(func(r *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, "/completions") {
				return next.RoundTrip(r)
			}
			if err := t.question(r); err != nil {
				return nil, err
			}
			resp, err := next.RoundTrip(r)
			if err == nil {
				resp.Body = &overheard{ReadCloser: resp.Body, tap: t, who: who}
			}
			return resp, err
		})
	}
}

type listener func(*http.Request) (*http.Response, error)

func (l listener) RoundTrip(r *http.Request) (*http.Response, error) { return l(r) }

func (t *tap) question(r *http.Request) error {
	body, err := r.GetBody()
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.NewDecoder(body).Decode(&fields); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range fields {
		t.asked[name]++
	}
	for _, name := range []string{"id_slot", "cache_prompt"} {
		t.slots[name+"="+string(fields[name])]++
	}
	return nil
}

// overheard keeps the bytes of an answer.
type overheard struct {
	io.ReadCloser
	tap     *tap
	who     Person
	b       bytes.Buffer
	instead io.Reader
}

func (h *overheard) Read(p []byte) (int, error) {
	if h.tap.change != nil {
		return h.changed(p)
	}
	n, err := h.ReadCloser.Read(p)
	h.b.Write(p[:n])
	return n, err
}

// changed reads the whole answer, and gives what is to be heard in its place.
func (h *overheard) changed(p []byte) (int, error) {
	if h.instead == nil {
		if _, err := h.b.ReadFrom(h.ReadCloser); err != nil {
			return 0, err
		}
		h.instead = bytes.NewReader(h.tap.change(h.who, bytes.Clone(h.b.Bytes())))
	}
	return h.instead.Read(p)
}

func (h *overheard) Close() error {
	x, err := toldOf(h.b.Bytes())
	h.tap.mu.Lock()
	defer h.tap.mu.Unlock()
	if delete(h.tap.last, h.who); err == nil {
		h.tap.last[h.who] = x
	}
	return h.ReadCloser.Close()
}

// toldOf reads a whole stream. One without the engine's counts is an error: it
// was left, or the engine counts in another way by now and nothing would be seen.
func toldOf(b []byte) (x told, err error) {
	counted := false
	for line := range strings.Lines(string(b)) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: {")
		if !ok {
			continue
		}
		var v struct {
			Choices []struct{ Text string }
			Timings *struct {
				Cached *int `json:"cache_n"`
				Read   *int `json:"prompt_n"`
			}
		}
		if err := json.Unmarshal([]byte("{"+data), &v); err != nil {
			return x, err
		}
		for _, c := range v.Choices {
			x.text += c.Text
		}
		if v.Timings != nil && v.Timings.Cached != nil && v.Timings.Read != nil {
			counted, x.cached, x.read = true, *v.Timings.Cached, *v.Timings.Read
		}
	}
	if !counted {
		return x, fmt.Errorf("an answer without the engine's counts")
	}
	return x, nil
}

// ours is a house with one worker for each person.
type ours struct {
	e    *Engine
	tap  tap
	make func(text string, most int) Prompt
}

// ourHouse is one with a tiny model whose texts have no token in common that they
// do not share on purpose.
func ourHouse(t testing.TB, change func(*Config)) *ours {
	t.Helper()
	e, make := startTiny(t, plainStart, change)
	h := &ours{e: e, make: make}
	h.tap.on(e)
	return h
}

// plainStart lets a text begin with its own first token.
func plainStart(f *ggufgen.File) {
	f.Set("tokenizer.ggml.add_bos_token", false)
	f.Set("tokenizer.ggml.add_space_prefix", false)
}

func (h *ours) prompt(who Person, text string, most int) Prompt {
	p := h.make("", most)
	p.Person, p.Messages, p.Text = who, nil, text
	return p
}

func (h *ours) ask(ctx context.Context, who Person, text string, most int) (told, error) {
	began := time.Now()
	var first time.Duration
	var said strings.Builder
	for d, err := range h.e.Generate(ctx, h.prompt(who, text, most)) {
		if err != nil {
			return told{}, err
		}
		if said.WriteString(d.Text); first == 0 && d.Text != "" {
			first = time.Since(began)
			if ctx.Value(leaving{}) != nil {
				break
			}
		}
	}
	h.tap.mu.Lock()
	defer h.tap.mu.Unlock()
	x, ok := h.tap.last[who]
	if !ok {
		x.cached = -1 // no test takes that for nothing
	}
	x.text, x.first = said.String(), first
	return x, nil
}

// shared is a house where all people share one engine.
type shared struct {
	w    *worker
	slot int // that everybody is put to; -1 lets the engine choose
}

// asItComes are the engine's defaults for two slots, where they are not ours.
var asItComes = []string{"-np", "2", "--cache-ram", "8192", "--cache-idle-slots", "-sps", "0.1", "-c", "4096"}

// sharedHouse has a tiny model, or SmolLM2.
func sharedHouse(t testing.TB, real bool, slot int, flags ...string) *shared {
	t.Helper()
	var e *Engine
	p := ask("", 1)
	if quiet := func(c *Config) { c.Patience.Probe = time.Hour }; real {
		e = start(t, quiet)
	} else {
		var make func(string, int) Prompt
		e, make = startTiny(t, plainStart, quiet)
		p = make("", 1)
	}
	e.extra, e.memory = flags, 4<<30
	if err := e.Warm(t.Context(), p.Person, p.Model); err != nil {
		t.Fatal(err)
	}
	return &shared{workerOf(t, e, p), slot}
}

func (h *shared) ask(ctx context.Context, _ Person, text string, most int) (told, error) {
	body, err := json.Marshal(map[string]any{"prompt": text, "max_tokens": most, "temperature": 0, "seed": 1, "stream": true, "cache_prompt": true, "id_slot": h.slot})
	if err != nil {
		return told{}, err
	}
	began := time.Now()
	r, err := h.w.client.text(ctx, body)
	if err != nil {
		return told{}, err
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, 1); err != nil {
		return told{}, err
	}
	first := time.Since(began)
	if _, err := b.ReadFrom(r); err != nil {
		return told{}, err
	}
	x, err := toldOf(b.Bytes())
	x.first = first
	return x, err
}

// erase is the engine's own way to empty a slot.
func (h *shared) erase(ctx context.Context) error {
	var v struct {
		Erased *int `json:"n_erased"`
	}
	err := h.w.client.call(ctx, http.MethodPost, fmt.Sprintf("/slots/%d?action=erase", h.slot), nil, &v)
	if err == nil && v.Erased == nil {
		err = fmt.Errorf("a slot was erased without a count")
	}
	return err
}

// texts makes texts of the tiny model, no two in a row with the same first token.
type texts struct {
	random *rand.Rand
	made   int
}

// next is a text of so many tokens.
func (x *texts) next(tokens int) string {
	const first, second = "bcdfghlmnprstvw", "aeiou"
	syllable := func(i int) string { return string(first[i/len(second)]) + string(second[i%len(second)]) }
	x.made++
	var s strings.Builder
	s.WriteString(syllable(x.made % (len(first) * len(second))))
	for range tokens - 1 {
		s.WriteString(syllable(x.random.IntN(len(first) * len(second))))
	}
	return s.String()
}
