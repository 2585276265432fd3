package web

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"abaton.local/library"
	"abaton.local/web/markup"
)

// verdict is what became of a file.
type verdict struct {
	Name     string    `json:"name"`
	Verdict  string    `json:"verdict"`
	Words    []string  `json:"words,omitempty"` // why it was refused, and what a person should know of it
	Document string    `json:"document,omitempty"`
	Within   []verdict `json:"within,omitempty"`
	Inside   int       `json:"inside,omitempty"` // how many documents lie in it, and were kept
}

// verdictOf puts an outcome into words.
func verdictOf(name string, o library.Outcome) verdict {
	x := verdict{Name: markup.Clean(name), Verdict: string(o.Verdict)}
	switch o.Verdict {
	case library.Refused:
		x.Words = []string{sentence(o.Why)}
	case library.Changed:
		x.Words = []string{"It took the place of the one of that name."}
	case library.Unchanged:
		x.Words = []string{"It was there already."}
	}
	if o.Verdict == library.Added || o.Verdict == library.Changed {
		x.Words = append(x.Words, warnings(o.Document)...)
		x.Document = o.Document.ID.String()
	}
	var inside []library.Outcome
	flat(o, &inside)
	for _, in := range inside {
		if in.Verdict != library.Refused {
			x.Inside++
		}
	}
	for i, in := range inside {
		if i == mostWithin {
			x.Words = append(x.Words, fmt.Sprintf("It holds %d more documents.", len(inside)-i))
			break
		}
		in.Within = nil
		x.Within = append(x.Within, verdictOf(in.Document.Name, in))
	}
	return x
}

// sentence is what stands behind a colon elsewhere, as a sentence of its own.
func sentence(said string) string {
	if said == "" {
		return ""
	}
	return markup.Clean(titled(said)) + "."
}

// titled begins with a capital.
func titled(said string) string {
	first, size := utf8.DecodeRuneInString(said)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + said[size:]
}

// flat lists what lies in a document, and in that.
func flat(o library.Outcome, all *[]library.Outcome) {
	for _, in := range o.Within {
		*all = append(*all, in)
		flat(in, all)
	}
}

// verdicts is what became of the files of a form.
type verdicts struct {
	List  []verdict
	Words string // why there are no more
	Back  string
}

// Inside is how many documents lay in those of the list.
func (v verdicts) Inside() (n int) {
	for _, x := range v.List {
		n += x.Inside
	}
	return n
}
