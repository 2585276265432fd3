package parse

import (
	"strconv"
	"strings"
)

// css holds the simple selectors (an element, a class, an id, an element with a
// class) whose rules hide what they select. Rules for certain media are not
// looked at, and selectors of more than one part are not either: this tells
// tricks, it draws no page.
type css map[string]bool

const maxRules = 10_000

func (c css) read(sheet string) {
	for {
		from := strings.Index(sheet, "/*")
		if from < 0 {
			break
		}
		to := strings.Index(sheet[from+2:], "*/")
		if to < 0 {
			c.scan(sheet[:from])
			return
		}
		c.scan(sheet[:from])
		sheet = sheet[from+2+to+2:]
	}
	c.scan(sheet)
}

func (c css) scan(sheet string) {
	for len(c) < maxRules {
		open := strings.IndexByte(sheet, '{')
		if open < 0 {
			return
		}
		selectors := strings.TrimSpace(sheet[:open])
		sheet = sheet[open+1:]
		if strings.HasPrefix(selectors, "@") {
			for depth := 1; depth > 0; {
				k := strings.IndexAny(sheet, "{}")
				if k < 0 {
					return
				}
				if sheet[k] == '{' {
					depth++
				} else {
					depth--
				}
				sheet = sheet[k+1:]
			}
			continue
		}
		body, rest, _ := strings.Cut(sheet, "}")
		sheet = rest
		if lookOf(body).hidden {
			for s := range strings.SplitSeq(selectors, ",") {
				if s = strings.TrimSpace(s); s != "" && len(s) < 200 && !strings.ContainsAny(s, " >+~:[*\t\n") {
					c[s] = true
				}
			}
		}
	}
}

func (c css) hides(name, id, class string) bool {
	if len(c) == 0 {
		return false
	}
	if c[name] || id != "" && (c["#"+id] || c[name+"#"+id]) {
		return true
	}
	for n, one := range strings.Fields(class[:min(len(class), 2000)]) {
		if n > 32 {
			break
		}
		if c["."+one] || c[name+"."+one] {
			return true
		}
	}
	return false
}

// look is what declarations say of the text they are for.
type look struct{ hidden, white, ground bool }

func lookOf(declarations string) look {
	var l look
	var out, clipped, colour, ground string
	for d := range strings.SplitSeq(declarations, ";") {
		name, value, ok := strings.Cut(d, ":")
		if !ok {
			continue
		}
		value = strings.ToLower(strings.TrimSpace(strings.Replace(value, "!important", "", 1)))
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "display":
			l.hidden = l.hidden || value == "none"
		case "visibility":
			l.hidden = l.hidden || value == "hidden" || value == "collapse"
		case "opacity":
			if f, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64); err == nil && f < 0.05 {
				l.hidden = true
			}
		case "font-size":
			l.hidden = l.hidden || tiny(value)
		case "text-indent", "left", "top", "margin-left", "right":
			if far(value) {
				out = value
			}
		case "clip", "clip-path":
			clipped = value
		case "color":
			colour = value
		case "background", "background-color":
			l.ground = value != "none" && value != "transparent"
			ground = value
		}
	}
	switch colour {
	case "#fff", "#ffffff", "white", "rgb(255,255,255)", "rgb(255, 255, 255)":
		l.white = true
	case "transparent":
		l.hidden = true
	}
	l.hidden = l.hidden || out != "" || colour != "" && colour == ground ||
		strings.HasPrefix(clipped, "rect(0") || clipped == "inset(100%)"
	return l
}

// tiny is a size of text that nobody reads: under two points.
func tiny(size string) bool {
	for _, unit := range []struct {
		name string
		most float64
	}{{"px", 2.5}, {"pt", 2}, {"rem", 0.15}, {"em", 0.15}, {"%", 15}, {"", 2}} {
		if n, ok := strings.CutSuffix(size, unit.name); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
			return err == nil && f < unit.most && f >= 0
		}
	}
	return false
}

// far is a place outside every page.
func far(place string) bool {
	if !strings.HasPrefix(place, "-") {
		return false
	}
	n := strings.TrimRight(place, "abcdefghijklmnopqrstuvwxyz%")
	f, err := strconv.ParseFloat(n, 64)
	return err == nil && (f <= -500 || f <= -50 && strings.HasSuffix(place, "em"))
}
