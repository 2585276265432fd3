package vault

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// locked counts the mappings of this process that are locked in memory.
func locked(t *testing.T) (n int) {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(smaps)) {
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && strings.Contains(flags, " lo") {
			n++
		}
	}
	return n
}

// cells counts the cells of an arena that are taken.
func cells(a *arena) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := -len(a.free)
	for _, page := range a.pages {
		n += len(page) / cellSize
	}
	return n
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[90] ^= 1
	return b
}

// Whatever fails while a device secret is read, its memory goes back.
func TestNoMemoryForKeysIsLeftByADeviceThatFails(t *testing.T) {
	before := locked(t)
	for name, err := range map[string]error{
		"broken": func() error {
			_, err := readDevice("x", iotest.ErrReader(errors.New("input/output error")))
			return err
		}(),
		"short": func() error { _, err := readDevice("x", bytes.NewReader(make([]byte, 31))); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if n := locked(t); n != before {
		t.Errorf("%d mappings are locked, before %d", n, before)
	}
	d, err := readDevice("x", bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	if locked(t) != before+1 {
		t.Error("control: an open device has locked no memory that this test sees")
	}
	d.Close()
	if n := locked(t); n != before {
		t.Errorf("closed: %d mappings are locked, before %d", n, before)
	}
}

// However opening a directory fails, and however an unlocking or a joining does,
// no cell of the arena stays taken.
func TestNoCellIsLeftByWhatFails(t *testing.T) {
	p := newPlace(t)
	a := p.config.Device.arena
	d := p.open()
	olga := p.owner(d)
	olga.Lock()
	d.Close()
	before, mapped := cells(a), locked(t)
	heads := filepath.Join(p.config.StateDir, rememberedFile)
	good, err := os.ReadFile(heads)
	if err != nil {
		t.Fatal(err)
	}
	id := identity(olga.Person)
	newest := p.store.copyOf(id)
	fails := map[string]func() error{
		"damaged heads": func() error {
			if err := os.WriteFile(heads, good[1:], 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenDirectory(t.Context(), p.config)
			return err
		},
		"lost heads": func() error {
			if err := os.Remove(heads); err != nil {
				t.Fatal(err)
			}
			_, err := OpenDirectory(t.Context(), p.config)
			return err
		},
		"a damaged directory": func() error {
			dir := p.store.copyOf(d.id)
			defer p.store.putBack(d.id, dir)
			worse := p.store.copyOf(d.id)
			worse.shell.Header = flipped(worse.shell.Header)
			p.store.putBack(d.id, worse)
			_, err := OpenDirectory(t.Context(), p.config)
			return err
		},
		"the record": func() error {
			p.record.err = errors.New("no space left on device")
			p.config.Serving = true
			defer func() { p.record.err, p.config.Serving = nil, false }()
			_, err := OpenDirectory(t.Context(), p.config)
			return err
		},
	}
	for name, fail := range fails {
		if fail() == nil {
			t.Errorf("%s: opened", name)
		}
		if err := os.WriteFile(heads, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if n := cells(a); n != before || locked(t) != mapped {
			t.Errorf("%s: %d cells are taken, before %d; %d locked mappings, before %d", name, n, before, locked(t), mapped)
		}
	}
	d = p.open()
	defer d.Close()
	if n := cells(a); n != before {
		t.Errorf("open: %d cells are taken, before %d", n, before)
	}
	worse := p.store.copyOf(id)
	worse.shell.Header = flipped(worse.shell.Header)
	p.store.putBack(id, worse)
	if _, err := d.Unlock(t.Context(), pass("Olga", ownerPass)); err == nil {
		t.Error("a damaged vault opens")
	}
	p.store.putBack(id, newest)
	if err := p.try(d, pass("Olga", "not hers")); err != ErrWrong {
		t.Error(err)
	}
	if _, err := d.Join(t.Context(), Newcomer{Ticket: []byte("none"), Name: "Mira", Passphrase: []byte(memberPass)}); err == nil {
		t.Error("joined")
	}
	if n := cells(a); n != before {
		t.Errorf("after what failed %d cells are taken, before %d", n, before)
	}
}
