package enginepack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tools are the programs of a build, by absolute path.
type tools struct{ cmake, ninja, cc, cxx string }

// MissingTools names what a build needs and this machine does not have: some of
// cmake, ninja and g++.
func MissingTools() []string {
	var missing []string
	for _, name := range []string{"cmake", "ninja", "g++"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	return missing
}

func findTools() (t tools, err error) {
	if missing := MissingTools(); len(missing) > 0 {
		return t, &ToolsError{Missing: missing}
	}
	for name, to := range map[string]*string{"cmake": &t.cmake, "ninja": &t.ninja, "g++": &t.cxx, "gcc": &t.cc} {
		path, err := exec.LookPath(name)
		if err != nil {
			return t, &ToolsError{Missing: []string{name}}
		}
		if *to, err = filepath.Abs(path); err != nil {
			return t, err
		}
	}
	return t, nil
}

// path is where the tools find each other and the linker.
func (t tools) path() string {
	dirs := []string{filepath.Dir(t.cmake), filepath.Dir(t.ninja), filepath.Dir(t.cc), filepath.Dir(t.cxx), "/usr/local/bin", "/usr/bin", "/bin"}
	var out []string
	for _, d := range dirs {
		if !slices.Contains(out, d) && !strings.Contains(d, ":") {
			out = append(out, d)
		}
	}
	return strings.Join(out, ":")
}

// ToolsError says that there is no compiler, and how to get one here.
type ToolsError struct{ Missing []string }

func (e *ToolsError) Error() string {
	release, _ := os.ReadFile("/etc/os-release")
	return fmt.Sprintf("building the engine needs %s. %s", strings.Join(e.Missing, ", "), InstallHint(e.Missing, string(release)))
}

// systems are the package managers that we know: the words of os-release(5)
// that name them, what to type, and the packages of cmake, ninja and g++.
var systems = []struct {
	ids      []string
	command  string
	packages map[string]string
}{
	{[]string{"debian", "ubuntu"}, "apt-get install", map[string]string{"cmake": "cmake", "ninja": "ninja-build", "g++": "g++", "gcc": "gcc"}},
	{[]string{"fedora", "rhel", "centos"}, "dnf install", map[string]string{"cmake": "cmake", "ninja": "ninja-build", "g++": "gcc-c++", "gcc": "gcc"}},
	{[]string{"arch"}, "pacman -S", map[string]string{"cmake": "cmake", "ninja": "ninja", "g++": "gcc", "gcc": "gcc"}},
	{[]string{"alpine"}, "apk add", map[string]string{"cmake": "cmake", "ninja": "samurai", "g++": "g++ linux-headers", "gcc": "gcc"}},
	{[]string{"suse", "opensuse"}, "zypper install", map[string]string{"cmake": "cmake", "ninja": "ninja", "g++": "gcc-c++", "gcc": "gcc"}},
}

// InstallHint says what to type to get the missing tools, given the text of
// /etc/os-release.
func InstallHint(missing []string, osRelease string) string {
	ids := releaseIDs(osRelease)
	for _, s := range systems {
		if !slices.ContainsFunc(s.ids, func(id string) bool { return slices.Contains(ids, id) }) {
			continue
		}
		return "As root: " + s.command + " " + strings.Join(packages(missing, s.packages), " ")
	}
	return "Install them with this system's package manager"
}

func packages(missing []string, by map[string]string) []string {
	var out []string
	for _, m := range missing {
		for p := range strings.FieldsSeq(by[m]) {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// releaseIDs reads ID and ID_LIKE of os-release(5).
func releaseIDs(text string) []string {
	var ids []string
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "ID" || key == "ID_LIKE" {
			ids = append(ids, strings.Fields(strings.ToLower(strings.Trim(value, `"'`)))...)
		}
	}
	return ids
}

// InstallTools installs the missing tools with apt-get, as root on Debian and
// Ubuntu only; elsewhere it says what to type. What apt-get prints goes to out.
func InstallTools(ctx context.Context, out io.Writer) error {
	missing := MissingTools()
	if len(missing) == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		return &ToolsError{Missing: missing}
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return &ToolsError{Missing: missing}
	}
	return installWith(ctx, string(release), missing, out)
}

func installWith(ctx context.Context, osRelease string, missing []string, out io.Writer) error {
	ids := releaseIDs(osRelease)
	apt, err := exec.LookPath("apt-get")
	if err != nil || !slices.Contains(ids, "debian") && !slices.Contains(ids, "ubuntu") {
		return &ToolsError{Missing: missing}
	}
	install := append([]string{"install", "--yes", "--no-install-recommends"}, packages(missing, systems[0].packages)...)
	for _, args := range [][]string{{"update"}, install} {
		cmd := exec.CommandContext(ctx, apt, args...)
		// The proxy and the locale of the machine's own set-up stay; only questions are
		// turned off.
		cmd.Env = append(cmd.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("apt-get %s: %w. %s", args[0], err, InstallHint(missing, osRelease))
		}
	}
	if still := MissingTools(); len(still) > 0 {
		return errors.Join(errors.New("apt-get is done, but not all is there"), &ToolsError{Missing: still})
	}
	return nil
}
