package api

import (
	"io"
	"iter"
	"mime"
	"net/http"
	"strings"
	"time"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/shaper"
)

// mostText bounds an answer that is collected before it is sent, in bytes. No
// model of ours has a context that holds as much.
const mostText = 16 << 20

// questions is the one chat handler, for all dialects: read, decode, ask, and
// send what comes as it comes. It leaves the loop, which stops the engine's turn,
// when the client is gone or does not take what it is sent.
func questions(decode func(*API, exchange, []byte) (question, error)) func(*API, exchange) {
	return func(a *API, x exchange) {
		body, err := readBody(x)
		if err != nil {
			a.fail(x, err)
			return
		}
		x.asked = time.Now()
		q, err := decode(a, x, body)
		if err == nil {
			err = a.shapes(&x, q, len(body))
		}
		if err != nil {
			a.noteShape(x, err)
			a.fail(x, err)
			return
		}
		if q.clock != nil {
			q.clock.shaped = x.shape > shaper.Off
		}
		if q.forged {
			a.Forged(x.session)
		}
		switch {
		case q.load != nil:
			body, err := q.load()
			if err != nil {
				a.fail(x, err)
				return
			}
			a.sendJSON(x, body)
		case q.stream != nil:
			a.stream(x, q)
		default:
			a.whole(x, q)
		}
	}
}

// events are those of all asks of a question, one after the other, until whoever asks
// may hear no more.
func (a *API) events(x exchange, q question) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		for e, err := range a.asked(x, q) {
			if no := x.barred(); no != nil {
				yield(chat.Event{}, no)
				return
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (a *API) asked(x exchange, q question) iter.Seq2[chat.Event, error] {
	if q.reading != nil {
		return a.read(x, q)
	}
	return func(yield func(chat.Event, error) bool) {
		for _, ask := range q.asks {
			for e, err := range a.Chat.Answer(x.r.Context(), x.session, ask) {
				q.clock.hears()
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// stream sends each event in frames of its own. Until the first one there is
// still time to answer with an error status. What is to be kept is kept before
// the client is told that the answer is complete.
func (a *API) stream(x exchange, q question) {
	if x.shape > shaper.Pad {
		a.paced(x, q)
		return
	}
	out := a.sender(x, q)
	a.told(x, q, out)
	out.whole()
}

// told sends each event to out.
func (a *API) told(x exchange, q question, out *sender) {
	pad := func(frames []byte, _ int) []byte { return frames }
	if x.shape == shaper.Pad {
		pad = shaper.PadEvents
		opening := q.stream.Empty(x.model) // so that a failure comes in the stream, too
		if out.send(pad(opening, len(opening))) != nil {
			return
		}
	}
	var l live
	l.keep(a.Silence, func() {
		alive := q.stream.Empty(a.answering(x, q))
		out.send(pad(alive, len(alive))) // where it fails the next piece does, too
	})
	defer l.end()
	size := 0
	tell := func(e chat.Event, err error) (more bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		defer l.told()
		if size += len(e.Text) + len(e.Reasoning); err == nil && q.keep != nil && size > mostText {
			err = errTooMuch
		}
		var frames []byte
		if err == nil {
			frames = q.stream.Frames(e)
			if q.keep != nil && e.Finish != "" {
				err = a.keep(x, q.keep())
			}
		}
		if err == nil {
			err = x.barred() // what was sent before, or kept, may have taken a while
		}
		if err != nil && !out.begun {
			a.fail(x, err)
			return false
		}
		if err != nil {
			out.bare = true
			failure := q.stream.Failure(a.problem(x, err))
			out.send(pad(failure, len(failure))) // nothing is left to do where this fails
			return false
		}
		words := written(e)
		if e.Finish != "" || len(e.LogProbs) > 0 || e.Sources != nil || len(e.Cites) > 0 {
			words = len(frames) // they are said again there, or are not all
		}
		return out.send(pad(frames, words)) == nil
	}
	for e, err := range a.events(x, q) {
		if !tell(e, err) {
			return
		}
	}
}

// answering names the model that answers, as events will.
func (a *API) answering(x exchange, q question) string {
	if x.model == "" {
		if _, passport, err := a.Chat.Prompt(x.session, q.asks[0]); err == nil {
			return passport.Name
		}
	}
	return x.model
}

func (a *API) whole(x exchange, q question) {
	if x.shape > shaper.Off {
		a.tell(x, func() ([]byte, error) { return a.collect(x, q) })
		return
	}
	body, err := a.collect(x, q)
	if err != nil {
		a.fail(x, err)
		return
	}
	a.sendJSON(x, body)
}

func (a *API) collect(x exchange, q question) ([]byte, error) {
	for e, err := range a.events(x, q) {
		if err == nil && q.whole.Len() > mostText {
			err = errTooMuch
		}
		if err != nil {
			return nil, err
		}
		q.whole.Add(e)
	}
	if q.keep != nil {
		if err := a.keep(x, q.keep()); err != nil {
			return nil, err
		}
	}
	return q.whole.Encode(), nil
}

// sendJSON sends a whole body. What is left over of the deadline is of no use
// to the next request: net/http sets its own.
func (a *API) sendJSON(x exchange, body []byte) { a.send(x, "application/json", body) }

func (a *API) send(x exchange, media string, body []byte) {
	if err := x.barred(); err != nil {
		a.fail(x, err)
		return
	}
	if err := http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(a.WriteTimeout)); err != nil {
		a.fail(x, err)
		return
	}
	x.w.Header().Set("Content-Type", media)
	if x.words == anthropics {
		x.w.Header().Set("Request-Id", x.id)
	}
	if media == "application/json" {
		body = x.bucketed(body)
	}
	a.deliver(x, body)
}

// deliver writes a body in pieces, each with a deadline of its own: a shaped answer
// weighs more than a slow connection takes in the time for one. A lock breaks it off,
// and the connection with it: what came is not to be taken for all there was.
func (a *API) deliver(x exchange, body []byte) {
	out := a.sender(x, question{})
	if x.barred() != nil {
		panic(http.ErrAbortHandler)
	}
	_ = out.write(body) // where it fails the connection is gone
	out.whole()
}

// errMedia says that a body is not plain JSON. A web form cannot be sent with
// this type, which is one more wall against foreign pages.
var errMedia = &wire.BadRequest{Code: "unsupported_media_type",
	Message: "The request is not JSON: send the header Content-Type: application/json, without a Content-Encoding."}

// readBody reads what the door has bounded in size and time.
func readBody(x exchange) ([]byte, error) {
	h := x.r.Header
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case h.Get("Content-Encoding") != "":
		return nil, errMedia
	case err == nil && strings.EqualFold(media, "application/json"):
	case x.words == ollamas && byHand(h):
	default:
		return nil, errMedia
	}
	body, err := io.ReadAll(x.r.Body)
	if err == nil && len(body) == 0 {
		err = errEmpty
	}
	return body, err
}

var errEmpty = &wire.BadRequest{Code: wire.InvalidJSON, Message: "We could not read the request: the body is empty or ends too early; send the whole JSON document."}

// byHand tells a request that was typed as Ollama's documents show it, with curl
// and without a type: no browser sends one without any of these headers.
func byHand(h http.Header) bool {
	for _, browsers := range []string{"Origin", "Referer", "Cookie", "Sec-Fetch-Site", "Sec-Fetch-Mode"} {
		if h.Get(browsers) != "" {
			return false
		}
	}
	switch h.Get("Content-Type") {
	case "", "application/x-www-form-urlencoded":
		return true
	}
	return false
}
