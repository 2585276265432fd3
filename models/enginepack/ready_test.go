package enginepack

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abaton.local/egress"
)

var readyFiles = []string{"LICENSE", "libggml-cpu-x64.so", "libtiny.so", "libtiny.so.0", "libtiny.so.0.0.1", serverName}

func TestReadyMade(t *testing.T) {
	b := tinyReady(t)
	address, requests := served(t, b)
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), nil)
	withReady(s, b, address)
	var progress steps
	p, err := s.Install(t.Context(), Options{Prebuilt: true, Door: egress.NewDoor(egress.DoorConfig{}), Progress: progress.add})
	if err != nil {
		t.Fatal(err)
	}
	checkPack(t, p, readyFiles...)
	if !progress.has(Note, "untried") {
		t.Errorf("not said to be untried: %+v", progress.all)
	}
	if p.Layout != Shared || p.Trust != TrustReadyMade || p.Compiler != "" {
		t.Errorf("pack: %+v", p)
	}
	if slices.ContainsFunc(p.Libs, func(l string) bool { return strings.Contains(l, "tiny") }) || !slices.ContainsFunc(p.Libs, func(l string) bool { return strings.HasSuffix(l, "/libc.so.6") }) {
		t.Errorf("libraries: %v", p.Libs)
	}
	a, errA := os.Stat(filepath.Join(p.Dir, "libtiny.so"))
	c, errC := os.Stat(filepath.Join(p.Dir, "libtiny.so.0.0.1"))
	if errA != nil || errC != nil || !os.SameFile(a, c) || a.Mode() != modeLib {
		t.Errorf("a library and its link: %v %v %v %v", a, c, errA, errC)
	}
	// It was asked for, so it is the current one; without the wish it stays.
	for _, o := range []Options{{}, {Prebuilt: true}} {
		if again, err := s.Install(t.Context(), o); err != nil || again.Key != p.Key {
			t.Errorf("again: %v", err)
		}
	}
	if n := requests(); len(n) != 1 {
		t.Errorf("requests: %v", n)
	}
}

// TestNoCompiler empties PATH: the ready-made archive is taken, and said to be
// untried; where there is none, the error says what to install.
func TestNoCompiler(t *testing.T) {
	b := tinyReady(t)
	source := tinySource(t, "")
	t.Setenv("PATH", t.TempDir())
	if got := MissingTools(); !slices.Equal(got, []string{"cmake", "ninja", "g++"}) {
		t.Fatalf("missing tools: %v", got)
	}
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), source)
	_, err := s.Install(t.Context(), Options{})
	if _, ok := errors.AsType[*ToolsError](err); !ok || !strings.Contains(err.Error(), "cmake, ninja, g++") {
		t.Errorf("without anything: %v", err)
	}
	if _, err := s.Install(t.Context(), Options{Prebuilt: true}); err == nil || !strings.Contains(err.Error(), "no ready-made engine for") {
		t.Errorf("a wish that cannot be met: %v", err)
	}
	withReady(s, b, "")
	var progress steps
	p, err := s.Install(t.Context(), Options{Archive: onDisk(t, b), Progress: progress.add})
	if err != nil {
		t.Fatal(err)
	}
	if p.Layout != Shared || !progress.has(Note, "cannot build an engine") || !progress.has(Note, "untried") {
		t.Errorf("%+v %+v", p, progress.all)
	}
}

func TestReadyMadeRefused(t *testing.T) {
	good := readyEntries(t)
	change := func(f func(e entry) []entry) []entry {
		var out []entry
		for _, e := range good {
			out = append(out, f(e)...)
		}
		return out
	}
	at := func(name string, f func(e entry) []entry) []entry {
		return change(func(e entry) []entry {
			if strings.HasSuffix(e.Name, "/"+name) {
				return f(e)
			}
			return []entry{e}
		})
	}
	for _, c := range []struct {
		name    string
		entries []entry
		words   string
	}{
		{"no server", at(serverName, func(entry) []entry { return nil }), "holds 0 programs"},
		{"two servers", append(slices.Clone(good), program("b/llama-server", "x")), "holds 2 programs"},
		{"not a program", at(serverName, func(e entry) []entry { return []entry{program(e.Name, "#!/bin/sh\necho 4242\n")} }), "not an ELF"},
		{"library of text", at("libggml-cpu-x64.so", func(e entry) []entry { return []entry{program(e.Name, "INPUT(libc.so.6)\n")} }), "not an ELF"},
		{"link without its file", at("libtiny.so.0.0.1", func(entry) []entry { return nil }), "a link to what is not in the archive"},
		{"library missing", change(func(e entry) []entry {
			if strings.Contains(e.Name, "libtiny") {
				return nil
			}
			return []entry{e}
		}), "does not start"},
		{"another build", at("libtiny.so.0.0.1", func(e entry) []entry {
			// "mov eax, 4242" with another number; the machine code differs by processor.
			from, to := []byte{0x92, 0x10, 0, 0}, []byte{0x93, 0x10, 0, 0}
			return []entry{program(e.Name, string(bytes.ReplaceAll([]byte(e.body), from, to)))}
		}), "another version"},
		{"link out", append(slices.Clone(good), special(tar.TypeSymlink, "llama-b4242/libc.so.6", "/lib/libc.so.6")), "a link to an absolute path"},
		{"device", append(slices.Clone(good), special(tar.TypeChar, "llama-b4242/libnull.so", "")), "neither a file nor a folder"},
		{"dots", append(slices.Clone(good), file("llama-b4242/../../libx.so", "x")), "a name with .."},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := tarball(t, c.entries...)
			s := newStore(t, filepath.Join(t.TempDir(), "engines"), nil)
			withReady(s, b, "")
			_, err := s.Install(t.Context(), Options{Prebuilt: true, Archive: onDisk(t, b)})
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v, want %q", err, c.words)
			}
			if rest := left(t, s); len(rest) != 0 {
				t.Errorf("left: %v", rest)
			}
			if _, err := s.Installed(t.Context()); !errors.Is(err, ErrNone) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}
