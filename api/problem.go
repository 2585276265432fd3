package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"abaton.local/api/openai"
	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/vault"
)

// faults is how each kind of engine failure is told. Client libraries ask again
// by themselves after 408, 409, 429 and 5xx, unless they are told not to.
var faults = map[engine.Kind]wire.Problem{
	engine.BadModel:   {Status: 500, Code: "bad_model"},
	engine.Crashed:    {Status: 500, Code: "engine_crashed", Retry: true},
	engine.Killed:     {Status: 500, Code: "engine_killed", Retry: true},
	engine.Hung:       {Status: 500, Code: "engine_hung", Retry: true},
	engine.NoMemory:   {Status: 503, Code: "out_of_memory"},
	engine.PolicyHit:  {Status: 500, Code: "engine_policy"},
	engine.BadReply:   {Status: 500, Code: "engine_protocol", Retry: true},
	engine.Poison:     {Status: 400, Code: "poison_request"},
	engine.TooLong:    {Status: 400, Code: "context_length_exceeded"},
	engine.Busy:       {Status: 503, Code: "overloaded", Retry: true},
	engine.BadRequest: {Status: 400, Code: "invalid_value"},
	engine.Unjailed:   {Status: 503, Code: "protection_missing"},
	engine.OverShare:  {Status: 503, Code: "memory_shared", Retry: true},
	engine.Unshared:   {Status: 503, Code: "protection_missing"},
	engine.Paused:     {Status: 503, Code: "engine_paused", Retry: true},
	engine.Unread:     {Status: 408, Code: "answer_not_read", Retry: true},
}

// fieldName is what the engine calls a field of a request: "messages[2].role".
var fieldName = regexp.MustCompile(`^[a-z_]+(\[[0-9]+\])?(\.[a-z_]+)?$`)

// problem puts an error into words for the client. What we did not expect is told as "internal error", and the log has
// its type under the request's id: its text may hold content.
func (a *API) problem(x exchange, err error) wire.Problem {
	if bad, is := errors.AsType[*wire.BadRequest](err); is {
		p := bad.Problem()
		if bad == errMedia {
			p.Status = http.StatusUnsupportedMediaType
		}
		return p
	}
	if f, is := errors.AsType[*engine.Fault](err); is {
		if p, known := faults[f.Kind]; known {
			p.Message, p.After = strings.TrimSpace(f.Error()), int(f.After.Seconds())
			if f.Kind == engine.TooLong {
				p.Param = longField(x.r.URL.Path)
			}
			if f.Kind == engine.BadRequest && fieldName.MatchString(f.Detail) {
				p.Param = f.Detail
			}
			if p.Status >= 500 && f.Kind != engine.Busy && f.Kind != engine.OverShare { // what a person did wrong, and how much, is theirs
				a.Log.Warn("the engine failed", "kind", string(f.Kind), "detail", f.Detail, "id", x.id)
			}
			return p
		}
	}
	if u, is := errors.AsType[*models.UnknownError](err); is {
		return wire.Problem{Status: 404, Code: "model_not_found", Param: "model", Message: u.Error()}
	}
	if none, is := errors.AsType[errNone](err); is {
		return none.problem()
	}
	if tooBig, is := errors.AsType[*http.MaxBytesError](err); is {
		return wire.Problem{Status: 413, Code: "request_too_large",
			Message: fmt.Sprintf("The request is larger than %d bytes. Send a shorter one.", tooBig.Limit)}
	}
	switch {
	case errors.Is(err, errNoDocuments):
		return noDocuments()
	case errors.Is(err, ErrNoResponse):
		return openai.NotStored("id")
	case errors.Is(err, ErrFull):
		return wire.Problem{Status: 400, Code: "storage_full", Param: "store", Message: "There is no room for more kept responses. Delete some of yours with DELETE /v1/responses/{id}, or leave store out."}
	case errors.Is(err, vault.ErrLocked):
		return wire.Problem{Status: 401, Code: "locked", Mute: true, Message: "Your vault is locked. Unlock it with `abaton login`, then ask again."}
	case errors.Is(err, vault.ErrEnded):
		return wire.Problem{Status: 401, Code: "locked", Mute: true, Message: "Your session has ended. Log in with `abaton login`, then ask again."}
	case errors.Is(err, vault.ErrToken):
		return wire.Problem{Status: 401, Code: "invalid_api_key", Mute: true, Message: "The key that asked was taken back. Ask with another: `abaton keys create NAME` makes one."}
	case errors.Is(err, models.ErrEmpty):
		return wire.Problem{Status: 404, Code: "model_not_found", Param: "model", Message: "No chat model is on this machine. Run `abaton pull`: it fetches the one that fits."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return wire.Problem{Status: 408, Code: "request_timeout", Message: "The request took too long to arrive. Send it again."}
	case errors.Is(err, context.Canceled):
		// The client hung up and reads nothing, or the server stops.
		return wire.Problem{Status: 503, Code: "stopping", Retry: true, Message: "Abaton is stopping. Start it again, then ask again."}
	case errors.Is(err, chat.ErrCutShort):
		return wire.Problem{Status: 500, Code: "cut_short", Retry: true, Message: "The answer broke off before its end. Ask again."}
	}
	id := x.id
	a.Log.Error("a request failed for a reason that has no words yet", "type", typesOf(err), "id", id)
	return wire.Problem{Status: 500, Code: "internal_error", Message: "Internal error. Abaton's log has more under " + id + "."}
}

// longField names what is too long in a request for an address.
func longField(path string) string {
	switch strings.TrimPrefix(path, "/v1") {
	case "/completions", "/api/generate":
		return "prompt"
	case "/responses", "/embeddings", "/api/embed":
		return "input"
	case "/rerank":
		return "documents"
	}
	return "messages"
}

// fail answers with an error, where no answer has begun. The wait for it may
// have used up the time that the door gives a response; without more of it the
// client would see a broken connection and no reason.
func (a *API) fail(x exchange, err error) {
	if http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(a.WriteTimeout)) != nil {
		return // the connection is gone
	}
	a.say(x, a.problem(x, err))
}

// typesOf names the types along a chain of errors, without their texts.
func typesOf(err error) string {
	var names []string
	for err != nil {
		names = append(names, fmt.Sprintf("%T", err))
		err = errors.Unwrap(err)
	}
	return strings.Join(names, " < ")
}
