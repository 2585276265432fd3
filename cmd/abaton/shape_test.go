package main

import (
	"strings"
	"testing"

	"abaton.local/shaper"
)

// Every shape that can be set has words, and nothing is said of other machines
// where none may come in.
func TestShapeWords(t *testing.T) {
	c := defaults()
	if p := c.shaping(); p.Local != shaper.Off || p.LAN != shaper.Pad || p.Window != shaper.DefaultWindow || p.Uploads {
		t.Errorf("%+v", p)
	}
	for m := range shaper.Channel {
		c.Shape, c.LANShape, c.LAN = m.String(), m.String(), ""
		if here := shapeWords(c.shapes()); !strings.HasPrefix(here, m.String()+" (") || strings.Contains(here, "other machines") {
			t.Errorf("%q", here)
		}
		c.LAN = "192.0.2.1:8443"
		if both := shapeWords(c.shapes()); strings.Count(both, m.String()+" (") != 2 {
			t.Errorf("%q", both)
		}
	}
}
