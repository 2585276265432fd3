package main

import (
	"bufio"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// typed feeds what a terminal would send to an editor and gives the lines entered.
func typed(t *testing.T, e *editor, bytes string) (lines []string, end bool) {
	t.Helper()
	k := keyReader{bufio.NewReader(strings.NewReader(bytes))}
	for {
		key, err := k.next()
		if err == io.EOF {
			return lines, false
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e.press(key) {
		case entered:
			lines = append(lines, e.take())
		case ended:
			return lines, true
		}
	}
}

func TestEditor(t *testing.T) {
	for _, c := range []struct{ name, bytes, want string }{
		{"plain", "hello\r", "hello"},
		{"letters of two and three bytes", "wörld 漢\r", "wörld 漢"},
		{"backspace takes a whole letter", "aé\x7f\r", "a"},
		{"left, insert", "ac\x1b[Db\r", "abc"},
		{"home and end", "bc\x01a\x05d\r", "abcd"},
		{"home key of another terminal", "bc\x1b[1~a\r", "abc"},
		{"delete", "abc\x01\x1b[3~\r", "bc"},
		{"Ctrl-D deletes inside a line", "abc\x01\x04\r", "bc"},
		{"kill to the end", "abc def\x1bb\x0b\r", "abc "},
		{"kill to the start", "abc def\x1bb\x15\r", "def"},
		{"kill a word", "abc def \x17\r", "abc "},
		{"words by arrows", "abc def\x1b[1;5D\x1b[1;5Dx\r", "xabc def"},
		{"line break by Alt-Enter", "a\x1b\rb\r", "a\nb"},
		{"paste keeps line breaks", "\x1b[200~one\r\ntwo\rthree\x1b[201~!\r", "one\ntwo\nthree!"},
		{"paste cannot hold escapes", "\x1b[200~a\x1b[31mb\x07\x1b[201~\r", "ab"},
		{"unknown keys do nothing", "a\x1b[24~\x1bOP\x1b[15;2~\x00b\r", "ab"},
		{"cursor stays inside", "\x1b[D\x1b[Da\x1b[C\x1b[Cb\r", "ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, _ := typed(t, &editor{}, c.bytes)
			if len(lines) != 1 || lines[0] != c.want {
				t.Errorf("%q, want %q", lines, c.want)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	e := &editor{}
	lines, end := typed(t, e, "one\rtwo\rtwo\rdra\x1b[A\x1b[A!\r\x1b[A\x1b[A\x1b[A\x1b[A\x1b[B\x1b[B\x1b[B\x1b[B\r\x04")
	want := []string{"one", "two", "two", "one!", ""}
	if strings.Join(lines, "|") != strings.Join(want, "|") || !end {
		t.Errorf("%q (ended: %v), want %q", lines, end, want)
	}
	if got := strings.Join(e.history, "|"); got != "one|two|one!" {
		t.Errorf("history %q", got)
	}
	e.press(key{r: 'x'})
	e.press(key{name: keyUp})
	e.press(key{name: keyDown})
	if got := e.take(); got != "x" {
		t.Errorf("the line being typed came back as %q", got)
	}
}

// What is drawn never goes beyond the width, and the cursor is inside it.
func TestDraw(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	alphabet := []rune("abc 漢字\n\té")
	for range 3000 {
		e := &editor{prompt: ">>> "}
		for range rng.IntN(80) {
			e.insert([]rune{alphabet[rng.IntN(len(alphabet))]})
		}
		e.cursor = rng.IntN(len(e.text) + 1)
		width := 20 + rng.IntN(40)
		text, row, cursorRow, cursorCol := e.layout(width)
		lines := strings.Split(text, "\r\n")
		if len(lines) != row+1 {
			t.Fatalf("%d lines in %d rows", len(lines), row+1)
		}
		for _, line := range lines {
			if textWidth(line) >= width {
				t.Fatalf("a row of %d columns on a screen of %d", textWidth(line), width)
			}
		}
		if cursorRow > row || cursorCol >= width {
			t.Fatalf("cursor at %d,%d of %d,%d", cursorRow, cursorCol, row, width)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add("hello\r")
	f.Add("\x1b[200~a\rb\x1b[201~\r\x1b[A\x04")
	f.Add("\x1b[1;5D\x1bb\xff\xe6\xbc\r")
	f.Fuzz(func(t *testing.T, s string) {
		e := &editor{}
		typed(t, e, s)
		if e.cursor < 0 || e.cursor > len(e.text) {
			t.Fatalf("cursor %d of %d", e.cursor, len(e.text))
		}
		e.draw(20)
	})
}
