package leak

import (
	"cmp"
	"math"
	"slices"

	"abaton.local/leak/learn"
)

// innocents are how many conversations on other things come on each one that is
// looked for, where somebody watches many people.
const innocents = 10_000

// Rare is what an attack is worth to somebody who looks for few among many: what
// it finds at the strictest threshold that lets so many false alarms pass. Counts
// are of traces; intervals at 95 % hold for traces and for prompts, whichever is
// wider.
type Rare struct {
	Allowed    float64 `json:"false_alarms_allowed"`
	TPR        float64 `json:"found"`
	TPRLow     float64 `json:"found_low"`
	TPRHigh    float64 `json:"found_high"`
	FPR        float64 `json:"false_alarms"`
	FPRHigh    float64 `json:"false_alarms_high"`
	Precision  float64 `json:"precision_at_10000"`      // as if the rates were known; 1 where no false alarm was seen
	Guaranteed float64 `json:"precision_at_10000_low"`  // what the rates' bounds leave
	Possible   float64 `json:"precision_at_10000_high"` // and what they allow
}

// alarmRates are those that Rare is asked at.
var alarmRates = [...]float64{1e-2, 1e-3}

// alarm is a threshold that an attacker set once, and what lies above it.
type alarm struct {
	allowed  float64
	positive []bool
	rung     []bool // by row
}

func newAlarm(said learn.Scored, allowed float64) alarm {
	a := alarm{allowed, make([]bool, len(said.Y)), make([]bool, len(said.Y))}
	score := make([]float64, len(said.Y))
	for i, y := range said.Y {
		a.positive[i], score[i] = y == 1, said.Scores[i][1]
	}
	limit := threshold(score, a.positive, allowed)
	for i, v := range score {
		a.rung[i] = v >= limit
	}
	return a
}

// rate is the share of rows with alarms among those looked for, or else among the
// others, as a function of how much rows weigh.
func (a alarm) rate(of bool) func(weight []float64) float64 {
	return func(weight []float64) float64 {
		var hit, all float64
		for i, w := range weight {
			if a.positive[i] != of {
				continue
			}
			all += w
			if a.rung[i] {
				hit += w
			}
		}
		return hit / all
	}
}

// rare sums up, with how far the rates of what is found and of false alarms lie
// between prompts.
func (a alarm) rare(foundWithin, alarmsWithin learn.Interval) Rare {
	var found, alarms, positives, negatives int
	for i, p := range a.positive {
		switch {
		case p && a.rung[i]:
			found++
			fallthrough
		case p:
			positives++
		case a.rung[i]:
			alarms++
			fallthrough
		default:
			negatives++
		}
	}
	r := Rare{Allowed: a.allowed, TPR: share(found, positives), FPR: share(alarms, negatives)}
	var fprLow float64
	r.TPRLow, r.TPRHigh = learn.ClopperPearson(found, positives, 0.95)
	fprLow, r.FPRHigh = learn.ClopperPearson(alarms, negatives, 0.95)
	r.TPRLow, r.TPRHigh = wider(r.TPRLow, r.TPRHigh, foundWithin)
	fprLow, r.FPRHigh = wider(fprLow, r.FPRHigh, alarmsWithin)
	r.Precision = Odds(r.TPR, r.FPR, innocents)
	r.Guaranteed, r.Possible = Odds(r.TPRLow, r.FPRHigh, innocents), Odds(r.TPRHigh, fprLow, innocents)
	return r
}

// threshold is the lowest score from which on no more than the allowed share of
// negatives lies.
func threshold(score []float64, positive []bool, allowed float64) float64 {
	var negatives []float64
	for i, p := range positive {
		if !p {
			negatives = append(negatives, score[i])
		}
	}
	if len(negatives) == 0 {
		return math.Inf(1)
	}
	slices.SortFunc(negatives, func(a, b float64) int { return cmp.Compare(b, a) })
	most := int(allowed*float64(len(negatives)) + 1e-9)
	if most >= len(negatives) {
		return math.Inf(-1)
	}
	return math.Nextafter(negatives[most], math.Inf(1))
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// wider is the interval that holds both. One that is no number says nothing.
func wider(low, high float64, i learn.Interval) (float64, float64) {
	if math.IsNaN(i.Low) || math.IsNaN(i.High) {
		return low, high
	}
	return min(low, i.Low), max(high, i.High)
}
