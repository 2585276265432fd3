package engine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"abaton.local/posture"
)

// Checks asks whether people are kept apart by processes.
func (e *Engine) Checks() []posture.Check {
	return []posture.Check{{
		ID:    "ENG-01",
		Title: "Each person has an engine of their own",
		Level: posture.Observed,
		Run:   func(context.Context) posture.Finding { return apart(e.Workers(), slotsOf) },
	}}
}

// apart looks at all engines that run: for whom each is, and how many slots the
// kernel says that it was started with. One slot holds one person's words alone.
func apart(running []WorkerInfo, slots func(pid int) (int, error)) posture.Finding {
	f := posture.Finding{
		Recheck: "tr '\\0' ' ' < /proc/PID/cmdline, of each llama-server: after -np stands 1",
		Fix:     "set isolation = \"own-engine\" in abaton.toml and start abaton serve anew",
	}
	pids := map[int]bool{}
	shared, least := 0, 0
	var seen []string
	for _, w := range running {
		if pids[w.PID] {
			continue
		}
		pids[w.PID] = true
		n, err := slots(w.PID)
		if err != nil {
			f.Status, f.Summary, f.Evidence = posture.Unknown, "an engine's command line could not be read", err.Error()
			return f
		}
		if seen = append(seen, fmt.Sprintf("process %d: -np %d", w.PID, n)); n != 1 {
			shared++
			least = max(least, n)
		}
	}
	f.Evidence = strings.Join(seen, "\n")
	switch {
	case len(seen) == 0:
		f.Status, f.Summary = posture.Unknown, "no engine runs that could be looked at"
	case shared > 0:
		f.Status = posture.Warn
		f.Summary = fmt.Sprintf("policy pinned-slot: up to %d people share one engine process, so a fault of the engine can give one of them another's words, and one that was taken over reads all of theirs", least)
	default:
		f.Status, f.Summary = posture.Pass, fmt.Sprintf("each of %d engines was started with one slot, for one person", len(seen))
	}
	return f
}

// slotsOf reads of a running engine with how many slots it was started.
func slotsOf(pid int) (int, error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return 0, err
	}
	args := bytes.Split(line, []byte{0})
	i := slices.IndexFunc(args, func(a []byte) bool { return string(a) == "-np" })
	if i < 0 || i+1 == len(args) {
		return 0, fmt.Errorf("process %d was started without -np", pid)
	}
	return strconv.Atoi(string(args[i+1]))
}
