// Package cite holds what a model says it quotes against what it was given. A
// model's quotation is a claim. [Locate] looks for it in the passage that it names
// and gives back where it stands, so that what is shown as a quotation is always
// the passage's own words, never the model's. [Reader] takes a structured answer
// apart while it arrives.
//
// It imports nothing of ours and asks nobody: every answer is a function of the
// texts.
package cite

import (
	"strings"
	"unicode"
)

// Span is bytes of a passage.
type Span struct{ Start, End int }

// Match says how a quotation was found.
type Match uint8

const (
	None  Match = iota // it is not there
	Short              // so short that it would be found nearly anywhere: it proves nothing
	Near               // at most a tenth of its characters differ, none of them in a number or a negation
	Exact              // but for spaces, the case of letters and the shapes of quotation marks and dashes
)

// Found says whether the words may be shown as a quotation.
func (m Match) Found() bool { return m == Near || m == Exact }

// Bounds of what is looked for.
const (
	mostQuote = 1000     // characters
	mostWork  = 16 << 20 // steps of comparing what is not exactly there
)

// Locate looks for a quotation in one passage. The span is the passage's; it is
// the first of the best.
func Locate(passage, quote string) (Span, Match) {
	q := trimmed(fold(quote))
	if len(q.runes) == 0 || len(q.runes) > mostQuote {
		return Span{}, None
	}
	if !tells(q.runes) {
		return Span{}, Short
	}
	p := fold(passage)
	if at := index(p.runes, q.runes); at >= 0 {
		return p.span(at, at+len(q.runes)), Exact
	}
	if from, to, ok := near(p.runes, q.runes); ok && sameTelling(p.runes[from:to], q.runes) {
		return p.span(from, to), Near
	}
	return Span{}, None
}

// index finds q in p where it begins and ends with whole words and numbers.
func index(p, q []rune) int {
	for at := 0; at+len(q) <= len(p); at++ {
		if p[at] == q[0] && equal(p[at:at+len(q)], q) && whole(p, at, at+len(q)) {
			return at
		}
	}
	return -1
}

func equal(a, b []rune) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// whole says that a stretch cuts neither a word nor a number.
func whole(p []rune, from, to int) bool {
	return !joined(p, from) && !joined(p, to)
}

// joined says that what is before and behind a place is one word or number.
func joined(p []rune, at int) bool {
	if at <= 0 || at >= len(p) {
		return false
	}
	before, behind := p[at-1], p[at]
	switch {
	case wide(before) || wide(behind):
		return false
	case wordly(before) && wordly(behind):
		return true
	case digit(before) && pointed(behind):
		return at+1 < len(p) && digit(p[at+1])
	case pointed(before) && digit(behind):
		return at >= 2 && digit(p[at-2])
	}
	return false
}

func wordly(r rune) bool  { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }
func digit(r rune) bool   { return unicode.IsDigit(r) }
func pointed(r rune) bool { return r == '.' || r == ',' || r == '\'' }

// wide characters are of scripts that part no words.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// What a quotation needs to be more than a word that stands everywhere.
const (
	leastWords  = 3
	leastRunes  = 12 // of fewer words
	leastNumber = 4  // with a digit
	leastWide   = 4  // of scripts without spaces
)

// tells says whether a quotation is long enough to prove something.
func tells(q []rune) bool {
	words, digits, wides := len(strings.Fields(string(q))), 0, 0
	for _, r := range q {
		if digit(r) {
			digits++
		}
		if wide(r) {
			wides++
		}
	}
	return words >= leastWords || words >= 2 && len(q) >= leastRunes || digits > 0 && len(q) >= leastNumber || wides >= leastWide
}

// sameTelling says that two stretches have the same numbers and the same
// negations, in order: one changed digit, or one lost "not", is a tenth of no
// contract.
func sameTelling(a, b []rune) bool {
	x, y := telling(a), telling(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

func telling(text []rune) (list []string) {
	for _, w := range strings.FieldsFunc(string(text), func(r rune) bool { return !wordly(r) && !pointed(r) }) {
		w = strings.Trim(w, ".,'")
		if strings.ContainsFunc(w, unicode.IsNumber) || counts(w) || negates(w) {
			list = append(list, w)
		}
	}
	return list
}

// counts tells numbers that are words.
func counts(w string) bool {
	const all = " one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million " +
		"deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize vingt trente quarante cinquante soixante cent cents mille millions "
	return strings.Contains(all, " "+w+" ")
}

// negates tells words, without their accents, that turn what is said around.
func negates(w string) bool {
	switch w {
	case "not", "no", "nor", "never", "none", "nobody", "nothing", "neither", "cannot", "without", "unless", "except", "only",
		"ne", "pas", "non", "ni", "jamais", "aucun", "aucune", "rien", "nul", "nulle", "sans", "sauf", "hors":
		return true
	}
	return strings.HasSuffix(w, "n't") || strings.HasPrefix(w, "n'")
}
