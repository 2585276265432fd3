package markup

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a formula that is drawn. One that is longer, or nests deeper, and one
// with a command that is not known here is shown as it was written.
const (
	longestFormula = 4 << 10
	mostMaths      = 32 << 10 // bytes of all formulas of a text: each sign is an element
	deepestFormula = 20
)

// glyph is a piece of a formula, as an element of MathML.
type glyph struct {
	tag, class, text string
	parts            []*glyph
	limits           bool // scripts stand above and below
	function         bool // what follows keeps a distance
}

func leaf(tag, text string) *glyph { return &glyph{tag: tag, text: text} }

func rowOf(parts []*glyph) *glyph {
	if len(parts) == 1 {
		return parts[0]
	}
	return &glyph{tag: "mrow", parts: parts}
}

// drawn makes MathML of a formula, with its signs. It is nil where not all of it is
// understood: half a formula would say something else.
func drawn(written string) *glyph {
	if len(written) > longestFormula {
		return nil
	}
	for _, s := range signs {
		inner, ok := strings.CutPrefix(written, s.begin)
		if !ok {
			continue
		}
		inner = strings.TrimSuffix(inner, s.end)
		p := &tex{rest: inner}
		parts := p.row()
		if p.bad || p.rest != "" || len(parts) == 0 {
			return nil
		}
		whole := &glyph{tag: "math", parts: []*glyph{{tag: "mrow", parts: parts}}}
		if s.begin == "$$" || s.begin == `\[` {
			whole.class = "block"
		}
		return whole
	}
	return nil
}

// tex reads the part of TeX that formulas are mostly made of.
type tex struct {
	rest  string
	depth int
	bad   bool // something was not understood
}

// row reads until something ends it, which is left to whoever called.
func (p *tex) row() (list []*glyph) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > deepestFormula {
		p.bad = true
	}
	for !p.bad {
		p.blanks()
		if p.rest == "" || p.rest[0] == '}' || p.rest[0] == '&' || p.begins(`\\`) || p.begins(`\right`) || p.begins(`\end`) {
			break
		}
		a := p.scripted(p.one())
		if a == nil {
			continue // a space, or a command that draws nothing
		}
		list = append(list, a)
		if p.blanks(); a.function && p.rest != "" && !strings.ContainsAny(p.rest[:1], "([{}^_&)],.") {
			list = append(list, leaf("mtext", "\u2009"))
		}
	}
	return list
}

func (p *tex) blanks() { p.rest = strings.TrimLeft(p.rest, " \t\n~") }

// begins tells whether a command stands here, and not a longer one.
func (p *tex) begins(command string) bool {
	rest, ok := strings.CutPrefix(p.rest, command)
	return ok && (rest == "" || command == `\\` || !letter(rest[0]))
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// fail says that something was not understood.
func (p *tex) fail() *glyph {
	p.bad = true
	return nil
}

// one reads one thing, without its scripts.
func (p *tex) one() *glyph {
	r, size := utf8.DecodeRuneInString(p.rest)
	switch {
	case r == '\\':
		return p.command()
	case r == '{':
		return p.group()
	case r >= '0' && r <= '9':
		n := 1
		for n < len(p.rest) && (digit(p.rest[n]) || p.rest[n] == '.' && n+1 < len(p.rest) && digit(p.rest[n+1])) {
			n++
		}
		return p.took(n, "mn")
	case r == '^' || r == '_' || r == '\'':
		return &glyph{tag: "mrow"} // scripts of nothing
	case r == '-':
		p.rest = p.rest[1:]
		return leaf("mo", "−")
	case unicode.IsLetter(r):
		return p.took(size, "mi")
	case r < 0x80 && strings.ContainsRune("+=<>*/()[]|,.;:!?@\"`", r), r >= 0x80 && !unicode.IsControl(r):
		return p.took(size, "mo")
	}
	return p.fail() // # and % mean something else
}

func (p *tex) took(n int, tag string) *glyph {
	a := leaf(tag, p.rest[:n])
	p.rest = p.rest[n:]
	return a
}

// group reads what stands in braces.
func (p *tex) group() *glyph {
	p.rest = p.rest[1:]
	list := p.row()
	if p.rest == "" || p.rest[0] != '}' {
		return p.fail()
	}
	p.rest = p.rest[1:]
	return rowOf(list)
}

// argument reads that of a command or a script.
func (p *tex) argument() *glyph {
	p.blanks()
	switch {
	case p.rest == "":
		return p.fail()
	case p.rest[0] == '{':
		return p.group()
	case digit(p.rest[0]):
		return p.took(1, "mn")
	}
	if p.depth++; p.depth > deepestFormula {
		return p.fail()
	}
	a := p.one()
	p.depth--
	if a == nil {
		return p.fail()
	}
	return a
}

// words reads an argument as it stands.
func (p *tex) words() string {
	p.blanks()
	inner, ok := strings.CutPrefix(p.rest, "{")
	end := strings.IndexAny(inner, `{}\$`)
	if !ok || end < 0 || inner[end] != '}' {
		p.bad = true
		return ""
	}
	p.rest = inner[end+1:]
	return inner[:end]
}

// scripted reads what stands above and below a thing.
func (p *tex) scripted(base *glyph) *glyph {
	if base == nil {
		return nil
	}
	var below, above *glyph
	var primes strings.Builder
	for !p.bad {
		p.blanks()
		switch {
		case p.begins(`\limits`):
			p.rest, base.limits = p.rest[len(`\limits`):], true
		case p.begins(`\nolimits`):
			p.rest, base.limits = p.rest[len(`\nolimits`):], false
		case strings.HasPrefix(p.rest, "'"):
			p.rest = p.rest[1:]
			primes.WriteString("′")
		case strings.HasPrefix(p.rest, "_") && below == nil:
			p.rest = p.rest[1:]
			below = p.argument()
		case strings.HasPrefix(p.rest, "^") && above == nil:
			p.rest = p.rest[1:]
			above = p.argument()
		case strings.HasPrefix(p.rest, "_"), strings.HasPrefix(p.rest, "^"):
			return p.fail() // twice
		default:
			return withScripts(base, below, above, primes.String())
		}
	}
	return nil
}

func withScripts(base, below, above *glyph, primes string) *glyph {
	if primes != "" {
		p := leaf("mo", primes)
		if above != nil {
			p = &glyph{tag: "mrow", parts: []*glyph{p, above}}
		}
		above = p
	}
	tags := [3]string{"msub", "msup", "msubsup"}
	if base.limits {
		tags = [3]string{"munder", "mover", "munderover"}
	}
	a := &glyph{function: base.function}
	switch {
	case below == nil && above == nil:
		return base
	case above == nil:
		a.tag, a.parts = tags[0], []*glyph{base, below}
	case below == nil:
		a.tag, a.parts = tags[1], []*glyph{base, above}
	default:
		a.tag, a.parts = tags[2], []*glyph{base, below, above}
	}
	return a
}
