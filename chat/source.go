package chat

// Source is a passage of a person's documents that went into an answer.
type Source struct {
	Document string // its identifier
	Name     string
	Library  string
	Heading  string
	Page     int // 0: none
	Passage  int // the first of it, in the document
	Text     string
	Score    float64 // how much of the question's words it has: 0 to 1
}

// Conflict is two stretches of two sources that say the same but for a number.
type Conflict struct{ A, B Stretch }

// Stretch is a part of a source's text.
type Stretch struct {
	Source int // from 1
	Text   string
}
