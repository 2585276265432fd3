package engine

import (
	"crypto/rand"
	"slices"
	"strings"
)

// Caps of the calls in one answer.
const (
	maxCalls     = 128
	maxArguments = 1 << 20 // bytes of all calls together
)

// callChunk is a piece of a call as the engine streams it.
type callChunk struct {
	Index    *int `json:"index"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// calls puts the calls of one answer together and gives them on, strictly: each
// names a tool that was offered, they come one after the other, and what one of
// them has for arguments is a JSON object at its end. The names that the engine
// gives them are thrown away; ours are made here.
type calls struct {
	list []streamedCall
	size int
}

type streamedCall struct {
	name      string
	told      bool // its first delta was given on
	arguments strings.Builder
}

// add takes the pieces of one event. A call is told once its arguments begin or
// another call does, for till then the engine may not have read all of its name.
func (c *calls) add(pieces []callChunk, tools []string, one bool) ([]CallDelta, error) {
	var deltas []CallDelta
	for _, p := range pieces {
		if len(tools) == 0 {
			return nil, &badReply{"a call of a tool, and no tool was offered"}
		}
		last := len(c.list) - 1
		if p.Index != nil && one && *p.Index > 0 {
			continue // more than was asked for
		}
		if p.Index == nil || *p.Index != last && *p.Index != last+1 || *p.Index < 0 {
			return nil, &badReply{"a call out of order"}
		}
		if *p.Index > last {
			if last+1 == maxCalls {
				return nil, &badReply{"too many calls of tools"}
			}
			if last >= 0 {
				d, err := c.complete(tools)
				if err != nil {
					return nil, err
				}
				deltas = append(deltas, d...)
			}
			c.list = append(c.list, streamedCall{})
		}
		call := &c.list[*p.Index]
		if name := p.Function.Name; name != "" {
			if !strings.HasPrefix(name, call.name) || call.told && name != call.name {
				return nil, &badReply{"a call whose name changes"}
			}
			call.name = name
		}
		if p.Function.Arguments == "" {
			continue
		}
		if c.size += len(p.Function.Arguments); c.size > maxArguments {
			return nil, &badReply{"arguments of calls that are too long"}
		}
		d, err := c.tell(tools)
		if err != nil {
			return nil, err
		}
		call.arguments.WriteString(p.Function.Arguments)
		deltas = append(append(deltas, d...), CallDelta{Index: *p.Index, Arguments: p.Function.Arguments})
	}
	return deltas, nil
}

// tell gives the first delta of the last call, if that was not done.
func (c *calls) tell(tools []string) ([]CallDelta, error) {
	i := len(c.list) - 1
	call := &c.list[i]
	if call.told {
		return nil, nil
	}
	if !slices.Contains(tools, call.name) {
		return nil, &badReply{"a call of a tool that was not offered"}
	}
	call.told = true
	return []CallDelta{{Index: i, ID: newCallID(), Name: call.name}}, nil
}

// complete ends the last call.
func (c *calls) complete(tools []string) ([]CallDelta, error) {
	deltas, err := c.tell(tools)
	if err != nil {
		return nil, err
	}
	last := &c.list[len(c.list)-1]
	if last.arguments.Len() == 0 { // some templates leave out what is empty
		last.arguments.WriteString("{}")
		deltas = append(deltas, CallDelta{Index: len(c.list) - 1, Arguments: "{}"})
	}
	if d, err := openJSON([]byte(last.arguments.String())); err != nil || !d.isObject() {
		return nil, &badReply{"arguments of a call that are not a JSON object"}
	}
	return deltas, nil
}

// end holds the calls against the reason why the answer ended, and gives what
// was not told yet. An answer that was cut short may have a half call at its end.
func (c *calls) end(why Finish, tools []string) ([]CallDelta, error) {
	switch why {
	case Stopped, Called:
		if (why == Called) != (len(c.list) > 0) {
			return nil, &badReply{"an end that does not fit its calls"}
		}
	case Length:
	default:
		return nil, &badReply{"an end for a reason that is not known"}
	}
	if len(c.list) == 0 {
		return nil, nil
	}
	if why != Length {
		return c.complete(tools)
	}
	if last := c.list[len(c.list)-1]; !last.told && !slices.Contains(tools, last.name) {
		return nil, nil // half a name
	}
	return c.tell(tools)
}

// newCallID makes the name of a call.
func newCallID() string { return rand.Text()[:callIDLength] }
