package engine

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"abaton.local/models/enginepack"
)

// An engine that comes after the server began answers from then on; until then who
// asks is told so, and nothing is counted as a crash.
func TestAPackThatComesLater(t *testing.T) {
	found := enginepack.ErrNone
	var come *enginepack.Pack
	e, prompt := startTiny(t, nil, func(c *Config) {
		c.Keeper = &drawer{}
		c.Pack, c.Later = nil, func(context.Context) (*enginepack.Pack, error) { return come, found }
	})
	for range 5 { // more than a circuit bears
		_, _, err := collect(t.Context(), e, prompt("x", 1))
		if f := faultOf(t, err, Busy); !strings.Contains(f.What, "not here yet") || e.Installed(t.Context()) {
			t.Errorf("before it came: %v", f)
		}
	}
	found = &fs.PathError{Op: "open", Path: "/secret", Err: fs.ErrPermission}
	if _, _, err := collect(t.Context(), e, prompt("x", 1)); strings.Contains(faultOf(t, err, Crashed).Error(), "secret") {
		t.Errorf("a folder is named: %v", err)
	}
	come, found = pack, nil
	if !e.Installed(t.Context()) {
		t.Error("it came, and is not found")
	}
	come, found = nil, errors.New("asked again")
	if _, d, err := collect(t.Context(), e, prompt("x", 1)); err != nil || d.Finish == "" {
		t.Errorf("after it came: %v %v", d, err)
	}
	if _, err := New(Config{Jail: jail, Shelf: shelf, LinkDir: ".", Log: e.cfg.Log}); err == nil {
		t.Error("an engine without a pack and without a way to find one was made")
	}
}
