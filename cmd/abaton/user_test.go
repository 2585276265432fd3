package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindAccount(t *testing.T) {
	if _, err := findAccount("no-such-account"); err == nil || !strings.Contains(err.Error(), "useradd --system") {
		t.Errorf("a missing account: %v", err)
	} else if _, ok := errors.AsType[noAccount](err); !ok {
		t.Errorf("%T", err)
	}
	for _, name := range []string{"root", "0"} {
		if _, err := findAccount(name); err == nil || !strings.Contains(err.Error(), "root by another name") {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, err := findAccount("nobody")
	if err != nil || a.uid == 0 || a.gid == 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

// Handing over never follows a link and never takes what is somebody else's.
func TestHandOverFolder(t *testing.T) {
	if os.Getuid() != 0 {
		return // only root hands over; the stories run as an ordinary account as well
	}
	a := account{name: "nobody", uid: 65534, gid: 65534}
	in := func(name string) string { return filepath.Join(t.TempDir(), name) }
	owner := func(path string) int {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		return ownerOf(info)
	}
	fresh := in("a/b/c")
	if err := handOverFolder(fresh, a); err != nil || owner(fresh) != a.uid || owner(filepath.Dir(fresh)) != 0 {
		t.Errorf("a new folder: %v, owner %d", err, owner(fresh))
	}
	if info, err := os.Stat(fresh); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := handOverFolder(fresh, a); err != nil {
		t.Errorf("again: %v", err)
	}
	link := in("link")
	target := in("target")
	if err := errors.Join(os.Mkdir(target, 0o755), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	if err := handOverFolder(link, a); err == nil || owner(target) != 0 {
		t.Errorf("a link: %v, its target belongs to %d", err, owner(target))
	}
	foreign := in("foreign")
	if err := errors.Join(os.Mkdir(foreign, 0o700), os.Chown(foreign, 1234, 1234)); err != nil {
		t.Fatal(err)
	}
	if err := handOverFolder(foreign, a); err == nil || owner(foreign) != 1234 {
		t.Errorf("a third account's: %v, belongs to %d", err, owner(foreign))
	}
	used := in("used")
	if err := errors.Join(os.Mkdir(used, 0o700), os.WriteFile(filepath.Join(used, "x"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := handOverFolder(used, a); !errors.Is(err, errInUse) || owner(used) != 0 {
		t.Errorf("one that root uses: %v, belongs to %d", err, owner(used))
	}
	file := in("file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := handOverFolder(file, a); err == nil {
		t.Error("a file was handed over")
	}
}
