package engine

import (
	"cmp"
	"context"
	"encoding/json"
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

const scrubRounds = 4 // breaking one token can complete another: "<|im_<|im_start|>start|>"

// scrubber breaks the control tokens of one loaded model. Safe for concurrent use.
type scrubber struct {
	client  *client
	context int      // tokens
	markers []string // what the template puts around turns, longest first
}

// newScrubber learns the marks that the model's template sets. They are asked
// for because some models list them as plain words of their vocabulary, which
// the comparison in dirty cannot see.
func newScrubber(ctx context.Context, c *client, window int) (*scrubber, error) {
	s := &scrubber{client: c, context: window}
	const a, b = "qzaqza", "qzbqzb"
	turns := []Message{{User, a}, {Assistant, b}, {User, a}}
	for _, messages := range [][]Message{turns, append([]Message{{System, b}}, turns...)} {
		prompt, err := c.prompt(ctx, messages)
		if _, refused := err.(*engineError); refused {
			continue // templates without a system turn, for one
		}
		if err != nil {
			return nil, err
		}
		scaffold := strings.NewReplacer(a, "\n", b, "\n").Replace(prompt)
		tokens, err := c.pieces(ctx, scaffold)
		if err != nil {
			return nil, err
		}
		for _, t := range tokens {
			if p, ok := t.text(); ok && bracketed(p) && !slices.Contains(s.markers, p) {
				s.markers = append(s.markers, p)
			}
		}
	}
	slices.SortFunc(s.markers, func(x, y string) int { return len(y) - len(x) })
	return s, nil
}

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

// clean gives messages in which no text spells a control token, and how many
// tokens they have, without the template's own. Where they cannot fit the
// context no work is spent on them: breaking a control token never makes fewer.
func (s *scrubber) clean(ctx context.Context, messages []Message) ([]Message, int, error) {
	messages = slices.Clone(messages)
	size := 0
	for _, m := range messages {
		size += len(m.Content)
	}
	if least := size / longestToken; least > s.context {
		return nil, 0, tooLong(int64(least), int64(s.context))
	}
	for i := range messages {
		for _, m := range s.markers {
			messages[i].Content = broken(messages[i].Content, m)
		}
	}
	n, dirty, err := s.dirty(ctx, messages)
	if err != nil || !dirty {
		return messages, n, err
	}
	if n >= s.context {
		return nil, 0, tooLong(int64(n), int64(s.context))
	}
	for i := range messages {
		for round := 0; ; round++ {
			tokens, err := s.controls(ctx, messages[i])
			if err != nil {
				return nil, 0, err
			}
			if len(tokens) == 0 {
				break
			}
			if round == scrubRounds {
				return nil, 0, outOfRange("messages", "a text in them holds control tokens of the model that cannot be taken out")
			}
			for _, t := range tokens {
				messages[i].Content = broken(messages[i].Content, t)
			}
		}
	}
	if n, dirty, err = s.dirty(ctx, messages); err == nil && dirty {
		err = outOfRange("messages", "a text in them holds control tokens of the model that cannot be taken out")
	}
	return messages, n, err
}

// dirty compares the texts split with and without control tokens.
func (s *scrubber) dirty(ctx context.Context, messages []Message) (int, bool, error) {
	var texts []string
	for _, m := range messages {
		if m.Content != "" {
			texts = append(texts, m.Content)
		}
	}
	if len(texts) == 0 {
		return 0, false, nil
	}
	var without []int
	var failed error
	var both sync.WaitGroup // at once: a person waits for the first word
	both.Go(func() { without, failed = s.client.tokenize(ctx, texts, false) })
	with, err := s.client.tokenize(ctx, texts, true)
	both.Wait()
	if err = cmp.Or(err, failed); err != nil {
		return 0, false, err
	}
	return len(with), !slices.Equal(with, without), nil
}

// controls lists the texts in m that the vocabulary reads as control tokens.
func (s *scrubber) controls(ctx context.Context, m Message) ([]string, error) {
	_, dirty, err := s.dirty(ctx, []Message{m})
	if err != nil || !dirty {
		return nil, err
	}
	tokens, err := s.client.pieces(ctx, m.Content)
	if err != nil {
		return nil, err
	}
	plain, err := s.client.tokenize(ctx, []string{m.Content}, false)
	if err != nil {
		return nil, err
	}
	var sure, likely []string
	for _, t := range tokens {
		p, ok := t.text()
		if !ok || utf8.RuneCountInString(p) < 2 || !strings.Contains(m.Content, p) {
			continue
		}
		if !slices.Contains(plain, t.ID) {
			sure = append(sure, p)
		} else if bracketed(p) {
			likely = append(likely, p)
		}
	}
	slices.Sort(sure)
	if sure = slices.Compact(sure); len(sure) > 0 {
		return sure, nil
	}
	if len(likely) == 0 {
		return nil, outOfRange("messages", "a text in them holds control tokens of the model that cannot be taken out")
	}
	slices.Sort(likely)
	return slices.Compact(likely), nil
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
