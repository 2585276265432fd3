package engine

import "time"

// Patience says how long is long enough. Its zero value means the defaults.
type Patience struct {
	Load    time.Duration   // a model may take to load
	Poll    time.Duration   // between two looks whether it has
	Probe   time.Duration   // without a sign of life before /slots is asked, and for its answer
	Misses  int             // probes in a row without an answer, and without computing, that make a worker hung
	Silence time.Duration   // between two tokens
	Token   time.Duration   // more, for each token of the prompt's batch at hand
	Backoff []time.Duration // before a restart, by the number of crashes
	Crashes int             // so many
	Within  time.Duration   // in so long a time
	Open    time.Duration   // are so many that from then on it is started once in so long a time
	Slice   time.Duration   // one turn, where workers share the processor
	Reader  time.Duration   // that a reader may take over what they are given, all together, before the engine goes on without them
	Share   time.Duration   // that somebody waits for memory before an answer of who has more than their share is broken off
	Unread  time.Duration   // that a worker may stand still for its reader while others wait for its memory
}

func (p Patience) withDefaults() Patience {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&p.Load, 10*time.Minute)
	set(&p.Poll, 5*time.Millisecond)
	set(&p.Probe, 2*time.Second)
	set(&p.Silence, 60*time.Second)
	set(&p.Token, 250*time.Millisecond)
	set(&p.Within, 10*time.Minute)
	set(&p.Open, time.Minute)
	set(&p.Slice, 50*time.Millisecond)
	set(&p.Reader, time.Second)
	set(&p.Share, 20*time.Second)
	set(&p.Unread, 10*time.Second)
	if p.Misses == 0 {
		p.Misses = 3
	}
	if p.Crashes == 0 {
		p.Crashes = 5
	}
	if p.Backoff == nil {
		p.Backoff = []time.Duration{250 * time.Millisecond, time.Second, 4 * time.Second, 15 * time.Second}
	}
	return p
}

// circuit remembers the crashes of one seat. It is guarded by Engine.mu.
type circuit struct{ crashes []time.Time }

func (c *circuit) crashed(now time.Time) { c.crashes = append(c.crashes, now) }

// wait gives how long to wait before a restart, and whether that is so long, for
// there were too many crashes, that nobody waits for it: one more is tried after it.
func (c *circuit) wait(p Patience, now time.Time) (d time.Duration, open bool) {
	for len(c.crashes) > 0 && now.Sub(c.crashes[0]) >= p.Within {
		c.crashes = c.crashes[1:]
	}
	n := len(c.crashes)
	if n == 0 {
		return 0, false
	}
	pause := p.Open
	if n < p.Crashes {
		pause = p.Backoff[min(n, len(p.Backoff))-1]
	}
	d = max(0, c.crashes[n-1].Add(pause).Sub(now))
	return d, d > 0 && n >= p.Crashes
}
