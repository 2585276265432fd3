package engine

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// generic reads an answer that is held to the schema of fit: a response is given
// on as it comes, calls once they are whole.
type generic struct {
	from   steps
	tools  []string
	cut    bool // the program set stop texts, which can end the answer anywhere
	formed bool // a response is a JSON value, not a text

	mode answerMode
	json jsonEnd // of a response that is one
	text string  // not given on yet
	size int
	kept *step // the end
}

type answerMode int

const (
	undecided answerMode = iota
	response
	callsOnly
	over
)

// genericStart is what an answer begins with; the first group is that of calls.
var (
	genericStart = regexp.MustCompile(`^\s*\{\s*"(?:(tool_calls)"\s*:|response"\s*:\s*")`)
	formedStart  = regexp.MustCompile(`^\s*\{\s*"(?:(tool_calls)"\s*:|response"\s*:\s*)`)
)

// jsonEnd finds the brace that closes the object around a JSON value.
type jsonEnd struct {
	depth            int
	inString, escape bool
}

// in gives where that brace is in the next piece of the text, or -1.
func (e *jsonEnd) in(text string) int {
	for i := range len(text) {
		switch c := text[i]; {
		case e.escape:
			e.escape = false
		case e.inString:
			e.escape, e.inString = c == '\\', c != '"'
		case c == '"':
			e.inString = true
		case c == '{', c == '[':
			e.depth++
		case c == '}' && e.depth == 0:
			return i
		case c == '}', c == ']':
			e.depth--
		}
	}
	return -1
}

func (g *generic) next() (step, error) {
	if g.kept != nil {
		return *g.kept, nil
	}
	s, err := g.from.next()
	if err != nil {
		return step{}, err
	}
	if s.done {
		return g.end(s)
	}
	if g.size += len(s.piece.Text); g.size > maxAnswer {
		return step{}, &badReply{"an answer that is too long"}
	}
	if g.mode != over {
		g.text += s.piece.Text
	}
	s.piece.Text = ""
	if g.mode == undecided {
		start := genericStart
		if g.formed {
			start = formedStart
		}
		if m := start.FindStringSubmatchIndex(g.text); m != nil {
			if g.mode = response; m[2] >= 0 {
				g.mode = callsOnly
			} else {
				g.text = g.text[m[1]:]
			}
		}
	}
	switch g.mode {
	case response:
		if g.formed {
			s.piece.Text = g.value()
		} else {
			s.piece.Text, err = g.said()
		}
	case undecided, callsOnly:
		if len(g.text) > maxArguments {
			err = &badReply{"arguments of calls that are too long"}
		}
	}
	return s, err
}

// value takes from the text what of it belongs to the response's JSON value.
func (g *generic) value() string {
	text := g.text
	if g.text = ""; text == "" {
		return ""
	}
	if end := g.json.in(text); end >= 0 {
		g.mode, text = over, text[:end]
	}
	return text
}

// said takes from the text what can be read of the response's JSON string.
func (g *generic) said() (string, error) {
	n := 0
	for n < len(g.text) && g.text[n] != '"' {
		size := 1
		if g.text[n] == '\\' {
			if size = escape(g.text[n:]); size == 0 { // the rest of it comes
				break
			}
		}
		n += size
	}
	raw, rest := g.text[:n], g.text[n:]
	if g.text = rest; strings.HasPrefix(rest, `"`) {
		g.mode, g.text = over, ""
	}
	var text string
	if json.Unmarshal([]byte(`"`+raw+`"`), &text) != nil {
		return "", &badReply{"a response that is no JSON string"}
	}
	return strings.ReplaceAll(text, "\x00", ""), nil
}

// escape tells how long the escape is that s begins with, with the second half
// of a pair; 0 where more of it has to come.
func escape(s string) int {
	const half = 6 // bytes of \u1234
	switch {
	case len(s) < 2:
		return 0
	case s[1] != 'u':
		return 2
	case len(s) < half:
		return 0
	case s[2] != 'd' && s[2] != 'D' || !strings.ContainsRune("89abAB", rune(s[3])):
		return half
	case len(s) == half || s[half] == '\\' && len(s) < 2*half:
		return 0
	case s[half] == '\\' && s[half+1] == 'u':
		return 2 * half
	}
	return half
}

// end gives the calls, if there are any, and then the end.
func (g *generic) end(last step) (step, error) {
	whole := last.piece.Finish == Stopped && !g.cut
	switch {
	case g.mode == callsOnly:
		calls, err := g.calls()
		if err == nil {
			last.piece.Finish = Called
			g.kept = &last
			return step{piece: Delta{Calls: calls}}, nil
		}
		if whole {
			return step{}, err
		}
	case g.mode != over && whole:
		return step{}, &badReply{"an answer that ends in its middle"}
	}
	g.kept = &last
	return last, nil
}

// calls reads them all.
func (g *generic) calls() ([]CallDelta, error) {
	var v struct {
		Calls []struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"tool_calls"`
	}
	bad := &badReply{"calls that are not their JSON"}
	if json.Unmarshal([]byte(g.text), &v) != nil || len(v.Calls) == 0 || len(v.Calls) > maxGenericCalls {
		return nil, bad
	}
	var deltas []CallDelta
	for i, c := range v.Calls {
		d, err := openJSON(c.Arguments)
		if err != nil || !d.isObject() || !slices.Contains(g.tools, c.Name) {
			return nil, bad
		}
		deltas = append(deltas, CallDelta{Index: i, ID: newCallID(), Name: c.Name, Arguments: string(c.Arguments)})
	}
	return deltas, nil
}
