package library

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"abaton.local/vault"
)

func TestParts(t *testing.T) {
	o := newHome(t)
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "# Part %d\n\nOf matter %d this is said.\n\n", i, i)
	}
	out := o.add(t, "house", "/long.md", b.String())
	if out.Document.Passages < 3*leafPassages {
		t.Fatalf("%d passages", out.Document.Passages)
	}
	_, whole, err := o.l.Text(t.Context(), out.Document.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]int{{0, 1}, {0, 100}, {30, 35}, {31, 33}, {32, 33}, {99, 1000}, {0, int(^uint(0) >> 1)}} {
		d, parts, err := o.l.Parts(t.Context(), out.Document.ID, c[0], c[1])
		if err != nil || d.ID != out.Document.ID || len(parts) != min(c[1], 100)-c[0] {
			t.Fatalf("%v: %d parts, %v", c, len(parts), err)
		}
		for i, p := range parts {
			if p.Passage != c[0]+i || whole[p.Start:p.End] != p.Text || p.Heading != fmt.Sprintf("Part %d", p.Passage) {
				t.Errorf("%v: %+v", c, p)
			}
		}
	}
	for _, c := range [][2]int{{5, 5}, {7, 3}, {100, 200}} {
		if _, parts, err := o.l.Parts(t.Context(), out.Document.ID, c[0], c[1]); err != nil || len(parts) != 0 {
			t.Errorf("%v: %d parts, %v", c, len(parts), err)
		}
	}
	if _, _, err := o.l.Parts(t.Context(), vault.NewID(), 0, 1); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}
