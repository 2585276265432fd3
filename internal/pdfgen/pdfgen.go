// Package pdfgen makes PDF files for tests: sound ones, and ones that no program
// would write.
package pdfgen

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
)

// File makes a file of objects, numbered from 1, of which the first is the catalogue.
func File(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer <</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return b.Bytes()
}

// Stream is an object that holds bytes; extra stands in its dictionary.
func Stream(extra, data string) string {
	return fmt.Sprintf("<</Length %d %s>>\nstream\n%s\nendstream", len(data), extra, data)
}

// Deflate packs bytes as /FlateDecode has them.
func Deflate(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // to memory
	_ = w.Close()
	return b.String()
}

const fonts = "/Font<</F1 4 0 R/F2 5 0 R>>"

// Pages makes a file with a page for each piece of content. Fonts F1 and F2 are
// there (Helvetica and its bold), and what else resources names.
func Pages(resources string, more []string, contents ...string) []byte {
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "", "<<" + fonts + resources + ">>",
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>"}
	objects = append(objects, more...)
	var kids strings.Builder
	for _, c := range contents {
		n := len(objects) + 1
		fmt.Fprintf(&kids, "%d 0 R ", n)
		objects = append(objects, fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources 3 0 R/Contents %d 0 R>>", n+1),
			Stream("/Filter/FlateDecode", Deflate(c)))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), len(contents))
	return File(objects...)
}

// Line draws text at a height, with a font and a size.
func Line(font string, size, x, y float64, text string) string {
	text = strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(text)
	return fmt.Sprintf("BT /%s %g Tf %g %g Td (%s) Tj ET\n", font, size, x, y, text)
}

// Report is a file of so many pages as people write them: a heading, some
// paragraphs of full lines, a number at the foot. About 2,900 letters a page.
func Report(pages int) []byte {
	const words = "The committee considered the draft of the agreement and noted that the parties had not yet settled the question of delivery "
	var contents []string
	for p := range pages {
		var c strings.Builder
		c.WriteString(Line("F2", 16, 72, 740, fmt.Sprintf("Section %d: what was agreed", p+1)))
		y := 712.0
		for i := range 45 {
			at := (p*7 + i*13) % 40
			c.WriteString(Line("F1", 10, 72, y, (words + words)[at:at+88]))
			if y -= 12; i%9 == 8 {
				y -= 10
			}
		}
		c.WriteString(Line("F1", 9, 300, 40, fmt.Sprint(p+1)))
		contents = append(contents, c.String())
	}
	return Pages("", nil, contents...)
}
