package sandbox

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"testing"
)

// knobs reads from the command line which layers this stub must leave out. The
// product's Child never does.
func knobs() map[layer]bool {
	without := map[layer]bool{}
	for _, a := range os.Args[1:] {
		without[layer(a)] = true
	}
	return without
}

// jailAt makes a jail of one tier, without finding or verifying it, that
// leaves layers out.
func jailAt(t *testing.T, tier Tier, without ...layer) *Jail {
	t.Helper()
	j := newJail(Config{RuntimeDir: t.TempDir(), StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	j.tier = tier
	j.without = map[layer]bool{}
	for _, l := range without {
		j.without[l] = true
		j.knobs = append(j.knobs, string(l))
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// ran is what a program in the jail wrote, and how it ended.
type ran struct {
	out, errs string
	exit      Exit
}

// runIn runs a program in j to its end.
func runIn(t *testing.T, j *Jail, s Spec) (ran, error) {
	t.Helper()
	var texts [2]bytes.Buffer
	var ends [2]*os.File
	done := make(chan struct{}, 2)
	for i := range texts {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = w
		go func() {
			_, _ = io.Copy(&texts[i], r)
			_ = r.Close()
			done <- struct{}{}
		}()
	}
	s.Stdout, s.Stderr = ends[0], ends[1]
	p, err := j.start(t.Context(), s, j.tier)
	_, _ = ends[0].Close(), ends[1].Close()
	<-done
	<-done
	if err != nil {
		return ran{}, err
	}
	<-p.Done()
	_ = p.RunDir().Close()
	return ran{texts[0].String(), texts[1].String(), p.Exit()}, nil
}

// own is a spec that runs this test binary.
func own(t *testing.T, j *Jail, policy Policy, args ...string) Spec {
	t.Helper()
	program, libraries, err := j.ownProgram()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Opened.Close() })
	return Spec{Name: "test", Program: program, Files: libraries, Policy: policy, Args: func(func(string) string) []string { return args }}
}
