package engine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
)

// Caps of one reply. The engine read an untrusted file and may be anybody's by
// now, so a reply is hostile input.
const (
	maxLine       = 1 << 20  // bytes of one event
	maxAnswer     = 16 << 20 // bytes of text in one answer
	maxReplyBody  = 96 << 20 // bytes of any reply that is not streamed: the token numbers of maxText
	maxReplyHead  = 16 << 10 // bytes of status line and headers
	eventsPerStep = 8        // events that one token or one batch of the prompt may make
)

// badReply says that bytes from the engine are not its protocol; why is one of
// our own words.
type badReply struct{ why string }

func (e *badReply) Error() string { return e.why }

// step is one event of a stream: a piece of an answer, a sign of life (nothing
// set), or the end.
type step struct {
	piece Delta
	done  bool // piece has Finish and Usage
}

// empty tells a sign of life.
func (s step) empty() bool {
	d := s.piece
	return d.Text == "" && d.Reasoning == "" && len(d.Calls) == 0 && len(d.LogProbs) == 0
}

// stream reads server-sent events of an answer. It is for one goroutine.
type stream struct {
	r      *bufio.Reader
	object string   // what each event is
	tools  []string // that were offered
	one    bool     // at most one call
	probs  int      // of each token

	events int // still allowed
	text   int // bytes seen
	calls  calls
	finish Finish
	usage  *Usage
	kept   func() (step, error) // what came right behind a piece
	known  *int                 // tokens that the engine may know before it reads; nil where that is of no matter, and when it said so
	told   bool                 // it said how many it knew
	reads  func()               // called when it did, and so reads this prompt; nil for nothing
}

// newStream reads from r at most what a context of so many tokens can make: an
// answer to a prompt with such options.
func newStream(r io.Reader, context int, p Prompt) *stream {
	s := &stream{r: bufio.NewReaderSize(r, 16<<10), object: "chat.completion.chunk", events: eventsPerStep*context + 1024,
		one: p.Options.OneCall, probs: p.Options.LogProbs}
	if p.Text != "" {
		s.object = "text_completion"
	}
	for _, t := range p.Options.Tools {
		if p.Options.ToolChoice != NoCall && (p.Options.OnlyTool == "" || p.Options.OnlyTool == t.Name) {
			s.tools = append(s.tools, t.Name)
		}
	}
	return s
}

// next gives the next step: all that has come already together, as long as it
// keeps its order. Errors are *badReply, *engineError, or the reader's.
func (s *stream) next() (step, error) {
	if s.kept != nil {
		e, err := s.kept()
		if err == nil && !e.done { // the end stays the end
			s.kept = nil
		}
		return e, err
	}
	var whole step
	for {
		e, err := s.single()
		switch {
		case !whole.empty() && (err != nil || e.done || !follows(e.piece, whole.piece)):
			s.kept = func() (step, error) { return e, err }
			return whole, nil
		case err != nil || e.done:
			return e, err
		}
		whole.piece.Text += e.piece.Text
		whole.piece.Reasoning += e.piece.Reasoning
		whole.piece.Calls = append(whole.piece.Calls, e.piece.Calls...)
		whole.piece.LogProbs = append(whole.piece.LogProbs, e.piece.LogProbs...)
		if !s.more() {
			return whole, nil
		}
	}
}

// follows tells whether b can stand in one delta behind a: reasoning comes before
// text there and text before calls.
func follows(b, a Delta) bool {
	if b.Reasoning != "" {
		return a.Text == "" && len(a.Calls) == 0
	}
	return b.Text == "" || len(a.Calls) == 0
}

// more tells whether another event can be read without waiting.
func (s *stream) more() bool {
	b, _ := s.r.Peek(s.r.Buffered())
	b = bytes.TrimLeft(b, "\r\n")
	return len(b) > 0 && b[0] != ':' && bytes.IndexByte(b, '\n') >= 0
}

// single gives the next event.
func (s *stream) single() (step, error) {
	for {
		line, err := s.line()
		if err != nil {
			return step{}, err
		}
		if len(line) == 0 || line[0] == ':' { // between events; a ping
			continue
		}
		if s.events--; s.events < 0 {
			return step{}, &badReply{"more events than the context can make"}
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			return step{}, &badReply{"a line that is no event"}
		}
		if bytes.Equal(data, []byte("[DONE]")) {
			if s.finish == "" || s.usage == nil {
				return step{}, &badReply{"an end without a reason or a count"}
			}
			return step{done: true, piece: Delta{Finish: s.finish, Usage: *s.usage}}, nil
		}
		return s.event(data)
	}
}

// line reads one line without its end, at most maxLine long.
func (s *stream) line() ([]byte, error) {
	line, err := s.r.ReadSlice('\n')
	if err == nil {
		return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(long) > maxLine {
			return nil, &badReply{"a line that is too long"}
		}
		line, err = s.r.ReadSlice('\n')
		long = append(long, line...)
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // a stream ends by [DONE] alone
		}
		return nil, err
	}
	return bytes.TrimSuffix(long[:len(long)-1], []byte("\r")), nil
}

// chunk is a chat.completion.chunk or a text_completion, as far as we look at it.
// Fields that a later engine adds are passed over; nothing of them goes anywhere.
type chunk struct {
	Object  string `json:"object"`
	Choices []struct {
		Index  int     `json:"index"`
		Finish *string `json:"finish_reason"`
		Text   *string `json:"text"`
		Delta  struct {
			Role      *string     `json:"role"`
			Content   *string     `json:"content"`
			Reasoning *string     `json:"reasoning_content"`
			Calls     []callChunk `json:"tool_calls"`
		} `json:"delta"`
		LogProbs *struct {
			Content []probChunk `json:"content"`
		} `json:"logprobs"`
	} `json:"choices"`
	Progress *struct {
		Known *int `json:"cache"`
	} `json:"prompt_progress"`
	Usage *struct {
		Prompt *int64 `json:"prompt_tokens"`
		Answer *int64 `json:"completion_tokens"`
	} `json:"usage"`
	Error *engineError `json:"error"`
}

// event decodes one event and keeps what belongs to the end.
func (s *stream) event(data []byte) (step, error) {
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return step{}, &badReply{"an event that is not its JSON"}
	}
	if c.Error != nil {
		return step{}, c.Error
	}
	if c.Object != s.object || len(c.Choices) > 1 {
		return step{}, &badReply{"an event of another kind"}
	}
	if s.known != nil && c.Progress != nil {
		if n := c.Progress.Known; n == nil || *n < 0 || *n > *s.known {
			return step{}, &badReply{"a slot that knows what its owner did not say"}
		}
		if !s.told && s.reads != nil {
			s.reads()
		}
		s.told = true
	}
	if c.Usage != nil {
		u := c.Usage
		if s.usage != nil || u.Prompt == nil || u.Answer == nil || !count(*u.Prompt) || !count(*u.Answer) {
			return step{}, &badReply{"a count that cannot be"}
		}
		s.usage = &Usage{PromptTokens: int(*u.Prompt), AnswerTokens: int(*u.Answer)}
	}
	if len(c.Choices) == 0 {
		return step{}, nil
	}
	choice := c.Choices[0]
	switch {
	case choice.Index != 0 || s.finish != "":
		return step{}, &badReply{"an answer that was not asked for"}
	case choice.Delta.Role != nil && *choice.Delta.Role != string(Assistant):
		return step{}, &badReply{"a role that is not the assistant's"}
	}
	var d Delta
	for _, t := range []struct {
		from *string
		to   *string
	}{{choice.Delta.Reasoning, &d.Reasoning}, {choice.Text, &d.Text}, {choice.Delta.Content, &d.Text}} {
		if t.from == nil {
			continue
		}
		piece := strings.ReplaceAll(*t.from, "\x00", "") // no text of ours holds NUL
		if s.text += len(piece); s.text > maxAnswer {
			return step{}, &badReply{"an answer that is too long"}
		}
		*t.to += piece
	}
	var err error
	if d.Calls, err = s.calls.add(choice.Delta.Calls, s.tools, s.one); err != nil {
		return step{}, err
	}
	if choice.LogProbs != nil {
		if d.LogProbs, err = logProbs(choice.LogProbs.Content, s.probs); err != nil {
			return step{}, err
		}
	}
	if choice.Finish != nil {
		rest, err := s.calls.end(Finish(*choice.Finish), s.tools)
		if err != nil {
			return step{}, err
		}
		d.Calls = append(d.Calls, rest...)
		s.finish = Finish(*choice.Finish)
	}
	if s.known != nil && !s.told && !(step{piece: d}).empty() {
		return step{}, &badReply{"an answer before it said what its slot knew"}
	}
	return step{piece: d}, nil
}

func count(n int64) bool { return n >= 0 && n <= math.MaxInt32 }

// engineError is the engine's error object without its message, which can quote
// a person's text.
type engineError struct {
	Code   int    `json:"code"`
	Type   string `json:"type"`
	Prompt int64  `json:"n_prompt_tokens"`
	Window int64  `json:"n_ctx"`
}

func (e *engineError) Error() string { return "the engine refused" }

// kind gives the type if it is one that b11434 has, so that nothing else of the
// engine's text is passed on.
func (e *engineError) kind() string {
	switch e.Type {
	case "invalid_request_error", "authentication_error", "not_found_error", "server_error", "permission_error",
		"not_supported_error", "unavailable_error", "exceed_context_size_error":
		return e.Type
	}
	return "unknown"
}
