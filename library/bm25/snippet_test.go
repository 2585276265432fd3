package bm25

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// shown writes a snippet with its matches in brackets.
func shown(text string, s Snippet) string {
	var out strings.Builder
	at := s.Start
	for _, m := range s.Matches {
		out.WriteString(text[at:m[0]] + "[" + text[m[0]:m[1]] + "]")
		at = m[1]
	}
	return out.String() + text[at:s.End]
}

func TestSnippet(t *testing.T) {
	for name, c := range map[string]struct {
		text, query string
		width       int
		want        string
	}{
		"all of it":     {"the rain in Spain", "rain", 100, "the [rain] in Spain"},
		"stems":         {"two swept Wings flow", "wing flows", 100, "two swept [Wings] [flow]"},
		"no match":      {"one two three four", "zzz", 9, "one two"},
		"no query":      {"one two three four", "", 100, "one two three four"},
		"around":        {strings.Repeat("word ", 50) + "needle" + strings.Repeat(" stone", 50), "needle", 40, "word word [needle] stone stone stone"},
		"most words":    {"rain here. " + strings.Repeat("and so on ", 20) + "rain in Spain falls", "Spain rain", 20, "[rain] in [Spain]"},
		"accents":       {"un bel été à la mer", "ete", 100, "un bel [été] à la mer"},
		"compound":      {"ping 10.0.0.1 now", "10.0.0.1", 100, "ping [10.0.0.1] now"},
		"part of one":   {"ping 10.0.0.17 now", "17", 100, "ping 10.0.0.[17] now"},
		"han":           {"我喜欢机器学习和别的", "机器学习", 100, "我喜欢[机器学习]和别的"},
		"endless word":  {strings.Repeat("x", 500), strings.Repeat("x", 500), 10, "[" + strings.Repeat("x", 10) + "]"},
		"empty":         {"", "rain", 10, ""},
		"at the end":    {strings.Repeat("ab ", 100) + "needle", "needle", 12, "[needle]"},
		"at the start":  {"needle" + strings.Repeat(" ab", 100), "needle", 12, "[needle] ab ab"},
		"small words":   {"the rain the rain", "the rain", 100, "the [rain] the [rain]"},
		"broken UTF-8":  {"a\xff rain", "rain", 100, "a\xff [rain]"},
		"repeated word": {"rain rain rain", "rain", 100, "[rain] [rain] [rain]"},
	} {
		if got := shown(c.text, ParseQuery(c.query).Snippet(c.text, c.width)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestSnippetsAreParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), aText()).Draw(t, "text")
		checkText(t, text, rapid.IntRange(1, 60).Draw(t, "width"))
	})
}

func checkText(t rapid.TB, text string, width int) {
	var a analyzer
	var words []string
	a.terms(text, func(term string) {
		if term == "" || len(term) > maxTerm {
			t.Fatalf("a term of %d bytes", len(term))
		}
	})
	pieces(text, func(p piece) bool {
		if p.start >= p.end || p.end > len(text) {
			t.Fatal("a piece that is no part of the text")
		}
		words = append(words, text[p.start:p.end])
		return len(words) < 20
	})
	x := NewIndex()
	x.Add(Document{ID{1}, text})
	for _, w := range append(words, text) {
		q := ParseQuery(w)
		if hits := x.Search(q, 1); len(q.words) > 0 && len(hits) != 1 && w != text {
			t.Fatalf("%q is not found by its word %q", text, w)
		}
		s := q.Snippet(text, width)
		if s.Start < 0 || s.Start > s.End || s.End > len(text) || utf8.RuneCountInString(text[s.Start:s.End]) > width {
			t.Fatalf("%q, %q, %d: snippet %v", text, w, width, s)
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[s.Start:s.End]) {
			t.Fatalf("%q, %q: a character is cut: %v", text, w, s)
		}
		at := s.Start
		for _, m := range s.Matches {
			if m[0] < at || m[1] <= m[0] || m[1] > s.End {
				t.Fatalf("%q, %q: matches %v in %d to %d", text, w, s.Matches, s.Start, s.End)
			}
			at = m[1]
		}
	}
}
