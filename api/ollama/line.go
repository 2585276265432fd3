package ollama

import (
	"encoding/json"
	"strings"
	"time"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

// speaker writes the lines of one answer.
type speaker struct {
	model    string // as it was asked for
	generate bool
	times    func() Times
}

// line is what one line of an answer can say.
type line struct {
	text, thinking string
	calls          []toolCall
	logProbs       []engine.LogProb
	reason         string // the last line's: "stop", "length", "load" or "unload"
	usage          engine.Usage
	cut            int // turns that were left out to make the rest fit; on the last line
}

type said struct {
	Role      string     `json:"role"`
	Content   string     `json:"content"`
	Thinking  string     `json:"thinking,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

type toolCall struct {
	ID       string `json:"id,omitempty"`
	Function struct {
		Index     int             `json:"index"`
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

// head and tail are common to both shapes.
type head struct {
	Model     string    `json:"model"`
	CreatedAt time.Time `json:"created_at"`
}

type tail struct {
	Done               bool      `json:"done"`
	DoneReason         string    `json:"done_reason,omitempty"`
	LogProbs           []logProb `json:"logprobs,omitempty"`
	TotalDuration      int64     `json:"total_duration,omitempty"`
	LoadDuration       int64     `json:"load_duration,omitempty"`
	PromptEvalCount    int       `json:"prompt_eval_count,omitempty"`
	PromptEvalDuration int64     `json:"prompt_eval_duration,omitempty"`
	EvalCount          int       `json:"eval_count,omitempty"`
	EvalDuration       int64     `json:"eval_duration,omitempty"`
	Cut                int       `json:"abaton_cut,omitempty"`
}

type token struct {
	Token   string  `json:"token"`
	LogProb float64 `json:"logprob"`
	Bytes   []int   `json:"bytes,omitempty"`
}

type logProb struct {
	token
	Top []token `json:"top_logprobs,omitempty"`
}

// line encodes one, without the newline. model is the shelf's name for the model
// that answers, which is told where none was asked for.
func (s *speaker) line(l line, model string) []byte {
	t := s.times()
	h := head{s.called(model), t.Created.UTC()}
	end := tail{Done: l.reason != "", DoneReason: l.reason, LogProbs: logProbs(l.logProbs), Cut: l.cut}
	if l.reason == reasonOf(engine.Stopped) || l.reason == reasonOf(engine.Length) {
		end.TotalDuration, end.LoadDuration = t.Total.Nanoseconds(), t.Load.Nanoseconds()
		end.PromptEvalCount, end.PromptEvalDuration = l.usage.PromptTokens, t.PromptEval.Nanoseconds()
		end.EvalCount, end.EvalDuration = l.usage.AnswerTokens, t.Eval.Nanoseconds()
	}
	if s.generate {
		return wire.Encode(struct {
			head
			Response  string     `json:"response"`
			Thinking  string     `json:"thinking,omitempty"`
			ToolCalls []toolCall `json:"tool_calls,omitempty"`
			tail
		}{h, l.text, l.thinking, l.calls, end})
	}
	return wire.Encode(struct {
		head
		Message said `json:"message"`
		tail
	}{h, said{"assistant", l.text, l.thinking, l.calls}, end})
}

// called is the model as it was asked for, or else as it answers.
func (s *speaker) called(model string) string {
	if s.model != "" {
		return s.model
	}
	return Name(model)
}

// reasonOf gives the dialect's word. An answer that calls tools has "stop", too.
func reasonOf(f engine.Finish) string {
	if f == engine.Length {
		return "length"
	}
	return "stop"
}

func logProbs(in []engine.LogProb) []logProb {
	out := make([]logProb, len(in))
	for i, p := range in {
		out[i].token = tokenOf(p)
		for _, other := range p.Top {
			out[i].Top = append(out[i].Top, tokenOf(other))
		}
	}
	return out
}

// tokenOf gives bytes as numbers: encoding/json would make base64 of them.
func tokenOf(p engine.LogProb) token {
	t := token{Token: p.Token, LogProb: p.Value}
	for _, b := range p.Bytes {
		t.Bytes = append(t.Bytes, int(b))
	}
	return t
}

// calls puts the pieces of calls together: this dialect sends a call as a whole.
type calls struct {
	list []call
	size int
}

type call struct {
	id, name  string
	arguments strings.Builder
}

func (c *calls) add(deltas []engine.CallDelta) {
	for _, d := range deltas {
		for len(c.list) <= d.Index {
			c.list = append(c.list, call{})
		}
		one := &c.list[d.Index]
		if d.ID != "" {
			one.id = d.ID
		}
		if d.Name != "" {
			one.name = d.Name
		}
		one.arguments.WriteString(d.Arguments)
		c.size += len(d.ID) + len(d.Name) + len(d.Arguments)
	}
}

// whole gives the calls that came to their end. One that did not, where an answer
// was cut at its length, is nothing that a program should run.
func (c *calls) whole() (out []toolCall) {
	for i := range c.list {
		one := &c.list[i]
		arguments := strings.TrimSpace(one.arguments.String())
		if arguments == "" {
			arguments = "{}"
		}
		if one.name == "" || arguments[0] != '{' || !json.Valid([]byte(arguments)) {
			continue
		}
		t := toolCall{ID: one.id}
		t.Function.Index, t.Function.Name, t.Function.Arguments = len(out), one.name, json.RawMessage(arguments)
		out = append(out, t)
	}
	return out
}
