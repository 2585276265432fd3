package leak

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"abaton.local/leak/learn"
)

// What must hold before a sentence may be quoted.
const (
	controlAUC    = 0.90 // of the best attack on each topic with shaping off
	controlTokens = 0.99 // lengths read off with shaping off
	leastTraces   = 1600 // of each label: with 400 a perfect shaper fails by chance
	leastPrompts  = 100  // of each label: traces of one prompt are not independent
	leastLive     = 100  // traces beside a working engine
	leastShuffles = 200  // permutations
	level         = 0.05
	soundLevel    = 0.001 // of shuffled labels' p-values being uniform: at 0.05 each twentieth sound run would be thrown away
	upperAUC      = 0.55
	upperTPR      = 0.03
	tokensAbove   = 0.01 // the majority guess
	tokenBits     = 0.01
)

// Evidence is a run: one mode attacked, and the controls of the same run.
type Evidence struct {
	Corpus   string `json:"corpus"`
	Model    string `json:"model"`
	Hardware string `json:"hardware"`
	Commit   string `json:"commit"`
	Mode     string `json:"mode"`
	Protocol string `json:"protocol"` // dialect, version of HTTP, streamed or not

	Structural bool           `json:"structural"` // two answers give the same trace in virtual time, in every format we ship
	Control    []ControlTopic `json:"control"`
	ControlA5  *Recovery      `json:"control_tokens,omitempty"`
	ShuffledP  float64        `json:"shuffled_p"`      // of p-values of shuffled labels being uniform
	ShuffledIn bool           `json:"shuffled_within"` // their mean AUC lies within the permutation band
	Outcomes   []Outcome      `json:"outcomes"`
	Tokens     *Recovery      `json:"tokens,omitempty"` // A5 on the mode
	Live       *Outcome       `json:"live,omitempty"`   // A6 beside a working engine
}

// ControlTopic is the best that one of the attacks reached on a topic with
// shaping off.
type ControlTopic struct {
	Topic  string  `json:"topic"`
	Attack string  `json:"attack"`
	AUC    float64 `json:"auc"`
}

// Claim is the one sentence that may be quoted, if any, and why not a better one.
type Claim struct {
	Sentence string   `json:"sentence,omitempty"`
	Chance   bool     `json:"no_better_than_chance"`
	Because  []string `json:"because,omitempty"`
}

// Choose applies the rules. A number that is missing or no number counts against
// the claim. Of topics that the attacks did not find with shaping off, nothing is
// said; but a leak that they found all the same stays where it counts.
func (e Evidence) Choose() Claim {
	found, missed := e.divided()
	if len(found.Outcomes) == 0 || len(missed.Leaks()) > 0 {
		return e.choose()
	}
	claim := found.choose()
	for _, c := range missed.Control {
		claim.Because = append(claim.Because, fmt.Sprintf("of %s nothing is said: with shaping off the attacks reached AUC %.2f, and an attacker below %.2f is too weak to prove anything",
			c.Topic, c.AUC, controlAUC))
	}
	return claim
}

// divided tells topics whose control succeeded from the others.
func (e Evidence) divided() (found, missed Evidence) {
	found, missed = e, e
	weak := func(topic string) bool {
		return slices.ContainsFunc(e.Control, func(c ControlTopic) bool { return c.Topic == topic && c.AUC >= 0 && c.AUC < controlAUC })
	}
	part := func(want bool) (outcomes []Outcome, control []ControlTopic) {
		for _, o := range e.Outcomes {
			if weak(o.topic()) == want {
				outcomes = append(outcomes, o)
			}
		}
		for _, c := range e.Control {
			if weak(c.Topic) == want {
				control = append(control, c)
			}
		}
		return outcomes, control
	}
	found.Outcomes, found.Control = part(false)
	missed.Outcomes, missed.Control = part(true)
	return found, missed
}

func (e Evidence) choose() Claim {
	if because := e.unusable(); len(because) > 0 {
		return Claim{Because: because}
	}
	because, jitter := e.betterThanChance()
	if len(because) > 0 {
		best := strongest(e.Outcomes)
		return Claim{
			Sentence: fmt.Sprintf("%s, the best of %s reached AUC %.2f (95 %% interval %.2f to %.2f) in %s mode.", e.ground(),
				e.attacks(e.Outcomes), best.AUC, math.Floor(best.Within.Low*100)/100, math.Ceil(best.Within.High*100)/100, e.Mode),
			Because: because,
		}
	}
	counted := e.counted(jitter != "")
	single := slices.DeleteFunc(slices.Clone(counted), func(o Outcome) bool { return o.Pool > 1 })
	upper, pooled := 0.0, 0
	for _, o := range single {
		upper = max(upper, o.upper())
	}
	for _, o := range counted {
		pooled = max(pooled, o.Pool)
	}
	numbers := fmt.Sprintf("best AUC %.2f, 95 %% upper bound %.2f", strongest(single).AUC, math.Ceil(upper*100)/100)
	if pooled > 1 {
		numbers += fmt.Sprintf("; up to %d traces of a prompt together are judged by shuffled labels alone", pooled)
	}
	return Claim{
		Sentence: fmt.Sprintf("%s, none of %s did better than chance in %s mode%s: %s.", e.ground(), e.attacks(counted), e.Mode, jitter, numbers),
		Chance:   true,
	}
}

func strongest(outcomes []Outcome) Outcome {
	return slices.MaxFunc(outcomes, func(a, b Outcome) int { return cmp.Compare(a.AUC, b.AUC) })
}

// ground is what a sentence rests on: the smallest numbers behind it.
func (e Evidence) ground() string {
	traces, prompts := math.MaxInt, math.MaxInt
	for _, o := range e.Outcomes {
		if o.Pool < 2 {
			traces = min(traces, o.Traces)
		}
		prompts = min(prompts, o.Prompts)
	}
	var topics []string
	for _, o := range e.Outcomes {
		topics = append(topics, o.topic())
	}
	slices.Sort(topics)
	return fmt.Sprintf("On corpus %s (%s; %d traces of %d prompts per label, %s, %s, %s, %s)", e.Corpus, strings.Join(slices.Compact(topics), ", "),
		traces, prompts, e.Protocol, e.Model, e.Hardware, e.Commit)
}

// attacks names those that a sentence is about, each once.
func (e Evidence) attacks(outcomes []Outcome) string {
	var ids []string
	for _, o := range outcomes {
		ids = append(ids, o.ID)
	}
	if e.Tokens != nil {
		ids = append(ids, "A5")
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 1 {
		return "the one attack that was run (" + ids[0] + ")"
	}
	return fmt.Sprintf("the %d attacks that were run (%s)", len(ids), strings.Join(ids, ", "))
}

// unusable says why nothing may be quoted at all: a weak attacker or a small
// sample proves little in either direction.
func (e Evidence) unusable() (because []string) {
	say := func(format string, a ...any) { because = append(because, fmt.Sprintf(format, a...)) }
	for name, v := range map[string]string{"corpus": e.Corpus, "model": e.Model, "hardware": e.Hardware, "commit": e.Commit, "mode": e.Mode, "protocol": e.Protocol} {
		if v == "" {
			say("the run does not name its %s", name)
		}
	}
	slices.Sort(because)
	if !slices.ContainsFunc(e.Outcomes, func(o Outcome) bool { return o.Pool < 2 && o.ID != "A6" }) {
		say("no attack but on ticks and on pooled traces was run")
	}
	seen := make(map[string]bool)
	for _, o := range e.Outcomes {
		key := o.ID + " on " + o.topic()
		if seen[key] {
			say("%s is there twice", key)
		}
		seen[key] = true
		if !(o.AUC >= 0 && o.AUC <= 1 && o.Within.Low <= o.Within.High && o.P > 0 && o.P <= 1) || math.IsNaN(o.upper()) {
			say("%s has no result", key)
		}
		if o.Prompts < leastPrompts || o.Pool < 2 && o.Traces < leastTraces {
			say("%s had %d traces of %d prompts per label; %d of %d are needed", key, o.Traces, o.Prompts, leastTraces, leastPrompts)
		}
		if !slices.ContainsFunc(e.Control, func(c ControlTopic) bool { return c.Topic == o.topic() }) {
			say("topic %s has no positive control", o.topic())
		}
	}
	if len(e.Control) == 0 {
		say("there is no positive control")
	}
	for _, c := range e.Control {
		if !(c.AUC >= controlAUC && c.AUC <= 1) {
			say("with shaping off the attacks reached AUC %.2f on %s; an attacker below %.2f is too weak to prove anything", c.AUC, c.Topic, controlAUC)
		}
		// Twenty traces together are easy to tell apart: that would hide how weak
		// an attacker is on one.
		if !slices.ContainsFunc(e.Outcomes, func(o Outcome) bool { return o.ID == c.Attack && o.Pool < 2 && o.topic() == c.Topic }) {
			say("%s, the best attack with shaping off on %s, was not run on single traces of the mode", c.Attack, c.Topic)
		}
	}
	switch c := e.ControlA5; {
	case c == nil:
		say("with shaping off no token lengths were read")
	case c.Traces < leastPrompts:
		say("with shaping off token lengths of %d traces were read; %d are needed", c.Traces, leastPrompts)
	case !(c.Accuracy >= controlTokens):
		say("with shaping off %.1f %% of token lengths were read; %.0f %% are needed", c.Accuracy*100, controlTokens*100)
	}
	if !(e.ShuffledP > soundLevel) || !e.ShuffledIn {
		say("with shuffled labels the attacks find something: the harness is not sound")
	}
	return slices.Compact(because)
}

// betterThanChance says why the strong sentence may not be said. jitter is what
// must be added to it otherwise.
func (e Evidence) betterThanChance() (because []string, jitter string) {
	say := func(format string, a ...any) { because = append(because, fmt.Sprintf(format, a...)) }
	if e.Mode != "sealed" && e.Mode != "channel" {
		say("the end of an answer shows in %s mode: its numbers are published as they are", e.Mode)
	}
	if !e.Structural {
		say("equality of traces in virtual time was not shown")
	}
	p := make([]float64, len(e.Outcomes))
	for i, o := range e.Outcomes {
		p[i] = o.P
	}
	// Holm multiplies the smallest p-value by their number: with fewer shuffles
	// than this no leak could ever become significant.
	shuffles := max(leastShuffles, int(float64(len(p))/level))
	ticks, worst := false, 0.0
	for i, adjusted := range learn.Holm(p) {
		o := e.Outcomes[i]
		problem := o.problem(adjusted, shuffles)
		switch {
		case problem == "":
		case o.ID == "A6":
			ticks, worst = true, max(worst, o.AUC)
		default:
			say("%s on %s: %s", o.ID, o.topic(), problem)
		}
	}
	if e.Tokens != nil && (!(e.Tokens.Accuracy <= e.Tokens.Majority+tokensAbove) || !(e.Tokens.Bits <= tokenBits)) {
		say("A5 read %.1f %% of token lengths, the majority guess %.1f %%; %.3f bits per token", e.Tokens.Accuracy*100, e.Tokens.Majority*100, e.Tokens.Bits)
	}
	if t := e.Tokens; t != nil && t.Traces < leastTraces {
		say("A5 read %d traces; %d are needed", t.Traces, leastTraces)
	}
	if l := e.Live; l != nil && (l.ID != "A6" || l.Traces < leastLive || l.problem(l.P, leastShuffles) != "") {
		ticks = true
		if l.AUC > worst {
			worst = l.AUC
		}
	}
	switch {
	case ticks:
		jitter = fmt.Sprintf(", excluding scheduler jitter, where A6 reached AUC %.2f", worst)
	case e.Live == nil:
		jitter = ", excluding scheduler jitter"
	}
	return because, jitter
}

// counted are the attacks that the strong sentence is about.
func (e Evidence) counted(withoutJitter bool) []Outcome {
	var out []Outcome
	for _, o := range e.Outcomes {
		if o.ID != "A6" || !withoutJitter {
			out = append(out, o)
		}
	}
	if e.Live != nil && !withoutJitter {
		out = append(out, *e.Live)
	}
	return out
}

// problem is why an attack did better than chance, or may have. Pooled evidence
// is of few prompts, so its bound is wide whatever it found: there the shuffles
// decide alone.
func (o Outcome) problem(p float64, shuffles int) string {
	switch {
	case o.Permutations < shuffles:
		return fmt.Sprintf("labels were shuffled %d times; %d are needed", o.Permutations, shuffles)
	case !(p > level):
		return fmt.Sprintf("chance does as well with p = %.3f only", p)
	case o.Pool > 1:
		return ""
	case !(o.upper() <= upperAUC):
		return fmt.Sprintf("its AUC may be as high as %.3f; %.2f is allowed", o.upper(), upperAUC)
	case len(o.Labels) == 2 && !(o.TPRUpper <= upperTPR):
		return fmt.Sprintf("at 1 %% false alarms it may find %.1f %%; %.0f %% are allowed", o.TPRUpper*100, upperTPR*100)
	}
	return ""
}

func (o Outcome) upper() float64 { return max(o.Within.Upper, o.AUC) }

func (o Outcome) topic() string {
	if len(o.Labels) == 2 {
		return o.Labels[1]
	}
	return strings.Join(o.Labels, "/")
}
