package reader

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTierDReadsNothing: on a machine with neither user namespaces nor Landlock no
// document is read, whatever was agreed for engines.
func TestTierDReadsNothing(t *testing.T) {
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	folder, state := t.TempDir(), t.TempDir()
	for name, data := range map[string]string{"a.txt": "words", "b.pdf": "%PDF-1.7 \x00"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, folder, state, "5m", "unjailed")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWUSER, AmbientCaps: []uintptr{unix.CAP_SYS_RESOURCE},
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), ErrUnjailed.Error()) != 2 {
		t.Errorf("%v: %s", err, out)
	}
}
