package library

import (
	"fmt"
	"strings"
	"testing"

	"abaton.local/library/find"
)

// A document that was written to be found, of a thousand passages each nearer to
// the question than anything else, takes its three places and no other's: by
// words alone, and by meaning beside them.
func TestAPlantedDocumentLeavesPlaces(t *testing.T) {
	for name, meaning := range map[string]bool{"by words": false, "by both": true} {
		t.Run(name, func(t *testing.T) {
			o := newHome(t)
			if meaning {
				o.embedding(t, newConcepts(1))
			}
			var b strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&b, "# Notice %d\n\nnotice period automobile %d\n\n", i, i)
			}
			o.add(t, "house", "/planted.md", b.String())
			for i := range 6 {
				o.add(t, "house", fmt.Sprintf("/honest%d.txt", i), fmt.Sprintf("The notice period of contract %d, and much else that is said about that: %s", i, strings.Repeat("other words are here, ", 20)))
			}
			if meaning {
				o.embedAll(t)
			}
			a, err := o.l.Answer(t.Context(), nil, "notice period automobile", find.Usual())
			if err != nil {
				t.Fatal(err)
			}
			planted, honest := 0, 0
			for _, p := range a.Passages {
				if p.Document.Path == "/planted.md" {
					planted++
				} else {
					honest++
				}
			}
			if planted != 9 || honest != 5 {
				t.Errorf("%d passages of the planted document, %d of others", planted, honest)
			}
		})
	}
}
