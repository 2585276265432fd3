package find

// Candidate is a passage that may be picked.
type Candidate struct {
	ID       ID
	Document ID
	Sender   string // of a mail; empty elsewhere
	Text     string
}

// Caps bound how many passages are picked: in all, of one document, and of one
// sender's mails. Who plants texts to be found takes no more places than these.
type Caps struct{ All, Document, Sender int }

// Usual are the caps that answers are made with.
func Usual() Caps { return Caps{All: 8, Document: 3, Sender: 2} }

// Picked is a passage to answer from, and those behind it that say the same.
type Picked struct {
	Candidate
	Same []ID
}

// Pick takes candidates, best first, as far as the caps allow. One that says
// what a picked one says takes no place, but is named beside it, for two files
// that agree are more than one, and a person may want either.
func Pick(ranked []Candidate, caps Caps) (picked []Picked) {
	documents, senders := make(map[ID]int), make(map[string]int)
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
		if len(picked) >= caps.All || documents[c.Document] >= caps.Document || c.Sender != "" && senders[c.Sender] >= caps.Sender {
			continue
		}
		documents[c.Document]++
		senders[c.Sender]++
		picked, prints = append(picked, Picked{Candidate: c}), append(prints, p)
	}
	return picked
}
