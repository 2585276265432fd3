package find

// Candidate is a passage that may be picked.
type Candidate struct {
	ID       ID
	Document ID
	Sender   string // of a mail; empty elsewhere
	Text     string
}

// Caps bound for how many places passages are picked: in all, of one document,
// and how many passages of one sender's mails. Who plants texts to be found takes
// no more than these.
//
// A place holds one passage, or up to three short ones of one document. What a
// document's passages leave of its places holds more of its short ones, as long as
// all are together no longer than as many full ones. So a document of many short
// sections may say as much as one of few long ones, and not more.
type Caps struct{ All, Document, Sender int }

// Usual are the caps that answers are made with.
func Usual() Caps { return Caps{All: 8, Document: 3, Sender: 2} }

const (
	inPlace = 3   // passages
	full    = 960 // bytes: the 320 tokens that passages are filled up to, of three Latin letters or one Chinese sign each
)

// Picked is a passage to answer from, and those behind it that say the same.
type Picked struct {
	Candidate
	Same []ID
}

// held is the places that a document has, and the bytes that are left in them.
type held struct{ places, left int }

// with is what a document holds with one passage more. It goes where there is
// room, else into a place of its own.
func (h held) with(text string) held {
	size := max(len(text), full/inPlace)
	if size <= h.left {
		return held{h.places, h.left - size}
	}
	return held{h.places + 1, h.left + max(0, full-size)}
}

// Pick takes candidates, best first, as far as the caps allow. One that says
// what a picked one says takes no place, but is named beside it, for two files
// that agree are more than one, and a person may want either.
func Pick(ranked []Candidate, caps Caps) (picked []Picked) {
	documents, senders := make(map[ID]held), make(map[string]int)
	places := 0
	var prints []print
next:
	for _, c := range ranked {
		p := printOf(c.Text)
		for i := range picked {
			if picked[i].ID == c.ID {
				continue next
			}
			if p.saidBy(&prints[i]) {
				picked[i].Same = append(picked[i].Same, c.ID)
				continue next
			}
		}
		was := documents[c.Document]
		now := was.with(c.Text)
		more := now.places - was.places
		if places+more > caps.All || now.places > caps.Document || c.Sender != "" && senders[c.Sender] >= caps.Sender {
			continue
		}
		places += more
		documents[c.Document] = now
		senders[c.Sender]++
		picked, prints = append(picked, Picked{Candidate: c}), append(prints, p)
	}
	return picked
}

// mostOf is how many passages of one document are looked at for one answer: as
// many as could be picked of it, and some more, for some will say the same.
const mostOf = 16

// First gives the n best to pick from, which are still to be read. A document of
// which much was found keeps none of another's out.
func First(ranked []Ranked, n int, documentOf func(ID) ID) (first []ID) {
	count := make(map[ID]int)
	for _, r := range ranked {
		if d := documentOf(r.ID); len(first) < n && count[d] < mostOf {
			count[d]++
			first = append(first, r.ID)
		}
	}
	return first
}
