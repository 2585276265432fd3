package leak

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Passage is how a shaped stream came through whatever lies between a server and
// a client.
type Passage struct {
	Frames  int     `json:"frames"`  // of the answer
	Moments int     `json:"moments"` // at which something came
	Usual   int     `json:"usual_bytes"`
	Merged  int     `json:"merged"` // moments at which more came than one frame
	Split   int     `json:"split"`  // and less
	Late    float64 `json:"late"`   // seconds by which 99 of 100 moments missed their tick at most
}

// Figures of a passage.
const (
	sameMoment = 0.02 // seconds between pieces that came together
	opening    = 2    // moments, at least: the handshake, and the header
	forgiven   = 0.02 // share of moments that a network may merge by itself
)

// Passed looks at the records of one answer of body bytes, sent in frames of a
// size on ticks.
func Passed(t Trace, body, frame int) (p Passage) {
	type moment struct {
		at    float64
		bytes int
	}
	var all []moment
	for i, at := range t.Times() {
		if n := len(all); n > 0 && at-all[n-1].at < sameMoment {
			all[n-1].bytes += t.Sizes[i]
			continue
		}
		all = append(all, moment{at, t.Sizes[i]})
	}
	p.Frames = body / frame
	// What is behind the last frame and before the first is the connection's own.
	if n := len(all); n > 0 && all[n-1].bytes < frame/4 {
		all = all[:n-1]
	}
	all = all[min(len(all), max(opening, len(all)-p.Frames)):]
	p.Moments = len(all)
	count := make(map[int]int)
	var grid Trace
	for i, m := range all {
		count[m.bytes]++
		gap := m.at
		if i > 0 {
			gap -= all[i-1].at
		}
		grid.Sizes, grid.Gaps = append(grid.Sizes, m.bytes), append(grid.Gaps, gap)
	}
	grid.Tick = t.Tick
	p.Usual, _ = commonest(count)
	for _, m := range all {
		switch c := cmp.Compare(m.bytes, p.Usual); {
		case m.bytes > 3*frame/2, c > 0:
			p.Merged++
		case c < 0:
			p.Split++
		}
	}
	if by := lateness(&grid); len(by) > 0 {
		slices.Sort(by)
		p.Late = quantile(by, 0.99)
	}
	return p
}

// Kept tells whether the shape came through.
func (p Passage) Kept() bool {
	few := forgiven * float64(p.Frames)
	return p.Frames > 0 && float64(p.Merged) <= few && float64(p.Split) <= few && float64(p.Moments) >= 0.9*float64(p.Frames)
}

// Text says it for people.
func (p Passage) Text(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d frames were sent and came at %d moments; at %d of them more than one came, at %d less; 99 of 100 were at most %.1f ms late.\n",
		p.Frames, p.Moments, p.Merged, p.Split, p.Late*1e3)
	if err != nil {
		return err
	}
	text := "The shape came through as it was sent."
	if !p.Kept() {
		text = "What lies in between collects pieces or cuts them anew: it undoes the shape. Switch its buffering off (nginx: proxy_buffering off), or let abaton serve speak TLS itself, and look again."
	}
	_, err = fmt.Fprintln(w, text)
	return err
}
