package enginepack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallHint(t *testing.T) {
	all := []string{"cmake", "ninja", "g++"}
	for _, c := range []struct {
		release string
		missing []string
		want    string
	}{
		{"ID=debian\n", all, "As root: apt-get install cmake ninja-build g++"},
		{"NAME=\"Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", []string{"ninja"}, "As root: apt-get install ninja-build"},
		{"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", all, "As root: dnf install cmake ninja-build gcc-c++"},
		{"ID=arch", all, "As root: pacman -S cmake ninja gcc"},
		{"ID=alpine", all, "As root: apk add cmake samurai g++ linux-headers"},
		{"ID='opensuse-leap'\nID_LIKE='suse opensuse'", []string{"g++"}, "As root: zypper install gcc-c++"},
		{"ID=plan9", all, "Install them with this system's package manager"},
		{"", all, "Install them with this system's package manager"},
	} {
		if got := InstallHint(c.missing, c.release); got != c.want {
			t.Errorf("%q: %q, want %q", c.release, got, c.want)
		}
	}
}

// TestInstallTools runs the steps with an apt-get that writes down what it is
// asked for: installing packages is not for tests.
func TestInstallTools(t *testing.T) {
	bin, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	script := "#!/bin/sh\necho \"$DEBIAN_FRONTEND $*\" >>" + log + "\necho said\n"
	if err := os.WriteFile(filepath.Join(bin, "apt-get"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	var out strings.Builder
	err := installWith(t.Context(), "ID=debian", MissingTools(), &out)
	if err == nil || !strings.Contains(err.Error(), "not all is there") {
		t.Errorf("got %v", err)
	}
	b, err := os.ReadFile(log)
	if err != nil || string(b) != "noninteractive update\nnoninteractive install --yes --no-install-recommends cmake ninja-build g++\n" || out.String() != "said\nsaid\n" {
		t.Errorf("%q %q %v", b, out.String(), err)
	}
	if err := installWith(t.Context(), "ID=fedora", MissingTools(), &out); err == nil || !strings.Contains(err.Error(), "needs cmake, ninja, g++") {
		t.Errorf("elsewhere: %v", err)
	}
	if err := os.WriteFile(filepath.Join(bin, "apt-get"), []byte("#!/bin/sh\nexit 100\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := installWith(t.Context(), "ID=debian", MissingTools(), &out); err == nil || !strings.Contains(err.Error(), "apt-get update") {
		t.Errorf("failing: %v", err)
	}
}
