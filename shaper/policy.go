package shaper

import (
	"math/rand/v2"
	"time"
)

// Policy is what holds for whom. The zero Policy shapes nothing.
type Policy struct {
	Local, LAN Mode            // for those who come over this machine's network, and from others
	People     map[string]Mode // by person
	Keys       map[string]Mode // by key

	Window  time.Duration // of Sealed (32 s)
	Uploads bool          // requests are refused that are not padded to a bucket

	Jitter func() time.Duration // added to each deadline (0 to 5 ms); must know nothing of content
}

// Listener is where somebody comes in.
type Listener int

// The listeners.
const (
	Socket Listener = iota // no network is in between
	Local
	LAN
)

// Floor is the least that holds for a request.
func (p Policy) Floor(at Listener, person, key string) Mode {
	m := Off
	switch at {
	case Local:
		m = p.Local
	case LAN:
		m = p.LAN
	}
	return max(m, p.People[person], p.Keys[key])
}

// Figures of the modes. One frame and what TLS and HTTP put around it fit into
// one packet.
const (
	FrameBytes = 512
	Tick       = 100 * time.Millisecond
	mostJitter = 5 * time.Millisecond

	DefaultWindow = 32 * time.Second
)

// pacedWindows are where a paced answer may end; a longer one ends at a multiple
// of the last.
var pacedWindows = []time.Duration{8 * time.Second, 16 * time.Second, 32 * time.Second, 64 * time.Second, 128 * time.Second}

// Plan is how one answer is sent.
type Plan struct {
	Frame   int           // bytes
	Tick    time.Duration // between frames
	Windows []int         // where it may end, in frames, and at multiples of the last; none: nowhere
	Jitter  func() time.Duration
}

// Plan gives that of a mode which has one: Paced and above.
func (p Policy) Plan(m Mode) Plan {
	plan := Plan{Frame: FrameBytes, Tick: Tick, Jitter: p.Jitter}
	if plan.Jitter == nil {
		plan.Jitter = func() time.Duration { return rand.N(mostJitter) }
	}
	window := p.Window
	if window == 0 {
		window = DefaultWindow
	}
	switch m {
	case Paced:
		for _, w := range pacedWindows {
			plan.Windows = append(plan.Windows, int(w/Tick))
		}
	case Sealed:
		plan.Windows = []int{max(1, int(window/Tick))}
	}
	return plan
}

// end is the first place from frame n on where an answer may end.
func (p Plan) end(n int) int {
	for _, w := range p.Windows {
		if w >= n {
			return w
		}
	}
	last := p.Windows[len(p.Windows)-1]
	return (n + last - 1) / last * last
}
