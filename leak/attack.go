package leak

import (
	"fmt"
	"math"
	"slices"

	"abaton.local/leak/learn"
)

// Attack is one way of telling labels apart from traces. It always learns on the
// mode that it attacks.
type Attack struct {
	ID      string
	Name    string
	Rows    func([]Trace) [][]float64
	Learner learn.Learner
	Pool    int    // traces of one prompt whose evidence is added up; 0 or 1: each alone
	Of      string // with Pool: the attack with the same columns and learner
}

// Attacks are those that tell labels apart. A5, which reads lengths of tokens, is
// RecoverTokens; A4, a neural network, is not here.
func Attacks() []Attack {
	each := func(f func(*Trace) []float64) func([]Trace) [][]float64 {
		return func(traces []Trace) [][]float64 { return rows(traces, f) }
	}
	outline := func(traces []Trace) [][]float64 {
		return joined(rows(traces, summary), rows(traces, curve))
	}
	trees := learn.Forest{Trees: 100, MinLeaf: 5}
	return []Attack{
		{"A0", "length only: records, bytes, duration", each(length), trees, 0, ""},
		{"A1", "boosted trees on raw sequences", func(traces []Trace) [][]float64 {
			return joined(rows(traces, summary), sequences(traces))
		}, learn.Boost{Rounds: 150, Leaves: 15, MinLeaf: 10, Columns: 0.3, Patience: 15}, 0, ""},
		{"A1/runs", "linear machine on runs of record sizes", sizesInOrder, learn.Grams{}, 0, ""},
		{"A2", "extremely randomised trees on outline and curve", outline, trees, 0, ""},
		{"A3", "nearest neighbours on the curve", each(curve), learn.Neighbours{}, 0, ""},
		{"A6", "jitter of the ticks", each(jitter), trees, 0, ""},
		{"A7", "upload and first records", each(upload), trees, 0, ""},
		{"A8", "how the connection ends", each(closing), trees, 0, ""},
		{"A9", "five traces of a prompt together, as A2", outline, trees, 5, "A2"},
		{"A9/20", "twenty traces of a prompt together, as A2", outline, trees, 20, "A2"},
	}
}

// Effort is how much work goes into certainty.
type Effort struct {
	Folds        int
	Draws        int // of the bootstrap
	Permutations int
	Enough       int // of them as good as what was seen, after which no more are made; 0: all
	Seed         uint64
}

func (e Effort) null(seed uint64) learn.Null {
	return learn.Null{Times: e.Permutations, Enough: e.Enough, Seed: seed}
}

// Outcome is what an attack reached.
type Outcome struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Labels  []string `json:"labels"`
	Traces  int      `json:"traces_per_label"`  // of the label with fewest
	Prompts int      `json:"prompts_per_label"` // of the label with fewest
	Pool    int      `json:"pool,omitempty"`

	AUC          float64        `json:"auc"`
	Within       learn.Interval `json:"auc_interval"`
	Precision    float64        `json:"auprc"`
	Base         float64        `json:"auprc_base"`
	TPR          float64        `json:"tpr_at_fpr_0.01"`
	TPRUpper     float64        `json:"tpr_upper"`
	Accuracy     float64        `json:"accuracy"`
	Majority     float64        `json:"majority"`
	Bits         float64        `json:"bits_per_response"`
	Rare         []Rare         `json:"rare,omitempty"`
	P            float64        `json:"p"`                 // of chance doing as well; before correction
	Permutations int            `json:"permutations"`      // as many as were to be made
	Redone       int            `json:"permutations_made"` // fewer where chance soon did as well
	NullMean     float64        `json:"null_mean"`
	NullSD       float64        `json:"null_sd"`
}

// Run attacks traces. labels[1] is what the attacker looks for, labels[0] what
// else there is; more labels make it a choice among all. Traces with other
// labels are left out.
func (a Attack) Run(traces []Trace, labels []string, e Effort) (Outcome, error) {
	return a.run(newBench(traces, labels, nil), e)
}

func (a Attack) run(b *bench, e Effort) (Outcome, error) {
	s, err := b.set(a)
	if err != nil {
		return Outcome{}, fmt.Errorf("attack %s: %w", a.ID, err)
	}
	said := b.scored(a, s, e.Folds, false, e.Seed)
	if len(said.Y) == 0 {
		return Outcome{}, fmt.Errorf("attack %s: %w", a.ID, &learn.SetError{Reason: fmt.Sprintf("no prompt has %d traces in one part", a.Pool)})
	}
	o := Outcome{ID: a.ID, Name: a.Name, Labels: b.labels, Pool: a.Pool, Permutations: e.Permutations}
	o.Traces, o.Prompts = fewest(said.Set)
	if !o.measure(said, e) {
		return Outcome{}, fmt.Errorf("attack %s: %w", a.ID, &learn.SetError{Reason: "there are too few prompts to compare within a part"})
	}
	n := e.null(e.Seed)
	null := n.Draw(s, o.AUC, func(s learn.Set, seed uint64) float64 { return b.scored(a, s, e.Folds, true, seed).AUC() })
	o.P, o.Redone = n.P(o.AUC, null), len(null)
	o.NullMean, o.NullSD = meanDeviation(null)
	return o, nil
}

// measure says how good scores are; false where there was nothing to compare.
func (o *Outcome) measure(said learn.Scored, e Effort) bool {
	area := said.Area()
	if o.AUC = area(nil); math.IsNaN(o.AUC) {
		return false
	}
	o.Accuracy, o.Majority = said.Accuracy()
	o.Bits = said.Calibrated().Bits()
	statistics := []func([]float64) float64{area}
	var alarms []alarm
	if len(o.Labels) == 2 {
		r := said.Ranking(1)
		o.Precision, o.Base = r.Precision(nil)
		rate := func(w []float64) float64 { return r.TPR(0.01, w) }
		o.TPR = rate(nil)
		statistics = append(statistics, rate)
		for _, allowed := range alarmRates {
			a := newAlarm(said, allowed)
			alarms = append(alarms, a)
			statistics = append(statistics, a.rate(true), a.rate(false))
		}
	}
	within := learn.Bootstraps(said.Set, e.Draws, e.Seed, statistics...)
	o.Within = within[0]
	if len(o.Labels) != 2 {
		return true
	}
	positives := 0
	for _, y := range said.Y {
		positives += y
	}
	// Clopper and Pearson do not know that prompts repeat, the bootstrap does
	// not know what it never saw: the safer of both counts.
	_, high := learn.ClopperPearson(int(math.Ceil(o.TPR*float64(positives))), positives, 0.90)
	o.TPRUpper = max(high, within[1].Upper)
	for i, a := range alarms {
		o.Rare = append(o.Rare, a.rare(within[2+2*i], within[3+2*i]))
	}
	return true
}

// set makes numbers of the traces with the labels.
func (a Attack) set(traces []Trace, labels []string) (learn.Set, error) {
	s := learn.Set{Classes: len(labels)}
	var used []Trace
	prompt := make(map[string]int)
	for _, t := range traces {
		y := slices.Index(labels, t.Label)
		if y < 0 {
			continue
		}
		if _, known := prompt[t.PromptID]; !known {
			prompt[t.PromptID] = len(prompt)
		}
		used = append(used, t)
		s.Y, s.Group = append(s.Y, y), append(s.Group, prompt[t.PromptID])
	}
	if len(used) == 0 {
		return s, &learn.SetError{Reason: "none has one of the labels"}
	}
	s.X = a.Rows(used)
	if err := s.Check(); err != nil {
		return s, err
	}
	return s.Prepared(), nil
}

func (a Attack) scored(s learn.Set, folds int, seed uint64) learn.Scored {
	said := learn.Cross(a.Learner, s, folds, seed)
	if a.Pool > 1 {
		return pool(said, a.Pool)
	}
	return said
}

// surest bounds what one trace may say: of forests some are certain after few.
const surest = 0.01

// pool adds up what several traces of one prompt say. What is left of a prompt's
// traces after the last full k is not used.
func pool(s learn.Scored, k int) learn.Scored {
	out := learn.Scored{Set: learn.Set{Classes: s.Classes}}
	var order []int
	member := make(map[int][]int)
	for i, g := range s.Group {
		if member[g] == nil {
			order = append(order, g)
		}
		member[g] = append(member[g], i)
	}
	for _, g := range order {
		for part := range slices.Chunk(member[g], k) {
			if len(part) < k {
				break
			}
			evidence := make([]float64, s.Classes)
			for _, i := range part {
				for c, v := range s.Scores[i] {
					evidence[c] += math.Log(max(surest, v))
				}
			}
			top, all := slices.Max(evidence), 0.0
			for c, v := range evidence {
				evidence[c] = math.Exp(v - top)
				all += evidence[c]
			}
			for c := range evidence {
				evidence[c] /= all
			}
			first := part[0]
			out.X, out.Y = append(out.X, s.X[first]), append(out.Y, s.Y[first])
			out.Group, out.Fold = append(out.Group, g), append(out.Fold, s.Fold[first])
			out.Scores = append(out.Scores, evidence)
		}
	}
	return out
}

// fewest is how many traces and prompts the rarest label has.
func fewest(s learn.Set) (traces, prompts int) {
	count := make([]int, s.Classes)
	groups := make([]map[int]bool, s.Classes)
	for i, y := range s.Y {
		if groups[y] == nil {
			groups[y] = make(map[int]bool)
		}
		count[y]++
		groups[y][s.Group[i]] = true
	}
	traces, prompts = slices.Min(count), len(s.Group)
	for _, g := range groups {
		prompts = min(prompts, len(g))
	}
	return traces, prompts
}

// meanDeviation leaves out what is not a number: sets that chance left without
// anything to compare.
func meanDeviation(v []float64) (m, sd float64) {
	v = slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	if len(v) == 0 {
		return 0, 0
	}
	m = mean(v)
	for _, x := range v {
		sd += (x - m) * (x - m)
	}
	return m, math.Sqrt(sd / float64(len(v)))
}

// PromptLength labels traces by whether their prompt is longer than the middle
// one, so that an attack may be asked about that instead of the topic.
func PromptLength(traces []Trace) ([]Trace, []string) {
	var tokens []int
	for _, t := range traces {
		tokens = append(tokens, t.PromptTokens)
	}
	slices.Sort(tokens)
	out := slices.Clone(traces)
	for i, t := range out {
		out[i].Label = "short"
		if t.PromptTokens > tokens[len(tokens)/2] {
			out[i].Label = "long"
		}
	}
	return out, []string{"short", "long"}
}
