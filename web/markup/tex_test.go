package markup

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// outline writes a formula in short: the tags without their "m".
func outline(g *glyph) string {
	if g == nil {
		return "as written"
	}
	name := strings.TrimPrefix(g.tag, "m")
	if g.class != "" {
		name += "." + g.class
	}
	if len(g.parts) == 0 {
		switch g.tag {
		case "mi", "mn", "mo", "mtext":
			return name + ":" + g.text
		}
	}
	var parts []string
	for _, p := range g.parts {
		parts = append(parts, outline(p))
	}
	return name + "(" + strings.Join(parts, " ") + ")"
}

func TestFormulas(t *testing.T) {
	for text, want := range map[string]string{
		`x^2 + y_i^{n-1} - 3.5`:                                                 `sup(i:x n:2) o:+ subsup(i:y i:i row(i:n o:− n:1)) o:− n:3.5`,
		`\frac12 \dfrac{a+b}{c}`:                                                `frac(n:1 n:2) frac(row(i:a o:+ i:b) i:c)`,
		`\sqrt{x} \sqrt[3]{x+1}`:                                                `sqrt(i:x) root(row(i:x o:+ n:1) n:3)`,
		`\sum_{i=1}^n i \int_0^1`:                                               `underover(o:∑ row(i:i o:= n:1) i:n) i:i subsup(o:∫ n:0 n:1)`,
		`\lim_{x \to 0} \sin x \sin(x)`:                                         "under(i:lim row(i:x o:→ n:0)) text:\u2009 i:sin text:\u2009 i:x i:sin o:( i:x o:)",
		`\alpha \leq \Omega f'' f'^2`:                                           `i:α o:≤ i:Ω sup(i:f o:′′) sup(i:f row(o:′ n:2))`,
		`\left( \frac{a}{b} \right] \left. x \right|`:                           `row(o:( frac(i:a i:b) o:]) row(i:x o:|)`,
		`\begin{pmatrix} a & b \\ c & d \end{pmatrix}`:                          `row(o:( table(tr(td(i:a) td(i:b)) tr(td(i:c) td(i:d))) o:))`,
		`f = \begin{cases} 1 & x > 0 \\ 0 & \text{if not} \\ \end{cases}`:       "i:f o:= row(o:{ table.cases(tr(td(n:1) td(i:x o:> n:0)) tr(td(n:0) td(text:if\u00a0not))))",
		`\mathbb{R} \mathbb N \mathcal{L} \mathbf{x1} \mathrm{d} \mathbf\alpha`: `i.upright:ℝ i.upright:ℕ i.upright:ℒ i.upright:𝐱𝟏 i.upright:d i:α`,
		`\hat{x} \vec v \overline{AB} \binom nk`:                                `over(i:x o:^) over(i:v o:→) over(row(i:A i:B) o:‾) row(o:( table(tr(td(i:n)) tr(td(i:k))) o:))`,
		`50\% \{x\} a \, b \quad`:                                               "n:50 i:% o:{ i:x o:} i:a text:\u2009 i:b text:\u2003",
		`a\,\left\{ b \right\}`:                                                 "i:a text:\u2009 row(o:{ i:b o:})",
	} {
		if got := outline(drawn("$" + text + "$")); got != "ath(row("+want+"))" {
			t.Errorf("%s\n got %s\nwant %s", text, got, "ath(row("+want+"))")
		}
	}
}

// What is not understood is shown as it was written: half of it would be another
// formula.
func TestFormulasNotDrawn(t *testing.T) {
	for _, text := range []string{"", " ", `\unknown{x}`, `\href{https://sink.example}{x}`, `\includegraphics{x}`, `\def\x{\x\x}\x`, `\input{x}`, `\class{x}{y}`, `\style{x}{y}`, `\require{x}`, `\html{<img>}`,
		`\frac{a}`, `{a`, `a}`, `x^`, `x^2^3`, `a & b`, `a \\ b`, `\left( a`, `a \right)`, `\begin{x}a\end{x}`, `\begin{matrix}a`, `\begin{matrix}a\end{pmatrix}`, `\text{\x}`, `\sqrt[a`, `#1`, `100%`, `\`,
		strings.Repeat("{", 30) + "a" + strings.Repeat("}", 30), strings.Repeat(`\hat`, 30) + "a", strings.Repeat(`x^`, 30) + "a", strings.Repeat("a", longestFormula)} {
		if g := drawn("$" + text + "$"); g != nil {
			t.Errorf("%.60s is drawn as %.200s", text, outline(g))
		}
	}
}

// Whatever a formula says, only elements of the list come of it, each with its
// parts, and as many of them as MathML wants.
func TestFormulasAreWhole(t *testing.T) {
	parts := []string{"a", "1", "{", "}", "^", "_", "'", "\\frac", "\\sqrt", "[", "]", "\\left", "\\right", "(", ")", ".", "\\begin{matrix}", "\\end{matrix}", "&", "\\\\", "\\sum", "\\limits", "\\hat", "\\text{a}", "\\mathbb", "{R}", " ", "\\alpha", "-", "é", "⟨", "\\binom", "\\overbrace", "\\sin", "\\,", "\\displaystyle", "<", "\\mathrm{<b>}"}
	want := map[string]int{"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 30).Draw(r, "parts"), "")
		g := drawn("$" + text + "$")
		if g == nil {
			return
		}
		n++
		var look func(*glyph)
		look = func(g *glyph) {
			opening(g.tag, g.class) // panics
			if k := want[g.tag]; k > 0 && len(g.parts) != k {
				r.Fatalf("%q: %s has %d parts", text, g.tag, len(g.parts))
			}
			for _, p := range g.parts {
				look(p)
			}
		}
		look(g)
	})
	if n == 0 {
		t.Error("nothing was drawn")
	}
}
