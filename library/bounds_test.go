package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
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

// TestTextOfAllPartsIsBounded: what lies in a file is read as far as all of it
// together may be held.
func TestTextOfAllPartsIsBounded(t *testing.T) {
	read := 0
	parser := func(ctx context.Context, src parse.Source) (parse.Document, error) {
		read++
		return readHere(ctx, src)
	}
	data := []byte(zipOf(t, "1.txt", strings.Repeat("x", 500), "2.txt", strings.Repeat("y", 500), "3.txt", "z", "4.txt", "z"))
	r := reading{ctx: t.Context(), parse: parser, count: 10, bytes: 10_000, text: 1000}
	m, err := r.make("all.zip", "/all.zip", data, 0)
	if err != nil || len(m.within) != 1 || len(m.inside) != 1 || m.inside[0].Why != parse.TooMuchFound.String() {
		t.Fatalf("%+v, %v", m, err)
	}
	if read != 3 || !slices.Equal(m.Missing, []string{parse.TooMuchFound.String()}) {
		t.Errorf("%d were read; missing is %v", read, m.Missing)
	}
	r = reading{ctx: t.Context(), parse: parser, text: 100}
	_, err = r.make("long.txt", "/long.txt", bytes.Repeat([]byte("x"), 500), 0)
	if no, ok := errors.AsType[*parse.RefusedError](err); !ok || no.Why != parse.TooMuchFound {
		t.Errorf("one that is too long by itself: %v", err)
	}
}
