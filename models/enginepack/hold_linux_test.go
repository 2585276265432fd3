package enginepack

import (
	"context"
	"errors"
	"os"
	"testing"
)

// A held pack is the very files that were checked, and no other check touches
// their modes until it is let go.
func TestHold(t *testing.T) {
	b := tinyReady(t)
	s, p := readyStore(t, b, onDisk(t, b))
	h, err := p.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	held, err := h.Server.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if at, err := os.Stat(p.Server); err != nil || !os.SameFile(held, at) {
		t.Errorf("another file is held: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Installed(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("another check does not wait: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Installed(t.Context()); err != nil {
		t.Errorf("after it was let go: %v", err)
	}
	if err := os.Chmod(p.Server, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Hold(t.Context()); err == nil {
		t.Error("a program that everybody may write is held")
	} else if _, ok := errors.AsType[*DamagedError](err); !ok {
		t.Error(err)
	}
}
