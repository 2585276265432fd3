package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// drawer is a Keeper in memory: what it gives back, a test may change. The real
// one, over a vault, is tested in chat/resume.
type drawer struct {
	mu     sync.Mutex
	locked bool
	kept   []Snapshot
	bytes  map[string][]byte
	opened []string // by identifier
	made   int
	keep   func(ctx context.Context) error // before Keep; nil for nothing
	open   error                           // of Open, after all was written
}

var errLockedDrawer = errors.New("locked")

func (d *drawer) Secret(context.Context, Person) ([32]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked {
		return [32]byte{}, errLockedDrawer
	}
	return [32]byte{1}, nil
}

func (d *drawer) Kept(context.Context, Person) ([]Snapshot, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked {
		return nil, errLockedDrawer
	}
	return slices.Clone(d.kept), nil
}

func (d *drawer) Keep(ctx context.Context, _ Person, l Label, size int64, from io.Reader, instead []string) error {
	if d.keep != nil {
		if err := d.keep(ctx); err != nil {
			return err
		}
	}
	b, err := io.ReadAll(from)
	if err != nil || int64(len(b)) != size {
		return fmt.Errorf("%d bytes of %d: %w", len(b), size, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked || ctx.Err() != nil {
		return errLockedDrawer
	}
	d.kept = slices.DeleteFunc(d.kept, func(s Snapshot) bool { return slices.Contains(instead, s.ID) })
	d.made++
	id := fmt.Sprint("snapshot ", d.made)
	d.kept = append(d.kept, Snapshot{id, l})
	if d.bytes == nil {
		d.bytes = map[string][]byte{}
	}
	d.bytes[id] = b
	return nil
}

func (d *drawer) Open(_ context.Context, _ Person, id string, w io.Writer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened = append(d.opened, id)
	_, err := w.Write(d.bytes[id])
	return errors.Join(err, d.open)
}

func (d *drawer) Drop(_ context.Context, _ Person, ids []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept = slices.DeleteFunc(d.kept, func(s Snapshot) bool { return slices.Contains(ids, s.ID) })
	return nil
}

// look gives the state: what is kept, and how often something was opened.
func (d *drawer) look() (kept []Snapshot, opened int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.kept), len(d.opened)
}

// startKeeping makes an engine for a tiny model, with a drawer.
func startKeeping(t testing.TB) (*Engine, *drawer, func(string, int) Prompt) {
	t.Helper()
	d := &drawer{}
	e, ask := startTiny(t, nil, func(c *Config) { c.Keeper = d })
	return e, d, ask
}

var lighthouse = "Remember this: " + strings.Repeat("the keeper of the lighthouse lit the lamp at seven and wrote it down. ", 12)

// talkTo asks, and gives the prompt that goes on from the answer.
func talkTo(t testing.TB, e *Engine, p Prompt, next string) (answer string, on Prompt) {
	t.Helper()
	p.Keep = true
	answer, _, err := collect(t.Context(), e, p)
	if err != nil {
		t.Fatal(err)
	}
	on = p
	on.Messages = append(slices.Clone(p.Messages), Message{Role: Assistant, Content: answer}, Message{Role: User, Content: next})
	return answer, on
}

// evict ends the person's worker as if its memory were needed.
func evict(t testing.TB, e *Engine, p Prompt) {
	t.Helper()
	w := workerOf(t, e, p)
	w.stop(errDone)
	<-w.gone
}

// A conversation goes on from its snapshot after eviction, with the answer that
// it would have had, and the longer one takes the place of the shorter.
func TestGoesOn(t *testing.T) {
	e, d, ask := startKeeping(t)
	plain, _ := startTiny(t, nil, nil)
	_, on := talkTo(t, e, ask(lighthouse, 8), "When was the lamp lit?")
	evict(t, e, on)
	kept, _ := d.look()
	if len(kept) != 1 || kept[0].Tokens < leastTokens || kept[0].Turns != 1 {
		t.Fatalf("kept: %+v", kept)
	}
	got, further := talkTo(t, e, on, "And who?")
	if _, opened := d.look(); opened != 1 {
		t.Fatalf("opened %d times", opened)
	}
	want, _, err := collect(t.Context(), plain, on)
	if err != nil || got != want {
		t.Errorf("answer %q, read anew %q, %v", got, want, err)
	}
	evict(t, e, further)
	if kept, _ := d.look(); len(kept) != 1 || kept[0].Turns != 3 {
		t.Errorf("after the next eviction: %+v", kept)
	}
}

// The engine takes what was restored for read: it says so itself.
func TestIsNotReadAgain(t *testing.T) {
	e, d, ask := startKeeping(t)
	_, on := talkTo(t, e, ask(lighthouse, 8), "When was the lamp lit?")
	evict(t, e, on)
	if err := e.Warm(t.Context(), on.Person, on.Model); err != nil {
		t.Fatal(err)
	}
	w := workerOf(t, e, on)
	e.resume(t.Context(), w, e.talkOf(t.Context(), on))
	body, err := encodeChat(on.Messages, on.Options)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := w.client.chat(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	stream, err := io.ReadAll(reply)
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := d.look()
	cached := 0
	for _, m := range regexp.MustCompile(`"cache":(\d+)`).FindAllSubmatch(stream, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		cached = max(cached, n)
	}
	if len(kept) != 1 || cached < kept[0].Tokens-16 {
		t.Errorf("%d tokens were not read again, kept: %+v", cached, kept)
	}
}

// What the live worker has is not opened; another conversation is.
func TestOpensOnlyWhatIsMissing(t *testing.T) {
	e, d, ask := startKeeping(t)
	_, one := talkTo(t, e, ask(lighthouse+"One.", 4), "Go on.")
	evict(t, e, one)
	_, two := talkTo(t, e, ask(lighthouse+"Two.", 4), "Go on.")
	_, two = talkTo(t, e, two, "Go on.")
	if _, opened := d.look(); opened != 0 {
		t.Fatalf("opened %d times, and nothing was missing", opened)
	}
	talkTo(t, e, one, "Go on.")
	if _, opened := d.look(); opened != 1 {
		t.Errorf("opened %d times", opened)
	}
	talkTo(t, e, two, "Go on.") // it was never kept
	if _, opened := d.look(); opened != 1 {
		t.Errorf("opened %d times", opened)
	}
}

// Whatever a keeper gives back, the answer is the same.
func TestBadSnapshots(t *testing.T) {
	plain, _ := startTiny(t, nil, nil)
	for name, spoil := range map[string]func(*drawer, string){
		"nothing":   func(d *drawer, id string) { d.bytes[id] = nil },
		"rubbish":   func(d *drawer, id string) { d.bytes[id] = []byte("rubbish") },
		"truncated": func(d *drawer, id string) { d.bytes[id] = d.bytes[id][:len(d.bytes[id])/2] },
		"too large": func(d *drawer, id string) { d.bytes[id] = bytes.Repeat([]byte{7}, 256<<20) },
		"format":    func(d *drawer, _ string) { d.kept[0].Format = "7173676703000000" },
		"tokens":    func(d *drawer, _ string) { d.kept[0].Tokens-- },
	} {
		t.Run(name, func(t *testing.T) {
			e, d, ask := startKeeping(t)
			_, on := talkTo(t, e, ask(lighthouse, 4), "When?")
			evict(t, e, on)
			kept, _ := d.look()
			if len(kept) != 1 {
				t.Fatalf("kept %d", len(kept))
			}
			d.mu.Lock()
			spoil(d, kept[0].ID)
			d.mu.Unlock()
			got, _ := talkTo(t, e, on, "")
			want, _, err := collect(t.Context(), plain, on)
			if err != nil || got != want {
				t.Errorf("answer %q, read anew %q, %v", got, want, err)
			}
			if kept, opened := d.look(); len(kept) != 0 || opened != 1 {
				t.Errorf("it is still kept: %d, opened %d", len(kept), opened)
			}
		})
	}
}

// asked notes the paths of what an engine is asked.
type asked struct {
	http.RoundTripper
	mu    sync.Mutex
	paths []string
}

func (o *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.paths = append(o.paths, r.URL.RequestURI())
	o.mu.Unlock()
	return o.RoundTripper.RoundTrip(r)
}

// A snapshot that was written whole and then not proven never reaches the engine,
// and its file is gone. The control is one that is.
func TestUnprovenNeverReachesTheEngine(t *testing.T) {
	e, d, ask := startKeeping(t)
	for _, want := range []bool{false, true} {
		_, on := talkTo(t, e, ask(lighthouse, 4), "When?")
		evict(t, e, on)
		d.mu.Lock()
		d.open = nil
		if !want {
			d.open = errors.New("the last tag does not hold")
		}
		d.mu.Unlock()
		if err := e.Warm(t.Context(), on.Person, on.Model); err != nil {
			t.Fatal(err)
		}
		w := workerOf(t, e, on)
		o := &asked{RoundTripper: w.client.http.Transport}
		w.client.http.Transport = o
		talkTo(t, e, on, "")
		if got := slices.Contains(o.paths, "/slots/0?action=restore"); got != want {
			t.Errorf("proven %v: the engine was asked %v", want, o.paths)
		}
		if _, opened := d.look(); opened == 0 {
			t.Error("nothing was opened")
		}
		left, err := os.ReadDir(fmt.Sprintf("/proc/self/fd/%d/slots", w.proc.RunDir().Fd()))
		if err != nil || len(left) > 0 {
			t.Errorf("left in the engine's folder: %v, %v", left, err)
		}
		e.Forget(on.Person)
		e.Leave(on.Person)
		<-w.gone
		_ = d.Drop(t.Context(), "", []string{"snapshot 1", "snapshot 2"})
	}
}

// A snapshot of another setting is not even opened.
func TestForeignSetting(t *testing.T) {
	e, d, ask := startKeeping(t)
	_, on := talkTo(t, e, ask(lighthouse, 4), "When?")
	evict(t, e, on)
	for name, change := range map[string]func(*Label){
		"model":   func(l *Label) { l.Model[0]++ },
		"engine":  func(l *Label) { l.Engine[0]++ },
		"context": func(l *Label) { l.Context *= 2 },
		"cache":   func(l *Label) { l.Cache = "q8_0 q8_0" },
		"turn":    func(l *Label) { l.Last[0]++ },
		"long":    func(l *Label) { l.Tokens = 1 << 20 },
	} {
		d.mu.Lock()
		was := slices.Clone(d.kept)
		change(&d.kept[0].Label)
		d.mu.Unlock()
		talkTo(t, e, on, "")
		if _, opened := d.look(); opened != 0 {
			t.Errorf("%s: it was opened", name)
		}
		evict(t, e, on)
		d.mu.Lock()
		d.kept = was
		d.mu.Unlock()
	}
}

// Nothing is kept of those who keep nothing, of short conversations, of what was
// deleted meanwhile, after a lock, or of an engine that broke.
func TestNotKept(t *testing.T) {
	e, d, ask := startKeeping(t)
	run := func(name string, p Prompt, between func(w *worker)) {
		t.Helper()
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
		w := workerOf(t, e, p)
		between(w)
		w.stop(errDone)
		<-w.gone
		if kept, _ := d.look(); len(kept) != 0 {
			t.Errorf("%s: it was kept", name)
		}
	}
	long, short := ask(lighthouse, 4), ask("Hello.", 4)
	long.Keep, short.Keep = true, true
	guest := long
	guest.Keep = false
	nothing := func(*worker) {}
	run("a guest's", guest, nothing)
	run("short", short, nothing)
	run("deleted", long, func(*worker) { e.Forget(long.Person) })
	run("locked", long, func(*worker) { e.Leave(long.Person) })
	run("broken", long, func(w *worker) { w.stop(errBadReply) })
	run("a guest's after a short one", short, func(*worker) {
		if _, _, err := collect(t.Context(), e, guest); err != nil {
			t.Fatal(err)
		}
	})
	d.mu.Lock()
	d.locked = true
	d.mu.Unlock()
	run("no keys", long, nothing)
}

// Locking keeps what idle workers had read, does not wait longer than it may,
// and leaves a worker alone that answers.
func TestRest(t *testing.T) {
	e, d, ask := startKeeping(t)
	p := ask(lighthouse, 4)
	_, on := talkTo(t, e, p, "When?")
	e.Rest(t.Context(), p.Person)
	if kept, _ := d.look(); len(kept) != 1 {
		t.Fatalf("kept %d", len(kept))
	}
	d.keep = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() } // a disk that hangs
	talkTo(t, e, on, "")
	short, cancel := context.WithCancel(t.Context())
	cancel()
	e.Rest(short, p.Person)
	if kept, _ := d.look(); len(kept) != 1 {
		t.Errorf("kept %d", len(kept))
	}
	d.keep = nil
	on.Options.MaxTokens = 64
	for d, err := range e.Generate(t.Context(), on) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Finish == "" {
			e.Rest(t.Context(), p.Person) // with the answer under way; were it waited for, this would never end
		}
	}
	if w := workerOf(t, e, on); w.life.Err() != nil {
		t.Error("a worker that answered was ended")
	}
}

// Four people at a machine that has room for one worker take each other's memory
// with every question. All are answered as if alone, and each goes on from what
// was kept of theirs.
func TestSnapshotsUnderPressure(t *testing.T) {
	e, d, ask := startKeeping(t)
	e.cfg.MaxWorkers = 1
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			p := ask(fmt.Sprint(i, " is my number. ", lighthouse), 4)
			p.Person, p.Keep = Person(fmt.Sprint("person ", i)), true
			for range 3 {
				answer, _, err := collect(t.Context(), e, p)
				if err != nil {
					t.Error(err)
				}
				p.Messages = append(p.Messages, Message{Role: Assistant, Content: answer}, Message{Role: User, Content: "And then?"})
			}
		})
	}
	all.Wait()
	kept, opened := d.look()
	if len(kept) < 3 || opened < 4 { // the last one may live still
		t.Errorf("%d are kept, %d were opened", len(kept), opened)
	}
	if len(e.slots) != 0 {
		t.Error("somebody never left the slots")
	}
}

// What is deleted while its snapshot is being sealed is not kept.
func TestForgetDuringSealing(t *testing.T) {
	e, d, ask := startKeeping(t)
	p := ask(lighthouse, 4)
	talkTo(t, e, p, "")
	begun := make(chan struct{})
	d.keep = func(ctx context.Context) error { close(begun); <-ctx.Done(); return ctx.Err() }
	w := workerOf(t, e, p)
	w.stop(errDone)
	<-begun
	e.Forget(p.Person) // returns when nothing is under way
	select {
	case <-w.gone:
	default:
		t.Error("it is still under way")
	}
	if kept, _ := d.look(); len(kept) != 0 {
		t.Error("it was kept")
	}
}

func TestChain(t *testing.T) {
	p := Prompt{Messages: []Message{{Role: System, Content: "a"}, {Role: User, Content: "b"}, {Role: Assistant, Content: "c"}, {Role: User, Content: "d"}}}
	links := chain([32]byte{1}, p)
	l := func(n int) Label { return Label{Turns: n, Last: links[n-1]} }
	for n := range 4 {
		if !l(n + 1).within(links) {
			t.Errorf("%d turns are not within their own conversation", n+1)
		}
	}
	if l(4).within(links[:3]) {
		t.Error("a longer conversation is within a shorter")
	}
	if (Label{}).within(links) || (Label{Turns: -1}).within(links) {
		t.Error("no turns are within a conversation")
	}
	for name, change := range map[string]func(*Prompt){
		"role":    func(p *Prompt) { p.Messages[1].Role = Assistant },
		"content": func(p *Prompt) { p.Messages[1].Content = "B" },
		"border":  func(p *Prompt) { p.Messages[0].Content, p.Messages[1].Content = "ab", "" },
		"model":   func(p *Prompt) { p.Model[0]++ },
		"tools":   func(p *Prompt) { p.Options.Tools = []Tool{{Name: "t"}} },
		"call":    func(p *Prompt) { p.Messages[1].Calls = []Call{{Name: "t"}} },
		"image":   func(p *Prompt) { p.Messages[1].Images = []Image{{}} },
		"thought": func(p *Prompt) { p.Messages[1].Reasoning = "x" },
	} {
		q := p
		q.Messages = slices.Clone(p.Messages)
		change(&q)
		if other := chain([32]byte{1}, q); l(2).within(other) {
			t.Errorf("another %s has the same link", name)
		}
	}
	if other := chain([32]byte{2}, p); l(2).within(other) {
		t.Error("another secret gives the same link")
	}
	set := Setting{Context: 512}
	kept := []Snapshot{{"short", l(1)}, {"long", l(3)}, {"long again", l(3)}, {"middle", l(2)}}
	for i := range kept {
		kept[i].Setting = set
	}
	if s, ok := choose(kept, set, links, 0); !ok || s.ID != "long again" {
		t.Errorf("chosen: %v", s.ID)
	}
	if s, ok := choose(kept, set, links, 3); ok {
		t.Errorf("the slot has as much as %v", s.ID)
	}
	if s, ok := choose(kept, Setting{Context: 1024}, links, 0); ok {
		t.Errorf("%v is of another setting", s.ID)
	}
	if got := replaced(kept, set, links[:2]); !slices.Equal(got, []string{"short", "middle"}) {
		t.Errorf("replaced: %v", got)
	}
}
