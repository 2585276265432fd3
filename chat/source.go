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
