package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
)

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
	body, err := encodeChat(on.Messages, on.Options, steering{})
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
