package main

import (
	"time"

	"abaton.local/shaper"
)

// shaping is what is set about shapes, for api. check has read the words.
func (c *config) shaping() shaper.Policy {
	local, _ := shaper.ParseMode(c.Shape)
	lan, _ := shaper.ParseMode(c.LANShape)
	return shaper.Policy{Local: local, LAN: lan, Window: time.Duration(c.ShapeWindow), Uploads: c.PaddedUploads}
}

// shapes is the same, to be shown.
func (c *config) shapes() status {
	s := status{Shape: c.Shape}
	if c.LAN != "" {
		s.LANShape = c.LANShape
	}
	return s
}

// shapeWords says what is hidden from whoever watches the network.
func shapeWords(s status) string {
	words := map[string]string{
		"off":    "off (lengths of words and when they come can be seen)",
		"pad":    "pad (lengths of words are hidden; when they come and how many there are is not)",
		"paced":  "paced (sizes and times are hidden; an answer ends at 8, 16, 32, 64 or 128 s)",
		"sealed": "sealed (sizes, times and, of answers within one window, the end are hidden)",
	}
	if s.LANShape == "" {
		return words[s.Shape]
	}
	return words[s.LANShape] + " to other machines; here " + words[s.Shape]
}
