package bm25

import "testing"

// Words of asking count only where nothing else is asked for: they are rare in
// documents, so that they would weigh as much as what is asked about.
func TestWordsOfAsking(t *testing.T) {
	for _, c := range []struct {
		asked string
		words int
	}{
		{"How many weeks must I get?", 1},
		{"Combien de semaines faut-il ?", 2}, // and faut-il, written as one
		{"how many", 2},
		{"the invoice of May", 2}, // a month
	} {
		if n := len(ParseQuery(c.asked).words); n != c.words {
			t.Errorf("%q has %d words", c.asked, n)
		}
	}
}
