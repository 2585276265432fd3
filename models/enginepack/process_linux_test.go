package enginepack

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestKilled kills the program in the middle of a build: no process stays, no
// pack is there, and the next install works.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	hold := filepath.Join(dir, "hold")
	source := tinySource(t, waitFor(hold))
	archive := onDisk(t, source)
	s := newStore(t, filepath.Join(dir, "engines"), source)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "install", "source", dir, archive, "0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.HasPrefix(lines.Text(), "step: building"); {
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	noneIn(t, dir)
	if _, err := s.Installed(t.Context()); !errors.Is(err, ErrNone) {
		t.Fatalf("after the kill: %v", err)
	}
	report := func(name string) bool { return strings.HasPrefix(name, reportName) } // how far it was
	if rest := slices.DeleteFunc(left(t, s), report); !slices.Equal(rest, []string{incomingName + "/engine-build"}) {
		t.Errorf("left: %v", rest)
	}
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Install(t.Context(), Options{Archive: archive}); err != nil {
		t.Fatal(err)
	}
	if rest := left(t, s); slices.Contains(rest, incomingName+"/engine-build") || slices.ContainsFunc(rest, report) {
		t.Errorf("left: %v", rest)
	}
}

// TestOrdinaryAccount installs as somebody who is not root: the owner cannot
// read the program, the check can, and it hashes once.
func TestOrdinaryAccount(t *testing.T) {
	source := tinySource(t, "")
	cmd := another(t, func(dir string) []string { return []string{"source", dir, sharedFile(t, dir, source), "0"} })
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "mode=111 hashed_again=false readable=false") {
		t.Errorf("%v\n%s", err, out)
	}
}

// another prepares a copy of this program in a folder that any account may use.
func another(t *testing.T, args func(dir string) []string) *exec.Cmd {
	t.Helper()
	dir, err := os.MkdirTemp("", "enginepack-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "enginepack.test")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{"install"}, args(dir)...)...)
	cmd.Dir = dir
	return cmd
}

func sharedFile(t *testing.T, dir string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, "archive.tar.gz")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFullDisk builds on disks that are too small by ever less.
func TestFullDisk(t *testing.T) {
	ready := tinyReady(t)
	// The linker's output does not fit; what is before it does.
	source := tinySource(t, `file(WRITE ${CMAKE_BINARY_DIR}/big.cpp "char big[8 << 20] = {1};")
target_sources(llama-server PRIVATE ${CMAKE_BINARY_DIR}/big.cpp)
`)
	for _, c := range []struct {
		kind    string
		archive []byte
		size    int
		enough  bool
	}{
		{"source", source, 8 << 10, false}, {"source", source, 256 << 10, false}, {"source", source, 12 << 20, false}, {"source", source, 64 << 20, true},
		{"ready", ready, 8 << 10, false}, {"ready", ready, 36 << 10, false}, {"ready", ready, 16 << 20, true},
		{"fetch", ready, 8 << 10, false}, {"fetch", ready, 12 << 10, false}, {"fetch", ready, 16 << 20, true},
	} {
		t.Run(fmt.Sprint(c.kind, c.size), func(t *testing.T) {
			var disk string
			cmd := another(t, func(dir string) []string {
				disk = filepath.Join(dir, "disk")
				if err := os.Mkdir(disk, 0o700); err != nil {
					t.Fatal(err)
				}
				return []string{c.kind, disk, sharedFile(t, dir, c.archive), fmt.Sprint(c.size)}
			})
			cmd.SysProcAttr = own()
			out, err := cmd.CombinedOutput()
			if c.enough {
				if err != nil || !strings.Contains(string(out), "installed: ") {
					t.Errorf("control: %v\n%s", err, out)
				}
				return
			}
			if !strings.Contains(string(out), "is full: free about") || !strings.Contains(string(out), "then: "+ErrNone.Error()) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// own gives a process user and mount namespaces of its own.
func own() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
}

// TestNoIsolation: where namespaces cannot be had, nothing is built.
func TestNoIsolation(t *testing.T) {
	source := tinySource(t, "")
	cmd := another(t, func(dir string) []string { return []string{"refused", dir, sharedFile(t, dir, source), "0"} })
	cmd.SysProcAttr = own()
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "only built inside an empty network namespace") || strings.Contains(string(out), "step: ") {
		t.Errorf("%v\n%s", err, out)
	}
}
