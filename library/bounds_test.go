package library

import (
	"fmt"
	"strings"
	"testing"

	"abaton.local/library/parse"
)

// TestHeadingsDoNotNestForever: each heading stands under the one before, and no
// passage has a path of all of them.
func TestHeadingsDoNotNestForever(t *testing.T) {
	var records []parse.Record
	for i := range 200 {
		records = append(records, parse.Record{Kind: parse.Heading, Level: i + 1, Text: fmt.Sprint("part ", i)}, parse.Record{Text: "words"})
	}
	var m made
	if err := m.cut(records); err != nil {
		t.Fatal(err)
	}
	for _, f := range m.leaves {
		for _, p := range f.Passages {
			if n := strings.Count(p.Heading, "›"); n >= deepest {
				t.Fatalf("a path has %d headings", n+1)
			}
		}
	}
}
