package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
)

// BenchmarkRepack is what it costs and gains that the engine copies weights of
// some types into another order for the processor: memory of one and of two
// processes, speed of reading and of answering, with and without --no-repack.
// Then what two people of the program get. See docs/decisions/0013.
func BenchmarkRepack(b *testing.B) {
	for _, c := range []struct {
		kind   ggufgen.Kind
		blocks int
	}{{ggufgen.Q4K, 24}, {ggufgen.Q40, 24}, {ggufgen.Q2K, 12}, {ggufgen.IQ4NL, 12}} {
		b.Run(c.kind.Name, func(b *testing.B) { repack(b, modelFile(b, c.kind, c.blocks)) })
	}
}

func repack(b *testing.B, file string) {
	where := newHome(b)
	pull(b, where, file)
	walled := serveIn(b, where)
	walled.model = named(file)
	two := people(b, where, walled, 2)
	for _, p := range two {
		p.ask(b, "hello", 4)
	}
	workers := enginesOf(walled.pid)
	if len(workers) != 2 {
		b.Fatalf("%d engines of two people", len(workers))
	}
	argv := without(workers[0].argv, "--no-repack")
	copies, copies2 := bareNow(b, argv, file), bareNow(b, argv, file)
	shares, shares2 := bareNow(b, append(argv, "--no-repack"), file), bareNow(b, append(argv, "--no-repack"), file)
	sides := [2]*side{copies, shares}
	for _, s := range []*side{copies, shares, copies2, shares2} {
		s.ask(b, "hello", 4)
	}
	var reads, answers, readCost, answerCost [2][]float64 // tokens/s, and ms of processor time for each token
	for b.Loop() {
		for i := range rounds(6) {
			for j := range sides {
				k := (i + j) % 2
				s := sides[k]
				before := processorTime(b, s.pid)
				long := s.ask(b, fmt.Sprintf("%d%d ", i, j)+strings.Repeat("bado deba lunu ", 40), 1)
				between := processorTime(b, s.pid)
				short := s.ask(b, fmt.Sprintf("%d%d bado", i, j), length(48))
				after := processorTime(b, s.pid)
				reads[k] = append(reads[k], float64(long.prompt)/long.first.Seconds())
				answers[k] = append(answers[k], short.speed())
				readCost[k] = append(readCost[k], (between-before)/float64(long.prompt))
				answerCost[k] = append(answerCost[k], (after-between)/float64(short.tokens))
			}
		}
	}
	for k, name := range []string{"copied", "shared"} {
		b.Logf("%s: reads %s, %s of processor time a token; answers %s, %s", name, spread(reads[k], "tokens/s"), spread(readCost[k], "ms"),
			spread(answers[k], "tokens/s"), spread(answerCost[k], "ms"))
	}
	info, err := os.Stat(file)
	must(b, err)
	mb := func(s ...*side) (sum float64) {
		for _, x := range s {
			sum += float64(memory(b, x.pid, "RssAnon")) / 1e6
		}
		return sum
	}
	b.Logf("MEASURED memory of their own (RssAnon), file %.0f MB: copied %.0f MB for one and %.0f MB for two; shared %.0f MB and %.0f MB",
		float64(info.Size())/1e6, mb(copies), mb(copies, copies2), mb(shares), mb(shares, shares2))
	b.Logf("MEASURED speed shared/copied: reading %s, answering %s", spread(ratios(reads[1], reads[0]), ""), spread(ratios(answers[1], answers[0]), ""))
	for _, w := range workers {
		b.Logf("MEASURED abaton: a worker holds %.0f MB for itself, with --no-repack: %v", float64(memory(b, w.pid, "RssAnon"))/1e6, len(without(w.argv, "--no-repack")) < len(w.argv))
	}
	b.ReportMetric(median(ratios(reads[1], reads[0])), "ratio-reading")
	b.ReportMetric(median(ratios(answers[1], answers[0])), "ratio-answering")
	b.ReportMetric(mb(copies, copies2), "MB-copied-2")
	b.ReportMetric(mb(shares, shares2), "MB-shared-2")
}

func bareNow(b testing.TB, argv []string, file string) *side {
	b.Helper()
	s, _ := bareOf(b, argv, file)
	return s
}

// without is argv without an option that takes no value.
func without(argv []string, option string) (rest []string) {
	for _, a := range argv {
		if a != option {
			rest = append(rest, a)
		}
	}
	return rest
}

// processorTime is what a process has used, in ms: proc(5)'s stat counts in
// hundredths of a second.
func processorTime(b testing.TB, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(b, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	sum := 0
	for _, f := range fields[11:13] { // user and system
		n, err := strconv.Atoi(f)
		must(b, err)
		sum += n
	}
	return float64(sum) * 10
}
