package history

import (
	"encoding/json"
	"slices"

	"abaton.local/vault"
)

// Reading is that an answer was made with the person's documents in sight: what it
// says may be what a document wanted to be said. Whoever shows it opens no address
// of it. It is empty where only an earlier answer was made so.
type Reading struct {
	Kind      string     `json:"kind,omitempty"` // how it ended
	Why       string     `json:"why,omitempty"`  // in a sentence
	Notes     []string   `json:"notes,omitempty"`
	Passages  []Passage  `json:"passages,omitempty"` // all that went in, by their numbers from 1
	Sentences []Sentence `json:"sentences,omitempty"`
}

// Passage is a stretch of a document that was read for an answer.
type Passage struct {
	Document vault.ID `json:"document"`
	First    int      `json:"first"` // passages of the document
	Past     int      `json:"past"`
	Name     string   `json:"name"`    // of the document, as it was then
	Library  string   `json:"library"` // likewise
	Heading  string   `json:"heading,omitempty"`
	Page     int      `json:"page,omitempty"` // or the sheet, or the slide
	At       string   `json:"at,omitempty"`   // names it, "sheet 2"; before there was this, it was called a page
	Badges   []string `json:"badges,omitempty"`
	Text     string   `json:"text,omitempty"` // word for word, where it is shown in the answer's place
}

// Sentence is one of an answer, held against the passages.
type Sentence struct {
	Text        string  `json:"text"`
	Unsupported string  `json:"unsupported,omitempty"` // why it is not; empty: it is
	Quotes      []Quote `json:"quotes,omitempty"`
}

// Quote is a stretch of a passage, in the passage's words.
type Quote struct {
	Passage int    `json:"passage"` // its number among those of the answer, from 1
	Place   int    `json:"place"`   // the passage of the document in which it begins
	Text    string `json:"text"`
}

// Bounds of what is kept of a reading and of a conversation's libraries.
const (
	maxReading   = 1 << 20 // bytes of JSON
	maxLibraries = 1000
)

// valid tells whether what it says of its parts holds.
func (r *Reading) valid() bool {
	if r == nil {
		return true
	}
	for _, p := range r.Passages {
		if p.Document == (vault.ID{}) || p.First < 0 || p.Past <= p.First || p.Page < 0 {
			return false
		}
	}
	for _, s := range r.Sentences {
		for _, q := range s.Quotes {
			if q.Passage < 1 || q.Passage > len(r.Passages) || q.Place < 0 {
				return false
			}
		}
	}
	b, err := json.Marshal(r)
	return err == nil && len(b) <= maxReading
}

// librariesValid tells whether a conversation may look in these.
func librariesValid(ids []vault.ID) bool {
	for i, id := range ids {
		if id == (vault.ID{}) || slices.Contains(ids[:i], id) {
			return false
		}
	}
	return len(ids) <= maxLibraries
}
