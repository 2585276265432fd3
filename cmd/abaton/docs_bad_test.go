package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// inHere is a desk that reads documents in this process: their bytes are the tests'
// own. said is what the verb writes.
func inHere(t *testing.T) (d *desk, p *program, said func() string) {
	t.Helper()
	d = deskOfAda(t)
	d.home.shelves = map[vault.PersonID]*shelved{}
	t.Cleanup(func() { clear(d.home.shelves) }) // there is no audit log that would count them
	d.home.parse = func(_ context.Context, src parse.Source) (got parse.Document, err error) {
		got.Result, err = parse.Parse(src, parse.Limits{}, got.Collect())
		return got, err
	}
	out, err := os.CreateTemp(t.TempDir(), "said")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nowhere.Close() })
	p = &program{screen: newScreen(os.Stdin, out, nowhere), log: slog.New(slog.DiscardHandler)}
	return d, p, func() string {
		b, err := io.ReadAll(io.NewSectionReader(out, 0, 1<<30))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

// addAll adds and gives the verdicts.
func addAll(t *testing.T, p *program, d *desk, args ...string) map[library.Verdict]int {
	t.Helper()
	a := newAdding(p, d, docsOptions{library: "all"})
	if err := a.all(t.Context(), args); err != nil {
		t.Fatal(err)
	}
	return a.counts
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestManySmallFiles: a great folder is added, found, and not read twice.
func TestManySmallFiles(t *testing.T) {
	d, p, _ := inHere(t)
	dir := t.TempDir()
	for i := range smallFiles {
		put(t, filepath.Join(dir, fmt.Sprint(i/500), fmt.Sprint(i, ".txt")), fmt.Sprintf("The number of this file is number%d.", i))
	}
	if got := addAll(t, p, d, dir); got[library.Added] != smallFiles || len(got) != 1 {
		t.Fatalf("at first: %v", got)
	}
	if got := addAll(t, p, d, dir); got[library.Unchanged] != smallFiles || len(got) != 1 {
		t.Errorf("again: %v", got)
	}
	for i := 0; i < smallFiles; i += smallFiles / 20 {
		found, err := searchDocuments().at(t.Context(), d, docsSearchIn{fmt.Sprint("number", i), "all", 5})
		if err != nil || len(found.Passages) != 1 || found.Passages[0].Name != fmt.Sprint(i, ".txt") {
			t.Errorf("number%d: %v, %v", i, found.Passages, err)
		}
	}
}

// TestNamesOfAllKinds: every name that a disk can have is added and known again,
// and none steers a terminal.
func TestNamesOfAllKinds(t *testing.T) {
	d, p, said := inHere(t)
	dir := t.TempDir()
	names := []string{
		"bail été.txt", "عقد الإيجار.txt", "租赁合同.txt", "契約書.txt", "계약서.txt", "договор.txt", "חוזה.txt", "สัญญา.txt", "अनुबंध.txt", "😀👩‍👩‍👧.txt", "e\u0301.txt", "\u00e9.txt",
		"two\nlines.txt", "esc\x1b]0;title\a\x1b[2J.txt", "bell\a\b\x7f.txt", "in\u202evoice\u2066.txt", "zero\u200bwidth\ufeff.txt", "tag\U000e0041.txt", "c1\u0085\u009b31m.txt",
		"not\xff\xfeutf8.txt", `back\slash\xff.txt`, " blank .txt", "-rf.txt", "'; rm -r *.txt", "%s%n.txt", strings.Repeat("x", 251) + ".txt", "\u2028\u2029.txt",
	}
	for i, name := range names {
		put(t, filepath.Join(dir, name), fmt.Sprintf("The word is own%d.", i))
	}
	if got := addAll(t, p, d, dir); got[library.Added] != len(names) || len(got) != 1 {
		t.Fatalf("%v: %q", got, said())
	}
	if got := addAll(t, p, d, dir); got[library.Unchanged] != len(names) {
		t.Errorf("again: %v", got)
	}
	text := said()
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U is shown", r)
		}
	}
	if n := strings.Count(text, "\n"); n != len(names) {
		t.Errorf("%d lines: %q", n, text)
	}
	list, err := listDocuments().at(t.Context(), d, "all")
	if err != nil || len(list.Documents) != len(names) {
		t.Fatalf("%d are listed: %v", len(list.Documents), err)
	}
	for _, x := range list.Documents {
		if path, ok := pathOf(x.Path); !ok || isGone(path) {
			t.Errorf("%q leads to no file", x.Path)
		}
	}
}

// TestGoneMeanwhile: what vanishes between being found and being read has a verdict,
// and so has what takes its place.
func TestGoneMeanwhile(t *testing.T) {
	d, p, said := inHere(t)
	dir := t.TempDir()
	for _, name := range []string{"file", "folder", "link", "well"} {
		put(t, filepath.Join(dir, name), name)
	}
	l, err := lookAt(t.Context(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"file", "folder", "link"} {
		if err := os.Remove(at(name)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, at("folder/in"), "x")
	if err := os.Symlink("link", at("link")); err != nil {
		t.Fatal(err)
	}
	a := newAdding(p, d, docsOptions{library: "all"})
	for _, path := range l.order {
		if err := a.file(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.counts[library.Refused] != 3 || a.counts[library.Added] != 1 {
		t.Errorf("%v: %s", a.counts, said())
	}
	for _, why := range []string{"file: it is not there", "folder: it is no ordinary file", "link: it is a link that leads in a circle"} {
		if !strings.Contains(said(), why) {
			t.Errorf("%q is not said: %s", why, said())
		}
	}
}
