package api

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// bell is a connection that notes how much it took before a moment, and what after it.
type bell struct {
	patient
	mu     *sync.Mutex
	before *int // bytes; -1 until the moment came
	*strings.Builder
}

func newBell() bell {
	return bell{patient{httptest.NewRecorder()}, new(sync.Mutex), new(-1), new(strings.Builder)}
}

func (b bell) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

func (b bell) WriteString(s string) (int, error) { return b.Write([]byte(s)) }

// rings is the moment.
func (b bell) rings() {
	b.mu.Lock()
	defer b.mu.Unlock()
	*b.before = b.Len()
}

// took is what came before the moment, and what after it.
func (b bell) took() (before, after string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()[:*b.before], b.String()[*b.before:]
}

// hears asks, and tells whether the answer was broken off.
func (r *readers) hears(ctx context.Context, w http.ResponseWriter, s vault.Session, path, body string) (broken bool) {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)).WithContext(ctx)
	req.Header.Set("Content-Type", "application/json")
	defer func() {
		p := recover()
		if broken = p == http.ErrAbortHandler; !broken && p != nil {
			panic(p)
		}
	}()
	r.ServeSession(w, req, s)
	return false
}

// word is one of those that counted says.
var word = regexp.MustCompile(`word[0-9]+`)

// counted says n words in pieces of so many, and one piece for each pause.
func counted(n, piece int, pause time.Duration) says {
	return func(ctx context.Context, _ engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			for i := 0; i < n; i += piece {
				var b strings.Builder
				for j := range piece {
					fmt.Fprintf(&b, "word%d ", i+j)
				}
				select {
				case <-ctx.Done():
					yield(engine.Delta{}, ctx.Err())
					return
				case <-time.After(pause):
				}
				if !yield(engine.Delta{Text: b.String()}, nil) {
					return
				}
			}
			yield(engine.Delta{Finish: engine.Stopped, Usage: engine.Usage{PromptTokens: 5, AnswerTokens: n}}, nil)
		}
	}
}

// keys gives n sessions of Ada's, each by a key of its own that opens her vault.
func (r *readers) keys(n int) (all []vault.Session) {
	r.t.Helper()
	for range n {
		token, _, err := r.people.MakeToken(r.t.Context(), r.ada, "a program", vault.ScopeAll, time.Now().Add(time.Hour))
		if err != nil {
			r.t.Fatal(err)
		}
		s, err := r.people.UnlockToken(r.t.Context(), token.Reveal())
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// ended tells of a stream that all of its events are whole, and what the last one is.
func ended(t *testing.T, stream string) (last string) {
	t.Helper()
	for line := range strings.Lines(stream) {
		data := strings.TrimPrefix(strings.TrimSpace(line), "data: ")
		if data == "" || strings.HasPrefix(data, ":") || strings.HasPrefix(data, "event: ") {
			continue
		}
		if last = data; !json.Valid([]byte(data)) {
			t.Errorf("no event: %.99q", data)
		}
	}
	return last
}

// At whatever moment of a paced answer somebody is locked, no word goes out after it,
// nor does anything of the answer's end: it ends in its shape and says why, or breaks
// off where an event had been begun.
func TestLockedWithinFrames(t *testing.T) {
	const window = 30
	goesOut := regexp.MustCompile(`word[0-9]+|\[DONE\]|message_stop|"done":true|completed|"finish_reason":"`)
	var broken atomic.Int64
	for _, w := range ways {
		for name, says := range map[string]says{
			"done at once":           counted(60, 60, 0),
			"more than frames carry": counted(400, 400, 0),
			"word by word":           counted(100, 1, 40*time.Millisecond),
			"seldom":                 counted(30, 10, 450*time.Millisecond),
			"late":                   counted(120, 120, time.Second), // where it is said again at the end, that is long
		} {
			t.Run(strings.ReplaceAll(w.path[1:], "/", ".")+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newReaders(t, twoModels[0], says)
					r.Shape = shaper.Policy{Local: shaper.Sealed, Window: window * shaper.Tick, Jitter: func() time.Duration { return 0 }}
					var asking sync.WaitGroup
					begun := time.Now().Truncate(shaper.Tick).Add(shaper.Tick)
					for i, s := range r.keys(48) {
						// After a frame, in between, and when the next one is ready to leave.
						tick := []int{0, 1, 2, 3, 5, 8, 11, 14, 20, 26, 28, 29}[i/4]
						at := shaper.Tick*time.Duration(tick) + []time.Duration{time.Microsecond, 50 * time.Millisecond, 97 * time.Millisecond, shaper.Tick - time.Microsecond}[i%4]
						asking.Go(func() {
							b := newBell()
							time.Sleep(time.Until(begun))
							lock := time.AfterFunc(shaper.Tick+at, func() {
								s.Lock()
								b.rings()
							})
							defer lock.Stop()
							off := r.hears(t.Context(), b, s, w.path, "{"+w.ask+w.streams+"}")
							before, after := b.took()
							whole := before + after
							short := strings.ReplaceAll(after, "  ", "")
							if off {
								broken.Add(1)
							}
							switch out := goesOut.FindString(after); {
							case out != "":
								t.Errorf("after %v went out %q: %.2000q", at, out, short)
							case off && (after != "" || len(whole)%shaper.FrameBytes != 0):
								t.Errorf("after %v it was broken off late: %.300q", at, short)
							case !off && (!strings.Contains(ended(t, whole), "Your vault is locked") || len(whole)%(window*shaper.FrameBytes) != 0):
								t.Errorf("after %v it ends with %d bytes: %.300q", at, len(whole), short)
							}
						})
					}
					asking.Wait()
				})
			})
		}
	}
	if broken.Load() == 0 {
		t.Error("none was broken off within an event")
	}
}

// Nor do the documents that an answer was made from: its sources come in an event of
// many frames.
func TestLockedHearNoMoreOfDocuments(t *testing.T) {
	const asks = `"model":"large","stream":true,`
	var broken atomic.Int64
	for path, body := range map[string]string{
		chatPath:        `{` + asks + `"library":"long",` + asksOfTheFlat + `}`,
		"/v1/responses": `{` + asks + `"input":"What is the notice period for the flat?","include":["file_search_call.results"],"tools":[{"type":"file_search","vector_store_ids":["long"]}]}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newReaders(t, large, texts(grounding))
			r.Shape = shaper.Policy{Local: shaper.Sealed, Window: 60 * shaper.Tick, Jitter: func() time.Duration { return 0 }}
			l, err := r.Documents(t.Context(), r.ada)
			if err == nil {
				text := "# Lease\n\nThe notice period for the flat is three months. " + strings.Repeat("It is the word1 of the landlord that counts. ", 40) + "\n"
				_, err = l.Add(t.Context(), library.File{Library: "long", Path: "long.md", Name: "long.md", Data: []byte(text)})
			}
			if err != nil {
				t.Fatal(err)
			}
			of := r.Documents
			r.Documents = func(ctx context.Context, s vault.Session) (*library.Libraries, error) {
				if !s.Unlocked() {
					return nil, vault.ErrLocked
				}
				return of(ctx, r.ada)
			}
			var asking sync.WaitGroup
			begun := time.Now().Truncate(shaper.Tick).Add(shaper.Tick)
			for i, s := range r.keys(20) {
				asking.Go(func() {
					at := shaper.Tick*time.Duration(i) + []time.Duration{time.Microsecond, 97 * time.Millisecond}[i%2]
					b := newBell()
					time.Sleep(time.Until(begun))
					defer time.AfterFunc(shaper.Tick+at, func() {
						s.Lock()
						b.rings()
					}).Stop()
					off := r.hears(t.Context(), b, s, path, body)
					_, after := b.took()
					if off {
						broken.Add(1)
					}
					if strings.Contains(after, "word1") || strings.Contains(after, "three months") || off == strings.Contains(after, "Your vault is locked") {
						t.Errorf("%s after %v, broken off %v: %.2000q", path, at, off, strings.ReplaceAll(after, "  ", ""))
					}
				})
			}
			asking.Wait()
		})
	}
	if broken.Load() == 0 {
		t.Error("none was broken off within its sources")
	}
}
