package web

import (
	"fmt"

	"abaton.local/library"
)

// meaning says how far libraries are found by what they mean, too.
type meaning struct {
	Why  string // nothing more is embedded; empty: it is
	None bool   // and nothing is
}

// meaningOf looks at what there is, and at what is embedded from now on.
func (p *Pages) meaningOf(v visit, l *library.Libraries, list []library.Library) (m meaning) {
	passages, found := 0, 0
	for _, x := range list {
		passages += x.Passages
		found += x.Meanings
	}
	if err := l.WordsOnly(v.r.Context()); err != nil && passages > 0 {
		m = meaning{p.Words(err), found == 0}
	}
	return m
}

// Of says it of one library, as a part of a line about it.
func (m meaning) Of(x library.Library) string {
	switch {
	case x.Passages == 0:
		return ""
	case x.Meanings == 0 && m.Why != "":
		return ", found by words"
	case x.Meanings >= x.Passages:
		return ", found by words and by meaning"
	}
	return fmt.Sprintf(", found by words; by meaning: %d of %s", x.Meanings, counted(x.Passages, "passage"))
}
