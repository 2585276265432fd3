package chunk

import (
	"strings"
	"testing"
)

// BenchmarkCut cuts a book of a thousand pages, with a cheap count.
func BenchmarkCut(b *testing.B) {
	var records []Record
	size := 0
	for page := range 1000 {
		records = append(records, Record{page + 1, Heading, 2, "Chapter"}, Record{page + 1, Prose, 0, strings.Repeat(sentence(20)+" ", 20)})
		size += len(records[len(records)-1].Text)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := Cut("Book", records, Usual(), byWord); err != nil {
			b.Fatal(err)
		}
	}
}
