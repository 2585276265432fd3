package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"abaton.local/api/wire"
)

// Stored is what is kept of a response so that it can be shown and gone on
// from. Others seal it and know whose it is.
type Stored struct {
	ID       string
	Previous string            // id of the response before it; empty for none
	Body     json.RawMessage   // of GET /v1/responses/{id}
	Input    []json.RawMessage // items of its own input, without those of earlier responses
}

// storedForm is the format on disk, of version 1.
type storedForm struct {
	Version  int               `json:"v"`
	ID       string            `json:"id"`
	Previous string            `json:"previous,omitempty"`
	Body     json.RawMessage   `json:"body"`
	Input    []json.RawMessage `json:"input"`
}

// Encode writes it down.
func (s Stored) Encode() []byte {
	return wire.Encode(storedForm{1, s.ID, s.Previous, s.Body, s.Input})
}

// DecodeStored reads what Encode wrote.
func DecodeStored(b []byte) (Stored, error) {
	var f storedForm
	if err := json.Unmarshal(b, &f); err != nil {
		return Stored{}, errors.New("a stored response is not readable") // a decoder's own words can quote it
	}
	if f.Version != 1 || f.ID == "" || len(f.Body) == 0 {
		return Stored{}, fmt.Errorf("a stored response has a form that this version of Abaton does not know (%d)", f.Version)
	}
	s := Stored{f.ID, f.Previous, f.Body, f.Input}
	if !bytes.Equal(s.Encode(), b) { // there is one way to write a thing
		return Stored{}, errors.New("a stored response is not as Abaton writes it")
	}
	return s, nil
}

// Continue puts the conversation of a request together that goes on from
// others: those before it, the oldest first, then its own input. Instructions
// of earlier requests do not carry over, as the dialect has it. An error about
// the request is a *wire.BadRequest.
func (r *ResponseRequest) Continue(before []Stored) error {
	if n := len(before); n == 0 || before[n-1].ID != r.Previous {
		return fmt.Errorf("a request goes on from another response than the one it was given")
	}
	var entries []entry
	for i, s := range before {
		if i > 0 && s.Previous != before[i-1].ID {
			return errors.New("responses were given that do not follow each other")
		}
		earlier, err := s.entries()
		if err != nil {
			return err
		}
		entries = append(entries, earlier...)
	}
	d := &decoder{calls: map[string]bool{}}
	d.assemble(r, append(entries, r.entries...))
	if d.Err != nil {
		r.Ask.Messages, r.Pictures = nil, nil
		return d.Err
	}
	return nil
}

// entries gives what was said in a response and before its answer.
func (s Stored) entries() (out []entry, err error) {
	d := &decoder{}
	for _, raw := range s.Input {
		v, err := wire.Parse(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, d.item(v, "input"))
	}
	body, err := wire.Parse(s.Body)
	if err != nil {
		return nil, err
	}
	for _, f := range body.Fields {
		if f.Name != "output" {
			continue
		}
		for _, v := range f.Value.List {
			if itemKind(kind(v)) == aCall && !whole(v) {
				continue // its arguments were cut off, and nobody can have answered it
			}
			out = append(out, d.item(v, "output"))
		}
	}
	if d.Err != nil {
		return nil, d.Err
	}
	return out, nil
}

func whole(v wire.Value) bool {
	return slices.ContainsFunc(v.Fields, func(f wire.Field) bool { return f.Name == "status" && f.Value.Text == "completed" })
}

// Page says which of the input's items are wanted, in the words of the query.
type Page struct{ Limit, Order, After string }

// InputItems gives the body of GET /v1/responses/{id}/input_items.
func (s Stored) InputItems(p Page) ([]byte, error) {
	bad := &wire.Reader{}
	limit := 20
	if p.Limit != "" {
		n, err := strconv.Atoi(p.Limit)
		if err != nil || n < 1 || n > 100 {
			bad.Fail("limit", wire.Invalid, "limit is out of range; send a whole number from 1 to 100.")
		}
		limit = n
	}
	items := slices.Clone(s.Input)
	switch p.Order {
	case "", "desc":
		slices.Reverse(items)
	case "asc":
	default:
		bad.Fail("order", wire.Invalid, "order is unknown: use asc or desc.")
	}
	if p.After != "" {
		i := slices.IndexFunc(items, func(raw json.RawMessage) bool { return idOf(raw) == p.After })
		if i < 0 {
			bad.Fail("after", wire.Invalid, "after names no item of this response. Leave it out to begin at the start.")
		}
		items = items[i+1:]
	}
	if bad.Err != nil {
		return nil, bad.Err
	}
	more := len(items) > limit
	items = items[:min(limit, len(items))]
	first, last := "", ""
	if len(items) > 0 {
		first, last = idOf(items[0]), idOf(items[len(items)-1])
	}
	return wire.Encode(struct {
		Object string            `json:"object"`
		Data   []json.RawMessage `json:"data"`
		First  string            `json:"first_id"`
		Last   string            `json:"last_id"`
		More   bool              `json:"has_more"`
	}{"list", append([]json.RawMessage{}, items...), first, last, more}), nil
}

func idOf(raw json.RawMessage) string {
	var it struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &it) != nil {
		return ""
	}
	return it.ID
}

// Deleted gives the body of DELETE /v1/responses/{id}.
func Deleted(id string) []byte {
	return wire.Encode(struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Deleted bool   `json:"deleted"`
	}{id, "response", true})
}

// NotStored tells of a response that is not there, or not this person's.
func NotStored(param string) wire.Problem {
	return wire.Problem{Status: 404, Code: "response_not_found", Param: param,
		Message: `No response with this id is kept. Only those that were asked for with "store": true are.`}
}

// NotCancelled refuses POST /v1/responses/{id}/cancel.
func NotCancelled() wire.Problem {
	return wire.Problem{Status: 400, Code: string(wire.Unsupported), Message: "Only responses made in the background can be cancelled, and there are none here. Close the connection to stop an answer."}
}

// NotReplayed refuses GET /v1/responses/{id}?stream=true.
func NotReplayed() wire.Problem {
	return wire.Problem{Status: 400, Code: string(wire.Unsupported), Param: "stream", Message: "A response that is kept is sent whole, never as a stream. Leave stream out."}
}
