package grounded

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"abaton.local/library/cite"
)

// checker holds what a model wrote against what it was given.
type checker struct {
	passages []Passage
	given    map[string]bool // addresses that the person wrote
	numbers  map[string]bool // that the person wrote
	said     map[string]bool // sentences that there were
	n        int
	good     int
	shown    int
	shownOK  int
	waiting  []Sentence
}

func newChecker(own []string, passages []Passage) *checker {
	c := &checker{passages: passages, given: make(map[string]bool), numbers: make(map[string]bool), said: make(map[string]bool)}
	for _, text := range own {
		addresses(text, c.given)
		numbers(text, c.numbers)
	}
	return c
}

// take checks a sentence and gives those that may be shown now, in their order.
// One without support waits until at least half of what is shown with it is
// supported; the last that wait are never shown.
func (c *checker) take(s cite.Sentence) (list []Sentence) {
	text := strings.ToLower(strings.Join(strings.Fields(s.Text), " "))
	if text == "" || c.said[text] {
		return nil // small models say the same again and again
	}
	c.said[text] = true
	c.waiting = append(c.waiting, c.check(s))
	for len(c.waiting) > 0 {
		ok, n := c.shownOK, c.shown
		up := 0 // how many can go out together
		for i, w := range c.waiting {
			if n++; w.Supported {
				ok++
			}
			if 2*ok >= n {
				up = i + 1
			}
		}
		if up == 0 {
			break
		}
		for _, w := range c.waiting[:up] {
			if c.shown++; w.Supported {
				c.shownOK++
			}
			list = append(list, w)
		}
		c.waiting = c.waiting[up:]
	}
	return list
}

// check looks its quotations up. One that is in another passage than the model
// says is cited from where it is.
func (c *checker) check(s cite.Sentence) Sentence {
	c.n++
	out := Sentence{N: c.n}
	given, counted := make(map[string]bool), make(map[string]bool)
	for a := range c.given {
		given[a] = true
	}
	short := false
	for _, q := range s.Quotes {
		p, at, m := c.locate(q)
		short = short || m == cite.Short
		if !m.Found() {
			continue
		}
		quote := Quote{At: At{p.N, Span{at.Start, at.End}}, Text: p.Text[at.Start:at.End], Exact: m == cite.Exact}
		out.Quotes = append(out.Quotes, quote)
		out.Label = max(out.Label, p.Label)
		addresses(p.Text, given)
		numbers(quote.Text, counted)
	}
	out.Text = inert(s.Text, given)
	missing := ""
	for _, n := range numbersOf(out.Text) {
		if missing == "" && !counted[plainNumber(n)] && !c.numbers[plainNumber(n)] {
			missing = n
		}
	}
	switch {
	case len(out.Quotes) > 0 && missing == "":
		out.Supported = true
		c.good++
	case len(out.Quotes) > 0:
		out.Why = fmt.Sprintf("The number %s stands in none of its quotations.", missing)
	case short:
		out.Why = "What it quotes is too short to prove anything."
	case len(s.Quotes) > 0:
		out.Why = "What it quotes stands in none of the passages."
	default:
		out.Why = "It quotes nothing."
	}
	if out.Label == User { // unsupported, and still made of what was read
		for _, p := range c.passages {
			out.Label = max(out.Label, p.Label)
		}
	}
	return out
}

func (c *checker) locate(q cite.Quote) (p Passage, at cite.Span, m cite.Match) {
	best := cite.None
	try := func(x Passage) bool {
		a, how := cite.Locate(x.Text, q.Text)
		if how > best {
			p, at, best = x, a, how
		}
		return how == cite.Exact
	}
	if q.Passage >= 1 && q.Passage <= len(c.passages) {
		try(c.passages[q.Passage-1])
		if best.Found() {
			return p, at, best
		}
	}
	for _, x := range c.passages {
		if x.N != q.Passage && try(x) {
			break
		}
	}
	return p, at, best
}

// figure is a number as it is written with its separators; cited is a model's own
// way of naming a passage.
var (
	figure = regexp.MustCompile(`\p{Nd}+(?:[.,'’\x{a0}\x{202f}]\p{Nd}+)*|\pL+`)
	cited  = regexp.MustCompile(`\[[0-9]{1,2}\]|\((?:passages?|source|sources) [0-9]{1,2}\)`)
)

// numbersOf gives the numbers of a text, in digits or in words, as they stand there.
func numbersOf(text string) (list []string) {
	for _, f := range figure.FindAllString(cited.ReplaceAllString(text, " "), -1) {
		if plainNumber(f) != "" {
			list = append(list, f)
		}
	}
	return list
}

func numbers(text string, into map[string]bool) {
	for _, f := range figure.FindAllString(text, -1) {
		into[plainNumber(f)] = true
	}
}

// plainNumber is a number as it is compared: without its separators, which differ by
// language, and in digits; empty for a word that is none.
func plainNumber(f string) string {
	if n, ok := inDigits(strings.ToLower(f)); ok {
		return n
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsDigit(r) {
			return -1
		}
		return r
	}, f)
}

// inDigits reads numbers that are words. One is left out: it is an article, too.
func inDigits(w string) (string, bool) {
	switch w {
	case "two", "deux":
		return "2", true
	case "three", "trois":
		return "3", true
	case "four", "quatre":
		return "4", true
	case "five", "cinq":
		return "5", true
	case "six":
		return "6", true
	case "seven", "sept":
		return "7", true
	case "eight", "huit":
		return "8", true
	case "nine", "neuf":
		return "9", true
	case "ten", "dix":
		return "10", true
	case "eleven", "onze":
		return "11", true
	case "twelve", "douze":
		return "12", true
	case "thirteen", "treize":
		return "13", true
	case "fourteen", "quatorze":
		return "14", true
	case "fifteen", "quinze":
		return "15", true
	case "sixteen", "seize":
		return "16", true
	case "twenty", "vingt":
		return "20", true
	case "thirty", "trente":
		return "30", true
	case "forty", "quarante":
		return "40", true
	case "fifty", "cinquante":
		return "50", true
	case "sixty", "soixante":
		return "60", true
	case "ninety":
		return "90", true
	case "hundred", "cent", "cents":
		return "100", true
	case "thousand", "mille":
		return "1000", true
	}
	return "", false
}
