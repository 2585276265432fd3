package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// sender writes an answer in pieces, each with a deadline of its own: a client that
// reads slowly has time for every piece, and one that never reads is let go. Between
// two pieces it looks whether the client may still hear them. It is used by one
// goroutine at a time.
type sender struct {
	exchange
	conn  *http.ResponseController
	limit time.Duration // for one piece to be taken
	media string        // of a stream
	begun bool
	torn  bool // what was begun may not be sent to its end
}

func (a *API) sender(x exchange, q question) *sender {
	return &sender{exchange: x, conn: http.NewResponseController(x.w), limit: a.WriteTimeout, media: q.media}
}

// errTorn says that a client was let in no more within a piece of an answer.
var errTorn = errors.New("the client may not hear the rest of what was begun")

// begin sends the header of a stream at its moment.
func (s *sender) begin(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	s.begun = true
	s.w.Header().Set("Content-Type", s.media)
	s.w.WriteHeader(http.StatusOK)
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.limit)); err != nil {
		return err
	}
	return s.conn.Flush()
}

// send writes whole frames. Whether the client may hear the first piece of them is
// known to whoever has them sent.
func (s *sender) send(frames []byte) error {
	if len(frames) == 0 {
		return nil
	}
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", s.media)
	}
	if err := s.write(frames); err != nil {
		return err
	}
	return s.conn.Flush()
}

func (s *sender) write(b []byte) error {
	first := true
	for piece := range slices.Chunk(b, pieceBytes) {
		if s.torn = s.torn || !first && s.barred() != nil; s.torn {
			return errTorn
		}
		first = false
		if err := s.conn.SetWriteDeadline(time.Now().Add(s.limit)); err != nil {
			return err
		}
		if _, err := s.w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// whole breaks an answer off that was torn, and the connection with it: what came is
// not to be taken for all there was.
func (s *sender) whole() {
	if s.torn {
		panic(http.ErrAbortHandler)
	}
}

// pieceBytes is what one record of TLS holds.
const pieceBytes = 16 << 10
