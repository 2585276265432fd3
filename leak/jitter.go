package leak

import (
	"math"
	"slices"

	"abaton.local/leak/learn"
)

// late is by how much each record missed its tick, in seconds, and the tick. The
// grid is the one the records follow best; a tick that was left out does not
// shift those behind it. Without a declared tick it is the middle gap.
func late(t *Trace) (by []float64, tick float64) {
	times := t.Times()
	tick = t.Tick
	if tick <= 0 && len(t.Gaps) > 2 {
		tick = learn.Quantile(slices.Sorted(slices.Values(t.Gaps[1:])), 0.5)
	}
	if tick <= 0 || len(times) < 2 {
		return make([]float64, len(times)), 0
	}
	from := func(phase float64) []float64 {
		by := make([]float64, len(times))
		for i, at := range times {
			by[i] = math.Remainder(at-phase, tick)
		}
		return by
	}
	phase := times[1]
	phase += learn.Quantile(slices.Sorted(slices.Values(from(phase))), 0.5)
	return from(phase), tick
}

// windowRecords is how many records an attacker looks at together for the worst
// of them.
const windowRecords = 20

// worst is the largest deviation, either way, in each stretch of records.
func worst(by []float64) (out []float64) {
	for part := range slices.Chunk(by, windowRecords) {
		var w float64
		for _, v := range part {
			w = max(w, math.Abs(v))
		}
		out = append(out, w)
	}
	return out
}

// jitter describes how records miss their ticks: overall, in both halves, from
// one to the next, and where the grid itself lies.
func jitter(t *Trace) []float64 {
	by, tick := late(t)
	out := spread(by)
	size := make([]float64, len(by))
	for i, v := range by {
		size[i] = math.Abs(v)
	}
	half := len(size) / 2
	out = append(out, spread(size)...)
	out = append(out, mean(size[:half]), mean(size[half:]), mean(worst(by)))
	var next float64
	for i := 1; i < len(by); i++ {
		next += by[i] * by[i-1]
	}
	out = append(out, next/float64(max(1, len(by)-1)))
	// A late start moves every tick: the mean over all of them shows it through
	// any jitter of one.
	var start float64
	for i, at := range t.Times() {
		start += at - float64(i)*tick
	}
	return append(out, start/float64(max(1, len(by))))
}

func mean(v []float64) float64 { return sum(v) / float64(max(1, len(v))) }

// Busy is whether an observer can tell from the ticks alone when the engine
// works: how well lateness, of single records and the worst of twenty, separates
// records sent while it was generating from those sent after it.
type Busy struct {
	Traces  int     `json:"traces"`
	Records int     `json:"records"`
	Single  float64 `json:"single_auc"`
	Worst   float64 `json:"worst_auc"`

	SingleWithin learn.Interval `json:"single_interval"`
	WorstWithin  learn.Interval `json:"worst_interval"`
}

// TickJitter needs traces that say when the engine stopped. An AUC below one half
// tells as much as one above it, so both are given as distance from it.
func TickJitter(traces []Trace, draws int, seed uint64) (b Busy, ok bool) {
	var single, worstOf busyRows
	for i := range traces {
		t := &traces[i]
		by, tick := late(t)
		first := firstTick(t, tick)
		if t.EngineStopped <= 0 || tick == 0 || first == len(by) {
			continue
		}
		by = by[first:]
		times := t.Times()[first:]
		b.Traces++
		b.Records += len(by)
		for k, v := range by {
			single.add(math.Abs(v), times[k] <= t.EngineStopped, i)
		}
		for k, w := range worst(by) {
			middle := min(k*windowRecords+windowRecords/2, len(times)-1)
			worstOf.add(w, times[middle] <= t.EngineStopped, i)
		}
	}
	b.Single, b.SingleWithin, ok = single.auc(draws, seed)
	if !ok {
		return b, false
	}
	b.Worst, b.WorstWithin, ok = worstOf.auc(draws, seed)
	return b, ok
}

// firstTick is the first record that can be on a tick: what comes before is the
// connection's own, which is never late and always while the engine works.
func firstTick(t *Trace, tick float64) int {
	for i, g := range t.Gaps {
		if g > tick/2 {
			return i
		}
	}
	return len(t.Gaps)
}

// busyRows are records, each with its trace.
type busyRows struct {
	score []float64
	busy  []bool
	trace []int
}

func (r *busyRows) add(score float64, busy bool, trace int) {
	r.score, r.busy, r.trace = append(r.score, score), append(r.busy, busy), append(r.trace, trace)
}

func (r *busyRows) auc(draws int, seed uint64) (float64, learn.Interval, bool) {
	if !slices.Contains(r.busy, true) || !slices.Contains(r.busy, false) {
		return 0, learn.Interval{}, false
	}
	ranking := learn.NewRanking(r.score, r.busy, nil)
	fold := func(v float64) float64 { return 0.5 + math.Abs(v-0.5) }
	// Traces are drawn, not records: those of one trace share its machine's mood.
	s := learn.Set{Y: make([]int, len(r.trace)), Group: r.trace, Classes: 1}
	within := learn.Bootstrap(s, draws, seed, func(w []float64) float64 { return fold(ranking.AUC(w)) })
	return fold(ranking.AUC(nil)), within, true
}
