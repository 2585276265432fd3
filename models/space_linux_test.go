package models

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"abaton.local/egress"
)

func TestNoSpace(t *testing.T) {
	if os.Geteuid() != 0 {
		return // mounting is root's; egress tries /dev/full and ulimit as anybody
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=400k,mode=700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	s, err := OpenShelf(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	content := tiny(1)
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = local(s).Pull(t.Context(), ref(t, "file:"+path), nil)
	e, ok := errors.AsType[*egress.SpaceError](err)
	if !ok || e.Need != int64(len(content)) || e.Free > 400<<10 || e.Free < 300<<10 {
		t.Errorf("from a file: %v", err)
	}
	o := serve(t, file(content))
	o.puller.shelf = s
	_, err = o.puller.Pull(t.Context(), ref(t, o.URL+"#sha256="+digestOf(content).String()), nil)
	if !errors.Is(err, egress.ErrNoSpace) {
		t.Errorf("from the web: %v", err)
	}
	nothingLeft(t, s, false)
}
