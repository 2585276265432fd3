package sandbox

import (
	"io"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// BenchmarkStart starts one program plainly and in the jail of each tier, in
// turns, until it has written its line, and prints the ratio of the medians.
func BenchmarkStart(b *testing.B) {
	for _, tier := range allTiers {
		b.Run(string(tier), func(b *testing.B) {
			j := newJail(Config{RuntimeDir: b.TempDir()})
			j.tier = tier
			defer j.Close()
			program, libraries, err := j.ownProgram()
			if err != nil {
				b.Fatal(err)
			}
			defer program.Opened.Close()
			spec := Spec{Name: "bench", Program: program, Files: libraries, Policy: Native, Args: func(func(string) string) []string { return []string{helloVerb} }}
			var plain, jailed []time.Duration
			for b.Loop() {
				plain = append(plain, timed(b, func(w *os.File) func() { return startPlainly(b, w) }))
				jailed = append(jailed, timed(b, func(w *os.File) func() {
					s := spec
					s.Stdout = w
					p, err := j.start(b.Context(), s, tier)
					if err != nil {
						b.Fatal(err)
					}
					return func() { <-p.Done(); _ = p.RunDir().Close() }
				}))
			}
			p, q := median(plain), median(jailed)
			b.ReportMetric(float64(p.Microseconds())/1000, "plain-ms")
			b.ReportMetric(float64(q.Microseconds())/1000, "jailed-ms")
			b.ReportMetric(float64((q-p).Microseconds())/1000, "more-ms")
			b.ReportMetric(float64(q)/float64(p), "ratio")
		})
	}
}

func startPlainly(b *testing.B, w *os.File) func() {
	null, err := os.Open(os.DevNull)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	p, err := os.StartProcess("/proc/self/exe", []string{"bench", helloVerb}, &os.ProcAttr{
		Files: []*os.File{null, w, null}, Env: []string{}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		b.Fatal(err)
	}
	return func() { _, _ = p.Wait() }
}

// timed measures from the start to the program's first line.
func timed(b *testing.B, start func(w *os.File) (wait func())) time.Duration {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	begin := time.Now()
	wait := start(w)
	_ = w.Close()
	line := make([]byte, len(sayHello))
	if _, err := io.ReadFull(r, line); err != nil || string(line) != sayHello {
		b.Fatalf("it said %q (%v)", line, err)
	}
	took := time.Since(begin)
	wait()
	return took
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
