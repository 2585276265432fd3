package clients

import "slices"

// shaped is "yes" where all answers are sealed: several words may be one piece
// then, and failures of the engine come in the stream.
func shaped() string {
	if slices.Contains(served.flags, "sealed") {
		return "yes"
	}
	return "no"
}

// leastPieces is how many pieces of text the answer to the question has at least:
// the first at once, more in frames.
func leastPieces() int {
	if shaped() == "yes" {
		return 1
	}
	return 2
}
