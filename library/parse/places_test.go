package parse

import "testing"

// Only what is one on paper is called a page.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		f     Format
		n, of int
		want  string
	}{
		{PDF, 1, 1, "page 1"}, {PDF, 7, 9, "page 7"}, {PDF, 0, 9, ""}, {DOCX, 2, 3, "page 2"}, {DOCX, 1, 1, ""}, {XLSX, 2, 3, "sheet 2"}, {ODS, 1, 2, "sheet 1"}, {XLSX, 1, 1, ""},
		{PPTX, 4, 5, "slide 4"}, {ODP, 4, 5, "slide 4"}, {EPUB, 3, 8, "section 3"}, {RTF, 2, 2, "section 2"}, {MBOX, 2, 2, "mail 2"}, {HTML, 0, 0, ""}, {ODT, 0, 0, ""}, {Markdown, 0, 0, ""},
	} {
		if got := c.f.Place(c.n, c.of); got != c.want {
			t.Errorf("%s %d of %d: %q, want %q", c.f, c.n, c.of, got, c.want)
		}
	}
}

// Pages of a text of Word are those where Word noted its breaks: one that an author
// made, and another program kept, does not tell what comes before it fills one.
func TestWordsOwnPages(t *testing.T) {
	const byHand = `<w:p><w:r><w:br w:type="page"/></w:r></w:p>`
	for name, c := range map[string]struct {
		body string
		page int
	}{
		"by hand":              {byHand + `<w:p><w:r><w:t>last</w:t></w:r></w:p>`, 1},
		"noted":                {`<w:p><w:r><w:lastRenderedPageBreak/><w:t>last</w:t></w:r></w:p>`, 2},
		"by hand, and noted":   {byHand + `<w:p><w:r><w:lastRenderedPageBreak/><w:t>last</w:t></w:r></w:p>`, 2},
		"three, one by hand":   {`<w:p><w:r><w:lastRenderedPageBreak/><w:t>x</w:t></w:r></w:p>` + byHand + `<w:p><w:r><w:lastRenderedPageBreak/><w:t>last</w:t></w:r></w:p>`, 3},
		"noted in one stretch": {`<w:p><w:r><w:lastRenderedPageBreak/><w:t>x</w:t><w:lastRenderedPageBreak/></w:r></w:p><w:p><w:r><w:t>last</w:t></w:r></w:p>`, 3},
	} {
		records := parsed("a.docx", docxOf(t, `<w:p><w:r><w:t>first</w:t></w:r></w:p>`+c.body), Limits{}).records
		if n := len(records); n < 2 || records[0].Page != 1 || records[n-1].Text != "last" || records[n-1].Page != c.page {
			t.Errorf("%s: %+v", name, records)
		}
	}
}
