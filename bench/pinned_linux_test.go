package bench

import (
	"fmt"
	"slices"
	"testing"
)

// BenchmarkPinned lets eight people ask one model at once under policy pinned-slot,
// with four slots and with eight, against a process for each of them, and against
// one bare engine that computes eight as a batch. Half of those who share four
// slots wait, and each change of a slot's person costs an emptying.
func BenchmarkPinned(b *testing.B) {
	const n = 8
	tokens := length(64)
	var sides [][]*side
	names := []string{"a process for each", "4 pinned slots", "8 pinned slots", "bare -np 8"}
	var argv []string
	for _, slots := range []int{0, 4, 8} {
		where := newHome(b)
		var more []string
		if slots > 0 {
			more = []string{"--isolation", "pinned-slot", "--slots", fmt.Sprint(slots), "--context", "2048"}
		}
		walled := serveIn(b, where, more...)
		eight := people(b, where, walled, n)
		for _, p := range eight {
			p.ask(b, "hello", 8)
		}
		argv = engineArgs(b, walled.pid)
		sides = append(sides, eight)
	}
	batched, _ := bare(b, argv) // with the very arguments of eight slots
	batched.ask(b, "hello", 8)
	sides = append(sides, slices.Repeat([]*side{batched}, n))
	speed, slowest := make([][]float64, len(sides)), make([][]float64, len(sides))
	for b.Loop() {
		for i := range rounds(8) {
			for j := range sides {
				k := (i + j) % len(sides)
				total, last := atOnce(b, sides[k], i, tokens)
				speed[k], slowest[k] = append(speed[k], total), append(slowest[k], last.Seconds())
			}
		}
	}
	for k, name := range names {
		b.Logf("%s: %s in all, slowest first token %s", name, spread(speed[k], "tokens/s"), spread(slowest[k], "s"))
	}
	for k := 1; k < 3; k++ {
		b.Logf("MEASURED %s: of a process for each %s; of bare -np 8 %s", names[k], spread(ratios(speed[k], speed[0]), ""), spread(ratios(speed[k], speed[3]), ""))
		b.ReportMetric(median(ratios(speed[k], speed[0])), fmt.Sprintf("ratio-%d", k*4))
	}
}
