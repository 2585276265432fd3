package anthropic

import (
	"strconv"
	"strings"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

// conversation puts messages together as the dialect reads them: those of one
// role in a row are one turn, and every call of a tool is answered in the turn
// after it. A system message after the first turn goes into the person's turn
// there, marked: agents send such ones, and many models' templates refuse a
// second system message or two turns of the person in a row.
type conversation struct {
	*decoder
	req     *Request
	open    turn
	waiting map[string]bool // calls by id, until they are answered
	seen    map[string]bool
	spoken  bool // by anybody but the system
}

func (d *decoder) conversation(system, messages *wire.Value, req *Request) {
	c := conversation{decoder: d, req: req, waiting: map[string]bool{}, seen: map[string]bool{}}
	if system != nil {
		c.open.role = engine.System
		d.content(*system, "system", &c.open)
		c.open.texts = withoutNotes(c.open.texts)
	}
	if messages == nil {
		d.Fail("messages", wire.Missing, "messages is missing: send a list with at least one message.")
		return
	}
	if !d.Want(*messages, "messages", wire.List) {
		return
	}
	if n := len(messages.List); n == 0 || n > maxMessages {
		d.Fail("messages", wire.Invalid, "messages holds %d messages; send between 1 and %d.", n, maxMessages)
		return
	}
	for i, m := range messages.List {
		at := "messages[" + strconv.Itoa(i) + "]"
		t := d.message(m, at)
		if d.Err != nil {
			return
		}
		c.add(t, at)
	}
	c.end()
}

// withoutNotes leaves out what agents tell a company in a system text of one
// line: it differs in every request, and no prompt would ever be known again.
func withoutNotes(texts []string) (kept []string) {
	for _, t := range texts {
		if !strings.HasPrefix(t, "x-anthropic-billing-header:") || strings.Contains(t, "\n") {
			kept = append(kept, t)
		}
	}
	return kept
}

// add takes the next message. One of the assistant without text and call, which
// can come back from an answer that was cut short, says nothing to a model.
func (c *conversation) add(t turn, at string) {
	switch {
	case t.role == engine.Assistant && len(t.texts)+len(t.calls) == 0:
		return
	case len(t.texts)+len(t.calls)+len(t.results)+len(t.pictures) == 0:
		c.Fail(at+".content", wire.Invalid, "%s.content is empty; send a text, or leave the message out.", at)
		return
	}
	if t.role == engine.System && c.open.role != engine.System && c.open.role != "" {
		t = turn{role: engine.User, texts: []string{"<system>\n" + strings.Join(t.texts, "\n") + "\n</system>"}}
	}
	if t.role != c.open.role {
		c.close(at)
		c.open.role = t.role
	}
	for _, call := range t.calls {
		if c.seen[call.ID] {
			c.Fail(at+".content", wire.Invalid, "%s.content has a tool_use with the id of another one; give each its own.", at)
		}
		c.seen[call.ID], c.waiting[call.ID] = true, true
	}
	for _, r := range t.results {
		if !c.waiting[r.CallID] {
			c.Fail(at+".content", wire.Invalid, "%s.content has a tool_result that answers no tool_use of the turn before, or one that was answered.", at)
		}
		delete(c.waiting, r.CallID)
	}
	o := &c.open
	o.texts, o.thoughts, o.calls = append(o.texts, t.texts...), append(o.thoughts, t.thoughts...), append(o.calls, t.calls...)
	o.results, o.pictures = append(o.results, t.results...), append(o.pictures, t.pictures...)
}

// close ends the turn that is open. What tools gave back comes first in it,
// wherever it stood.
func (c *conversation) close(at string) {
	t := c.open
	c.open = turn{}
	if t.role != engine.Assistant && len(c.waiting) > 0 {
		c.Fail("messages", wire.Invalid, "Before %s a tool_use has no tool_result; send what each tool gave back in the turn after it.", at)
	}
	messages := append(c.req.Ask.Messages, t.results...)
	if len(t.texts)+len(t.calls)+len(t.pictures) > 0 {
		for _, raw := range t.pictures {
			c.req.Pictures = append(c.req.Pictures, wire.Picture{Message: len(messages), Raw: raw})
		}
		messages = append(messages, engine.Message{
			Role: t.role, Content: strings.Join(t.texts, "\n"), Reasoning: strings.Join(t.thoughts, "\n"), Calls: t.calls,
		})
	}
	c.req.Ask.Messages = messages
	c.spoken = c.spoken || t.role != engine.System && t.role != ""
}

// end closes the last turn. Where that is the assistant's, the answer goes on
// from it.
func (c *conversation) end() {
	last := c.open
	c.close("the end of messages")
	think := c.req.Ask.Options.Think
	switch {
	case !c.spoken:
		c.Fail("messages", wire.Invalid, "messages holds nothing to answer; send a message of the user.")
	case len(c.req.Pictures) > maxPictures:
		c.Fail("messages", wire.Invalid, "messages holds %d pictures; send at most %d.", len(c.req.Pictures), maxPictures)
	case last.role == engine.Assistant && len(last.calls) > 0:
		c.Fail("messages", wire.Invalid, "The last message holds a tool_use; send what the tool gave back after it.")
	case last.role == engine.Assistant && (think == nil || *think):
		c.Fail("thinking", wire.Invalid, "A last message of the assistant is continued as it stands, and leaves no place to think. Send thinking of the type disabled, or end with a message of the user.")
	}
}
