package engine

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Whatever an engine makes of its folder, nothing outside of it is opened, and
// nothing waits.
func TestHostileSlots(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "abaton")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	in := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	must(os.MkdirAll(in("run", "slots", "folder"), 0o700))
	must(os.WriteFile(in("secret"), []byte("secret"), 0o600))
	must(os.WriteFile(in("run", "outside"), []byte("secret"), 0o600))
	must(os.WriteFile(in("run", "slots", "good"), []byte("slot"), 0o600))
	must(os.Symlink(in("secret"), in("run", "slots", "absolute")))
	must(os.Symlink("../outside", in("run", "slots", "relative")))
	must(os.Symlink("good", in("run", "slots", "near")))
	must(os.Symlink("/proc/self/fd/0", in("run", "slots", "magic")))
	must(syscall.Mkfifo(in("run", "slots", "pipe"), 0o600))
	must(os.MkdirAll(in("second"), 0o700))
	must(os.Symlink("../run/slots", in("second", "slots")))
	open := func(path string) (slots, error) {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		must(err)
		run := os.NewFile(uintptr(fd), path)
		defer run.Close()
		return openSlots(run)
	}
	if s, err := open(in("second")); err == nil {
		s.close()
		t.Error("a link was taken for the folder")
	}
	s, err := open(in("run"))
	must(err)
	defer s.close()
	for _, name := range []string{"absolute", "relative", "near", "magic", "pipe", "folder", "../outside", "folder/../../outside", "missing", in("secret"), "."} {
		if f, _, err := s.open(name); err == nil {
			f.Close()
			t.Errorf("%s was opened", name)
		}
		if f, err := s.create(name); err == nil && name != "missing" {
			f.Close()
			t.Errorf("%s was made", name)
		}
	}
	if b, err := os.ReadFile(in("secret")); err != nil || string(b) != "secret" {
		t.Errorf("the secret is %q now, %v", b, err)
	}
	f, size, err := s.open("good") // the control
	must(err)
	f.Close()
	if size != 4 {
		t.Errorf("%d bytes", size)
	}
	s.remove("good")
	if _, err := os.Stat(in("run", "slots", "good")); err == nil {
		t.Error("it is still there")
	}
	disk, err := os.Open("/proc")
	must(err)
	defer disk.Close()
	if err := inMemory(int(disk.Fd())); !errors.Is(err, errNotMemory) {
		t.Errorf("another file system: %v", err)
	}
}
