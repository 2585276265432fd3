package api

import (
	"crypto/rand"
	"errors"
	"io"
	"iter"
	"mime"
	"net/http"
	"strings"
	"time"

	"abaton.local/api/openai"
	"abaton.local/api/wire"
	"abaton.local/chat"
)

// mostText bounds an answer that is collected before it is sent, in bytes. No
// model of ours has a context that holds as much.
const mostText = 16 << 20

var errTooMuch = errors.New("the answer is longer than any model can give")

// answer is the one chat handler: read, decode, ask, and send what comes as it
// comes. It leaves the loop, which stops the engine's turn, when the client is
// gone or does not take what it is sent.
func (a *API) answer(x exchange) {
	body, err := readBody(x.r)
	if err != nil {
		a.fail(x.w, err)
		return
	}
	req, err := openai.Decode(body)
	if err != nil {
		a.fail(x.w, err)
		return
	}
	head := openai.Answer{ID: "chatcmpl-" + rand.Text(), Created: time.Now()}
	events := a.chat.Answer(x.r.Context(), x.session, req.Ask)
	if req.Stream {
		a.stream(x.w, openai.NewStream(head, req.IncludeUsage), events)
	} else {
		a.whole(x.w, head, events)
	}
}

// stream sends each event in frames of its own. Until the first one there is
// still time to answer with an error status.
func (a *API) stream(w http.ResponseWriter, s *openai.Stream, events iter.Seq2[chat.Event, error]) {
	out := &sender{w: w, conn: http.NewResponseController(w), within: a.writeTimeout}
	for e, err := range events {
		if err != nil && !out.begun {
			a.fail(w, err)
			return
		}
		if err != nil {
			out.send(s.Failure(a.problem(w, err))) // nothing is left to do where this fails
			return
		}
		if out.send(s.Frames(e)) != nil {
			return
		}
	}
}

func (a *API) whole(w http.ResponseWriter, head openai.Answer, events iter.Seq2[chat.Event, error]) {
	var all openai.Whole
	for e, err := range events {
		if err == nil && all.Len()+len(e.Text) > mostText {
			err = errTooMuch
		}
		if err != nil {
			a.fail(w, err)
			return
		}
		all.Add(e)
	}
	a.sendJSON(w, all.Encode(head))
}

// sender writes frames, each with a deadline of its own: a client that reads
// slowly has time for every frame, and one that never reads is let go.
type sender struct {
	w      http.ResponseWriter
	conn   *http.ResponseController
	within time.Duration
	begun  bool
}

func (s *sender) send(frames []byte) error {
	if len(frames) == 0 {
		return nil
	}
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.within)); err != nil {
		return err
	}
	if _, err := s.w.Write(frames); err != nil {
		return err
	}
	return s.conn.Flush()
}

// sendJSON sends a whole body. What is left over of the deadline is of no use
// to the next request: net/http sets its own.
func (a *API) sendJSON(w http.ResponseWriter, body []byte) {
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(a.writeTimeout)); err != nil {
		a.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// errMedia says that a body is not plain JSON. A web form cannot be sent with
// this type, which is one more wall against foreign pages.
var errMedia = &wire.BadRequest{Code: "unsupported_media_type",
	Message: "The request is not JSON: send the header Content-Type: application/json, without a Content-Encoding."}

// readBody reads what the door has bounded in size and time.
func readBody(r *http.Request) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !strings.EqualFold(media, "application/json") || r.Header.Get("Content-Encoding") != "" {
		return nil, errMedia
	}
	return io.ReadAll(r.Body)
}
