package engine

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Caps of one prompt. They bound what the engine is handed, whatever its own
// limits are: its text handling has had sign and size errors (CVE-2025-52566).
const (
	maxPerson   = 256     // bytes
	maxMessages = 4096    // turns
	maxText     = 8 << 20 // bytes of all turns together
	maxTokens   = math.MaxInt32
	maxContext  = 1 << 24
	maxStops    = 16
	maxStop     = 256 // bytes
	maxTools    = 128
	maxCallID   = 256 // bytes
	maxProbs    = 20  // tokens beside the one that was chosen
)

// checked gives p as the engine may be sent it: the schemas of its tools loosened,
// and everything held against the caps.
func (p Prompt) checked() (Prompt, error) {
	tools, err := loosened(p.Options.Tools)
	if err != nil {
		return Prompt{}, err
	}
	p.Options.Tools = tools
	return p, p.check()
}

// check holds p against what the engine may be sent. The error is a *Fault of
// kind BadRequest whose Detail names the field.
func (p Prompt) check() error {
	if p.Person == "" || len(p.Person) > maxPerson || !text(string(p.Person)) {
		return outOfRange("person", "it must be 1 to 256 bytes of text")
	}
	if p.Model.IsZero() {
		return outOfRange("model", "it is missing")
	}
	if err := p.checkContext(); err != nil {
		return err
	}
	if p.Text != "" {
		return p.checkText()
	}
	if len(p.Messages) == 0 || len(p.Messages) > maxMessages {
		return outOfRange("messages", "there must be 1 to 4096 of them")
	}
	total := 0
	for i, m := range p.Messages {
		if err := m.check(fmt.Sprintf("messages[%d]", i)); err != nil {
			return err
		}
		total += len(m.Content) + len(m.Reasoning)
		for _, c := range m.Calls {
			total += len(c.Arguments)
		}
		if total > maxText {
			return outOfRange("messages", "together they may hold at most 8 MiB of text")
		}
	}
	if err := p.checkImages(); err != nil {
		return err
	}
	// The engine continues a last answer, and refuses two in a row at the end.
	n := len(p.Messages)
	if n > 1 && p.Messages[n-1].Role == Assistant && p.Messages[n-2].Role == Assistant {
		return outOfRange("messages", "the last two must not both be the assistant's")
	}
	if len(p.Messages[n-1].Calls) > 0 {
		return outOfRange("messages", "the last one must not be a call of tools: what they gave has to follow")
	}
	return p.Options.check()
}

// checkText is check for a text that is continued as it stands.
func (p Prompt) checkContext() error {
	if p.ContextTokens < 0 || p.ContextTokens > maxContext {
		return outOfRange("num_ctx", "it must be 1 to 16777216, or left out")
	}
	return nil
}

func (p Prompt) checkText() error {
	switch {
	case len(p.Messages) > 0:
		return outOfRange("prompt", "it cannot be given beside messages")
	case !text(p.Text) || len(p.Text) > maxText:
		return outOfRange("prompt", "it must be at most 8 MiB of UTF-8 without NUL")
	case len(p.Options.Tools) > 0 || p.Options.ToolChoice != MayCall || p.Options.OnlyTool != "":
		return outOfRange("tools", "only a conversation can use them")
	case p.Options.Think != nil:
		return outOfRange("think", "only a conversation can use it")
	}
	return p.Options.check()
}

func (m Message) check(field string) error {
	switch m.Role {
	case System, User, Assistant, FromTool:
	default:
		return outOfRange(field+".role", "it must be system, user, assistant or tool")
	}
	if !text(m.Content) {
		return outOfRange(field+".content", "it must be UTF-8 without NUL")
	}
	if !text(m.Reasoning) || m.Reasoning != "" && m.Role != Assistant {
		return outOfRange(field+".reasoning", "it must be the assistant's, and UTF-8 without NUL")
	}
	if len(m.Images) > 0 && m.Role != User {
		return outOfRange(field+".images", "they must be the person's")
	}
	if len(m.CallID) > maxCallID || !text(m.CallID) || m.CallID != "" && m.Role != FromTool {
		return outOfRange(field+".tool_call_id", "it must be at most 256 bytes of UTF-8 without NUL, and stand in what a tool gave back")
	}
	return m.checkCalls(field + ".tool_calls")
}

func (o Options) check() error {
	if o.MaxTokens < 0 || o.MaxTokens > maxTokens {
		return outOfRange("max_tokens", "it must be 1 or more")
	}
	for _, f := range []struct {
		name   string
		value  *float64
		lo, hi float64
	}{
		{"temperature", o.Temperature, 0, 2},
		{"top_p", o.TopP, 0, 1},
		{"min_p", o.MinP, 0, 1},
		{"typical_p", o.TypicalP, 0, 1},
		{"repeat_penalty", o.RepeatPenalty, 0.01, 2},
		{"frequency_penalty", o.FrequencyPenalty, -2, 2},
		{"presence_penalty", o.PresencePenalty, -2, 2},
	} {
		// Written so that NaN, which compares with nothing, is refused.
		if f.value != nil && !(*f.value >= f.lo && *f.value <= f.hi) {
			return outOfRange(f.name, fmt.Sprintf("it must be %g to %g", f.lo, f.hi))
		}
	}
	if o.TopK != nil && (*o.TopK < 0 || *o.TopK > 1000) {
		return outOfRange("top_k", "it must be 0 to 1000")
	}
	if o.RepeatLast != nil && (*o.RepeatLast < -1 || *o.RepeatLast > 4096) {
		return outOfRange("repeat_last_n", "it must be -1 to 4096")
	}
	if o.LogProbs < 0 || o.LogProbs > maxProbs+1 {
		return outOfRange("top_logprobs", "it must be 0 to 20")
	}
	if o.Seed != nil && (*o.Seed < 0 || *o.Seed > math.MaxUint32) {
		return outOfRange("seed", "it must be 0 to 4294967295")
	}
	if len(o.Stop) > maxStops {
		return outOfRange("stop", "there may be at most 16 stop texts")
	}
	for i, s := range o.Stop {
		if s == "" || len(s) > maxStop || !text(s) {
			return outOfRange(fmt.Sprintf("stop[%d]", i), "it must be 1 to 256 bytes of UTF-8 without NUL")
		}
	}
	if o.JSONSchema != nil {
		if err := checkSchema(o.JSONSchema); err != nil {
			return err
		}
	}
	return o.checkTools()
}

// text tells whether s can be sent: valid UTF-8 without NUL.
func text(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
