package leak

import (
	"fmt"
	"math"
	"math/rand/v2"

	"abaton.local/leak/learn"
)

// Shuffled is the negative control: what an attack finds where labels mean
// nothing.
type Shuffled struct {
	PValues []float64 `json:"p_values"`
	P       float64   `json:"p"` // of the p-values being uniform
	MeanAUC float64   `json:"mean_auc"`
	Within  bool      `json:"within"` // the mean lies where the shuffles' own mean does
}

// Control gives labels to prompts by lot, many times, and runs the attack with
// its own permutations each time. A harness that splits or shuffles wrongly
// shows here: its p-values are not uniform.
func (a Attack) Control(traces []Trace, labels []string, times int, e Effort) (Shuffled, error) {
	var out Shuffled
	s, err := a.set(traces, labels)
	if err != nil {
		return out, fmt.Errorf("attack %s: %w", a.ID, err)
	}
	pipeline := func(s learn.Set, seed uint64) float64 { return a.scored(s, e.Folds, seed).AUC() }
	var aucs, all []float64
	lots := rand.New(rand.NewPCG(e.Seed, 23))
	for i := range times {
		seed := e.Seed + uint64(i)*7_919
		lot := learn.Shuffle(s, seed^0x5eed)
		auc := pipeline(lot, seed)
		n := e.null(seed)
		null := n.Draw(lot, auc, pipeline)
		out.PValues = append(out.PValues, between(auc, null, lots))
		aucs, all = append(aucs, auc), append(all, null...)
	}
	_, out.P = learn.Uniform(out.PValues)
	centre, sd := meanDeviation(all)
	out.MeanAUC, _ = meanDeviation(aucs)
	out.Within = math.Abs(out.MeanAUC-centre) <= 3*sd/math.Sqrt(float64(times))
	return out, nil
}

// between is where a value stands among draws, its place within its step and
// among equal ones by lot: where nothing is to be found, uniform to the last bit.
func between(seen float64, null []float64, lots *rand.Rand) float64 {
	above, equal := 0, 1
	for _, v := range null {
		switch {
		case v > seen:
			above++
		case v == seen:
			equal++
		}
	}
	return (float64(above) + lots.Float64()*float64(equal)) / float64(len(null)+1)
}
