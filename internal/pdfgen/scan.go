package pdfgen

import (
	"fmt"
	"strings"
)

// Paper is a page of text on a white picture, which counts as scanned if it has few
// letters: drawn, it gives what a scanner would.
func Paper(lines ...string) []byte {
	image := Stream("/Type/XObject/Subtype/Image/Width 8/Height 8/BitsPerComponent 8/ColorSpace/DeviceGray", strings.Repeat("\xff", 64))
	var c strings.Builder
	c.WriteString("q 612 0 0 792 0 0 cm /I Do Q\n")
	for i, line := range lines {
		c.WriteString(Line("F1", 24, 72, 700-float64(i)*40, line))
	}
	return Pages("/XObject<</I 6 0 R>>", []string{image}, c.String())
}

// A Scan is gray dots, row by row.
type Scan struct {
	Width, Height int
	Gray          []byte
}

// Scans makes a file of pages that are pictures and nothing else.
func Scans(pages ...Scan) []byte {
	var images, contents []string
	var names strings.Builder
	for i, p := range pages {
		fmt.Fprintf(&names, "/I%d %d 0 R", i, 6+i)
		images = append(images, Stream(fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/FlateDecode", p.Width, p.Height), Deflate(string(p.Gray))))
		contents = append(contents, fmt.Sprintf("q 612 0 0 792 0 0 cm /I%d Do Q\n", i))
	}
	return Pages("/XObject<<"+names.String()+">>", images, contents...)
}
