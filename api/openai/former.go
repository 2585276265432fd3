package openai

import (
	"strings"

	"abaton.local/api/wire"
	"abaton.local/chat"
)

// What follows is how package api asked before the dialect was whole. It refuses
// what that handler cannot do, and goes away with it.

// Decode is DecodeChat without pictures and store.
func Decode(body []byte) (Request, error) {
	req, err := DecodeChat(body)
	if bad, is := err.(*wire.BadRequest); is && strings.HasPrefix(bad.Param, "tools") {
		bad.Code = wire.Unsupported
	}
	if err == nil && (req.Store || len(req.Pictures) > 0) {
		return Request{}, &wire.BadRequest{Code: wire.Unsupported, Message: "store and pictures are not served at this address yet. Leave them out."}
	}
	return req, err
}

// Stream is a ChatStream.
type Stream = ChatStream

// NewStream starts an answer.
func NewStream(a Answer, includeUsage bool) *Stream {
	return NewChatStream(a, Request{IncludeUsage: includeUsage})
}

// Whole is a ChatWhole that learns its head last.
type Whole struct{ ChatWhole }

// Add takes the next event.
func (w *Whole) Add(e chat.Event) { w.ChatWhole.Add(e) }

// Encode gives the JSON body of the whole answer.
func (w *Whole) Encode(a Answer) []byte {
	w.answer = a
	return w.ChatWhole.Encode()
}
