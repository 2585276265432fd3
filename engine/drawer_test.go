package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
