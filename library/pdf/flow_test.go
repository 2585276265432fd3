package pdf

import (
	"strings"
	"testing"

	"abaton.local/internal/pdfgen"
	"abaton.local/library/parse"
)

// Lines of a sentence are one text; those that end where their author wanted are not.
func TestLinesOfASentence(t *testing.T) {
	var page strings.Builder
	y := 760.0
	put := func(x float64, lines ...string) {
		for _, l := range lines {
			page.WriteString(pdfgen.Line("F1", 10, x, y, l))
			y -= 12
		}
		y -= 12
	}
	put(72, "The landlord lets to the tenant the flat on the second floor, with a cellar and a place for", "one bicycle in the yard. The notice period for the flat is three months, and it begins on", "the first day of the month that follows. A well-known exception is a complete renova-", "tion, for which it is shorter.")
	put(72, "Ada Lovelace of the company", "12 Main Street at the harbour", "London W1")
	put(72, "Roses are red and violets are blue, says the poem,", "and this is one of its longer lines, but not a full one,", "and so it goes on.")
	put(72, "1. One is the first of all of the numbers, and this sentence fills all of the line, it does", "2. Two comes after it.")
	put(72, "  result = call(first, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth, eleventh, twelfth)", "  return result")
	put(72, "What is said here stands in the table of contents, and on its page . . . . 12", "Another line of the table of contents, which is as long as the other one . . . 14")
	page.WriteString(pdfgen.Line("F1", 10, 300, y, "900") + pdfgen.Line("F1", 10, 300, y-12, "120"))
	put(72, "Rent of the flat in the first year", "Heating in the winter months")
	d, err := parsed(t, "flow.pdf", pdfgen.Pages("", nil, page.String()), parse.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	all := shown(d)
	for _, want := range []string{
		`"The landlord lets to the tenant the flat on the second floor, with a cellar and a place for one bicycle in the yard. The notice period for the flat is three months, and it begins on the first day of the month that follows. A well-known exception is a complete renovation, for which it is shorter."`,
		`company\n12 Main Street at the harbour\nLondon`, `says the poem,\nand this`, `full one,\nand so`, `it does\n2. Two`, `twelfth)\n return`, `12\nAnother line`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is missing in\n%s", want, all)
		}
	}
	if strings.Contains(all, "Rent of the flat in the first year Heating") || strings.Contains(all, "900 120") {
		t.Errorf("rows of a table are one text:\n%s", all)
	}
}
