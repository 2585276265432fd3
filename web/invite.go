package web

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// Nearby is by what other machines could find this one: the lines that let them in
// are made of it where nobody has written any.
type Nearby struct {
	Address string // of a network card, without a port
	Name    string // HOST.local
}

// Joining is how people on other machines come in.
type Joining struct {
	Base    string // https://NAME:PORT; empty: they do not
	Leaflet string // the page without TLS that tells how to trust the certificate; empty: there is none
	Words   string // the fingerprint of the certificate's own authority; empty with an operator's certificate
	Digits  string // all of it, as systems show it
}

// square is a QR code as one path of unit squares, with the empty border that
// readers need. It holds numbers and letters of our own alone.
type square struct {
	Path string
	Side int // with the border
}

const margin = 4 // empty units around a code

// squareOf draws a link, nil where it is too long to be drawn.
func squareOf(link string) *square {
	code, err := qr.Encode(link, qr.M)
	if err != nil {
		return nil
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+margin, y+margin, run, run)
				x += run
			}
		}
	}
	return &square{path.String(), code.Size + 2*margin}
}
