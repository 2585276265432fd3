package anthropic

import (
	"abaton.local/api/wire"
	"abaton.local/chat"
)

// Stream encodes the events of one answer as named server-sent events. Blocks
// stand one after the other: each is stopped before the next one starts, since
// some programs know but one at a time.
type Stream struct {
	answer   Answer
	thoughts Thoughts
	begun    bool
	said     bool // a block of text or of a call has started
	blocks   int  // that have started
	open     piece
	calls    map[int]int // the engine's number of a call: its block
}

// NewStream starts an answer to a request that wants to see these thoughts.
func NewStream(a Answer, t Thoughts) *Stream {
	return &Stream{answer: a, thoughts: t, calls: map[int]int{}}
}

// started, changed, and the others are the data of events.
type (
	started struct {
		Type    string  `json:"type"`
		Message message `json:"message"`
	}
	blockStarted struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Block any    `json:"content_block"`
	}
	blockChanged struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Delta any    `json:"delta"`
	}
	blockStopped struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
	}
	changed struct {
		Type  string `json:"type"`
		Delta ending `json:"delta"`
		Usage usage  `json:"usage"`
	}
	ending struct {
		StopReason   string  `json:"stop_reason"`
		StopSequence *string `json:"stop_sequence"`
		StopDetails  *string `json:"stop_details"`
	}
	bare struct {
		Type string `json:"type"`
	}
)

type (
	textDelta struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	thinkingDelta struct {
		Type     string `json:"type"`
		Thinking string `json:"thinking"`
	}
	signatureDelta struct {
		Type      string `json:"type"`
		Signature string `json:"signature"`
	}
	inputDelta struct {
		Type    string `json:"type"`
		Partial string `json:"partial_json"`
	}
)

// Frames gives the frames of one event; they may be none. The first event also
// starts the message; the last one, which has Finish set, also ends it.
//
// How many tokens the question has is known at the end only. The message starts
// with 0 of them, and its last change gives the number: all official client
// libraries let that one stand.
func (s *Stream) Frames(e chat.Event) []byte {
	out := s.begin(e)
	for _, p := range pieces(e.Delta, s.thoughts) {
		out = s.piece(out, p)
	}
	if e.Finish == "" {
		return out
	}
	if !s.said {
		out = s.start(out, piece{block: textBlock})
	}
	out = s.stop(out)
	out = frame(out, "message_delta", changed{"message_delta", ending{StopReason: stopReason(e.Finish)}, usageOf(e.Usage)})
	return frame(out, "message_stop", bare{"message_stop"})
}

// begin starts the message, once.
func (s *Stream) begin(e chat.Event) []byte {
	if s.begun {
		return nil
	}
	s.begun = true
	return append(frame(nil, "message_start", started{"message_start", s.answer.message(e)}), Ping()...)
}

// Empty gives frames that say nothing: at first those that start the message.
func (s *Stream) Empty(model string) []byte {
	if out := s.begin(chat.Event{Model: model}); out != nil {
		return out
	}
	return Ping()
}

// Ping gives a frame that says that the connection lives. It may stand anywhere.
func Ping() []byte { return frame(nil, "ping", bare{"ping"}) }

// Failure gives the frame that tells of a failure in mid-stream. The stream
// ends after it.
func (s *Stream) Failure(p wire.Problem) []byte {
	return appendFrame(nil, "error", Body(p, s.answer.RequestID))
}

func (s *Stream) piece(out []byte, p piece) []byte {
	index, known := s.calls[p.call]
	if p.block != toolUseBlock {
		index, known = s.blocks-1, s.open.block == p.block
	}
	if !known {
		out = s.start(out, p)
		index = s.blocks - 1
	}
	switch {
	case p.text == "":
	case p.block == thinkingBlock:
		out = s.change(out, index, thinkingDelta{"thinking_delta", p.text})
	case p.block == textBlock:
		out = s.change(out, index, textDelta{"text_delta", p.text})
	default:
		out = s.change(out, index, inputDelta{"input_json_delta", p.text})
	}
	return out
}

// start stops the block that is open and starts the one that a piece begins.
func (s *Stream) start(out []byte, p piece) []byte {
	out = s.stop(out)
	var b any
	switch p.block {
	case thinkingBlock:
		b = thinking{Type: thinkingBlock}
	case textBlock:
		b = text{Type: textBlock}
	default:
		b = toolUse{toolUseBlock, p.id, p.name, struct{}{}}
		s.calls[p.call] = s.blocks
	}
	out = frame(out, "content_block_start", blockStarted{"content_block_start", s.blocks, b})
	s.said = s.said || p.block != thinkingBlock
	s.open = p
	s.blocks++
	return out
}

func (s *Stream) stop(out []byte) []byte {
	if s.open.block == "" {
		return out
	}
	if s.open.block == thinkingBlock {
		out = s.change(out, s.blocks-1, signatureDelta{"signature_delta", signature})
	}
	s.open = piece{}
	return frame(out, "content_block_stop", blockStopped{"content_block_stop", s.blocks - 1})
}

func (s *Stream) change(out []byte, index int, delta any) []byte {
	return frame(out, "content_block_delta", blockChanged{"content_block_delta", index, delta})
}

func frame(out []byte, event string, data any) []byte {
	return appendFrame(out, event, wire.Encode(data))
}

func appendFrame(out []byte, event string, data []byte) []byte {
	out = append(out, "event: "...)
	out = append(out, event...)
	out = append(out, "\ndata: "...)
	out = append(out, data...)
	return append(out, "\n\n"...)
}
