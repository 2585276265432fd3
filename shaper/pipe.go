package shaper

import (
	"encoding/binary"
	"errors"
	"sync"
)

// What a page of our own sends and gets over a channel: frames of one size at
// fixed moments, both ways, as long as the page is open, whether there is anything
// to say or not. A frame has two bytes that tell how much of it is of use, that
// much, and zeros. What is of use, put together, are messages: each with its
// length before it.

const (
	countBytes     = 2
	largestMessage = 1 << 20 // bytes
	mostPiped      = 4 << 20 // bytes that wait to be sent
)

// Errors of pipes.
var (
	ErrPipeFull = errors.New("too much waits to be sent: wait until some of it has gone")
	ErrMessage  = errors.New("a message has 1 byte to 1 MiB")
	ErrFrame    = errors.New("what came is no frame of this channel: end it and open a new one")
)

// Pipe is what waits to be sent in one direction of a channel. It is a [Source]
// that fills every frame and never ends. The zero Pipe is empty. It is safe for
// concurrent use.
type Pipe struct {
	mu      sync.Mutex
	waiting []byte  // guarded by mu
	left    []int   // bytes of waiting, of each message; guarded by mu
	within  [2]bool // a message is begun and not said to its end: by the newest frame, and before it; guarded by mu
	over    bool    // nothing is put any more; guarded by mu
}

// Put adds a message behind those that wait.
func (p *Pipe) Put(message []byte) error {
	if len(message) == 0 || len(message) > largestMessage {
		return ErrMessage
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return nil
	}
	if len(p.waiting)+len(message) > mostPiped {
		return ErrPipeFull
	}
	p.put(message)
	return nil
}

// put is called with mu held.
func (p *Pipe) put(message []byte) {
	before := len(p.waiting)
	p.waiting = binary.AppendUvarint(p.waiting, uint64(len(message)))
	p.waiting = append(p.waiting, message...)
	p.left = append(p.left, len(p.waiting)-before)
}

// Cut drops all that waits, with what is in the newest frame, which was not sent, and
// puts a last message instead, after which there is none. Where the other end has a part
// of a message it puts none and tells so, for that end would take it for the rest.
func (p *Pipe) Cut(last []byte) (within bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.waiting)
	p.waiting, p.left, p.over = nil, nil, true
	if p.within[1] {
		return true
	}
	p.put(last)
	return false
}

// Idle tells that nothing waits.
func (p *Pipe) Idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting) == 0
}

// Next gives a frame of n bytes, whatever waits.
func (p *Pipe) Next(n int) []byte {
	frame := make([]byte, n)
	p.mu.Lock()
	defer p.mu.Unlock()
	used := copy(frame[countBytes:], p.waiting)
	binary.BigEndian.PutUint16(frame, uint16(used))
	p.within[1] = p.within[0]
	for n := used; n > 0; {
		part := min(n, p.left[0])
		n -= part
		if p.left[0] -= part; p.left[0] == 0 {
			p.left = p.left[1:]
			p.within[0] = false
		} else {
			p.within[0] = true
		}
	}
	if p.waiting = p.waiting[used:]; len(p.waiting) == 0 {
		p.waiting, p.left = nil, nil // what was said is not kept
	}
	return frame
}

// Empty is not asked, for there is no room left in a frame.
func (p *Pipe) Empty() []byte { return nil }

// Last says that there is no end.
func (p *Pipe) Last() []byte { return nil }

// Void says that what was put is sent.
func (p *Pipe) Void() bool { return false }

// Inlet puts messages together from the frames of the other end's pipe. The zero
// Inlet is ready. After an error there is no going on.
type Inlet struct {
	size   int // of the frames, by the first
	partly []byte
}

// Take takes a frame in, and gives the messages that are whole now.
func (in *Inlet) Take(frame []byte) (messages [][]byte, err error) {
	if in.size == 0 {
		in.size = len(frame)
	}
	if len(frame) != in.size || len(frame) <= countBytes {
		return nil, ErrFrame
	}
	used := int(binary.BigEndian.Uint16(frame))
	if used > len(frame)-countBytes {
		return nil, ErrFrame
	}
	for _, b := range frame[countBytes+used:] {
		if b != 0 {
			return nil, ErrFrame
		}
	}
	in.partly = append(in.partly, frame[countBytes:countBytes+used]...)
	for {
		length, n := binary.Uvarint(in.partly)
		switch {
		case n < 0 || n > 0 && (length == 0 || length > largestMessage):
			return nil, ErrFrame
		case n == 0 && len(in.partly) >= binary.MaxVarintLen32:
			return nil, ErrFrame
		case n == 0 || uint64(len(in.partly)-n) < length:
			return messages, nil
		}
		messages = append(messages, append([]byte(nil), in.partly[n:n+int(length)]...))
		in.partly = append(in.partly[:0], in.partly[n+int(length):]...)
	}
}
