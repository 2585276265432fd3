package api

import (
	"crypto/rand"
	"errors"

	"abaton.local/api/anthropic"
	"abaton.local/api/ollama"
	"abaton.local/api/openai"
	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// question is a decoded request for an answer, and how to tell that answer.
type question struct {
	asks    []chat.Ask // one after the other, their events to one encoder
	reading *reading   // of documents, instead; nil: none is read
	stream  encoder    // nil: the answer is told whole
	whole   collector
	media   string // of the stream
	forged  bool
	clock   *clock // of an answer that tells times; nil for the others

	shape     string // that the stream was asked to have; empty: none
	obfuscate bool   // sizes were asked to be hidden

	keep func() openai.Stored // what is to be kept once the last event was encoded; nil: nothing
	load func() ([]byte, error)
}

// encoder puts events into frames of a stream.
type encoder interface {
	Frames(chat.Event) []byte
	Empty(model string) []byte // says nothing, but opens what is to be opened
	Failure(wire.Problem) []byte
}

// collector puts all events into one body.
type collector interface {
	Add(chat.Event)
	Len() int // about what it holds, in bytes
	Encode() []byte
}

const (
	serverSentEvents = "text/event-stream; charset=utf-8"
	jsonLines        = "application/x-ndjson"
)

func chatCompletion(a *API, x exchange, body []byte) (question, error) {
	req, err := openai.DecodeChat(body)
	if err != nil {
		return question{}, err
	}
	if req.Store {
		return question{}, &wire.BadRequest{Param: "store", Code: wire.Unsupported,
			Message: "store is not supported here: send it to /v1/responses, whose answers can be asked for again. Leave store out."}
	}
	docs, err := a.reads(x, req)
	if err != nil {
		return question{}, err
	}
	head := openai.Answer{ID: "chatcmpl-" + rand.Text(), Created: a.now(), System: a.system}
	q := question{reading: docs, asks: []chat.Ask{pictured(req.Ask, req.Pictures)}, media: serverSentEvents, forged: req.Forged, shape: req.Shape, obfuscate: req.Pad != nil && *req.Pad}
	if req.Stream {
		q.stream = openai.NewChatStream(head, req)
	} else {
		q.whole = openai.NewChatWhole(head, req)
	}
	return q, nil
}

func completion(a *API, x exchange, body []byte) (question, error) {
	req, err := openai.DecodeCompletion(body)
	if err != nil {
		return question{}, err
	}
	head := openai.Answer{ID: "cmpl-" + rand.Text(), Created: a.now(), System: a.system}
	q := question{asks: req.Asks(), media: serverSentEvents, forged: req.Forged, shape: req.Shape, obfuscate: req.Pad != nil && *req.Pad}
	if req.Stream {
		q.stream = openai.NewCompletionStream(head, req)
	} else {
		q.whole = openai.NewCompletionWhole(head, req)
	}
	return q, nil
}

func response(a *API, x exchange, body []byte) (question, error) {
	req, err := openai.DecodeResponse(body)
	if err != nil {
		return question{}, err
	}
	if req.Store {
		if err := a.mayKeep(x); err != nil {
			return question{}, err
		}
	}
	if req.Previous != "" {
		before, err := a.before(x, req.Previous)
		if err != nil {
			return question{}, err
		}
		if err := req.Continue(before); err != nil {
			return question{}, err
		}
	}
	docs, err := a.reads(x, req.Request)
	if err != nil {
		return question{}, err
	}
	head := openai.Answer{ID: "resp_" + rand.Text(), Created: a.now()}
	q := question{reading: docs, asks: []chat.Ask{pictured(req.Ask, req.Pictures)}, media: serverSentEvents, forged: req.Forged, shape: req.Shape, obfuscate: req.Pad != nil && *req.Pad}
	if req.Stream {
		s := openai.NewResponseStream(head, req)
		q.stream, q.keep = s, s.Stored
	} else {
		w := openai.NewResponseWhole(head, req)
		q.whole, q.keep = w, w.Stored
	}
	if !req.Store {
		q.keep = nil
	}
	return q, nil
}

func messages(_ *API, x exchange, body []byte) (question, error) {
	if err := anthropic.CheckVersion(x.r.Header.Get("anthropic-version")); err != nil {
		return question{}, err
	}
	req, err := anthropic.DecodeMessages(body)
	if err != nil {
		return question{}, err
	}
	head := anthropic.Answer{ID: "msg_" + rand.Text(), RequestID: x.id}
	q := question{asks: []chat.Ask{pictured(req.Ask, req.Pictures)}, media: serverSentEvents, forged: req.Forged}
	if req.Stream {
		q.stream = anthropic.NewStream(head, req.Thoughts)
	} else {
		q.whole = anthropic.NewWhole(head, req.Thoughts)
	}
	return q, nil
}

func ollamaChat(a *API, x exchange, body []byte) (question, error) {
	req, err := ollama.DecodeChat(body)
	return a.ollamaQuestion(x, req, err)
}

func ollamaGenerate(a *API, x exchange, body []byte) (question, error) {
	req, err := ollama.DecodeGenerate(body)
	return a.ollamaQuestion(x, req, err)
}

func (a *API) ollamaQuestion(x exchange, req ollama.Request, err error) (question, error) {
	if err != nil {
		return question{}, err
	}
	clock := a.clock()
	q := question{asks: []chat.Ask{req.Ask}, media: jsonLines, forged: req.Forged, clock: clock}
	switch {
	case req.Load || req.Unload:
		q.load = func() ([]byte, error) {
			name, err := a.loadOrLeave(x, req)
			return req.Done(name, clock.times()), err
		}
	case req.Stream:
		q.stream = req.NewStream(clock.times)
	default:
		q.whole = req.NewWhole(clock.times)
	}
	return q, nil
}

// pictured puts pictures where they belong. The engine has them decoded and
// encoded anew, in a jail, before a model sees one.
func pictured(ask chat.Ask, pictures []wire.Picture) chat.Ask {
	for _, p := range pictures {
		m := &ask.Messages[p.Message]
		m.Images = append(m.Images, engine.Image{PNG: p.Raw})
	}
	return ask
}

// errTooMuch says that an answer has grown past all bounds.
var errTooMuch = errors.New("the answer is longer than any model can give")
