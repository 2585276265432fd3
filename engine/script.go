package engine

import (
	"slices"
	"strings"
)

// script is a prompt with every text in it that a program can set at hand, to
// be looked at and changed: what is said, and the strings inside of schemas and
// arguments as the engine's template will see them, without JSON's escapes.
type script struct {
	prompt Prompt
	pieces []piece
	close  []func() // put what was taken apart back into prompt
}

// piece is one text. One that is fixed cannot be changed without changing what
// it means: a name, a key, a value that the model is to choose.
type piece struct {
	text  *string
	fixed bool
	said  bool // by somebody, in a message: not a part of a tool or a call
}

// newScript takes a copy of p apart; with shown, the schema of the answer stands in
// the prompt, too. The error says that a JSON text is none.
func newScript(p Prompt, shown bool) (*script, error) {
	s := &script{prompt: p}
	if p.Text != "" {
		s.pieces = append(s.pieces, piece{text: &s.prompt.Text, said: true})
		return s, nil
	}
	s.prompt.Messages = slices.Clone(p.Messages)
	for i := range s.prompt.Messages {
		m := &s.prompt.Messages[i]
		s.pieces = append(s.pieces, piece{text: &m.Content, said: true}, piece{text: &m.Reasoning, said: true})
		m.Calls = slices.Clone(m.Calls)
		for j := range m.Calls {
			c := &m.Calls[j]
			s.pieces = append(s.pieces, piece{text: &c.Name, fixed: true})
			d, err := openJSON([]byte(c.Arguments))
			if err != nil {
				return nil, err
			}
			s.take(d, func(jsonToken) bool { return false })
			s.close = append(s.close, func() { c.Arguments = string(d.bytes()) })
		}
	}
	s.prompt.Options.Tools = slices.Clone(p.Options.Tools)
	for i := range s.prompt.Options.Tools {
		t := &s.prompt.Options.Tools[i]
		s.pieces = append(s.pieces, piece{text: &t.Name, fixed: true}, piece{text: &t.Description})
		if t.Parameters == nil {
			continue
		}
		d, err := openJSON(t.Parameters)
		if err != nil {
			return nil, err
		}
		s.take(d, meaningful)
		s.close = append(s.close, func() { t.Parameters = d.bytes() })
	}
	if schema := p.Options.JSONSchema; schema != nil && shown {
		d, err := openJSON(schema)
		if err != nil {
			return nil, err
		}
		s.take(d, meaningful)
		s.close = append(s.close, func() { s.prompt.Options.JSONSchema = d.bytes() })
	}
	return s, nil
}

// meaningful tells the strings of a schema that are more than words about it.
func meaningful(t jsonToken) bool {
	return t.data || t.kind == keyString || t.under != "description" && t.under != "title" && t.under != "$comment"
}

// take makes pieces of the strings of d.
func (s *script) take(d *document, fixed func(jsonToken) bool) {
	for i := range d.tokens {
		if t := &d.tokens[i]; t.kind != noString {
			s.pieces = append(s.pieces, piece{text: &t.text, fixed: fixed(*t)})
		}
	}
}

// whole gives the prompt as its pieces are now.
func (s *script) whole() Prompt {
	for _, f := range s.close {
		f()
	}
	p := s.prompt
	p.Messages = slices.Clone(p.Messages)
	for i := range p.Messages {
		p.Messages[i].Calls = slices.Clone(p.Messages[i].Calls)
	}
	p.Options.Tools = slices.Clone(p.Options.Tools)
	return p
}

// texts are the pieces that are not empty.
func (s *script) texts() []string {
	var list []string
	for _, p := range s.pieces {
		if *p.text != "" {
			list = append(list, *p.text)
		}
	}
	return list
}

// breakAll breaks every t. It is false where that would change a fixed piece.
func (s *script) breakAll(t string) bool {
	for _, p := range s.pieces {
		if !strings.Contains(*p.text, t) {
			continue
		}
		if p.fixed {
			return false
		}
		*p.text = broken(*p.text, t)
	}
	return true
}

// harmless is the same prompt with texts that spell nothing: what was said is a
// probe, and of tools and calls the letters stay, because templates look at
// some of their words. An empty text stays empty, for templates look at that.
func (s *script) harmless() Prompt {
	for _, p := range s.pieces {
		switch {
		case *p.text == "":
		case p.said:
			*p.text = probe
		default:
			*p.text = letters(*p.text)
		}
	}
	s.prompt.Options.OnlyTool = letters(s.prompt.Options.OnlyTool)
	return s.whole()
}

// letters swaps whatever is no letter, digit or underscore for an x.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return 'x'
	}, s)
}
