package markup

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// signed writes the pieces of code with their kinds.
func signed(name, code string) string {
	var b strings.Builder
	for _, p := range languages[name].colour([]byte(code)) {
		if p.class != "" {
			b.WriteString(p.class[:1] + "‹" + string(p.text) + "›")
		} else {
			b.Write(p.text)
		}
	}
	return b.String()
}

func TestColours(t *testing.T) {
	for _, c := range []struct{ language, code, want string }{
		{"go", "func f(x int) string { return \"a\\\"b\" } // end\n", "k‹func› n‹f›(x k‹int›) k‹string› { k‹return› s‹\"a\\\"b\"› } c‹// end›\n"},
		{"go", "x := `a\nb` + 'c' + 0x1F + 1.5", "x := s‹`a\nb`› + s‹'c'› + n‹0x1F› + n‹1.5›"},
		{"go", "/* a\nb */ var x", "c‹/* a\nb */› k‹var› x"},
		{"rust", "fn f<'a>(x: &'a str) { '\\n' }", "k‹fn› f<'a>(x: &'a k‹str›) { s‹'\\n'› }"},
		{"python", "@x\ndef f(): # a\n  '''a\nb''' + f\"{x}\"", "k‹@x›\nk‹def› n‹f›(): c‹# a›\n  s‹'''a\nb'''› + fs‹\"{x}\"›"},
		{"c", "#include <x.h>\nint x = 'a';", "k‹#include› <x.h>\nk‹int› x = s‹'a'›;"},
		{"js", "const $x = `a ${b}\n`; f($x)", "k‹const› $x = s‹`a ${b}\n`›; n‹f›($x)"},
		{"sh", "echo $# 'a\nb' # c", "k‹echo› $# s‹'a\nb'› c‹# c›"},
		{"sql", "SELECT a FROM t -- b", "k‹SELECT› a k‹FROM› t c‹-- b›"},
		{"json", `{"a" : "b", "c": [1, true]}`, `{n‹"a"› : s‹"b"›, n‹"c"›: [n‹1›, k‹true›]}`},
		{"yaml", "a-b: c # d\ne: 1", "n‹a-b›: c c‹# d›\nn‹e›: n‹1›"},
		{"toml", "[a]\nb = 'c'", "[a]\nn‹b› = s‹'c'›"},
		{"css", "@media x { a { color: #fff } }", "k‹@media› x { a { n‹color›: n‹#fff› } }"},
		{"html", `<a href="x">b</a><!-- c --> 1 < 2`, `k‹<a› n‹href›=s‹"x"›k‹>›bk‹</a›k‹>›c‹<!-- c -->› 1 k‹<› 2`},
		{"diff", "--- a\n+++ b\n@@ 1 @@\n-x\n+y\n z", "c‹--- a\n›c‹+++ b\n›c‹@@ 1 @@\n›r‹-x\n›a‹+y\n› z"},
		{"go", "\"open", "s‹\"open›"},
		{"go", "\"open\n'x\n/* y", "s‹\"open›\n'x\nc‹/* y›"},
	} {
		if got := signed(c.language, c.code); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.language, got, c.want)
		}
	}
}

// Whatever code is of, all of it is shown, as it stands.
func TestColoursLoseNothing(t *testing.T) {
	parts := []string{"\"", "'", "`", "\\", "\n", "/*", "*/", "//", "--[[", "]]", "#", "<!--", "-->", "<a", ">", "=", ":", "if ", "x", "(", "1.5e", "@", "$", "\xff", "é", "'''", "\"\"\"", " ", "-", "+", "@@"}
	rapid.Check(t, func(r *rapid.T) {
		code := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 60).Draw(r, "parts"), ""))
		for name, l := range languages {
			var all []byte
			for _, p := range l.colour(code) {
				all = append(all, p.text...)
				if classes := allowed["span"]; p.class != "" && !strings.Contains(strings.Join(classes, " "), p.class) {
					r.Fatalf("%s: a kind %q", name, p.class)
				}
			}
			if !bytes.Equal(all, code) {
				r.Fatalf("%s made %q of %q", name, all, code)
			}
		}
	})
}

// A block is plain until its fence closes, wherever it stands; and one that is too
// long, or of no language that is known, stays so.
func TestColouredWhenClosed(t *testing.T) {
	for text, coloured := range map[string]bool{
		"```go\nvar x":                 false,
		"```go\nvar x\n":               false,
		"```go\nvar x\n``":             false,
		"```go\nvar x\n```":            true,
		"```GO\nvar x\n```\n":          true,
		"~~~go\nvar x\n~~~":            true,
		"- a\n  ```go\n  var x\n  ```": true,
		"- a\n  ```go\n  var x\n\nb":   false,
		"> ```go\n> var x\n> ```":      true,
		"> ```go\n> var x\n\nb\n```":   false,
		"```\nvar x\n```":              false,
		"```klingon\nvar x\n```":       false,
		"    var x":                    false,
		"```go\n" + strings.Repeat("var x\n", mostColour/6+1) + "```":                                       false,
		strings.Repeat("```go\n"+strings.Repeat("func f(x)\n", 6000)+"```\n\n", 3) + "```go\nvar last\n```": true,
	} {
		html := string(HTML(text))
		if got := strings.Contains(html, `<span class="keyword">`); got != coloured {
			t.Errorf("%.60q is coloured: %v", text, got)
		}
		if strings.Contains(html, `var</span> last`) {
			t.Error("there is no end to the colours of one text")
		}
	}
	same(t, "```go\nvar x = \"a\"\n```\n\nand\n\n```sh\necho \"b\"\n```\n", each("```go\nvar x = \"a\"\n```\n\nand\n\n```sh\necho \"b\"\n```\n", 3))
}

func BenchmarkColour(b *testing.B) {
	code := []byte(strings.Repeat("func (w *walker) open(tag, class string) { w.list = append(w.list, opening(tag, \"x\")) } // note\n", 600))
	b.SetBytes(int64(len(code)))
	for b.Loop() {
		languages["go"].colour(code)
	}
}
