package parse

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestNormalise(t *testing.T) {
	for _, c := range []struct {
		raw, text string
		gone      Stripped
	}{
		{"plain\ttext\n", "plain\ttext\n", Stripped{}},
		{"a\r\nb\rc\u2028d", "a\nb\nc\nd", Stripped{}},
		{"e\u0301", "é", Stripped{}},
		{"i\u200bg\u2060n\u00adore\ufeff", "ignore", Stripped{Unseen: 4}},
		{"\u202egnp.exe\u202c", "gnp.exe", Stripped{Bidi: 2}},
		{"x" + tagged("steal"), "x", Stripped{Tags: 5}},
		{"a\x00b\x1b[31mc\u009b", "ab[31mc", Stripped{Control: 3}},
		{"\uf0b7 item \U000f0000", " item ", Stripped{Private: 2}},
		{"smile\U0001f600\ufe0f", "smile\U0001f600", Stripped{Unseen: 1}},
		{"\xff", "\ufffd", Stripped{}},
		{"e\u200b\u0301", "é", Stripped{Unseen: 1}},
	} {
		text, m, gone := Normalise(c.raw)
		if text != c.text || gone != c.gone {
			t.Errorf("%q: %q %+v, want %q %+v", c.raw, text, gone, c.text, c.gone)
		}
		checkMap(t, text, c.raw, m)
	}
}

// TestRange: a quotation is found again in the text it came from.
func TestRange(t *testing.T) {
	raw := "\u202ethe\u200b cafe\u0301 \u200bopens\r\nat nine"
	text, m, _ := Normalise(raw)
	for quote, want := range map[string]string{
		"the": "the", "café": "cafe\u0301", "opens\nat": "opens\r\nat", "é": "e\u0301", "nine": "nine", "the café": "the\u200b cafe\u0301", "s\n": "s\r\n",
	} {
		at := strings.Index(text, quote)
		from, to := m.Range(at, at+len(quote))
		if raw[from:to] != want {
			t.Errorf("%q: %q, want %q", quote, raw[from:to], want)
		}
	}
}

func tagged(s string) string {
	return strings.Map(func(r rune) rune { return 0xe0000 + r }, s)
}

// checkMap: each character of the text lies in order, within the raw text, and
// normalising where it came from gives it again.
func checkMap(t testing.TB, text, raw string, m Map) {
	t.Helper()
	last := 0
	for i, r := range text {
		from, to := m.Range(i, i+utf8.RuneLen(r))
		if from < 0 || to > len(raw) || from > to || to < last {
			t.Fatalf("byte %d of %q leads to %d:%d of %q", i, text, from, to, raw)
		}
		if again, _, _ := Normalise(raw[from:to]); !strings.ContainsRune(again, r) && r != utf8.RuneError {
			t.Fatalf("%q at %d of %q comes from %q", r, i, text, raw[from:to])
		}
		last = to
	}
	if !norm.NFC.IsNormalString(text) || !utf8.ValidString(text) {
		t.Fatalf("%q is not in form C", text)
	}
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"a", "e\u0301\u0323", "\u1100\u1161\u11a8", "\r\n\r", "\xff\xc3", tagged("x"), strings.Repeat("\u0301", 40), "\u212b\u200b\u0301", "\u0f71\u0f72\u0f74"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		text, m, _ := Normalise(raw)
		checkMap(t, text, raw, m)
		again, _, gone := Normalise(text)
		if again != text || gone != (Stripped{}) {
			t.Fatalf("%q is not stable: %q", text, again)
		}
	})
}
