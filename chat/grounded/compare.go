package grounded

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"abaton.local/library"
	"abaton.local/vault"
)

// comparing finds questions about how things differ, in English and French.
var comparing = regexp.MustCompile(`(?i)\b(compar(e|es|ed|ing|ison|er|ez|aison)|differ(s|ence|ences|ent)?|versus|vs|contradict(s|ion|ions)?|diffèrent|différences?|contredi(t|sent)|par rapport à)\b`)

func compares(text string) bool { return comparing.MatchString(text) }

// leastName is how many characters of a file's name must stand in a question.
const leastName = 4

// named gives the documents, in scope, whose names stand in the question.
func (w *work) named() ([]library.Document, error) {
	asked, words := " "+spaced(w.q.Text)+" ", wordsOf(w.q.Text)
	list, err := w.documents.Named(func(name string) bool {
		name = path.Base(name)
		if !words[firstWord(name)] { // nearly all end here
			return false
		}
		for _, n := range []string{name, strings.TrimSuffix(name, path.Ext(name))} {
			if n = spaced(n); len([]rune(n)) >= leastName && strings.ContainsFunc(n, unicode.IsLetter) && strings.Contains(asked, " "+n+" ") {
				return true
			}
		}
		return false
	})
	list = slices.DeleteFunc(list, func(d library.Document) bool { return !w.inScope(d) })
	return list[:min(len(list), mostCompared)], err
}

// mostCompared bounds how many documents are compared.
const mostCompared = 4

// spaced is a text's words in small letters, each parted by one space.
func spaced(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }), " ")
}

// wordsOf are a text's words, each once.
func wordsOf(text string) map[string]bool {
	words := make(map[string]bool)
	for word := range strings.FieldsSeq(spaced(text)) {
		words[word] = true
	}
	return words
}

// firstWord is that of what spaced makes of a text.
func firstWord(s string) string {
	s = strings.ToLower(s)
	isWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
	from := strings.IndexFunc(s, isWord)
	if from < 0 {
		return ""
	}
	s = s[from:]
	if end := strings.IndexFunc(s, func(r rune) bool { return !isWord(r) }); end >= 0 {
		s = s[:end]
	}
	return s
}

// withNamed adds documents that the person named and of which nothing was found:
// the passage that has most of the question's words, or the first. Nothing is left
// out for them, for whoever sends a document chooses its name.
func (w *work) withNamed(ctx context.Context, named []library.Document) ([]Passage, error) {
	list, err := w.documents.List()
	if err != nil {
		return nil, err
	}
	shelves := make(map[vault.ID]string)
	for _, x := range list {
		shelves[x.ID] = x.Name
	}
	words := strings.Fields(spaced(w.q.Text))
	out := w.picked
	for _, d := range named {
		if slices.ContainsFunc(out, func(p Passage) bool { return p.Document.ID == d.ID }) {
			continue
		}
		w.name(d)
		parts, err := w.parts(ctx, d.ID, 0, mostScanned)
		if err != nil && parts == nil {
			return nil, err
		}
		w.damaged(err)
		best, most := -1, -1
		for i, x := range parts {
			text, n := " "+spaced(x.Text)+" ", 0
			for _, word := range words {
				if len(word) >= leastName && strings.Contains(text, " "+word+" ") {
					n++
				}
			}
			if n > most {
				best, most = i, n
			}
		}
		if best >= 0 {
			p := w.one(ctx, d, shelves[d.Library], parts[best:best+1])
			p.Found = []Span{{0, len(p.Text)}}
			out = append(out, p)
		}
	}
	return numbered(out), nil
}

// mostScanned is how many passages of a named document are looked through.
const mostScanned = 400

// Bounds of looking for conflicts.
const (
	mostConflicts = 8   // shown
	mostTold      = 64  // found
	mostClauses   = 120 // of a passage
	leastShared   = 4   // words
	shareAlike    = 0.7 // of the words of both
)

// wanted are the conflicts about what was asked: documents that are alike differ in
// much else. Each has half as many words of the question as the one that has most.
func wanted(all []Conflict, passages []Passage, question string) (list []Conflict) {
	words, most := wordsOf(question), 0
	has := make([]int, len(all))
	for i, c := range all {
		for word := range wordsOf(passages[c.A.Passage-1].Text[c.A.Start:c.A.End]) {
			if len(word) >= leastName && words[word] {
				has[i]++
			}
		}
		most = max(most, has[i])
	}
	for i, c := range all {
		if 2*has[i] >= most {
			list = append(list, c)
		}
	}
	return list[:min(len(list), mostConflicts)]
}

// clause is a sentence as it is compared.
type clause struct {
	Span
	words   map[string]bool
	figures string
}

// conflicts finds sentences of different documents that have nearly the same
// words and other numbers. It is rough: it says where to look, and decides
// nothing.
func conflicts(passages []Passage) (list []Conflict) {
	all := make([][]clause, len(passages))
	for i, p := range passages {
		all[i] = clauses(p.Text)
	}
	for i := range passages {
		for j := i + 1; j < len(passages); j++ {
			if passages[i].Document.ID == passages[j].Document.ID {
				continue
			}
			for _, a := range all[i] {
				for _, b := range all[j] {
					if a.figures != b.figures && a.likeness(b) >= shareAlike {
						if list = append(list, Conflict{At{passages[i].N, a.Span}, At{passages[j].N, b.Span}}); len(list) == mostTold {
							return list
						}
					}
				}
			}
		}
	}
	return list
}

func (c clause) likeness(o clause) float64 {
	both := 0
	for w := range c.words {
		if o.words[w] {
			both++
		}
	}
	if both < leastShared {
		return 0
	}
	return float64(both) / float64(len(c.words)+len(o.words)-both)
}

// ends of sentences.
var ends = regexp.MustCompile(`[.!?;]\s+|\n+|[。！？]`)

func clauses(text string) (list []clause) {
	from := 0
	for _, e := range append(ends.FindAllStringIndex(text, mostClauses), []int{len(text), len(text)}) {
		if c, ok := newClause(text, from, e[0]); ok {
			list = append(list, c)
		}
		from = e[1]
	}
	return list
}

func newClause(text string, from, to int) (clause, bool) {
	c := clause{Span: Span{from, to}, words: make(map[string]bool)}
	var figures []string
	for w := range strings.FieldsSeq(spaced(text[from:to])) {
		if plainNumber(w) != "" {
			figures = append(figures, w)
		} else {
			c.words[w] = true
		}
	}
	c.figures = strings.Join(figures, " ")
	return c, len(figures) > 0 && len(c.words) >= leastShared
}
