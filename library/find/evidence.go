package find

import "encoding/hex"

// Evidence is what was found for a question, by its best passage.
type Evidence struct {
	Coverage float64 // how much of the question's words it has, by how rare they are: 0 to 1
	Cosine   float64 // how near it is in meaning
	Embedded bool    // whether meaning was compared at all
}

// Gate is what a question needs before it is answered, measured for each
// embedding model: see [Needed]. A threshold that is not above 0 lets nothing
// through.
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

// Needed is the gate where passages were found by words and by the meaning that
// the model of this digest makes; of the zero digest, or a model that nobody
// measured, words alone decide. The thresholds are measured: library/eval, half
// A of its questions, as far as they let through nine of ten that have an answer.
func Needed(model [32]byte) Gate {
	if g, ok := measured(model); ok {
		return g
	}
	return Gate{Coverage: 0.24}
}

// measured has the thresholds by model.
func measured(model [32]byte) (Gate, bool) {
	switch hex.EncodeToString(model[:]) {
	case "555edd70e59fd45b63c3c33529c34b18479298940167a1e51208c1b1eaa0662b": // all-MiniLM-L6-v2 in 16 bits
		return Gate{Coverage: 0.70, Cosine: 0.32}, true
	}
	return Gate{}, false
}
