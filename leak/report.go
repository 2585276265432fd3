package leak

import (
	"cmp"
	"slices"

	"abaton.local/leak/learn"
)

// Report is a run and what came of it, for machines. Everything that it rests on
// is named by its digest.
type Report struct {
	Format string `json:"format"`
	Day    string `json:"day"`
	Run    Run    `json:"run"`
	Left   int    `json:"answers_left_out"` // recorded ones that were longer than the plan's longest

	Ways []WayReport `json:"ways"`
	Live *LiveReport `json:"live,omitempty"`
}

// ReportFormat changes with every field.
const ReportFormat = "abaton leak 3"

// Run is what must be the same for two halves of a run to be one.
type Run struct {
	Program      string `json:"program"` // version
	ProgramSHA   string `json:"program_sha256"`
	Engine       string `json:"engine"` // of the recordings
	Model        string `json:"model"`
	ModelSHA     string `json:"model_sha256"`
	Corpus       string `json:"corpus"` // version
	CorpusSHA    string `json:"corpus_sha256"`
	Recorded     string `json:"recorded_on"` // hardware
	Hardware     string `json:"hardware"`    // of this run
	Kind         string `json:"kind"`        // quick or full
	WindowSecond int    `json:"window_seconds"`
	AtOnce       int    `json:"connections"`
	Plan         Plan   `json:"plan"`
	Effort       Effort `json:"effort"`
}

// WayReport is what was found in one way of asking.
type WayReport struct {
	Way      Way          `json:"way"`
	Controls Controls     `json:"controls"`
	Labour   Labour       `json:"labour"` // of server, observer and clients together
	Modes    []ModeReport `json:"modes"`
}

// ModeReport is what was found in a mode.
type ModeReport struct {
	Mode      string   `json:"mode"`
	Traces    int      `json:"traces"`
	TracesSHA string   `json:"traces_sha256"`
	Cost      Cost     `json:"cost"`
	Evidence  Evidence `json:"evidence"`
	Wider     Wider    `json:"wider"`
	Claim     Claim    `json:"claim"`
}

// LiveReport is what ticks tell beside a working engine.
type LiveReport struct {
	Way     Way     `json:"way"`
	Mode    string  `json:"mode"`
	Engine  string  `json:"engine"`
	Model   string  `json:"model"`
	AtOnce  int     `json:"connections"`
	Traces  int     `json:"traces"`
	Outcome Outcome `json:"outcome"` // a topic, from the ticks alone
	Busy    *Busy   `json:"busy,omitempty"`
	Cost    Cost    `json:"cost"`
}

// Quoted is the one sentence of a report: of the weakest claim that a mode which
// hides the end can make in any of the ways. ok is false where no such mode was
// looked at.
func (r Report) Quoted() (claim Claim, ok bool) {
	var all []Claim
	for _, w := range r.Ways {
		for _, m := range w.Modes {
			if hidesEnd(m.Mode) {
				all = append(all, m.Claim)
			}
		}
	}
	if len(all) == 0 {
		return claim, false
	}
	return slices.MinFunc(all, func(a, b Claim) int { return cmp.Compare(a.strength(), b.strength()) }), true
}

func (c Claim) strength() int {
	switch {
	case c.Chance:
		return 2
	case c.Sentence != "":
		return 0 // a leak that was measured is worse than not knowing
	}
	return 1
}

func hidesEnd(mode string) bool { return mode == "sealed" || mode == "channel" }

// Leaks names the attacks that certainly found something, however few traces
// there are: those whose p-value stays small when corrected for their number.
func (e Evidence) Leaks() (names []string) {
	var asked []Outcome
	var p []float64
	for _, o := range e.Outcomes {
		if o.Permutations > 0 {
			asked, p = append(asked, o), append(p, o.P)
		}
	}
	for i, adjusted := range learn.Holm(p) {
		if adjusted <= level {
			names = append(names, asked[i].ID+" on "+asked[i].topic())
		}
	}
	return names
}

// Found tells whether a mode that hides the end was seen to leak.
func (r Report) Found() bool {
	for _, w := range r.Ways {
		for _, m := range w.Modes {
			if hidesEnd(m.Mode) && (m.Claim.Sentence != "" && !m.Claim.Chance || len(m.Evidence.Leaks()) > 0 || len(m.Wider.Leaks()) > 0) {
				return true
			}
		}
	}
	return false
}
