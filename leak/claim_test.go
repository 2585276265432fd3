package leak

import (
	"math"
	"slices"
	"strings"
	"testing"

	"abaton.local/leak/learn"
)

// flat is an outcome that found nothing.
func flat(id, topic string) Outcome {
	return Outcome{ID: id, Labels: []string{"noise", topic}, Traces: 1600, Prompts: 100, AUC: 0.508, P: 0.4, Permutations: 1000,
		Within: learn.Interval{Low: 0.492, High: 0.527, Upper: 0.5241}, TPRUpper: 0.0151}
}

// clean is a run in which everything holds.
func clean() Evidence {
	e := Evidence{Corpus: "v1", Model: "m", Hardware: "h", Commit: "c", Mode: "sealed", Protocol: "OpenAI chat over HTTP/1.1", Structural: true,
		ControlA5: &Recovery{Traces: 400, Accuracy: 0.999}, ShuffledP: 0.5, ShuffledIn: true,
		Tokens: &Recovery{Traces: 3200, Accuracy: 0.201, Majority: 0.2}}
	for _, topic := range []string{"law", "health"} {
		for _, id := range []string{"A0", "A1", "A2", "A6"} {
			e.Outcomes = append(e.Outcomes, flat(id, topic))
		}
		pooled := flat("A9", topic)
		pooled.Pool, pooled.Traces, pooled.AUC, pooled.Within.Upper = 5, 320, 0.53, 0.61
		e.Outcomes = append(e.Outcomes, pooled)
		e.Control = append(e.Control, ControlTopic{topic, "A1", 0.97})
	}
	live := flat("A6", "law")
	live.Traces = 120
	e.Live = &live
	return e
}

const (
	nothing  = "nothing"
	measured = "measured"
	chance   = "chance"
)

func TestChoose(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		spoil func(e *Evidence)
		want  string
		says  string
	}{
		"clean":      {func(*Evidence) {}, chance, "On corpus v1 (health, law; 1600 traces of 100 prompts per label, OpenAI chat over HTTP/1.1, m, h, c), none of the 6 attacks that were run (A0, A1, A2, A5, A6, A9) did better than chance in sealed mode: best AUC 0.51, 95 % upper bound 0.53; up to 5 traces"},
		"channel":    {func(e *Evidence) { e.Mode = "channel" }, chance, "in channel mode:"},
		"paced":      {func(e *Evidence) { e.Mode = "paced" }, measured, "reached AUC 0.53 (95 % interval 0.49 to 0.53) in paced mode"},
		"no layer A": {func(e *Evidence) { e.Structural = false }, measured, "the best of the 6 attacks"},
		"without A5": {func(e *Evidence) { e.Tokens = nil }, chance, "the 5 attacks that were run (A0, A1, A2, A6, A9)"},
		"one attack": {func(e *Evidence) {
			e.Outcomes = e.Outcomes[1:2]
			e.Control = e.Control[:1]
			e.Tokens = nil
			e.Live = nil
		}, chance, "none of the one attack that was run (A1) did better than chance in sealed mode, excluding scheduler jitter:"},
		"not live":             {func(e *Evidence) { e.Live = nil }, chance, "(A0, A1, A2, A5, A9) did better than chance in sealed mode, excluding scheduler jitter:"},
		"ticks tell":           {func(e *Evidence) { e.Outcomes[3].P, e.Outcomes[3].AUC = 0.001, 0.7 }, chance, "excluding scheduler jitter, where A6 reached AUC 0.70: best AUC 0.51"},
		"ticks tell live":      {func(e *Evidence) { e.Live.Within.Upper, e.Live.AUC = 0.81, 0.76 }, chance, "where A6 reached AUC 0.76"},
		"live is no number":    {func(e *Evidence) { e.Live.AUC, e.Live.P = nan, nan }, chance, "excluding scheduler jitter, where"},
		"live is few":          {func(e *Evidence) { e.Live.Traces = 99 }, chance, "excluding scheduler jitter, where"},
		"live is another":      {func(e *Evidence) { e.Live.ID = "A0" }, chance, "excluding scheduler jitter, where"},
		"live is not shuffled": {func(e *Evidence) { e.Live.Permutations = 10 }, chance, "excluding scheduler jitter, where"},
		"one leak": {func(e *Evidence) {
			e.Outcomes[1].P, e.Outcomes[1].AUC, e.Outcomes[1].Within = 0.001, 0.7, learn.Interval{Low: 0.671, High: 0.721, Upper: 0.72}
		}, measured, "reached AUC 0.70 (95 % interval 0.67 to 0.73)"},
		"small p alone":         {func(e *Evidence) { e.Outcomes[1].P = 0.004 }, measured, ""},
		"p that Holm forgives":  {func(e *Evidence) { e.Outcomes[1].P = 0.006 }, chance, ""},
		"wide bound":            {func(e *Evidence) { e.Outcomes[2].Within.Upper = 0.5501 }, measured, ""},
		"bound just held":       {func(e *Evidence) { e.Outcomes[2].Within.Upper = 0.5499 }, chance, "upper bound 0.55"},
		"AUC above its bound":   {func(e *Evidence) { e.Outcomes[2].AUC = 0.6 }, measured, "AUC 0.60"},
		"false alarms":          {func(e *Evidence) { e.Outcomes[2].TPRUpper = 0.031 }, measured, ""},
		"rate is no number":     {func(e *Evidence) { e.Outcomes[2].TPRUpper = nan }, measured, ""},
		"pooled leak":           {func(e *Evidence) { e.Outcomes[4].P = 0.001 }, measured, ""},
		"too few shuffles":      {func(e *Evidence) { e.Outcomes[0].Permutations = 199 }, measured, ""},
		"tokens above majority": {func(e *Evidence) { e.Tokens.Accuracy = 0.211 }, measured, ""},
		"token bits":            {func(e *Evidence) { e.Tokens.Bits = 0.011 }, measured, ""},
		"tokens of few":         {func(e *Evidence) { e.Tokens.Traces = 1599 }, measured, ""},
		"tokens are no number":  {func(e *Evidence) { e.Tokens.Accuracy = nan }, measured, ""},
		"weak controls":         {func(e *Evidence) { e.Control[0].AUC, e.Control[1].AUC = 0.85, 0.899 }, nothing, ""},
		"weak control":          {func(e *Evidence) { e.Control[1].AUC = 0.899 }, chance, "On corpus v1 (law; 1600"},
		"weak control, but a leak": {func(e *Evidence) {
			e.Control[1].AUC = 0.899
			e.Outcomes[5].P = 0.001
		}, nothing, ""},
		"control is no number":   {func(e *Evidence) { e.Control[0].AUC = nan }, nothing, ""},
		"no control":             {func(e *Evidence) { e.Control = nil }, nothing, ""},
		"topic without control":  {func(e *Evidence) { e.Control = e.Control[:1] }, nothing, ""},
		"control by another":     {func(e *Evidence) { e.Control[0].Attack = "A3" }, nothing, ""},
		"control by pooled":      {func(e *Evidence) { e.Control[0].Attack = "A9" }, nothing, ""},
		"control elsewhere":      {func(e *Evidence) { e.Outcomes = slices.Delete(e.Outcomes, 1, 2) }, nothing, ""},
		"control reads too few":  {func(e *Evidence) { e.ControlA5.Accuracy = 0.989 }, nothing, ""},
		"control of one trace":   {func(e *Evidence) { e.ControlA5.Traces = 1 }, nothing, ""},
		"no token control":       {func(e *Evidence) { e.ControlA5 = nil }, nothing, ""},
		"few traces":             {func(e *Evidence) { e.Outcomes[0].Traces = 1599 }, nothing, ""},
		"few prompts":            {func(e *Evidence) { e.Outcomes[0].Prompts = 99 }, nothing, ""},
		"few prompts pooled":     {func(e *Evidence) { e.Outcomes[4].Prompts = 99 }, nothing, ""},
		"shuffled labels found":  {func(e *Evidence) { e.ShuffledP = 0.001 }, nothing, ""},
		"shuffled is no number":  {func(e *Evidence) { e.ShuffledP = nan }, nothing, ""},
		"shuffled off the band":  {func(e *Evidence) { e.ShuffledIn = false }, nothing, ""},
		"no attacks":             {func(e *Evidence) { e.Outcomes = nil }, nothing, ""},
		"ticks alone":            {func(e *Evidence) { e.Outcomes = e.Outcomes[3:4]; e.Control = []ControlTopic{{"law", "A6", 0.95}} }, nothing, ""},
		"pooled alone":           {func(e *Evidence) { e.Outcomes = e.Outcomes[4:5]; e.Control = []ControlTopic{{"law", "A9", 0.95}} }, nothing, ""},
		"attack twice":           {func(e *Evidence) { e.Outcomes = append(e.Outcomes, e.Outcomes[0]) }, nothing, ""},
		"AUC is no number":       {func(e *Evidence) { e.Outcomes[0].AUC = nan }, nothing, ""},
		"interval is no number":  {func(e *Evidence) { e.Outcomes[0].Within.Upper = nan }, nothing, ""},
		"p is no number":         {func(e *Evidence) { e.Outcomes[0].P = nan }, nothing, ""},
		"p is zero":              {func(e *Evidence) { e.Outcomes[0].P = 0 }, nothing, ""},
		"nameless protocol":      {func(e *Evidence) { e.Protocol = "" }, nothing, ""},
		"nameless model":         {func(e *Evidence) { e.Model = "" }, nothing, ""},
		"nothing at all":         {func(e *Evidence) { *e = Evidence{} }, nothing, ""},
		"controls but no result": {func(e *Evidence) { e.Outcomes = []Outcome{{ID: "A1", Labels: []string{"noise", "law"}}} }, nothing, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := clean()
			e.Outcomes, e.Control = slices.Clone(e.Outcomes), slices.Clone(e.Control)
			c.spoil(&e)
			got := e.Choose()
			kind := chance
			switch {
			case got.Sentence == "":
				kind = nothing
			case !got.Chance:
				kind = measured
			}
			if kind != c.want || !strings.Contains(got.Sentence, c.says) {
				t.Errorf("%s, want %s with %q:\n%s\n%q", kind, c.want, c.says, got.Sentence, got.Because)
			}
			if strings.Contains(got.Sentence, "chance") != got.Chance {
				t.Error("the sentence says more than was found")
			}
			if name == "weak control" && (len(got.Because) != 1 || !strings.HasPrefix(got.Because[0], "of health nothing is said")) {
				t.Errorf("of the other topic it says %q", got.Because)
			}
			if kind != chance && len(got.Because) == 0 {
				t.Error("no reason is given")
			}
		})
	}
}

// TestChooseShuffles: so many attacks need more shuffles, or Holm would forgive
// every leak.
func TestChooseShuffles(t *testing.T) {
	e := clean()
	for i := range e.Outcomes {
		e.Outcomes[i].Permutations = 200
	}
	if got := e.Choose(); !got.Chance {
		t.Errorf("10 outcomes with 200 shuffles: %q", got.Because)
	}
	extra := flat("A7", "law")
	extra.Permutations = 200
	e.Outcomes = append(e.Outcomes, extra)
	if got := e.Choose(); got.Chance {
		t.Error("with 11 outcomes, 200 shuffles can never be significant, yet they are believed")
	}
}
