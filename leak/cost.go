package leak

import (
	"math"
	"slices"
)

// Listened is what a client noticed of one answer, in seconds since it asked.
type Listened struct {
	First float64 `json:"first"` // character
	Last  float64 `json:"last"`
	End   float64 `json:"end"` // of the answer

	SaidFirst float64 `json:"said_first"` // when an engine had said it
	SaidLast  float64 `json:"said_last"`
}

// Cost is what a mode costs: medians over its traces, and how well it kept its
// clock.
type Cost struct {
	Bytes   float64 `json:"bytes"` // that came down
	Records float64 `json:"records"`
	First   float64 `json:"added_first"` // seconds that the first character came later than the engine said it
	Last    float64 `json:"added_last"`
	End     float64 `json:"end_after"`      // seconds from the last character to the end of the answer
	Ends    int     `json:"ends,omitempty"` // how many different seconds frames ended in: what an end told is at most the logarithm of that
	Late    float64 `json:"late,omitempty"` // seconds by which 99 of 100 frames came after the most punctual one's grid at most, jitter included
}

// CostOf sums up traces of a mode.
func CostOf(traces []Trace) Cost {
	var bytes, records, first, last, end, missed []float64
	ends := make(map[int]bool)
	for i := range traces {
		t := &traces[i]
		bytes, records = append(bytes, length(t)[1]), append(records, float64(len(t.Sizes)))
		if l := t.Heard; l != nil && l.First > 0 {
			first, last, end = append(first, l.First-l.SaidFirst), append(last, l.Last-l.SaidLast), append(end, l.End-l.Last)
		}
		if t.Tick > 0 {
			late := lateness(t)
			missed = append(missed, late...)
			if len(late) > 0 {
				ends[int(math.Round(float64(len(late))*t.Tick))] = true
			}
		}
	}
	return Cost{at50(bytes), at50(records), at50(first), at50(last), at50(end), len(ends), quantile(missed, 0.99)}
}

// lateness is by how much each frame came later than the most punctual one. Frames
// are the records of the commonest size, one on each tick: counted, so that one that
// is late by more than a tick is not taken for the next one. nil where what came
// keeps no tick.
func lateness(t *Trace) (by []float64) {
	count := make(map[int]int)
	for _, size := range t.Sizes {
		count[size]++
	}
	frame, frames := commonest(count)
	times := t.Times()
	for i, size := range t.Sizes {
		if size == frame {
			by = append(by, times[i]-float64(len(by))*t.Tick)
		}
	}
	if frames < 3 || math.Abs(by[frames-1]-by[0]) > t.Tick*float64(frames)/2 {
		return nil
	}
	earliest := slices.Min(by)
	for i := range by {
		by[i] -= earliest
	}
	return by
}

func at50(v []float64) float64 { return quantile(v, 0.5) }

func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[int(q*float64(len(v)-1))]
}
