package enginepack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"abaton.local/egress"
	"abaton.local/hardware"
	"abaton.local/models"
)

// entry is one line of a crafted archive.
type entry struct {
	tar.Header
	body string
}

func file(name, body string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(body))}, body}
}

func program(name, body string) entry {
	e := file(name, body)
	e.Mode = 0o755
	return e
}

func special(kind byte, name, target string) entry {
	return entry{tar.Header{Name: name, Typeflag: kind, Linkname: target, Mode: 0o777}, ""}
}

// tarball packs entries as they are, good or bad.
func tarball(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		e.Header.Format = tar.FormatPAX
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	testBuild  = "b4242"
	testInside = "tiny-1/llama.cpp/"
)

// tinySource is a project with llama.cpp's target, switches and folders that
// builds in a second. extra goes to the end of its CMakeLists.txt.
func tinySource(t *testing.T, extra string) []byte {
	return tarball(t, tinyEntries(extra)...)
}

func tinyEntries(extra string) []entry {
	return []entry{
		file("tiny-1/setup.py", "raise SystemExit('never run')\n"),
		special(tar.TypeDir, "tiny-1/llama.cpp/", ""),
		file(testInside+"LICENSE", "MIT\n"),
		file(testInside+"main.cpp", tinyMain),
		file(testInside+"CMakeLists.txt", `cmake_minimum_required(VERSION 3.14)
set(CMAKE_CXX_COMPILER_FORCED TRUE) # the compiler's own tests take longer than the rest
project(tiny CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_executable(llama-server main.cpp)
target_compile_definitions(llama-server PRIVATE BUILD=${LLAMA_BUILD_NUMBER})
add_executable(never never.cpp)
set_target_properties(never PROPERTIES EXCLUDE_FROM_ALL TRUE)
`+extra),
		file(testInside+"never.cpp", "#error only the server is built\n"),
	}
}

const tinyMain = `#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    char copy[64];
    strncpy(copy, argv[argc - 1], sizeof copy - 1);
    printf("version: 0.0.1 (build %d) %s\n", BUILD, copy);
    return 0;
}
`

func pin(b []byte) archive {
	return archive{Origin: "a tiny engine", Build: testBuild, Size: int64(len(b)), Digest: sha256.Sum256(b),
		Package: "tiny", Version: "1", Suffix: ".tar.gz", Inside: testInside}
}

// newStore is a store whose pinned source is the given archive. The machine is
// this one.
func newStore(t testing.TB, dir string, source []byte) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(dir) }) // before TempDir's own, which does not delete read-only folders
	s.pins = pins{source: pin(source)}
	return s
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// withReady adds a ready-made archive that is served at an address.
func withReady(s *Store, b []byte, address string) {
	a := pin(b)
	a.Package, a.Inside, a.URL = "", "", address
	s.pins.readyMade = map[string]archive{platform(): a}
}

// onDisk writes an archive to a file, for Options.Archive.
func onDisk(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive.tar.gz")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// served answers with an archive, Range requests too, and counts requests.
func served(t *testing.T, b []byte) (address string, requests func() []string) {
	t.Helper()
	var mu sync.Mutex
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Range"))
		mu.Unlock()
		http.ServeContent(w, r, "archive.tar.gz", time.Unix(1, 0), bytes.NewReader(b))
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/archive.tar.gz", func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

// index is a package index that knows one file.
type index struct {
	address string
	digest  [32]byte
	size    int64
}

func (i index) Resolve(_ context.Context, _ *egress.Door, name, version, suffix string) (string, [32]byte, int64, error) {
	if name != "tiny" || version != "1" || suffix != ".tar.gz" {
		return "", [32]byte{}, 0, fmt.Errorf("unexpected question %s %s %s", name, version, suffix)
	}
	return i.address, i.digest, i.size, nil
}

// tinyReady compiles an engine in upstream's shared layout and packs it as
// upstream does: everything in one folder, libraries by links, other programs
// and the backend for remote calls beside. It has one more library in another
// folder.
func tinyReady(t *testing.T) []byte { return tarball(t, readyEntries(t)...) }

func readyEntries(t testing.TB) []entry {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	compile := func(args ...string) {
		cmd := exec.CommandContext(t.Context(), "g++", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("g++ %v: %v\n%s", args, err, out)
		}
	}
	write("lib.cpp", `extern "C" int build() { return 4242; }`)
	write("main.cpp", "#include <stdio.h>\nextern \"C\" int build();\nint main() { printf(\"version: 1 (build %d)\\n\", build()); }\n")
	compile("-shared", "-fPIC", "-Wl,-soname,libtiny.so.0", "-o", "libtiny.so.0.0.1", "lib.cpp")
	compile("-o", serverName, "main.cpp", "./libtiny.so.0.0.1", "-Wl,-rpath,$ORIGIN")
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	lib := read("libtiny.so.0.0.1")
	return []entry{
		special(tar.TypeDir, "./", ""),
		special(tar.TypeDir, "llama-b4242/", ""),
		special(tar.TypeSymlink, "llama-b4242/libtiny.so", "libtiny.so.0"),
		special(tar.TypeSymlink, "llama-b4242/libtiny.so.0", "libtiny.so.0.0.1"),
		program("llama-b4242/libtiny.so.0.0.1", lib),
		program("llama-b4242/libggml-cpu-x64.so", lib),
		program("llama-b4242/libggml-rpc.so", lib),
		program("llama-b4242/llama-server", read(serverName)),
		program("llama-b4242/llama-cli", "#!/bin/sh\n"),
		file("llama-b4242/LICENSE", "MIT\n"),
		program("elsewhere/libtiny.so.0", "not ours"),
		program("libtiny.so.7", "not ours"),
	}
}

// steps collects progress.
type steps struct{ all []Step }

func (s *steps) add(step Step) { s.all = append(s.all, step) }

func (s *steps) has(stage Stage, words string) bool {
	return slices.ContainsFunc(s.all, func(x Step) bool { return x.Stage == stage && strings.Contains(x.Text, words) })
}

// digests are the SHA-256 of all files below a folder, by path.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found[path] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// left lists what a store's folder holds besides what it may hold when nothing
// is installed.
func left(t *testing.T, s *Store) []string {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if !slices.Contains([]string{".lock", incomingName, verdictsName}, e.Name()) {
			out = append(out, e.Name())
		}
	}
	inside, _ := os.ReadDir(filepath.Join(s.dir, incomingName))
	for _, e := range inside {
		if e.Name() == "engine-build" {
			out = append(out, incomingName+"/"+e.Name())
		}
	}
	return out
}

// thisMachine is what a test build may use: few flags make it fast.
func thisMachine(t *testing.T) hardware.Machine {
	t.Helper()
	m, err := hardware.Probe()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// checkPack compares a pack with the folder.
func checkPack(t *testing.T, p *Pack, want ...string) {
	t.Helper()
	if got := slices.Sorted(maps.Keys(p.Files)); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	for name, digest := range p.Files {
		b, err := os.ReadFile(filepath.Join(p.Dir, name))
		if os.Geteuid() != 0 && name == serverName {
			if err == nil {
				t.Error("the server can be read")
			}
			continue
		}
		if err != nil || models.Digest(sha256.Sum256(b)) != digest {
			t.Errorf("%s: not what was recorded (%v)", name, err)
		}
	}
	for name, mode := range map[string]os.FileMode{".": modeDir, serverName: modeServer, recordName: modeFile} {
		info, err := os.Stat(filepath.Join(p.Dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, want %v (%v)", name, info.Mode().Perm(), mode, err)
		}
	}
}
