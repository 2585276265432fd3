package leak

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"abaton.local/leak/learn"
)

// Study runs every attack on every topic, one mode after the other. Outcomes may
// be kept as they come, so that a run of hours goes on where it was stopped.
type Study struct {
	Noise   string   // the label of everything that is on no topic
	Topics  []string // labels, each told from the noise
	Attacks []Attack
	Effort  Effort

	Kept func(key string, into any) bool   // may be nil
	Keep func(key string, found any) error // may be nil
}

// once finds a thing, unless it is kept already.
func once[T any](s Study, key string, find func() (T, error)) (found T, err error) {
	if s.Kept != nil && s.Kept(key, &found) {
		return found, nil
	}
	if found, err = find(); err != nil {
		return found, err
	}
	if s.Keep != nil {
		if err := s.Keep(key, found); err != nil {
			return found, fmt.Errorf("cannot keep what was found (%s): %w", key, err)
		}
	}
	return found, nil
}

// Controls are what a run says of itself with shaping off.
type Controls struct {
	Outcomes []Outcome      `json:"outcomes"`
	Best     []ControlTopic `json:"best"`
	Tokens   *Recovery      `json:"tokens,omitempty"`
	Shuffled Shuffled       `json:"shuffled"`
}

// The negative control looks at many sets with labels by lot, each with few
// shuffles of its own and few trees: it asks whether p-values are uniform, not
// how small they get.
const (
	controlRounds   = 60
	controlShuffles = 19
	controlPrompts  = 30 // of each label; it would take an hour with all
	controlTrials   = 5  // of each prompt
)

// Controls attacks traces of shaping off. They must be of the same run as those
// that are judged by them.
func (s Study) Controls(off []Trace) (c Controls, err error) {
	if c.Outcomes, err = s.outcomes("off", off, false); err != nil {
		return c, err
	}
	for _, topic := range s.Topics {
		var own []Outcome
		for _, o := range c.Outcomes {
			if o.topic() == topic && o.Pool < 2 {
				own = append(own, o)
			}
		}
		if len(own) > 0 {
			best := strongest(own)
			c.Best = append(c.Best, ControlTopic{topic, best.ID, best.AUC})
		}
	}
	if r, ok := RecoverTokens(off, s.Effort.Folds, s.Effort.Seed); ok {
		c.Tokens = &r
	}
	if len(s.Topics) == 0 || len(s.Attacks) == 0 {
		return c, nil
	}
	light := s.Effort
	light.Permutations, light.Enough = controlShuffles, 0
	a := s.Attacks[0]
	if _, trees := a.Learner.(learn.Forest); trees {
		a.Learner = learn.Forest{Trees: 10}
	}
	labels := []string{s.Noise, s.Topics[0]}
	c.Shuffled, err = a.Control(few(off, labels), labels, controlRounds, light)
	return c, err
}

// few is some traces of the first prompts of each label.
func few(traces []Trace, labels []string) (out []Trace) {
	known := make(map[string]bool)
	taken := make(map[string]int)
	left := make(map[string]int)
	for _, l := range labels {
		left[l] = controlPrompts
	}
	for _, t := range traces {
		if !known[t.PromptID] && left[t.Label] > 0 {
			left[t.Label]--
			known[t.PromptID] = true
		}
		if taken[t.PromptID]++; known[t.PromptID] && taken[t.PromptID] <= controlTrials {
			out = append(out, t)
		}
	}
	return out
}

// Judge attacks traces of a mode and gathers what a claim rests on. The caller
// adds what no trace says: names, equality in virtual time, the live subset.
func (s Study) Judge(mode string, traces []Trace, c Controls) (e Evidence, err error) {
	e = Evidence{Mode: mode, Control: c.Best, ControlA5: c.Tokens, ShuffledP: c.Shuffled.P, ShuffledIn: c.Shuffled.Within}
	// Of a mode whose end shows nothing is claimed, so how often chance does as
	// well need not be known.
	if e.Outcomes, err = s.outcomes(mode, traces, hidesEnd(mode)); err != nil {
		return e, err
	}
	if r, ok := RecoverTokens(traces, s.Effort.Folds, s.Effort.Seed); ok {
		e.Tokens = &r
	}
	return e, nil
}

// outcomes runs the attacks. A control needs no shuffles: that it beats chance
// is not in question.
func (s Study) outcomes(mode string, traces []Trace, shuffle bool) (out []Outcome, err error) {
	digest, err := Digest(traces)
	if err != nil {
		return nil, err
	}
	effort := s.Effort
	if !shuffle {
		effort.Permutations = 0
	}
	for _, topic := range s.Topics {
		b := newBench(traces, []string{s.Noise, topic}, s.Attacks)
		for _, a := range s.Attacks {
			// What is kept holds for these very traces and this much work only.
			key := fmt.Sprintf("%s %s %s %v %s", mode, topic, a.ID, effort, digest)
			o, err := once(s, key, func() (Outcome, error) { return a.run(b, effort) })
			if err != nil {
				return nil, err
			}
			out = append(out, o)
		}
	}
	return out, nil
}

// Digest names traces by what is in them.
func Digest(traces []Trace) (string, error) {
	h := sha256.New()
	e := json.NewEncoder(h)
	for _, t := range traces {
		if err := e.Encode(t); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Unpooled leaves out attacks that need more traces of a prompt than those of some
// label have: its evidence could not be added up.
func Unpooled(attacks []Attack, traces []Trace) []Attack {
	count, most := make(map[string]int), make(map[string]int)
	for _, t := range traces {
		count[t.PromptID]++
		most[t.Label] = max(most[t.Label], count[t.PromptID])
	}
	least := 0
	for _, n := range most {
		if least == 0 || n < least {
			least = n
		}
	}
	return slices.DeleteFunc(slices.Clone(attacks), func(a Attack) bool { return a.Pool > least })
}

// Odds is the share of alarms that are true where so many innocent conversations
// come on each one that is looked for. Where no false alarm was seen, ask with
// the upper bound of their rate: none in n only says that it is below 3/n.
func Odds(tpr, fpr, innocent float64) float64 {
	if !(tpr > 0) {
		return 0
	}
	return tpr / (tpr + innocent*fpr)
}
