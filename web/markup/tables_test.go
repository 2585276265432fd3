package markup

import (
	"strings"
	"testing"
)

// A row may be shorter than its table's heading, and Markdown fills it up: texts
// of 4 KB made a million cells, and ones of 100 KB ended the server.
func TestNoMoreCellsThanText(t *testing.T) {
	for name, text := range map[string]string{
		"one wide":       strings.Repeat("|a", 12_500) + "|\n" + strings.Repeat("|-", 12_500) + "|\n" + strings.Repeat("a\n", 25_000),
		"without a bar":  strings.Repeat("a|", 500) + "a\n" + strings.Repeat("-|", 500) + "-\n" + strings.Repeat("\\|\n", 5000),
		"many":           strings.Repeat(strings.Repeat("|a", 20)+"|\n"+strings.Repeat("|-", 20)+"|\n"+strings.Repeat("a\n", 60)+"\n", 300),
		"in quotes":      strings.Repeat(">"+strings.Repeat("|a", 100)+"\n>"+strings.Repeat("|-", 100)+"|\n"+strings.Repeat(">a\n", 500)+"\n", 20),
		"rule upon rule": strings.Repeat("|a", 100) + "|\n" + strings.Repeat(strings.Repeat("|:-", 100)+"|\n", 3) + strings.Repeat("a\n", 5000),
	} {
		if n := len(events(text)); n > 3*len(text) {
			t.Errorf("%s: %d bytes make %d events", name, len(text), n)
		}
	}
	for _, text := range []string{"|a|b|\n|-|-|\n|c|\n", "a | b | c\n-|-|-\nd\n", "| | |\n|-|-|\n|||\n", "|a|\n|-|\n" + strings.Repeat("|b|\n", 1000), "- |a|\n  |:-:|\n  |b|\n"} {
		if !strings.Contains(string(HTML(text)), "<table") {
			t.Errorf("%q is no table", text)
		}
		same(t, text, each(text, 3))
	}
}

// In code of a cell an escaped bar is a bar. With goldmark's own way to see to it
// 100 KB took seconds, and 1 MB minutes.
func TestBarsInCode(t *testing.T) {
	for text, want := range map[string]string{
		"|a|\n|-|\n|`b\\|c`|\n":       "<code>b|c</code>",
		"|a|\n|-|\n|`b\\\\|c` *d*|\n": "<code>b\\|c</code>",
		"`b\\|c`\n":                   "<code>b\\|c</code>",
	} {
		if got := string(HTML(text)); !strings.Contains(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
	if got := string(HTML("|a|\n|-|\n|" + strings.Repeat("`\\|", Most/3-10))); strings.Count(got, "<code>") < 50_000 {
		t.Errorf("%d codes", strings.Count(got, "<code>"))
	}
}
