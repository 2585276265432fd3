package egress_test

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"abaton.local/egress"
)

// noSpace fetches into part and wants to be told that there is no room.
func noSpace(t *testing.T, part *os.File, size int64) *egress.SpaceError {
	t.Helper()
	want := data(1, 2<<20)
	f := &files{content: want}
	s := serve(t, f.ServeHTTP)
	err := s.door.Fetch(t.Context(), s.URL, part, sha256.Sum256(want), size, nil)
	e, ok := errors.AsType[*egress.SpaceError](err)
	if !ok || !errors.Is(err, egress.ErrNoSpace) {
		t.Fatalf("error %v", err)
	}
	return e
}

func TestDiskFull(t *testing.T) {
	if os.Geteuid() == 0 {
		dir := t.TempDir()
		if err := unix.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		part, err := os.Create(filepath.Join(dir, "x"))
		if err != nil {
			t.Fatal(err)
		}
		defer part.Close()
		if e := noSpace(t, part, 2<<20); e.Need != 2<<20 || e.Free != 1<<20 {
			t.Errorf("need %d, free %d", e.Need, e.Free)
		}
		if st, _ := part.Stat(); st.Size() != 0 {
			t.Errorf("%d bytes were written though they could not fit", st.Size())
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	noSpace(t, full, -1)
}

func TestFileLimit(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	part := newPart(t, nil)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &was)
	if e := noSpace(t, part, -1); e.Free != 1<<20 {
		t.Errorf("free %d", e.Free)
	}
}
