package bench

import (
	"bufio"
	"fmt"
	"testing"
	"time"
)

const story = "Write a very long story about a lighthouse keeper, with many chapters. Begin with chapter one."

// BenchmarkDecode compares tokens per second and time to the first token of
// the whole program with the bare engine: 30 alternating pairs of 256 tokens.
// Promise: median ratio at least 0.98, lower bound of its interval at least
// 0.95, first token at most 5 ms later at the median.
func BenchmarkDecode(b *testing.B) {
	const pairs, tokens = 30, 256
	walled := serve(b)
	idle := rss(b, walled.pid)
	walled.ask(b, "hello", 8) // starts the worker, warms the files
	naked, _ := bare(b, engineArgs(b, walled.pid))
	naked.ask(b, "hello", 8)
	sides := [2]*side{walled, naked}
	var speed [2][]float64
	var first [2][]time.Duration
	for b.Loop() {
		for i := range pairs {
			for j := range sides {
				k := (i + j) % 2 // who begins alternates too
				// Another first word each time, so that no cached prefix shortens the prompt.
				a := sides[k].ask(b, fmt.Sprintf("(%d) %s", i, story), tokens)
				speed[k] = append(speed[k], float64(a.tokens-1)/a.decode.Seconds())
				first[k] = append(first[k], a.first)
			}
		}
	}
	var ratio, later []float64
	for i := range speed[0] {
		ratio = append(ratio, speed[0][i]/speed[1][i])
		later = append(later, (first[0][i]-first[1][i]).Seconds()*1000)
	}
	lo, _ := interval(ratio)
	b.Logf("decode: abaton %s, bare %s", spread(speed[0], "tokens/s"), spread(speed[1], "tokens/s"))
	b.Logf("MEASURED decode ratio abaton/bare: %s; goal 0.98, lower bound 0.95", spread(ratio, ""))
	b.Logf("first token: abaton %s, bare %s", spread(seconds(first[0]), "s"), spread(seconds(first[1]), "s"))
	b.Logf("MEASURED first token later by: %s; goal at most 5 ms", spread(later, "ms"))
	b.Logf("MEASURED idle serve without a model: %.1f MB resident; goal 60 MB", float64(idle)/1e6)
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(lo, "ratio-low")
	b.ReportMetric(median(later), "ms-later")
	b.ReportMetric(float64(idle)/1e6, "idle-MB")
}

// BenchmarkStart compares `abaton ask` until the first piece of its answer
// with the bare engine's start until it is healthy, both with warm files.
// Promise: at most 0.3 s more.
func BenchmarkStart(b *testing.B) {
	const rounds = 7
	var ours, theirs []float64
	walled := serve(b)
	walled.ask(b, "hello", 4)
	argv := engineArgs(b, walled.pid)
	walled.stop()
	for b.Loop() {
		for range rounds {
			naked, up := bare(b, argv)
			naked.stop()
			theirs = append(theirs, up.Seconds())
			ours = append(ours, firstOutput(b).Seconds())
		}
	}
	b.Logf("start: abaton ask %s, bare engine %s", spread(ours, "s"), spread(theirs, "s"))
	more := median(ours) - median(theirs)
	b.Logf("MEASURED abaton ask to its first token later than the bare engine's start by %.3f s; goal at most 0.3 s", more)
	b.ReportMetric(more, "s-later")
	b.ReportMetric(median(ours)/median(theirs), "ratio")
}

func firstOutput(b *testing.B) time.Duration {
	b.Helper()
	cmd := program(b, "ask", "What is the capital of France?")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	r := bufio.NewReader(out)
	if _, err := r.ReadByte(); err != nil {
		b.Fatalf("abaton ask gave no answer: %v", err)
	}
	d := time.Since(start)
	for err == nil {
		_, err = r.ReadByte()
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	return d
}
