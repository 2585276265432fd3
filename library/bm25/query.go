package bm25

import "strings"

// maxWords bounds the words of a query that count: a pasted page is a query
// about its beginning.
const (
	maxWords  = 64
	maxPieces = 64 * maxWords // of a query that are looked at
)

// Query is what to look for. The zero Query finds nothing.
type Query struct {
	words []wanted
}

// wanted is one word of a query. What it is worth in a document is the best of
// its forms there, so that a word with several stems counts once, and a little
// of what the word is worth as it was written.
type wanted struct {
	forms []form
	exact string // empty where a form says as much
}

type form struct {
	term   string
	weight float64
}

// On Cranfield a tenth for the word as written gains half a point of a hundred,
// and its full weight would cost as much. The word without its diacritics is
// there to be found at all, where one side wrote them and the other did not. A
// compound adds to its parts, which are words of the query too.
const (
	exactWeight = 0.1
	bareWeight  = 0.5
	wholeWeight = 0.5
)

// ParseQuery reads what a person typed. There is no syntax: any text is a query,
// and of its words any may match. Words that stand in nearly every text, such
// as "the" or "de", count only where nothing else was asked for.
func ParseQuery(text string) Query {
	var q, stops Query
	seen := make(map[string]bool)
	add := func(q *Query, w wanted, as string) {
		if as != "" && !seen[as] && len(q.words) < maxWords {
			seen[as] = true
			q.words = append(q.words, w)
		}
	}
	alone := func(term string, weight float64) wanted { return wanted{forms: []form{{term, weight}}} }
	english, french := languages(text)
	look := 0
	pieces(text, func(p piece) bool {
		raw := text[p.start:p.end]
		switch p.kind {
		case plain:
			s := spell(raw)
			if en, fr := stop(s.exact); en || fr {
				add(&stops, s.wanted(english, french), s.exact)
			} else {
				add(&q, s.wanted(english, french), s.exact)
			}
		case compound:
			whole := wholeOf(raw)
			add(&q, alone(whole, wholeWeight), whole)
		case dense:
			n := 0
			for g := range grams(raw) {
				if n++; !g.single {
					add(&q, alone(g.term, 1), g.term)
				}
				if len(q.words) == maxWords {
					break
				}
			}
			if n == 1 { // pairs say more, where there are any
				for g := range grams(raw) {
					add(&q, alone(g.term, 1), g.term)
				}
			}
		}
		look++
		return len(q.words) < maxWords && look < maxPieces
	})
	if len(q.words) == 0 {
		return stops
	}
	return q
}

// wanted is what a query wants of a word, in the languages given.
func (s spelling) wanted(english, french bool) (w wanted) {
	add := func(term string, weight float64) {
		if term == "" {
			return
		}
		for _, f := range w.forms {
			if f.term == term {
				return
			}
		}
		w.forms = append(w.forms, form{term, weight})
	}
	if english {
		add(s.english, 1)
	}
	if french {
		add(s.french, 1)
	}
	if len(w.forms) == 0 { // the word has no stem there
		add(s.exact, 1)
	}
	if s.english == "" || !english { // which is made of the bare word, wherever that stands
		add(s.bare, bareWeight)
	}
	if len(w.forms) > 1 || w.forms[0].term != s.exact {
		w.exact = s.exact
	}
	return w
}

// languages tells by its small words which languages a text may be in.
func languages(text string) (english, french bool) {
	votes, n := 0, 0
	pieces(text, func(p piece) bool {
		if p.kind == plain {
			en, fr := stop(folded(cut(text[p.start:p.end], maxRaw)))
			if en && !fr {
				votes++
			}
			if fr && !en {
				votes--
			}
			n++
		}
		return n < 4*maxWords
	})
	return votes >= 0, votes <= 0
}

// stop tells the words that say nothing, in English and in French.
func stop(word string) (english, french bool) {
	const en = " a an and any are as at be been but by can could did do does for from get got had has have he her him his how i if in into is it its many me might much must my " +
		"not of on or our she should so some such than that the their them then there these they this those to us was we were what when where which who whom whose why will with would you your "
	const fr = " a ai as au aux avec avez c ce ces cet cette ceux combien comment d dans de des doit doivent donc du elle elles en es est et eu eux fait faire faut il ils j je l la le les leur leurs lui m ma mais me mes moi mon " +
		"n ne nos notre nous on ont ou où par pas peut peuvent peux plus pour pourquoi puis qu quand que quel quelle quelles quels qui quoi s sa sans se ses si son sont suis sur t ta te tes toi ton tu un une va vos votre vous y à été être "
	if word == "" || len(word) > 12 {
		return false, false
	}
	word = " " + word + " "
	return strings.Contains(en, word), strings.Contains(fr, word)
}
