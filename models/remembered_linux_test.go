package models

import (
	"fmt"
	"os"
	"testing"
)

// bytesRead is what this process has read so far (proc_pid_io(5)).
func bytesRead(t *testing.T) (n int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(b), "rchar: %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A model that was checked in this boot is not hashed again, also by another
// process; after a boot it is.
func TestRemembered(t *testing.T) {
	s := newShelf(t)
	p := add(t, s, "m.gguf", tiny(1))
	open := func(s *Shelf) int64 {
		t.Helper()
		before := bytesRead(t)
		f, err := s.Open(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		return bytesRead(t) - before
	}
	if n := open(s); n > p.Size/2 {
		t.Errorf("%d bytes are read to open a model of %d that this process checked", n, p.Size)
	}
	other := reopened(t, s)
	if n := open(other); n > p.Size/2 {
		t.Errorf("%d bytes are read to open a model of %d that another process checked", n, p.Size)
	}
	b, err := s.root.ReadFile(verdictsName)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"another boot": `{"boot":"00000000-0000-0000-0000-000000000000"` + string(b[len(`{"boot":"00000000-0000-0000-0000-000000000000"`):]),
		"nonsense":     "{", "nothing": "",
	} {
		if err := s.root.WriteFile(verdictsName, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := open(reopened(t, s)); n < p.Size {
			t.Errorf("%s: only %d bytes of %d are read", name, n, p.Size)
		}
	}
	os.Chmod(s.Path(p.Digest), 0o400) // a new change time, and nothing else
	if n := open(s); n < p.Size {
		t.Errorf("only %d bytes of %d are read after the inode changed", n, p.Size)
	}
}
