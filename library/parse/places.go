package parse

import "fmt"

// Part is what the parts of a document are called that are counted as pages. A page is
// what is one on paper: in a PDF, and in a text of Word where Word noted its breaks.
func (f Format) Part() string {
	switch f {
	case PPTX, ODP:
		return "slide"
	case XLSX, ODS:
		return "sheet"
	case MBOX:
		return "mail"
	case EPUB, RTF:
		return "section"
	}
	return "page"
}

// Place names such a part of a document that has so many; empty where that tells
// nothing, for it has none, or one, as a text of Word has in which no break is noted.
func (f Format) Place(n, of int) string {
	if n < 1 || of < 2 && f != PDF {
		return ""
	}
	return fmt.Sprintf("%s %d", f.Part(), n)
}
