package enginepack

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFromPath(t *testing.T) {
	dir := t.TempDir()
	program := compile(t, dir, serverName, threads)
	before := digests(t, dir)
	for _, path := range []string{program, dir} {
		p, err := FromPath(path)
		if err != nil {
			t.Fatal(err)
		}
		real, err := filepath.EvalSymlinks(program)
		if err != nil {
			t.Fatal(err)
		}
		if p.Layout != Static || p.Trust != TrustNamed || p.Server != real || p.Build != "unknown" || len(p.Files) != 1 || !strings.HasPrefix(p.Key, "named-") || len(p.Libs) < 2 {
			t.Errorf("%+v", p)
		}
		if err := p.Unchanged(); err != nil {
			t.Error(err)
		}
	}
	if after := digests(t, dir); len(after) != len(before) {
		t.Errorf("it changed the folder: %v", after)
	}
	// Changed while in use.
	p, err := FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := edit(program, func(b []byte) []byte { return append(b, 0) }); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*DamagedError](p.Unchanged()); !ok {
		t.Error("an exchanged program is not noticed")
	}
	if err := edit(program, func(b []byte) []byte { return b[:len(b)-1] }); err != nil {
		t.Fatal(err)
	}
	if err := p.Unchanged(); err != nil {
		t.Errorf("as it was again: %v", err)
	}
}

func TestFromPathShared(t *testing.T) {
	b := tinyReady(t)
	_, installed := readyStore(t, b, onDisk(t, b))
	dir := t.TempDir()
	if err := os.Chmod(installed.Server, 0o555); err != nil { // for this copy
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(installed.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "libtiny.so")), os.Symlink("libtiny.so.0", filepath.Join(dir, "libtiny.so"))); err != nil {
		t.Fatal(err)
	}
	p, err := FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"libggml-cpu-x64.so", "libtiny.so.0", "libtiny.so.0.0.1", serverName}
	if got := names(p.Files); p.Layout != Shared || !slices.Equal(got, want) {
		t.Errorf("%s %v", p.Layout, got)
	}
	for name, digest := range p.Files {
		if digest != installed.Files[name] {
			t.Errorf("%s: other digest", name)
		}
	}
}

func TestFromPathRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string]string{
		filepath.Join(dir, "missing"): "name the llama-server program or its folder",
		dir:                           "name the llama-server program or its folder",
		plain:                         "not a program that can be started",
		text:                          "not an ELF",
		"/dev/null":                   "not a program that can be started",
	} {
		if p, err := FromPath(path); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %+v, %v", path, p, err)
		}
	}
}
