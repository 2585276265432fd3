package markup

import (
	"strings"
	"unicode/utf8"
)

// command reads one that begins here, with its arguments.
func (p *tex) command() *glyph {
	n := 1
	for n < len(p.rest) && letter(p.rest[n]) {
		n++
	}
	if n == 1 && n < len(p.rest) { // one sign
		_, size := utf8.DecodeRuneInString(p.rest[1:])
		n += size
	}
	name := p.rest[1:n]
	p.rest = p.rest[n:]
	if s, ok := letters[name]; ok {
		return leaf("mi", s)
	}
	if s, ok := operators[name]; ok {
		return leaf("mo", s)
	}
	if s, ok := spaces[name]; ok {
		return leaf("mtext", s)
	}
	if s, ok := large[name]; ok {
		return &glyph{tag: "mo", text: s, limits: s != "∫" && s != "∬" && s != "∭" && s != "∮"}
	}
	if s, ok := accents[name]; ok {
		return &glyph{tag: "mover", parts: []*glyph{p.argument(), leaf("mo", s)}}
	}
	if functions[name] {
		return &glyph{tag: "mi", text: name, function: true}
	}
	if text, ok := limits[name]; ok {
		return &glyph{tag: "mi", text: text, function: true, limits: true}
	}
	return p.built(name)
}

// built reads a command that makes something of its arguments.
func (p *tex) built(name string) *glyph {
	switch name {
	case "frac", "dfrac", "tfrac", "cfrac":
		return &glyph{tag: "mfrac", parts: []*glyph{p.argument(), p.argument()}}
	case "binom", "dbinom", "tbinom":
		return fenced("(", &glyph{tag: "mtable", parts: []*glyph{line(p.argument()), line(p.argument())}}, ")")
	case "sqrt":
		return p.root()
	case "text", "textrm", "textit", "textbf", "mbox", "textnormal":
		return leaf("mtext", strings.ReplaceAll(p.words(), " ", "\u00a0"))
	case "mathrm", "operatorname", "mathsf", "mathtt":
		return &glyph{tag: "mi", class: "upright", text: p.words(), function: name == "operatorname"}
	case "mathbb", "mathcal", "mathscr", "mathfrak", "mathbf", "boldsymbol", "bm":
		return p.alphabet(name)
	case "mathit", "mathnormal", "boxed", "displaylines":
		return p.argument()
	case "overline", "bar":
		return &glyph{tag: "mover", parts: []*glyph{p.argument(), leaf("mo", "‾")}}
	case "underline":
		return &glyph{tag: "munder", parts: []*glyph{p.argument(), leaf("mo", "_")}}
	case "overbrace":
		return &glyph{tag: "mover", limits: true, parts: []*glyph{p.argument(), leaf("mo", "⏞")}}
	case "underbrace":
		return &glyph{tag: "munder", limits: true, parts: []*glyph{p.argument(), leaf("mo", "⏟")}}
	case "stackrel", "overset":
		above := p.argument()
		return &glyph{tag: "mover", parts: []*glyph{p.argument(), above}}
	case "underset":
		below := p.argument()
		return &glyph{tag: "munder", parts: []*glyph{p.argument(), below}}
	case "pmod":
		return fenced("(", rowOf([]*glyph{leaf("mtext", "mod\u00a0"), p.argument()}), ")")
	case "bmod", "mod":
		return leaf("mtext", "\u2009mod\u2009")
	case "left":
		return p.fences()
	case "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "Biggl", "Biggr", "middle":
		return leaf("mo", p.fence())
	case "begin":
		return p.environment()
	case "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "!", "nonumber", "notag":
		return nil
	}
	return p.fail()
}

func (p *tex) root() *glyph {
	p.blanks()
	inner, has := strings.CutPrefix(p.rest, "[")
	if !has {
		return &glyph{tag: "msqrt", parts: []*glyph{p.argument()}}
	}
	degree, rest, ok := strings.Cut(inner, "]")
	if !ok {
		return p.fail()
	}
	of := &tex{rest: degree, depth: p.depth}
	list := of.row()
	if of.bad || of.rest != "" {
		return p.fail()
	}
	p.rest = rest
	return &glyph{tag: "mroot", parts: []*glyph{p.argument(), rowOf(list)}}
}

// alphabet reads letters that are written in another way.
func (p *tex) alphabet(name string) *glyph {
	p.blanks()
	if !strings.HasPrefix(p.rest, "{") && p.rest != "" && letter(p.rest[0]) {
		p.rest = "{" + p.rest[:1] + "}" + p.rest[1:]
	}
	if strings.HasPrefix(p.rest, `{\`) || strings.HasPrefix(p.rest, `\`) {
		return p.argument() // a sign, which has one form here
	}
	var b strings.Builder
	for _, r := range p.words() {
		b.WriteRune(styled(name, r))
	}
	return &glyph{tag: "mi", class: "upright", text: b.String()}
}

// fence reads a bracket that follows a command.
func (p *tex) fence() string {
	p.blanks()
	for _, f := range fences {
		if rest, ok := strings.CutPrefix(p.rest, f.name); ok && (rest == "" || !letter(f.name[len(f.name)-1]) || !letter(rest[0])) {
			p.rest = rest
			return f.sign
		}
	}
	p.bad = true
	return ""
}

func (p *tex) fences() *glyph {
	open := p.fence()
	list := p.row()
	if p.bad || !p.begins(`\right`) {
		return p.fail()
	}
	p.rest = p.rest[len(`\right`):]
	return fenced(open, rowOf(list), p.fence())
}

func fenced(open string, a *glyph, end string) *glyph {
	var parts []*glyph
	if open != "" {
		parts = append(parts, leaf("mo", open))
	}
	parts = append(parts, a)
	if end != "" {
		parts = append(parts, leaf("mo", end))
	}
	return &glyph{tag: "mrow", parts: parts}
}

// line is a row of a table of one column.
func line(a *glyph) *glyph {
	return &glyph{tag: "mtr", parts: []*glyph{{tag: "mtd", parts: []*glyph{a}}}}
}

// environments are tables, with what stands around them.
var environments = map[string]struct{ class, open, close string }{
	"matrix": {}, "smallmatrix": {}, "pmatrix": {"", "(", ")"}, "bmatrix": {"", "[", "]"}, "Bmatrix": {"", "{", "}"}, "vmatrix": {"", "|", "|"}, "Vmatrix": {"", "‖", "‖"},
	"cases": {"cases", "{", ""}, "array": {}, "aligned": {class: "aligned"}, "align": {class: "aligned"}, "align*": {class: "aligned"}, "split": {class: "aligned"},
	"gathered": {}, "gather": {}, "gather*": {}, "equation": {}, "equation*": {},
}

func (p *tex) environment() *glyph {
	name := p.words()
	e, ok := environments[name]
	if !ok {
		return p.fail()
	}
	if name == "array" {
		p.words() // to which side its columns lie
	}
	table := &glyph{tag: "mtable", class: e.class}
	row := &glyph{tag: "mtr"}
	for !p.bad {
		row.parts = append(row.parts, &glyph{tag: "mtd", parts: p.row()})
		switch {
		case strings.HasPrefix(p.rest, "&"):
			p.rest = p.rest[1:]
			continue
		case strings.HasPrefix(p.rest, `\\`):
			p.rest = p.rest[2:]
			table.parts, row = append(table.parts, row), &glyph{tag: "mtr"}
			continue
		case p.begins(`\end`):
			p.rest = p.rest[len(`\end`):]
			if p.words() != name {
				return p.fail()
			}
			if len(row.parts) > 1 || len(row.parts[0].parts) > 0 {
				table.parts = append(table.parts, row)
			}
			return fenced(e.open, table, e.close)
		}
		return p.fail()
	}
	return nil
}
