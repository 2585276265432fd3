package markup

import (
	"slices"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string][]string{
		"nothing":                               nil,
		"[a](https://a.example/x?y=1)":          {"https://a.example/x?y=1"},
		"<https://a.example>":                   {"https://a.example"},
		"![a](https://a.example/i.png 'title')": {"https://a.example/i.png"},
		"See https://a.example/x. Or (https://b.example/y_(z)), or *https://c.example*!": {"https://a.example/x", "https://b.example/y_(z)", "https://c.example"},
		"`curl https://a.example`":                      {"https://a.example"},
		"[a](javascript:alert(1)) <mailto:a@b.example>": {"javascript:alert(1)", "mailto:a@b.example"},
		"[a](https://a.example) https://a.example":      {"https://a.example"},
		"[a](https://a.example/\u202egpj.exe)":          {"https://a.example/⟨U+202E⟩gpj.exe"},
		"<a href='https://a.example'>x</a>":             {"https://a.example"},
		"[a](/page/lock)":                               {"/page/lock"},
	} {
		if got := Addresses(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
	if n := len(Addresses(strings.Repeat("x ", Most) + "https://a.example")); n != 1 {
		t.Errorf("in a text that is too long for Markdown: %d", n)
	}
	var many strings.Builder
	for i := range 1000 {
		many.WriteString(" https://a.example/" + strings.Repeat("x", i))
	}
	if n := len(Addresses(many.String())); n != mostAddresses {
		t.Errorf("%d addresses", n)
	}
}
