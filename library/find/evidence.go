package find

import (
	"encoding/hex"
	"math"
)

// Evidence is what was found for a question, by the passages that were picked.
type Evidence struct {
	Coverage float64 // how much of the question's words they have together, by how rare these are: 0 to 1
	Cosine   float64 // how near the nearest of all is in meaning
	Embedded bool    // whether meaning was compared at all
	Among    int     // how many passages were looked through
}

// Gate is what a question needs before it is answered, measured for each
// embedding model: see [Needed]. A threshold that is not above 0 lets nothing
// through.
type Gate struct {
	Coverage float64 // from which words alone are enough; above 1 they never are
	Cosine   float64 // from which meaning alone is
	Less     float64 // the part of it that is not needed where ten times fewer passages are
	Near     float64 // the cosine below which nothing counts as found by its meaning alone
}

// Thresholds hold among many passages. Among fewer, less has a word of any question
// or is near to it by chance, and the one document that answers has its own words
// for it: there less is needed, down to few. What is needed among many more was not
// measured, and no more is asked for.
const few, many = 8, 400

// Enough says whether the documents may hold an answer: words and meaning each
// are a part of what is needed, and the one makes up for what the other lacks. A
// question in other words than the text is near to it, one for a number or a name
// has no meaning to speak of, and what the documents do not speak of has little of
// either.
func (g Gate) Enough(e Evidence) bool {
	part, needed := 0.0, 1.0
	if g.Coverage > 0 && e.Coverage > 0 {
		part += e.Coverage / g.Coverage
	}
	if e.Embedded && g.Cosine > 0 && e.Cosine > 0 {
		part += e.Cosine / g.Cosine
	}
	if g.Less > 0 {
		needed -= g.Less * math.Log10(many/float64(min(max(e.Among, few), many)))
	}
	return part > 0 && part >= needed
}

// Needed is the gate where passages were found by words and by the meaning that
// the model of this digest makes; of the zero digest, or a model that nobody
// measured, words alone decide. The thresholds are measured: library/eval, half
// A of its questions, as far as they refuse at most one in ten that have an answer, by meaning eight in a hundred.
func Needed(model [32]byte) Gate {
	if g, ok := measured(model); ok {
		return g
	}
	return Gate{Coverage: 0.39, Less: 0.55}
}

// measured has the thresholds by model.
func measured(model [32]byte) (Gate, bool) {
	switch hex.EncodeToString(model[:]) {
	case "555edd70e59fd45b63c3c33529c34b18479298940167a1e51208c1b1eaa0662b": // all-MiniLM-L6-v2 in 16 bits
		return Gate{Coverage: 1.375, Cosine: 0.55, Less: 0.17, Near: 0.32}, true
	}
	return Gate{}, false
}
