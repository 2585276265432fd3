package find

import (
	"slices"
	"strings"
	"unicode"
)

// print is a text as it is compared with others.
type print struct {
	words    []string // in small letters
	plain    string   // these, each between two spaces
	telling  []string // those of which one changed changes what is said
	shingles []string // each few words that follow each other, ascending, each once; made when they are needed
}

const (
	shingle = 3    // words
	alike   = 0.85 // share of the shingles that texts have in common which say the same
)

func printOf(text string) (p print) {
	p.words = strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
	var plain strings.Builder
	plain.Grow(len(text) + 2)
	plain.WriteByte(' ')
	for i, w := range p.words {
		small := strings.ToLower(w)
		if tells(w, small) {
			p.telling = append(p.telling, small)
		}
		p.words[i] = small
		plain.WriteString(small)
		plain.WriteByte(' ')
	}
	p.plain = plain.String()
	return p
}

// shingled are the shingles of a text.
func (p *print) shingled() []string {
	if p.shingles == nil {
		for i := range len(p.words) - shingle + 1 {
			p.shingles = append(p.shingles, strings.Join(p.words[i:i+shingle], " "))
		}
		slices.Sort(p.shingles)
		p.shingles = slices.Compact(p.shingles)
	}
	return p.shingles
}

// tells says whether a word is of those that make a difference: a name, a
// number, a no; and any word of a script that has no small letters, whose words
// we cannot tell apart.
func tells(word, small string) bool {
	switch small {
	case "not", "no", "nor", "never", "none", "nobody", "nothing", "neither", "cannot", "without", "unless", "except", "only", "t",
		"n", "ne", "pas", "non", "ni", "jamais", "aucun", "aucune", "rien", "personne", "nul", "nulle", "sans", "sauf", "seulement", "seul", "seule", "hors":
		return true
	}
	return word != small || !strings.ContainsFunc(word, unicode.IsLower) || strings.ContainsFunc(word, unicode.IsNumber)
}

// saidBy says whether a says all that p says: word for word, or in all but the
// same words, with all telling ones in the same order. Two contracts that differ
// in an amount are two.
func (p *print) saidBy(a *print) bool {
	if strings.Contains(a.plain, p.plain) {
		return true
	}
	return slices.Equal(p.telling, a.telling) && overlap(p.shingled(), a.shingled()) >= alike
}

// overlap is the share of what is in either set that is in both.
func overlap(a, b []string) float64 {
	both, either := 0, len(a)+len(b)
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			a, b = a[1:], b[1:]
			both++
		}
	}
	if either == both {
		return 0
	}
	return float64(both) / float64(either-both)
}
