package markup

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPayloads renders what was made to fetch or to run, as HTML and streamed in
// pieces of many sizes: nothing is in the tree that could do either.
func TestPayloads(t *testing.T) {
	for _, text := range payloads(t) {
		for _, n := range []int{1, 2, 3, 7, len(text)} {
			same(t, text, each(text, max(n, 1)))
		}
	}
}

// TestNoPayloadIsLost: what cannot be followed is still shown, so that a person
// can see what the model wrote.
func TestNoPayloadIsLost(t *testing.T) {
	for text, want := range map[string]string{
		"![a](https://sink.example/i)":       `<p dir="auto"><span class="image">a</span><span class="address"> (https://sink.example/i)</span></p>`,
		"[a](https://sink.example/\u202elx)": `<p dir="auto"><span class="link">a</span><span class="address"> (https://sink.example/⟨U+202E⟩lx)</span></p>`,
		"<script>x</script>":                 `<p dir="auto">&lt;script&gt;x&lt;/script&gt;</p>`,
		"<https://sink.example>":             `<p dir="auto"><span class="address">https://sink.example</span></p>`,
		"[a][r]\n\n[r]: https://x.example":   `<p dir="auto">[a][r]</p><p dir="auto">[r]: https://x.example</p>`,
		"&#x202e;&lt;b&gt; \\* \x1b[0m":      `<p dir="auto">⟨U+202E⟩&lt;b&gt; * ␛[0m</p>`,
	} {
		if got := string(HTML(text)); got != want {
			t.Errorf("%q\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestElements(t *testing.T) {
	for text, want := range map[string]string{
		"# A\n\n###### B":                      `<h3 dir="auto">A</h3><h6 dir="auto">B</h6>`,
		"*a* **b** ~~c~~ `d<`":                 `<p dir="auto"><em>a</em> <strong>b</strong> <del>c</del> <code>d&lt;</code></p>`,
		"a  \nb\nc":                            `<p dir="auto">a<br>` + "b\nc</p>",
		"3. a\n4. b":                           `<ol start="3" dir="auto"><li>a</li><li>b</li></ol>`,
		"0. a":                                 `<ol start="0" dir="auto"><li>a</li></ol>`,
		"- [x] a\n- [ ] b":                     `<ul dir="auto"><li><span class="task">☑ </span>a</li><li><span class="task">☐ </span>b</li></ul>`,
		"> a\n\n---":                           `<blockquote dir="auto"><p dir="auto">a</p></blockquote><hr>`,
		"```go\n\nx := <y>\n```":               `<div class="code"><span class="language">go</span><pre>` + "\n<code>\nx := &lt;y&gt;</code></pre></div>",
		"```a\"b\nx\n```":                      `<div class="code"><pre>` + "\n<code>x</code></pre></div>",
		"|a|b|\n|:-|-:|\n|1|`\\|`|":            `<div class="table"><table dir="auto"><thead><tr><th class="left">a</th><th class="right">b</th></tr></thead><tbody><tr><td class="left">1</td><td class="right"><code>|</code></td></tr></tbody></table></div>`,
		`\(a_1*b*\) $$\x_1*a*$$ $5 and $6`:     `<p dir="auto"><math><mrow><msub><mi>a</mi><mn>1</mn></msub><mo>*</mo><mi>b</mi><mo>*</mo></mrow></math> <code class="math">$$\x_1*a*$$</code> $5 and $6</p>`,
		"\\[\na_1\n= *b*\n\\]":                 `<p dir="auto"><math class="block"><mrow><msub><mi>a</mi><mn>1</mn></msub><mo>=</mo><mo>*</mo><mi>b</mi><mo>*</mo></mrow></math></p>`,
		"costs $5, `$x` and $y_1$ and \\(open": `<p dir="auto">costs $5, <code>$x</code> and <math><mrow><msub><mi>y</mi><mn>1</mn></msub></mrow></math> and (open</p>`,
	} {
		if got := string(HTML(text)); got != want {
			t.Errorf("%q\n got %s\nwant %s", text, got, want)
		}
	}
}

// TestStreamedAsAWhole: however a text is cut, the page that was built while it
// came is the page of the whole.
func TestStreamedAsAWhole(t *testing.T) {
	parts := []string{"word ", "*", "**", "_", "`", "```", "~~~", "\n", "\n\n", "- ", "1. ", "10) ", "> ", "# ", "    ", "  ", "   ", "\t", "[a](b)", "![", "](", ")", "|", "|-|-|\n", "---", "===", "<b>", "&amp;", "&#x202e;", "\\",
		"$", "$$", "\\(", "\\)", "\\[", "\\]", "é", "\U0001F469\u200d", "\u202e", "\xff", "\xf0\x9f", "\r\n", "\r", "\x00", "- [x] ", "~~", "go\n", "<https://a.b>", "+ ", "* "}
	rapid.Check(t, func(r *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 60).Draw(r, "parts"), "")
		size := rapid.IntRange(1, 9).Draw(r, "size")
		p, s := newPage(), Stream{}
		for _, piece := range each(text, size) {
			p.do(t, s.Add(piece))
		}
		p.do(t, s.End())
		if got, want := p.root.String(), parsed(t, string(HTML(text))).String(); got != want {
			r.Fatalf("%q in pieces of %d\nstreamed\n%s\nas HTML\n%s", text, size, got, want)
		}
	})
}

// TestCutsAreRight: what is shown while a text comes is what the text says so far,
// so that little is put right at its end.
func TestCutsAreRight(t *testing.T) {
	text := answer(4000)
	p, s := newPage(), Stream{}
	for i := 0; i < len(text); i += 11 {
		end := min(i+11, len(text))
		p.do(t, s.Add(text[i:end]))
		s.read = -1 << 30 // nothing waits
		p.do(t, s.show())
		if got, want := p.root.String(), parsed(t, string(HTML(text[:end]))).String(); got != want {
			t.Fatalf("after %d bytes, %q:\nshown\n%s\nmeant\n%s", end, text[max(0, end-80):end], got, want)
		}
	}
	if s.from < len(text)/2 {
		t.Errorf("only %d bytes of %d were settled", s.from, len(text))
	}
	if b, _ := json.Marshal(s.End()); len(b) > 4 {
		t.Errorf("at the end much is put right: %.200s", b)
	}
}

// answer is like a model's: prose, lists, code, a table.
func answer(size int) string {
	r := rand.New(rand.NewPCG(1, 2))
	block := []string{
		"Here is **what** it does: it reads a *file*, and `writes` another one. More follows in the next lines, which are long enough.\n\n",
		"1. First, open the file.\n   ```sh\n   cat file\n\n   - x\n   ```\n2. Then close it.\n\n   And a paragraph.\n3. Done.\n\n",
		"```go\nfunc main() {\n\n\tfmt.Println(\"- [x]\")\n\n# no heading\n}\n```\n\n",
		"| a | b |\n|---|--:|\n| 1 | 2 |\n| *3* | 4 |\n\n",
		"### Heading\n\n- one\n- two\n  - three\n\n- four\n\nAnd so *on*.\n\n",
		"> A quote\n> of two lines\n\nMath \\(a_1\\) costs $5.\n\n",
	}
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(block[r.IntN(len(block))])
	}
	return b.String()
}

// TestBrokenCharacters: a character that comes in two pieces is one, and bytes
// that are none are shown as such, alike in both forms.
func TestBrokenCharacters(t *testing.T) {
	for _, text := range []string{"a\xf0\x9f\x98\x80b", "\xf0\x9f", "\xf0\x9fx\x98", "\xc3", "\xff\xff\xff", "e\u0301\xe2\x82\xac\xe2\x82", "\r", "a\r\n\rb\r"} {
		same(t, text, each(text, 1))
	}
}

// TestWork counts what is read in all: a long answer costs a multiple of its
// length, whatever it is made of.
func TestWork(t *testing.T) {
	const size = 100_000
	for name, text := range map[string]string{
		"answer": answer(size), "a paragraph": strings.Repeat("word *and* ", size/11), "code": "```\n" + strings.Repeat("x := y\n", size/7), "a list": strings.Repeat("- item\n", size/7),
	} {
		p, s := newPage(), Stream{}
		wire := 0
		for _, piece := range each(text, 9) {
			ops := s.Add(piece)
			b, err := json.Marshal(ops)
			if err != nil {
				t.Fatal(err)
			}
			wire += len(b)
			p.do(t, ops)
		}
		p.do(t, s.End())
		t.Logf("%s: %d bytes of operations for %d", name, wire, len(text))
		if wire > 60*len(text) {
			t.Errorf("%s: %d bytes of operations for a text of %d", name, wire, len(text))
		}
		if got, want := p.root.String(), parsed(t, string(HTML(text))).String(); got != want {
			t.Errorf("%s: streamed otherwise than as HTML", name)
		}
	}
}

func TestTooLong(t *testing.T) {
	text := strings.Repeat("*a* <b>\n", Most/8+1)
	if got := string(HTML(text)); !strings.HasPrefix(got, `<pre class="plain">`) || strings.Contains(got, "<b>") {
		t.Errorf("a text that is too long begins with %.60q", got)
	}
	same(t, text, each(text, 300_000))
}

func FuzzMarkup(f *testing.F) {
	for _, text := range payloads(f) {
		f.Add(text, byte(3))
	}
	f.Add(answer(2000), byte(11))
	f.Fuzz(func(t *testing.T, text string, size byte) {
		same(t, text, each(text, int(size)+1))
	})
}

// TestHostile renders texts of 100,000 bytes for which some parsers' time grows
// with the square of the length, or which nest without end.
func TestHostile(t *testing.T) {
	for _, unit := range []string{"[", "![", "*", "**a", "*a **b ", "`", "`a``", "> ", ">", "- ", "1. ", "[a](", "<", "&", "\\", "$", "$a", "\\(", "| a ", "~~a", "# ", "[a](b", "![a](", "**a*", "*a_b",
		"- - ", "a|b\n-|-\n", "- a\n\n", "> - ", "$$", "a$", "[a](<", "![[]()]", "*_", "|\n|-|\n", "\u202e", "\x00", "\xff",
		"$\\frac{$", "$\\mathbb a$ ", "$x^{y_{z}}$ ", "$\\begin{matrix}&\\\\\\end{matrix}$\n\n", "$" + strings.Repeat("{", 30) + "$ ", "```go\n\"'\n```\n", "```html\n<a <a=\"\n```\n", "```sh\n# $'\n```\n"} {
		if text := strings.Repeat(unit, 100_000/len(unit)); HTML(text) == "" {
			t.Errorf("nothing of %q is shown", unit)
		}
		text := strings.Repeat(unit, 10_000/len(unit))
		same(t, text, each(text, 4_000))
	}
}
