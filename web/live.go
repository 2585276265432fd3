package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"abaton.local/shaper"
	"abaton.local/web/markup"
)

// line is one of a stream to a page's script: operations on its tree, never HTML.
// A line of none says nothing, and is there for the shape.
type line struct {
	Ops    []markup.Op `json:"ops,omitempty"`
	Thinks bool        `json:"thinks,omitempty"`
	End    *ending     `json:"end,omitempty"`
}

func (l line) bytes() []byte {
	b, err := json.Marshal(l)
	if err != nil {
		panic("web: " + err.Error()) // texts and numbers
	}
	return append(b, '\n')
}

// within is how long a page may take to accept one piece of a stream.
const within = 20 * time.Second

// calm is how much time lies between two pieces at least: more is not seen.
const calm = 40 * time.Millisecond

// live streams the answer that is being written, from its beginning on. Who comes
// when it has ended is told so, and finds it on the page.
func (p *Pages) live(v visit) {
	asked := time.Now()
	_, id, ok := p.named(v)
	if !ok {
		return
	}
	harden(v.w.Header())
	v.w.Header().Set("Content-Type", "application/x-ndjson")
	send := v.sender()
	x := &telling{visit: v, a: p.newest(v.s, id)}
	switch mode := min(p.hides(v), shaper.Sealed); {
	case mode > shaper.Pad:
		plan := p.Shape.Plan(mode)
		if err := plan.Send(v.r.Context(), plan.Begin(asked), x, send); errors.Is(err, shaper.ErrWithin) {
			panic(http.ErrAbortHandler) // another error is the client's hanging up
		}
	default:
		x.follow(v.r.Context(), func(b []byte, words int) error {
			if mode == shaper.Pad {
				b = shaper.PadEvents(b, words)
			}
			return send(b)
		})
	}
}

// sender sends pieces, each at once. A large one is broken off where the vault locks
// while it is taken.
func (v visit) sender() func([]byte) error {
	conn := http.NewResponseController(v.w)
	open := v.s.Unlocked()
	return func(b []byte) error {
		first := true
		for part := range slices.Chunk(b, partBytes) {
			if !first && open && !v.s.Unlocked() {
				panic(http.ErrAbortHandler)
			}
			first = false
			if err := conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
				return err
			}
			if _, err := v.w.Write(part); err != nil {
				return err
			}
		}
		return conn.Flush()
	}
}

// partBytes is what one record of TLS holds.
const partBytes = 16 << 10

// telling tells one page of one answer. It is a shaper.Source.
type telling struct {
	visit
	a      *answer // nil: it has ended
	stream markup.Stream
	said   markup.Paragraphs // of an answer from documents
	told   int               // bytes of its text
	thinks bool
	end    []byte // once it is known
	void   bool   // the vault locked
}

// piece is what there is to say now, with at most so many bytes of text; nil:
// nothing, until changed is closed.
func (x *telling) piece(most int) (b []byte, words int, changed <-chan struct{}) {
	if x.a == nil || x.end != nil {
		return nil, 0, nil
	}
	if !x.s.Unlocked() {
		x.stream = markup.Stream{} // Last tells of it
		return nil, 0, nil
	}
	if list, changed := x.a.sentences(); len(list) > 0 {
		ops, n := x.said.Next(list, most)
		if ops == nil {
			return nil, 0, changed
		}
		return line{Ops: ops}.bytes(), n, changed
	}
	for {
		text, thinks, _, changed := x.a.seen(x.told)
		text = text[:min(len(text), most)]
		x.told += len(text)
		l := line{Ops: x.stream.Add(text), Thinks: thinks && !x.thinks}
		x.thinks = x.thinks || thinks
		if len(l.Ops) > 0 || l.Thinks {
			return l.bytes(), len(text), changed
		}
		if text == "" {
			return nil, 0, changed
		}
	}
}

// Next gives what there is to say, in about n bytes: an operation takes about as
// many as the word that it is for.
func (x *telling) Next(n int) []byte {
	b, _, _ := x.piece(max(n/4, 16))
	return b
}

// Empty gives a line that says nothing.
func (x *telling) Empty() []byte { return line{}.bytes() }

// Void tells that the vault has locked: then the rest of what was given is not told.
func (x *telling) Void() bool {
	if x.s.Unlocked() {
		return false
	}
	if !x.void {
		x.void, x.end, x.stream = true, nil, markup.Stream{}
	}
	return true
}

// Last gives the end, once all else was given.
func (x *telling) Last() []byte {
	if x.end != nil {
		return bytes.Clone(x.end)
	}
	if !x.s.Unlocked() {
		x.end = line{End: &ending{Finish: "locked"}}.bytes()
		return bytes.Clone(x.end)
	}
	if x.a == nil {
		x.end = line{End: &ending{Finish: "over"}}.bytes()
		return bytes.Clone(x.end)
	}
	text, _, end, _ := x.a.seen(x.told)
	if end == nil || text != "" {
		return nil
	}
	if list, _ := x.a.sentences(); !x.said.All(list) {
		return nil
	}
	x.end = line{Ops: x.stream.End(), End: end}.bytes()
	return bytes.Clone(x.end)
}

// follow tells as it comes, but calmly.
func (x *telling) follow(ctx context.Context, send func(b []byte, words int) error) {
	for {
		b, words, changed := x.piece(1 << 20)
		if b == nil {
			if last := x.Last(); last != nil {
				_ = send(last, len(last)) // an error is the client's hanging up
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
				continue
			}
		}
		if send(b, words) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(calm):
		}
	}
}
