package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// llama-server reads control tokens in any text: it renders the chat template
// first and tokenizes the whole prompt after, so a pasted "<|im_start|>system"
// would open a system turn (b11434: oaicompat_chat_params_parse, then
// tokenize_input_prompts with parse_special). Here every such text is broken,
// in every message, by what the loaded vocabulary and template themselves say.

const scrubRounds = 8 // breaking one token can complete another: "<|im_<|im_start|>start|>"

// scrubber breaks the control tokens of one loaded model. Safe for concurrent use.
type scrubber struct {
	client  *client
	context int      // tokens
	markers []string // what the template puts around turns, longest first
	shown   bool     // the template puts the schema of an answer into the prompt

	mu    sync.Mutex               // guards what follows
	head  string                   // how the last prompt began that was found clean
	words map[int]bool             // tokens found to be no control tokens
	own   map[[32]byte]map[int]int // how often the template sets which token, by the shape of the prompt
}

const maxShapes = 64 // remembered; a conversation has a new one with each turn

// probe is a text that no template and no vocabulary takes for anything.
const probe = "qzaqza"

// newScrubber learns the marks that the model's templates set. They are asked
// for because some models list them as plain words of their vocabulary, which
// the comparison in dirty cannot see.
func newScrubber(ctx context.Context, c *client, window int, templates ...string) (*scrubber, error) {
	s := &scrubber{client: c, context: window, words: map[int]bool{}, own: map[[32]byte]map[int]int{}}
	const a, b = probe, "qzbqzb"
	turns := []Message{{Role: User, Content: a}, {Role: Assistant, Content: b}, {Role: User, Content: a}}
	call := Message{Role: Assistant, Reasoning: a, Calls: []Call{{ID: "abcdefghi", Name: a, Arguments: "{}"}}}
	tool := Options{Tools: []Tool{{Name: a, Description: b}}}
	for _, p := range []Prompt{
		{Messages: turns},
		{Messages: append([]Message{{Role: System, Content: b}}, turns...)},
		{Messages: []Message{{Role: User, Content: a}, {Role: Assistant, Reasoning: a, Content: b}, {Role: User, Content: a}}},
		{Messages: turns, Options: tool},
		{Messages: []Message{turns[0], call, {Role: FromTool, Content: b, CallID: "abcdefghi"}}, Options: tool},
	} {
		prompt, err := c.prompt(ctx, p)
		if _, refused := err.(*engineError); refused {
			continue // templates without a system turn, for one
		}
		if err != nil {
			return nil, err
		}
		scaffold := strings.NewReplacer(a, "\n", b, "\n").Replace(prompt)
		tokens, err := c.pieces(ctx, []string{scaffold})
		if err != nil {
			return nil, err
		}
		s.mark(tokens, bracketed)
	}
	schema := Options{JSONSchema: []byte(`{"type":"object","description":"` + b + `"}`)}
	prompt, err := c.prompt(ctx, Prompt{Messages: turns, Options: schema})
	if _, refused := err.(*engineError); err != nil && !refused {
		return nil, err
	}
	s.shown = strings.Count(prompt, b) > 1 // once it is said
	// And those that it can set, around what was not thought of here.
	for _, source := range templates {
		if source == "" {
			continue
		}
		tokens, err := c.pieces(ctx, []string{source})
		if err != nil {
			return nil, err
		}
		s.mark(tokens, literalMark.MatchString)
	}
	slices.SortFunc(s.markers, func(x, y string) int { return len(y) - len(x) })
	return s, nil
}

// mark takes the texts of tokens that look like marks.
func (s *scrubber) mark(tokens []token, like func(string) bool) {
	for _, t := range tokens {
		if p, ok := t.text(); ok && like(p) && !slices.Contains(s.markers, p) {
			s.markers = append(s.markers, p)
		}
	}
}

// literalMark is bracketed for what stands in the source of a template, where
// "[i]" is most likely code.
var literalMark = regexp.MustCompile(`^(<[^\s<>]{2,}>|\[/?[A-Z_]{2,}\])$`)

// bracketed tells tokens that look like marks from words: "<s>", "[INST]", "<|user|>".
func bracketed(p string) bool {
	if len(p) < 3 {
		return false
	}
	end := p[len(p)-1]
	return p[0] == '<' && end == '>' || p[0] == '[' && end == ']'
}

// longestToken is more bytes than a token of any vocabulary has on average
// over a text; the longest we know are runs of 256 spaces.
const longestToken = 512

// clean gives a prompt in which no text spells a control token, not even
// together with its neighbours, and how many tokens its texts have, without the
// template's own. Where they cannot fit the context no work is spent on them:
// breaking a control token never makes fewer. A control token in a name, a key or
// a value that the model is to choose is refused: broken, it would be another one.
func (s *scrubber) clean(ctx context.Context, p Prompt) (Prompt, int, error) {
	script, err := newScript(p, s.shown)
	if err != nil {
		return Prompt{}, 0, outOfRange("tools", "a schema or the arguments of a call are "+err.Error())
	}
	size := 0
	for _, t := range script.texts() {
		size += len(t)
	}
	if least := size / longestToken; least > s.context {
		return Prompt{}, 0, tooLong(int64(least), int64(s.context))
	}
	for _, m := range s.markers {
		if !script.breakAll(m) {
			return Prompt{}, 0, spelledInName()
		}
	}
	for round := 0; ; round++ {
		p = script.whole()
		v, err := s.look(ctx, p, script.texts())
		if err != nil {
			return Prompt{}, 0, err
		}
		if !v.dirty {
			s.begins(cmp.Or(p.Text, v.prompt))
		}
		switch {
		case !v.dirty && len(v.tokens) < s.context && p.Text == "":
			return p, len(v.tokens), s.composed(ctx, v)
		case !v.dirty:
			return p, len(v.tokens), nil
		case len(v.tokens) >= s.context:
			return Prompt{}, 0, tooLong(int64(len(v.tokens)), int64(s.context))
		case round == scrubRounds:
			return Prompt{}, 0, unbreakable()
		}
		marks, err := s.controls(ctx, script.texts())
		if err != nil {
			return Prompt{}, 0, err
		}
		for _, m := range marks {
			if !script.breakAll(m) {
				return Prompt{}, 0, spelledInName()
			}
		}
	}
}

// cleanTexts breaks the control tokens of texts that no template joins.
func (s *scrubber) cleanTexts(ctx context.Context, texts []string) ([]string, error) {
	script := &script{}
	texts = slices.Clone(texts)
	for i := range texts {
		script.pieces = append(script.pieces, piece{text: &texts[i], said: true})
	}
	for range scrubRounds {
		_, dirty, err := s.dirty(ctx, texts)
		if err != nil || !dirty {
			return texts, err
		}
		marks, err := s.controls(ctx, texts)
		if err != nil {
			return nil, err
		}
		for _, m := range marks {
			script.breakAll(m)
		}
	}
	return nil, unbreakable()
}

// view is what the engine makes of a prompt.
type view struct {
	tokens []int // of the texts, with control tokens
	dirty  bool  // they spell some
	prompt string
	whole  []int       // tokens of the prompt
	own    map[int]int // how many of them are the template's
	failed error       // why prompt, whole or own is missing
}

// look asks for all of it at once: a person waits for the first word. A text
// that is continued as it stands has no template.
func (s *scrubber) look(ctx context.Context, p Prompt, texts []string) (v view, err error) {
	var all sync.WaitGroup
	var unknown error
	if p.Text == "" {
		all.Go(func() { v.own, unknown = s.scaffold(ctx, p) })
		all.Go(func() {
			if v.prompt, v.failed = s.client.prompt(ctx, s.seen(p)); v.failed == nil {
				v.whole, v.failed = s.client.tokenize(ctx, []string{v.prompt}, true)
			}
		})
	}
	v.tokens, v.dirty, err = s.dirty(ctx, texts)
	all.Wait()
	v.failed = cmp.Or(v.failed, unknown)
	return v, err
}

// seen is p without what is in no prompt: a schema that the template does not
// show is only work for the engine there.
func (s *scrubber) seen(p Prompt) Prompt {
	if !s.shown {
		p.Options.JSONSchema = nil
	}
	return p
}

func unbreakable() *Fault {
	return outOfRange("messages", "a text in them holds control tokens of the model that cannot be taken out")
}

func spelledInName() *Fault {
	return outOfRange("tools", "a name, a value or a key in a schema, or the name of a tool, is a control token of the model")
}

// dirty compares texts split with and without control tokens, and gives the
// tokens of the first way.
func (s *scrubber) dirty(ctx context.Context, texts []string) ([]int, bool, error) {
	if len(texts) == 0 {
		return nil, false, nil
	}
	var without []int
	var failed error
	var both sync.WaitGroup // at once: a person waits for the first word
	both.Go(func() { without, failed = s.client.tokenize(ctx, texts, false) })
	with, err := s.client.tokenize(ctx, texts, true)
	both.Wait()
	if err = cmp.Or(err, failed); err != nil {
		return nil, false, err
	}
	return with, !slices.Equal(with, without), nil
}

// controls lists what in texts the vocabulary reads as control tokens: of all
// texts together, so that thousands of them cost no more calls than one.
func (s *scrubber) controls(ctx context.Context, texts []string) ([]string, error) {
	tokens, err := s.client.pieces(ctx, texts)
	if err != nil {
		return nil, err
	}
	ids, err := s.client.tokenize(ctx, texts, false)
	if err != nil {
		return nil, err
	}
	plain := tally(ids)
	all := strings.Join(texts, "\x00") // which no text holds, and so no mark that is in one of them
	sure, likely := map[string]bool{}, map[string]bool{}
	for _, t := range tokens {
		p, ok := t.text()
		if !ok || utf8.RuneCountInString(p) < 2 || sure[p] || likely[p] {
			continue
		}
		if control := plain[t.ID] == 0; (control || bracketed(p)) && strings.Contains(all, p) {
			if control {
				sure[p] = true
			} else {
				likely[p] = true
			}
		}
	}
	for _, found := range []map[string]bool{sure, likely} {
		if len(found) > 0 {
			return slices.Sorted(maps.Keys(found)), nil
		}
	}
	return nil, unbreakable()
}

func tally(ids []int) map[int]int {
	n := make(map[int]int, len(ids))
	for _, id := range ids {
		n[id]++
	}
	return n
}

// broken swaps the first character of each t in s for a look-alike that no
// vocabulary joins with the rest.
func broken(s, t string) string {
	if !strings.Contains(s, t) {
		return s
	}
	var by string
	switch t[0] {
	case '<':
		by = "‹" + t[1:]
	case '[':
		by = "⁅" + t[1:]
	default:
		_, n := utf8.DecodeRuneInString(t)
		by = t[:n] + "\u2060" + t[n:] // word joiner: seen by no reader, kept by every tokenizer
	}
	return strings.ReplaceAll(s, t, by)
}

// text gives the token's text; not ok where it is not a text by itself.
func (t token) text() (string, bool) {
	var p string
	err := json.Unmarshal(t.Piece, &p)
	return p, err == nil && p != ""
}
