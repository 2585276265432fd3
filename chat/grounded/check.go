package grounded

import (
	"fmt"
	"regexp"
	"strings"

	"abaton.local/library/cite"
)

// checker holds what a model wrote against what it was given.
type checker struct {
	passages []Passage
	question string
	given    map[string]bool // addresses that the person wrote
	numbers  map[string]bool // that the person wrote
	said     map[string]bool // sentences that there were
	n        int
	good     int
	shown    int
	shownOK  int
	waiting  []Sentence
}

func newChecker(q Question, passages []Passage) *checker {
	c := &checker{passages: passages, given: make(map[string]bool), numbers: make(map[string]bool), said: make(map[string]bool)}
	for _, text := range append([]string{q.Text}, q.Said...) {
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
	figure = regexp.MustCompile(`[0-9]+(?:[.,'’\x{a0}\x{202f}][0-9]+)*`)
	cited  = regexp.MustCompile(`[\[(](?:passage )?[0-9]{1,2}[\])]`)
)

func numbersOf(text string) []string {
	return figure.FindAllString(cited.ReplaceAllString(text, " "), -1)
}

func numbers(text string, into map[string]bool) {
	for _, n := range figure.FindAllString(text, -1) {
		into[plainNumber(n)] = true
	}
}

// plainNumber is a number without its separators: they differ by language.
func plainNumber(n string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, n)
}
