package chat

import (
	"context"
	"errors"
	"slices"

	"abaton.local/engine"
)

// fitted generates an answer to a conversation that may be longer than the
// model can look at. The rule: what the system says first stays, the last turn of
// the person and what followed it stay, and of the rest the oldest go, whole
// turns of a person with all that answered them, until it fits with room for the
// answer. The engine alone counts, with its own tokenizer: a prompt is tried, and
// one that does not fit is cut by how much too long it was. What cannot be cut is
// refused with the engine's numbers.
func (a *Answerer) fitted(ctx context.Context, p *engine.Prompt, put func(engine.Delta, int) bool) error {
	for cut := 0; ; {
		err := a.once(ctx, *p, cut, put)
		fault, is := errors.AsType[*engine.Fault](err)
		if !is || fault.Kind != engine.TooLong || fault.Window == 0 {
			return err
		}
		kept, left := shorten(p.Messages, fault.Tokens, fault.Window)
		if left == 0 {
			return err
		}
		p.Messages, cut = kept, cut+left
	}
}

// shorten leaves out the oldest turns of messages that have so many tokens, as
// many as are needed for a window, judged by their share of the bytes; at least
// one, or none where none may go. It tells how many messages it left out.
func shorten(messages []engine.Message, tokens, window int) (kept []engine.Message, left int) {
	head := 0
	for head < len(messages) && messages[head].Role == engine.System {
		head++
	}
	size := 0
	for _, m := range messages {
		size += weight(m)
	}
	// A tenth less than the window, for the judgement is rough.
	most := int(float64(size) * 0.9 * float64(window) / float64(max(tokens, 1)))
	from := head
	for i := head; i < len(messages); i++ {
		if messages[i].Role == engine.User && i > head {
			from = i // a cut may be made before each turn of the person
			if size <= most {
				break
			}
		}
		size -= weight(messages[i])
	}
	if from == head {
		return messages, 0
	}
	return slices.Concat(messages[:head], messages[from:]), from - head
}

// weight is about how many bytes of a prompt a message makes.
func weight(m engine.Message) int {
	const frame = 16 // what a template puts around it
	n := frame + len(m.Content) + len(m.Reasoning) + len(m.Images)*picture
	for _, c := range m.Calls {
		n += frame + len(c.Name) + len(c.Arguments)
	}
	return n
}

// picture is about as many bytes of text as have the tokens of a picture.
const picture = 3000
