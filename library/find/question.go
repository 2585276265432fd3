package find

import (
	"strings"
	"unicode"
)

// Speaker is whose words a turn of a conversation holds.
type Speaker uint8

const (
	Unknown Speaker = iota
	Person
	Model
	Quoted // a document, or anything else that was read
)

// Turn is what was said in a conversation.
type Turn struct {
	By   Speaker
	Text string
}

const (
	maxBack    = 3   // earlier turns that a question may lean on
	maxCarried = 32  // words of each
	maxAsked   = 512 // words of a question
	short      = 6   // words that say something, of a question that leans on others
)

// Question is what to look for: the last thing that the person said, and where
// that leans on what they said before ("and in May?"), the words of that too.
// Only the person's own words are ever looked for: what a model said, or a
// document, chooses nothing. The question is empty where the person said nothing.
func Question(turns []Turn) (text string, leans bool) {
	var own []string
	for _, t := range turns {
		if t.By == Person && strings.TrimSpace(t.Text) != "" {
			own = append(own, t.Text)
		}
	}
	if len(own) == 0 {
		return "", false
	}
	last := len(own) - 1
	parts := []string{first(own[last], maxAsked)}
	for at := last; at > 0 && last-at < maxBack && leaning(own[at]); at-- {
		parts = append(parts, first(own[at-1], maxCarried))
		leans = true
	}
	return strings.Join(parts, "\n"), leans
}

// first is a text up to so many words.
func first(text string, words int) string {
	inWord := false
	for i, r := range text {
		if space := unicode.IsSpace(r); space == inWord { // a word begins or ends
			if inWord = !space; inWord {
				if words--; words < 0 {
					return strings.TrimSpace(text[:i])
				}
			}
		}
	}
	return strings.TrimSpace(text)
}

// leaning says whether a question is understood only by what was said before: it
// says next to nothing itself, or it is short and goes on from something or
// points to it. Taking one for leaning that is not adds words to what is looked
// for, behind its own; the other way round nothing would be found.
func leaning(text string) bool {
	const (
		goOn  = " and but or so then also why how ok okay et mais ou donc alors puis aussi pourquoi comment sinon "
		point = " it its this that these those they them their theirs he him his she her hers one ones same former latter there " +
			"il ils elle elles lui leur leurs ce cet cette ces cela ça ceci celui celle ceux celles celui-ci y en son sa ses même mêmes là dessus "
	)
	words := strings.FieldsFunc(strings.ToLower(first(text, 4*short)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})
	saying, points := 0, false
	for _, w := range words {
		points = points || strings.Contains(point, " "+w+" ")
		if !small(w) {
			saying++
		}
	}
	if saying <= 1 {
		return true
	}
	return saying <= short && (points || strings.Contains(goOn, " "+words[0]+" "))
}

// small tells words that say nothing by themselves.
func small(word string) bool {
	const words = " a an and are as at about be been but by can could did do does for from had has have he her him his how i if in into is it its many me more much my not of on one ones or our " +
		"same she should so than that the their them then there these they this those to us was we were what when where which who whose why will with would you your " +
		"ai as au aux avec c ce ces cet cette combien comment d dans de des donc du elle elles en es est et eu il ils j je l la là le les leur leurs lui m ma mais me mes moi mon n ne nous on ont ou où par pas plus pour pourquoi " +
		"qu quand que quel quelle quelles quels qui quoi s sa sans se ses si son sont sur t ta te tes tu un une va votre vos vous y à ça cela était ok okay alors aussi also "
	return strings.Contains(words, " "+word+" ")
}
