package main

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func wrapAt(width int, pieces ...string) string {
	var b strings.Builder
	w := &wrapper{out: &b, width: func() int { return width }}
	for _, p := range pieces {
		w.WriteString(p)
	}
	w.Flush()
	return b.String()
}

func TestWrapper(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		width          int
	}{
		{"fits", "one two", "one two", 20},
		{"breaks between words", "one two three", "one two\nthree", 8},
		{"exact", "one two", "one two", 7},
		{"keeps paragraphs", "one\n\ntwo", "one\n\ntwo", 8},
		{"long word", "abcdefghijkl", "abcdefghijkl", 5},
		{"code is left alone", "    aaaa bbbb cccc", "    aaaa bbbb cccc", 8},
		{"fence is left alone", "```\naaaa bbbb cccc\n```\naaaa bbbb cccc", "```\naaaa bbbb cccc\n```\naaaa\nbbbb\ncccc", 8},
		{"wide letters", "漢字 漢字", "漢字\n漢字", 5},
		{"no width", "one two three", "one two three", 0},
		{"trailing space is dropped at a break", "one two  three", "one two\nthree", 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := wrapAt(c.width, c.in); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Wrapping changes only white space, never goes beyond the width with words
// that fit, and does not depend on how the answer was cut.
func TestWrapperKeepsWords(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var words []string
		for range 1 + rng.IntN(30) {
			words = append(words, strings.Repeat("x", 1+rng.IntN(9)))
		}
		text := strings.Join(words, " ")
		width := 10 + rng.IntN(30)
		whole := wrapAt(width, text)
		cut := rng.IntN(len(text) + 1)
		if parts := wrapAt(width, text[:cut], text[cut:]); parts != whole {
			t.Fatalf("cut at %d: %q and %q", cut, parts, whole)
		}
		if got := strings.Join(strings.Fields(whole), " "); got != text {
			t.Fatalf("words changed: %q became %q", text, got)
		}
		for line := range strings.Lines(whole) {
			if n := len(strings.TrimRight(line, "\n")); n > width {
				t.Fatalf("line of %d columns on a screen of %d: %q", n, width, line)
			}
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"漢字漢字", 5, "漢字…"}, {"", 1, ""}} {
		if got := clip(c.in, c.width); got != c.want {
			t.Errorf("clip(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
}
