package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"abaton.local/library"
	"abaton.local/vault"
)

// scene is a folder that is watched, with ada/a, ada/b, ada/in/c and ada/in/d.
type scene struct {
	t   *testing.T
	dir string
	*traces
	other bool // of what was there before a restart all has other bytes now
}

func newScene(t *testing.T, args ...string) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir()}
	for _, name := range []string{"ada/a", "ada/b", "ada/in/c", "ada/in/d"} {
		s.write(name)
	}
	s.restart(args...)
	return s
}

// swap puts another disk in the place of the one that has ada: its folders have the
// numbers that ada's had, and were last changed an hour ago.
func (s *scene) swap(names ...string) {
	s.t.Helper()
	for _, name := range []string{"ada/a", "ada/b", "ada/in/c", "ada/in/d"} {
		s.remove(name)
	}
	for _, name := range names {
		s.write(name)
		s.must(os.Truncate(filepath.Join(s.dir, name), 1))
	}
	for _, name := range []string{"ada/in", "ada"} {
		s.must(os.Chtimes(filepath.Join(s.dir, name), time.Now(), time.Now().Add(-time.Hour)))
	}
}

// restart is a watch that begins with what a watch before it has added.
func (s *scene) restart(args ...string) {
	s.t.Helper()
	if args == nil {
		args = []string{"ada"}
	}
	had := map[string]vault.ID{}
	if s.traces != nil {
		for path := range s.files {
			had[pathText(path)] = vault.NewID()
		}
	}
	for i := range args {
		args[i] = filepath.Join(s.dir, args[i])
	}
	s.traces = newTraces(args)
	s.stock(had)
}

func (s *scene) write(name string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	s.must(errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o644)))
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) move(from, to string) {
	s.t.Helper()
	s.must(os.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, to)))
}

func (s *scene) remove(name string) {
	s.t.Helper()
	s.must(os.RemoveAll(filepath.Join(s.dir, name)))
}

// round looks once and gives what is to be added, what is to go and what stays.
func (s *scene) round() (news, list, kept []string) {
	s.t.Helper()
	l, err := lookAt(s.t.Context(), s.args)
	s.must(err)
	short := func(path string) string { return strings.TrimPrefix(path, s.dir+"/") }
	for _, path := range s.news(l) {
		news = append(news, short(path))
		verdict := library.Added
		if s.had[path] && !s.other {
			verdict = library.Unchanged
		}
		s.verdict(pathText(path), outcomeJSON{Verdict: verdict})
	}
	gone, stay := s.gone(l)
	for _, path := range gone {
		s.forget(path)
		list = append(list, short(path))
	}
	for _, r := range stay {
		kept = append(kept, short(r.path))
	}
	return news, list, kept
}

// rounds looks so often and gives all that came of it, on one line.
func (s *scene) rounds(n int) string {
	s.t.Helper()
	var added, removed, stay []string
	for range n {
		news, gone, kept := s.round()
		added, removed, stay = append(added, news...), append(removed, gone...), kept
	}
	slices.Sort(added)
	return strings.Join(added, " ") + "|" + strings.Join(removed, " ") + "|" + strings.Join(stay, " ")
}

// TestOnlyWhatWasDeletedGoes: what happens on a disk, and what a watch makes of it.
func TestOnlyWhatWasDeletedGoes(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*scene)
		want string
	}{
		"nothing":                    {func(*scene) {}, "||"},
		"a file was deleted":         {func(s *scene) { s.remove("ada/a") }, "|ada/a|"},
		"all were, one by one":       {func(s *scene) { s.remove("ada/a"); s.remove("ada/b") }, "|ada/a ada/b|"},
		"a folder was deleted":       {func(s *scene) { s.remove("ada/in") }, "|ada/in/c ada/in/d|"},
		"a file has another name":    {func(s *scene) { s.move("ada/a", "ada/in/z") }, "ada/in/z|ada/a|"},
		"a folder has another name":  {func(s *scene) { s.move("ada/in", "ada/out") }, "ada/out/c ada/out/d|ada/in/c ada/in/d|"},
		"a file changed":             {func(s *scene) { s.remove("ada/a"); s.write("ada/a"); s.must(os.Truncate(s.dir+"/ada/a", 1)) }, "ada/a||"},
		"one more":                   {func(s *scene) { s.write("ada/new/e") }, "ada/new/e||"},
		"what was named vanished":    {func(s *scene) { s.remove("ada") }, "||ada"},
		"it was moved away":          {func(s *scene) { s.move("ada", "bob") }, "||ada"},
		"another is in its place":    {func(s *scene) { s.move("ada", "bob"); s.must(os.Mkdir(s.dir+"/ada", 0o755)) }, "||ada ada/in"},
		"another is, with a file":    {func(s *scene) { s.move("ada", "bob"); s.write("ada/z") }, "ada/z||ada ada/in"},
		"another in a folder's":      {func(s *scene) { s.move("ada/in", "bob"); s.write("ada/in/c") }, "ada/in/c||ada/in"},
		"a file in a folder's":       {func(s *scene) { s.remove("ada/in"); s.write("ada/in") }, "ada/in||"},
		"a link in a file's":         {func(s *scene) { s.remove("ada/a"); s.must(os.Symlink("b", s.dir+"/ada/a")) }, "||"},
		"gone while nobody looked":   {func(s *scene) { s.remove("ada/a"); s.restart() }, "ada/b ada/in/c ada/in/d|ada/a|"},
		"all of a folder, meanwhile": {func(s *scene) { s.remove("ada/in/c"); s.remove("ada/in/d"); s.restart() }, "ada/a ada/b||ada/in"},
		"the folder, meanwhile":      {func(s *scene) { s.remove("ada/in"); s.restart() }, "ada/a ada/b||ada/in"},
		"an empty one, meanwhile":    {func(s *scene) { s.remove("ada"); s.must(os.Mkdir(s.dir+"/ada", 0o755)); s.restart() }, "||ada ada/in"},
		"another disk":               {func(s *scene) { s.swap("ada/z", "ada/in/y") }, "ada/in/y ada/z||ada ada/in"},
		"one with the same names":    {func(s *scene) { s.swap("ada/b", "ada/in/d") }, "ada/b ada/in/d||ada ada/in"},
		"which is written to":        {func(s *scene) { s.swap("ada/b"); s.rounds(2); s.write("ada/new") }, "ada/new||ada ada/in"},
		"another disk, meanwhile":    {func(s *scene) { s.swap("ada/b", "ada/in/d"); s.restart(); s.other = true }, "ada/b ada/in/d||ada ada/in"},
		"all that there was":         {func(s *scene) { s.swap(); s.must(os.Chtimes(s.dir+"/ada", time.Now(), time.Now())) }, "|ada/a ada/b|ada/in"},
		"there and back": {func(s *scene) {
			s.move("ada", "bob")
			s.rounds(1)
			s.move("bob", "ada")
			s.remove("ada/a")
		}, "|ada/a|"},
		"a disk that was taken out": {func(s *scene) {
			s.remove("ada/in")
			at := filepath.Join(s.dir, "ada/in")
			was := s.homes[at]
			was.dev++
			s.homes[at] = was
		}, "||ada/in"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			if got := s.rounds(2); got != "ada/a ada/b ada/in/c ada/in/d||" {
				t.Fatalf("at first: %s", got)
			}
			c.do(s)
			if got := s.rounds(3); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestFilesThatAreNamed are followed as those in a folder are.
func TestFilesThatAreNamed(t *testing.T) {
	s := newScene(t, "ada/a", "ada/in/*")
	if got := s.rounds(1); got != "ada/a ada/in/c ada/in/d||" {
		t.Fatal(got)
	}
	s.remove("ada/a")
	s.remove("ada/in/c")
	if got := s.rounds(3); got != "|ada/a ada/in/c|" {
		t.Error(got)
	}
	s.remove("ada/in")
	if got := s.rounds(3); got != "||ada/in" {
		t.Error(got)
	}
}

// TestAtRest: a file that is being written is not read at once, one look is not
// enough for it to be gone, and one that changed while it was read is tried again.
func TestAtRest(t *testing.T) {
	s := newScene(t)
	s.rounds(2)
	s.write("ada/z")
	if got := s.rounds(1); got != "||" {
		t.Errorf("at once: %s", got)
	}
	s.must(os.WriteFile(s.dir+"/ada/z", []byte("longer than before"), 0o600))
	if got := s.rounds(1); got != "||" {
		t.Errorf("while it changes: %s", got)
	}
	if got := s.rounds(1); got != "ada/z||" {
		t.Errorf("at rest: %s", got)
	}
	s.remove("ada/z")
	if got := s.rounds(1); got != "||" {
		t.Errorf("a moment later: %s", got)
	}
	s.write("ada/z")
	if got := s.rounds(3); got != "ada/z||" {
		t.Errorf("written anew: %s", got)
	}
	s.must(os.Truncate(s.dir+"/ada/z", 2))
	l, err := lookAt(t.Context(), s.args)
	s.must(err)
	s.news(l)
	if list := s.news(l); len(list) != 1 {
		t.Fatalf("changed: %q", list)
	}
	s.verdict(pathText(s.dir+"/ada/z"), outcomeJSON{Verdict: library.Refused, Why: changing})
	if got := s.rounds(1); got != "ada/z||" {
		t.Errorf("after it changed while it was read: %s", got)
	}
}

// TestPathsComeBack: every path is what its text says.
func TestPathsComeBack(t *testing.T) {
	for _, path := range []string{"/a", "/a\xff", `/a\xff`, `/a\\`, "/\xc3\x28\\x", "/é\u202e\n", ""} {
		if got, ok := pathOf(pathText(path)); !ok || got != path {
			t.Errorf("%q: %q, %v", path, got, ok)
		}
	}
	for _, text := range []string{`\`, `\x`, `\xg0`, `\y41`} {
		if got, ok := pathOf(text); ok {
			t.Errorf("%q is %q", text, got)
		}
	}
}
