package ollama

import (
	"slices"
	"strconv"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

// maxOpen bounds the calls of one turn that have no result yet.
const maxOpen = 1024

// pairing finds out which call each result of a tool answers. Of the client
// libraries some send names of calls, some names of tools, some neither, and some
// drop them on one side; the engine wants every call and its result to share one.
type pairing struct {
	open    []*engine.Call // since the person last spoke, without a result yet
	all     []*engine.Call
	results []result
}

type result struct {
	message int
	of      *engine.Call
}

// pair takes the next message. Its calls are pointed at, so they must not move.
func (p *pairing) pair(d *decoder, m *message, i int, at string) {
	switch m.Role {
	case engine.User:
		p.open = nil
	case engine.Assistant:
		for k := range m.Calls {
			p.open = append(p.open, &m.Calls[k])
			p.all = append(p.all, &m.Calls[k])
		}
		if len(p.open) > maxOpen { // each result is looked for among them
			d.Fail(at+".tool_calls", wire.Invalid, "More than %d calls have no result before %s. Send fewer.", maxOpen, at)
			p.open = nil
		}
	case engine.FromTool:
		for k, c := range p.open {
			if p.answers(m, c) {
				p.results = append(p.results, result{i, c})
				p.open = slices.Delete(p.open, k, k+1)
				return
			}
		}
		d.Fail(at, wire.Invalid, "%s is the result of a tool, and no message since the last of a user calls that tool. Send the message with the call, too.", at)
	}
}

// answers tells whether m can be the result of a call: by the call's own name
// where both sides have one, else by the tool's, else by being next.
func (p *pairing) answers(m *message, c *engine.Call) bool {
	if m.CallID != "" && c.ID != "" {
		return m.CallID == c.ID
	}
	return m.tool == "" || m.tool == c.Name
}

// name gives a name to each call that came without one, and the call's name to
// each result.
func (p *pairing) name(messages []engine.Message) {
	taken := map[string]bool{}
	for _, c := range p.all {
		taken[c.ID] = true
	}
	next := 0
	for _, c := range p.all {
		for ; c.ID == ""; next++ {
			if id := "call_" + strconv.Itoa(next); !taken[id] {
				c.ID = id
			}
		}
	}
	for _, r := range p.results {
		messages[r.message].CallID = r.of.ID
	}
}
