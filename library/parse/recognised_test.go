package parse

import (
	"strings"
	"testing"
)

// TestRecognisedIsBounded: whoever took over what recognises text sends a megabyte of
// it, of which each letter becomes a record, or each a span. What that takes in memory
// is counted, and nothing is kept of what is too much.
func TestRecognisedIsBounded(t *testing.T) {
	const most = 4 << 20
	for name, text := range map[string]string{
		"records": strings.Repeat("a\n\n", 1<<20/3),
		"spans":   strings.Repeat("a\u200b", 1<<20/4),
	} {
		var d Document
		cost, words := d.Recognise(1, text, most)
		if words || cost <= most || len(d.Records) > 0 || d.Result.Records > 0 {
			t.Errorf("%s: %d bytes are counted, %d records kept", name, cost, len(d.Records))
		}
	}
	var d Document
	if cost, words := d.Recognise(1, "The notice period\n\nis three months", most); !words || cost < 2*perMessage || len(d.Records) != 2 {
		t.Errorf("a page: %d, %d records", cost, len(d.Records))
	}
	if _, words := d.Recognise(2, "\x00\x1b\u202e \n\n\ufeff", most); words || len(d.Records) != 2 {
		t.Errorf("what nobody sees: %d records", len(d.Records))
	}
}
