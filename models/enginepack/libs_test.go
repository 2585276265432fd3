package enginepack

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// compile makes a program from C++ text.
func compile(t *testing.T, dir, name, text string, flags ...string) string {
	t.Helper()
	source := filepath.Join(dir, name+".cpp")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, name)
	if msg, err := exec.CommandContext(t.Context(), "g++", append([]string{"-o", out, source}, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("g++ %v: %v\n%s", flags, err, msg)
	}
	return out
}

const threads = "#include <thread>\nint main() { std::thread([] {}).join(); }\n"

// TestLibs compares with ldd, which may run here: the program is ours.
func TestLibs(t *testing.T) {
	dir := t.TempDir()
	program := compile(t, dir, serverName, threads, "-fopenmp", "-Wl,--no-as-needed", "-lgomp")
	out, err := exec.CommandContext(t.Context(), "ldd", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for word := range strings.FieldsSeq(string(out)) {
		if filepath.IsAbs(word) {
			want = append(want, word)
		}
	}
	slices.Sort(want)
	l, err := linksOf(dir, serverName, []string{serverName})
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.libs()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < 5 || len(got) != len(want) {
		t.Fatalf("got %v\nldd %v", got, want)
	}
	for i := range got {
		a, errA := os.Stat(got[i])
		b, errB := os.Stat(want[i])
		if errA != nil || errB != nil || !os.SameFile(a, b) && filepath.Base(got[i]) != filepath.Base(want[i]) {
			t.Errorf("%s, ldd says %s", got[i], want[i])
		}
	}
	p := Pack{Libs: got}
	if dirs := p.LibDirs(); len(dirs) < 1 || !slices.Contains(dirs, filepath.Dir(l.Loader)) {
		t.Errorf("folders %v", dirs)
	}
}

func TestLibsMissing(t *testing.T) {
	for words, l := range map[string]links{
		"needs the library libnowhere.so.1":    {Needed: []string{"libnowhere.so.1"}},
		"needs the dynamic loader /lib/nobody": {Loader: "/lib/nobody"},
	} {
		if got, err := l.libs(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if got, err := (links{}).libs(); err != nil || len(got) != 0 {
		t.Errorf("a static program: %v, %v", got, err)
	}
}

func TestLoaderConfig(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ld.so.conf":      "# a comment\n/opt/a # more\ninclude conf.d/*.conf\nhwcap 1 x\nrelative\n/opt/z/\n",
		"conf.d/1.conf":   "/opt/b\n",
		"conf.d/2.conf":   "include " + filepath.Join(dir, "ld.so.conf") + "\n", // in a circle
		"conf.d/not.mine": "/opt/no\n",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	got := loaderConfig(filepath.Join(dir, "ld.so.conf"), 0)
	if !slices.Equal(slices.Compact(slices.Sorted(slices.Values(got))), []string{"/opt/a", "/opt/b", "/opt/z"}) || !slices.Equal(got[:2], []string{"/opt/a", "/opt/b"}) {
		t.Errorf("got %v", got)
	}
}

func TestHardening(t *testing.T) {
	const text = "#include <stdio.h>\n#include <string.h>\nint main(int c, char **v) { char b[64]; strncpy(b, v[c - 1], 63); printf(\"%d %s\\n\", c, b); }\n"
	good := append(slices.Clone(compilerFlags), "-O2", "-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack")
	for _, c := range []struct {
		name  string
		more  []string
		lacks string
	}{
		{"good", nil, ""},
		{"fixed address", []string{"-no-pie", "-fno-pie"}, "position-independent code"},
		{"lazy", []string{"-Wl,-z,lazy"}, "immediate binding"},
		{"writable relocations", []string{"-Wl,-z,norelro"}, "read-only relocations"},
		{"executable stack", []string{"-Wl,-z,execstack"}, "a stack that is not executable"},
		{"no canary", []string{"-fno-stack-protector"}, "stack protector"},
		{"not fortified", []string{"-U_FORTIFY_SOURCE"}, "fortified library calls"},
		{"remote calls", []string{"-Dmain=ggml_backend_rpc_start_server", "-nostartfiles", "-Wl,-e,0"}, "remote calls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program := compile(t, t.TempDir(), "program", text, append(slices.Clone(good), c.more...)...)
			err := checkHardened(program)
			if c.lacks == "" && err != nil || c.lacks != "" && (err == nil || !strings.Contains(err.Error(), c.lacks)) {
				t.Errorf("got %v, want %q", err, c.lacks)
			}
		})
	}
	if err := checkHardened(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}
