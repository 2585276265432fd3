package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
)

// BenchmarkSwitch is the first token of a person or of a model that has no
// worker yet, with warm files, while others' workers live; against the bare
// engine's start until it is healthy and its first token. Promise: at most 0.1 s
// more.
func BenchmarkSwitch(b *testing.B) {
	where := newHome(b)
	other := modelFile(b, ggufgen.Q4K, 12)
	pull(b, where, other)
	walled := serveIn(b, where)
	two := people(b, where, walled, 2)
	stays, goes := two[0], two[1].as(ollama)
	stays.ask(b, "hello", 4)
	argv := engineArgs(b, walled.pid)
	reader := *stays
	reader.model = named(other)
	// once asks and lets the worker go.
	once := func(s *side) float64 {
		body := s.dialect.body(s.model, story, 4)
		body["keep_alive"] = 0
		a, err := s.put(b.Context(), body)
		must(b, err)
		goneWithin(b, walled.pid, 1)
		return a.first.Seconds()
	}
	naked := func(model string) float64 {
		s, up := bareOf(b, argv, model)
		defer s.stop()
		return up.Seconds() + s.ask(b, story, 4).first.Seconds()
	}
	prepared, _ := filepath.Glob(filepath.Join(home(b), "own", "models", "*.gguf")) // bare saw that there is one
	changes := []struct {
		what string
		side *side
		file string
	}{{"person", goes, prepared[0]}, {"model", reader.as(ollama), other}}
	ours, theirs := map[string][]float64{}, map[string][]float64{}
	for _, c := range changes { // warm
		once(c.side)
		naked(c.file)
	}
	for b.Loop() {
		for range rounds(10) {
			for _, c := range changes {
				theirs[c.what] = append(theirs[c.what], naked(c.file))
				ours[c.what] = append(ours[c.what], once(c.side))
			}
		}
	}
	for _, c := range changes {
		later := less(ours[c.what], theirs[c.what])
		b.Logf("switching %s: abaton %s, bare %s", c.what, spread(ours[c.what], "s"), spread(theirs[c.what], "s"))
		b.Logf("MEASURED switching %s, first token later than of a bare start by: %s; goal 0.1 s", c.what, spread(later, "s"))
		b.ReportMetric(median(later), "s-later-"+c.what)
	}
}

// named is what the shelf calls a file.
func named(file string) string {
	return strings.ToLower(strings.TrimSuffix(filepath.Base(file), ".gguf"))
}

// modelFile writes a model of random weights whose name is that of its kind.
func modelFile(b testing.TB, kind ggufgen.Kind, blocks int) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "ab") // b.TempDir is closed to the account that the program becomes
	must(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(b, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, kind.Name+".gguf")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	must(b, err)
	defer f.Close()
	_, err = ggufgen.Quantised(1, kind, blocks).WriteTo(f)
	must(b, err)
	return path
}
