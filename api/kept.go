package api

import (
	"errors"
	"strings"

	"abaton.local/api/openai"
	"abaton.local/api/wire"
)

// ErrNoResponse says that a person has no response of that id.
var ErrNoResponse = errors.New("there is no such response")

// ErrFull says that no more responses can be kept for a person.
var ErrFull = errors.New("the room for responses is full")

// What one response can go on from, so that a few requests for long chains do not
// fill the memory of this machine.
const (
	longestChain  = 1000     // responses
	largestBefore = 32 << 20 // bytes of all of them
)

// errNoKeeping says that nothing can be kept for whoever asks.
var errNoKeeping = &wire.BadRequest{Param: "store", Code: wire.Unsupported,
	Message: "store can only be false here: nothing is kept for a guest, nor through a key that only asks. Leave store out, or log in and use a key that opens the vault."}

// mayKeep is asked before a question whose answer is to be kept.
func (a *API) mayKeep(x exchange) error {
	if a.Responses == nil || x.session.Guest() {
		return errNoKeeping
	}
	return a.Responses.Ready(x.session)
}

func (a *API) keep(x exchange, s openai.Stored) error {
	return a.Responses.Keep(x.r.Context(), x.session, s.ID, s.Encode())
}

// before gives the responses that led to one, the oldest first.
func (a *API) before(x exchange, id string) ([]openai.Stored, error) {
	var chain []openai.Stored
	size := 0
	for id != "" {
		s, err := a.stored(x, id)
		if err != nil {
			return nil, err
		}
		size += len(s.Body)
		for _, item := range s.Input {
			size += len(item)
		}
		if size > largestBefore {
			return nil, &wire.BadRequest{Param: "previous_response_id", Code: wire.Invalid,
				Message: "The responses that this one goes on from hold more than 32 MiB together. Begin a new conversation."}
		}
		if chain = append([]openai.Stored{s}, chain...); len(chain) > longestChain {
			return nil, &wire.BadRequest{Param: "previous_response_id", Code: wire.Invalid, Message: "This response goes on from more than 1000 others. Begin a new conversation."}
		}
		id = s.Previous
	}
	return chain, nil
}

func (a *API) stored(x exchange, id string) (openai.Stored, error) {
	if a.Responses == nil || x.session.Guest() {
		return openai.Stored{}, ErrNoResponse
	}
	b, err := a.Responses.Find(x.r.Context(), x.session, id)
	if err != nil {
		return openai.Stored{}, err
	}
	return openai.DecodeStored(b)
}

// storedResponse serves GET /v1/responses/{id} and …/input_items.
func (a *API) storedResponse(x exchange) {
	id, items := strings.CutSuffix(x.name, "/input_items")
	s, err := a.stored(x, id)
	if err != nil {
		a.fail(x, err)
		return
	}
	if x.r.URL.Query().Get("stream") == "true" {
		a.say(x, openai.NotReplayed())
		return
	}
	if !items {
		a.sendJSON(x, a.weighed(x, s.Body))
		return
	}
	q := x.r.URL.Query()
	body, err := s.InputItems(openai.Page{Limit: q.Get("limit"), Order: q.Get("order"), After: q.Get("after")})
	if err != nil {
		a.fail(x, err)
		return
	}
	a.sendJSON(x, a.weighed(x, body))
}

func (a *API) deleteResponse(x exchange) {
	if _, err := a.stored(x, x.name); err != nil {
		a.fail(x, err)
		return
	}
	if err := a.Responses.Remove(x.r.Context(), x.session, x.name); err != nil {
		a.fail(x, err)
		return
	}
	a.sendJSON(x, openai.Deleted(x.name))
}

// cancelResponse serves POST /v1/responses/{id}/cancel: an answer is stopped by
// hanging up.
func (a *API) cancelResponse(x exchange) {
	if !strings.HasSuffix(x.name, "/cancel") {
		a.say(x, wire.Problem{Status: 404, Code: "unknown_url", Message: "There is nothing at this address."})
		return
	}
	a.say(x, openai.NotCancelled())
}

func (a *API) modelStays(x exchange) { a.say(x, openai.NotDeleted()) }
