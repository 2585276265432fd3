package posture

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Result is one check with what it saw.
type Result struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Maps    []string `json:"maps_to"`
	Level   Level    `json:"evidence_level"`
	Finding `json:"finding"`
}

// Report is what a run of checks saw, in the order of their identifiers.
type Report struct {
	Results []Result `json:"results"`
}

// Run runs checks one after the other: a probe that shares the machine with
// another one could mistake its traces for a leak. A check that panics, is
// without a Run, or claims a pass on evidence too weak for one is unknown.
func Run(ctx context.Context, checks []Check) Report {
	var r Report
	for _, c := range checks {
		f := runOne(ctx, c)
		if f.Status == Pass && c.Level < Observed {
			f.Status = Unknown
			f.Summary = "claimed a pass on evidence that cannot show one: " + f.Summary
		}
		r.Results = append(r.Results, Result{c.ID, c.Title, c.Maps, c.Level, f})
	}
	slices.SortStableFunc(r.Results, func(a, b Result) int { return cmp.Compare(a.ID, b.ID) })
	return r
}

func runOne(ctx context.Context, c Check) (f Finding) {
	defer func() {
		if p := recover(); p != nil {
			f = Finding{Status: Unknown, Summary: fmt.Sprintf("the check itself broke: %v", p)}
		}
	}()
	if ctx.Err() != nil {
		return Finding{Status: Unknown, Summary: "stopped before this check ran"}
	}
	if c.Run == nil {
		return Finding{Status: Unknown, Summary: "this check has nothing to run"}
	}
	f = c.Run(ctx)
	if !f.Status.known() {
		f.Status = Unknown
	}
	return f
}

func (s Status) known() bool {
	return slices.Contains([]Status{Pass, Warn, Fail, NA, Manual, Unknown}, s)
}

// ExitCode is 0 when nothing failed and nothing stayed unknown, else 5. An
// empty report shows nothing, so it is 5 as well.
func (r Report) ExitCode() int {
	for _, x := range r.Results {
		if x.Status == Fail || x.Status == Unknown {
			return 5
		}
	}
	if len(r.Results) == 0 {
		return 5
	}
	return 0
}
