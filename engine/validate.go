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
)

// check holds p against what the engine may be sent. The error is a *Fault of
// kind BadRequest whose Detail names the field.
func (p Prompt) check() error {
	if p.Person == "" || len(p.Person) > maxPerson || !text(string(p.Person)) {
		return outOfRange("person", "it must be 1 to 256 bytes of text")
	}
	if p.Model.IsZero() {
		return outOfRange("model", "it is missing")
	}
	if err := p.unsupported(); err != nil {
		return err
	}
	if p.ContextTokens < 0 || p.ContextTokens > maxContext {
		return outOfRange("num_ctx", "it must be 1 to 16777216, or left out")
	}
	if len(p.Messages) == 0 || len(p.Messages) > maxMessages {
		return outOfRange("messages", "there must be 1 to 4096 of them")
	}
	total := 0
	for i, m := range p.Messages {
		field := fmt.Sprintf("messages[%d]", i)
		switch m.Role {
		case System, User, Assistant:
		default:
			return outOfRange(field+".role", "it must be system, user or assistant")
		}
		if !text(m.Content) {
			return outOfRange(field+".content", "it must be UTF-8 without NUL")
		}
		if total += len(m.Content); total > maxText {
			return outOfRange("messages", "together they may hold at most 8 MiB of text")
		}
	}
	// The engine continues a last answer, and refuses two in a row at the end.
	if n := len(p.Messages); n > 1 && p.Messages[n-1].Role == Assistant && p.Messages[n-2].Role == Assistant {
		return outOfRange("messages", "the last two must not both be the assistant's")
	}
	return p.Options.check()
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
		return checkSchema(o.JSONSchema)
	}
	return nil
}

// text tells whether s can be sent: valid UTF-8 without NUL.
func text(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// unsupported refuses what no worker does yet, so that nothing is dropped in silence.
func (p Prompt) unsupported() error {
	o := p.Options
	switch {
	case p.Text != "":
		return outOfRange("prompt", "a text without a conversation cannot be continued yet")
	case len(o.Tools) > 0 || o.ToolChoice != MayCall || o.OnlyTool != "" || o.OneCall:
		return outOfRange("tools", "tools cannot be used yet")
	case o.LogProbs != 0:
		return outOfRange("logprobs", "log probabilities cannot be given yet")
	case o.Think != nil:
		return outOfRange("think", "reasoning cannot be steered yet")
	case o.TypicalP != nil || o.RepeatPenalty != nil || o.RepeatLast != nil:
		return outOfRange("options", "typical_p and repeat_penalty cannot be set yet")
	}
	for i, m := range p.Messages {
		if len(m.Images) > 0 || m.Reasoning != "" || len(m.Calls) > 0 || m.CallID != "" {
			return outOfRange(fmt.Sprintf("messages[%d]", i), "it can hold only text yet")
		}
	}
	return nil
}
