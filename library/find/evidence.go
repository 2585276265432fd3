package find

// Evidence is what was found for a question, by its best passage.
type Evidence struct {
	Coverage float64 // how much of the question's words it has, by how rare they are: 0 to 1
	Cosine   float64 // how near it is in meaning
	Embedded bool    // whether meaning was compared at all
}

// Gate is what a question needs before it is answered, to be measured for each
// embedding model. A threshold that is not above 0 lets nothing through.
type Gate struct {
	Coverage float64
	Cosine   float64
}

// Enough says whether the documents may hold an answer: either the words of the
// question are there, or something near to its meaning. The two are never added,
// they have nothing in common.
func (g Gate) Enough(e Evidence) bool {
	words := g.Coverage > 0 && e.Coverage >= g.Coverage
	meaning := e.Embedded && g.Cosine > 0 && e.Cosine >= g.Cosine
	return words || meaning
}
