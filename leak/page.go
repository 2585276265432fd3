package leak

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"abaton.local/leak/learn"
)

// WritePage puts a report into the words of docs/leak.md.
func (r Report) WritePage(w io.Writer) error {
	var b strings.Builder
	say := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	say("# What an observer learns: measured\n")
	say("This page is made from [leak.json](leak.json) by `make leak-page`; `abaton leak --full --out FOLDER` takes such a report on any machine, and goes on where it was stopped.")
	say("What each shape does: [shaping.md](shaping.md). What a trace is: [traces.md](traces.md). Runs before this one: [leak-first.md](leak-first.md) and, of answers that come whole, too, [leak-second.md](leak-second.md); what is made of them: [decision 35](decisions/0035-what-a-second-run-decides.md), [decision 42](decisions/0042-a-larger-corpus.md).\n")
	r.claims(say)
	r.facts(say)
	r.unrun(say)
	say("## How well attacks tell a topic from noise\n")
	say("The area under the curve (AUC) of the best of the topics, and in brackets the upper end of its 95 %% interval. 0.50 is guessing, 1.00 is certainty. " +
		"Every attack learned on the mode that it attacks. A9 adds up the traces of one prompt, which is judged by p alone: intervals of so few are wide. A5 is the share of token lengths that were read, and what always saying the commonest gets. " +
		"Where labels were shuffled, p is how often chance does as well as on the topic where it does so least, corrected for all attacks and topics of the mode (Holm).\n")
	say("![AUC of each attack and mode](leak.svg)\n")
	for _, way := range r.Ways {
		way.table(say)
	}
	r.rare(say)
	r.wider(say)
	say("## What it costs\n")
	say("Medians. Later is by how much the first and the last character came later to a client than the engine had said them. A shape's windows end in one of a few seconds, " +
		"which is all that an answer's end tells: at most the logarithm of how many they were, in bits.\n")
	say("| asked by | shape | bytes down | records | first character later | last later | end after it | seconds that ends fell in | 99 of 100 ticks late by at most |\n|---|---|---|---|---|---|---|---|---|")
	for _, way := range r.Ways {
		for _, m := range way.Modes {
			ticks, ends := "-", "-"
			if m.Cost.Late > 0 {
				ticks = fmt.Sprintf("%.1f ms", m.Cost.Late*1e3)
			}
			if m.Cost.Ends > 0 {
				ends = fmt.Sprintf("%d (%.1f bits)", m.Cost.Ends, math.Log2(float64(m.Cost.Ends)))
			}
			say("| %s | `%s` | %.0f | %.0f | %.0f ms | %.0f ms | %.1f s | %s | %s |", way.Way, m.Mode, m.Cost.Bytes, m.Cost.Records, m.Cost.First*1e3, m.Cost.Last*1e3, m.Cost.End, ends, ticks)
		}
	}
	var labour []string
	for _, way := range r.Ways {
		if way.Labour.Records > 0 {
			labour = append(labour, fmt.Sprintf("%s %.0f ms", way.Way, way.Labour.Seconds/float64(way.Labour.Records)*1e6))
		}
	}
	if len(labour) > 0 {
		say("\nOf a core 1,000 records took, for server, observer and clients together and all shapes in turn: %s.", strings.Join(labour, "; "))
	}
	say("\nThat many connections with their observer and clients on so few processors come late. The server alone: [shaping.md](shaping.md#what-it-costs-and-how-punctual-it-is).\n")
	if busy := r.busy(); len(busy) > 0 {
		say("While %s was asked, other programs had most of the processors: ticks came more than a second late, which is no figure of the shape's. Its row says what sizes tell; of times it says little.\n", strings.Join(busy, "; "))
	}
	r.live(say)
	say("## Controls\n")
	for _, way := range r.Ways {
		way.controls(say)
	}
	say("\nThe controls show that the attacks work, not how often topics can be told elsewhere: questions of three topics were narrowed after " +
		"scores on earlier recordings had been seen. The ways were asked one after the other, each in an order of questions of its own. Other programs worked on the same " +
		"processors, and have a part in how late things came. Over HTTP/2, which `abaton serve` does not offer, the same server is asked by Go's own.")
	say("\n## What is not hidden\n")
	say("That somebody asks, when, how often, from where; the bucket of a question; in `paced` in which window an answer ended, in `sealed` how many windows it took; " +
		"a client that hangs up. The whole list: [shaping.md](shaping.md#what-is-not-hidden-in-any-of-these).")
	_, err := io.WriteString(w, b.String())
	return err
}

// busy are the ways whose ticks came so late that the machine had no time for them.
func (r Report) busy() (ways []string) {
	for _, w := range r.Ways {
		if slices.ContainsFunc(w.Modes, func(m ModeReport) bool { return m.Cost.Late > 1 }) {
			ways = append(ways, w.Way.String())
		}
	}
	return ways
}

// claims are what may be said of each way, and what is missing for more.
func (r Report) claims(say func(string, ...any)) {
	for _, w := range r.Ways {
		for _, m := range w.Modes {
			if !hidesEnd(m.Mode) {
				continue
			}
			m.Claim.say(say, m.Mode, w.Way)
			if _, missed := m.Evidence.divided(); m.Claim.Sentence == "" && len(missed.Leaks()) > 0 {
				say("Of other topics nothing is said either, for of those that attacks are too weak for they may have found something all the same: %s, by p-values corrected for these topics alone.\n", strings.Join(missed.Leaks(), ", "))
			}
			for _, c := range m.Wider.Choices {
				if c.Permutations > 0 && c.P <= level {
					say("But %s named one of all topics in %.1f %% of traces in `%s`, %s, where shuffled labels get %.1f %%: p %.3f. Among the %d such questions of this run that is p %.2f.\n",
						c.ID, c.Accuracy*100, m.Mode, w.Way, c.NullMean*100, c.P, r.choices(), min(1, c.P*float64(r.choices())))
				}
			}
		}
	}
}

// say prints a claim, and what is missing for a better one.
func (c Claim) say(say func(string, ...any), mode string, way Way) {
	switch {
	case c.Sentence != "":
		say("> %s\n", c.Sentence)
	case way.Whole:
		say("Of `%s`, %s, nothing may be claimed: an answer that comes at once shows one length and one moment, which give too little away with shaping off for attacks to be shown to work. "+
			"Behind it there is the equality of traces in virtual time alone. What is missing:\n", mode, way)
	default:
		say("Of `%s`, %s, nothing may be claimed. What is missing:\n", mode, way)
	}
	for _, because := range c.Because {
		say("- %s", because)
	}
	if len(c.Because) > 0 {
		say("")
	}
}

// choices are how many times it was asked, of shuffled labels too, which of all topics a
// trace is on, or how long its question.
func (r Report) choices() (n int) {
	for _, w := range r.Ways {
		for _, m := range w.Modes {
			for _, c := range m.Wider.Choices {
				if c.Permutations > 0 {
					n++
				}
			}
			if m.Wider.Prompt != nil && m.Wider.Prompt.Permutations > 0 {
				n++
			}
		}
	}
	return n
}

// facts are what a run rests on.
func (r Report) facts(say func(string, ...any)) {
	run := r.Run
	say("| of this run | |\n|---|---|")
	say("| day, kind | %s, %s |", r.Day, run.Kind)
	say("| program | %s, SHA-256 `%s` |", run.Program, run.ProgramSHA)
	say("| model, engine | %s (`%s`), %s |", run.Model, run.ModelSHA, run.Engine)
	say("| corpus | version %s, SHA-256 `%s`, recorded on %s |", run.Corpus, run.CorpusSHA, run.Recorded)
	say("| replayed on | %s, %d connections at once |", run.Hardware, run.AtOnce)
	say("| traces | %s, in every mode and way |", run.Plan)
	say("| again by | `%s` |", r.command())
	say("| window of `sealed` | %d s; %d recorded answers that do not fit into it were left out |\n", run.WindowSecond, r.Left)
}

// command asks for the same run.
func (r Report) command() string {
	plan := r.Run.Plan
	var ways []string
	for _, w := range r.Ways {
		ways = append(ways, w.Way.Name())
	}
	live := 0
	if r.Live != nil {
		live = r.Live.Traces / 2 // of a topic, and of noise
	}
	noise := ""
	if plan.Noise > 0 {
		noise = fmt.Sprintf(" --noise %d", plan.Noise)
	}
	window := ""
	if r.Run.WindowSecond != usualWindow {
		window = fmt.Sprintf(" --shape-window %ds", r.Run.WindowSecond)
	}
	return fmt.Sprintf("abaton leak --full --out FOLDER --topics %s --modes %s --prompts %d%s --trials %d --at-once %d --ways %s --live %d --seed %d%s",
		strings.Join(plan.Topics, ","), strings.Join(plan.Modes, ","), plan.Prompts, noise, plan.Trials, r.Run.AtOnce, strings.Join(ways, ","), live, plan.Seed, window)
}

// usualWindow is that of a server that nobody set otherwise, in seconds.
const usualWindow = 32

// table is a way's attacks by modes.
func (w WayReport) table(say func(string, ...any)) {
	say("### %s\n", w.Way)
	var modes []string
	found := make(map[string][]Outcome)
	var ids []string
	for _, s := range (Report{Ways: []WayReport{w}}).Series() {
		modes = append(modes, s.Mode)
		found[s.Mode] = s.Outcomes
		for _, o := range s.Outcomes {
			if !slices.Contains(ids, o.ID) {
				ids = append(ids, o.ID)
			}
		}
	}
	say("| attack | `%s` |\n|---|%s", strings.Join(modes, "` | `"), strings.Repeat("---|", len(modes)))
	for _, id := range ids {
		row, name := "", ""
		for _, mode := range modes {
			cell := "-"
			var own []Outcome
			for _, o := range found[mode] {
				if o.ID == id {
					own, name = append(own, o), o.Name
				}
			}
			if len(own) > 0 {
				best := strongest(own)
				cell = fmt.Sprintf("%.2f (%.2f)", best.AUC, math.Ceil(best.Within.High*100)/100)
				if p, shuffled := corrected(found[mode], id); shuffled {
					cell += fmt.Sprintf(", p %.2f", math.Floor(p*100)/100)
				}
			}
			row += " " + cell + " |"
		}
		say("| %s: %s |%s", id, name, row)
	}
	var row strings.Builder
	for _, m := range w.Modes {
		tokens := m.Evidence.Tokens
		if m.Mode == "off" {
			tokens = w.Controls.Tokens
		}
		cell := "-"
		if tokens != nil {
			cell = fmt.Sprintf("%.1f %% (%.1f %%)", tokens.Accuracy*100, tokens.Majority*100)
		}
		row.WriteString(" " + cell + " |")
	}
	say("| A5: lengths of tokens |%s\n", row.String())
}

// controls are what a way's attacks found with shaping off.
func (w WayReport) controls(say func(string, ...any)) {
	var best []string
	for _, t := range w.Controls.Best {
		best = append(best, fmt.Sprintf("%s %.2f by %s", t.Topic, t.AUC, t.Attack))
	}
	tokens := "no token lengths were asked for"
	if w.Controls.Tokens != nil {
		tokens = fmt.Sprintf("%.1f %% of token lengths were read", w.Controls.Tokens.Accuracy*100)
	}
	say("- %s: with shaping off %s; %s. With labels by lot p-values are uniform with p = %.3f, mean AUC %.3f.", w.Way, strings.Join(best, ", "), tokens, w.Controls.Shuffled.P, w.Controls.Shuffled.MeanAUC)
}

// corrected is the smallest p-value of an attack, corrected for all outcomes of
// its mode; false where labels were not shuffled.
func corrected(all []Outcome, id string) (least float64, shuffled bool) {
	p := make([]float64, len(all))
	for i, o := range all {
		p[i] = o.P
	}
	least = 1
	for i, adjusted := range learn.Holm(p) {
		if all[i].ID == id && all[i].Permutations > 0 {
			least, shuffled = min(least, adjusted), true
		}
	}
	return least, shuffled
}

// unrun says what a reader might look for in vain.
func (r Report) unrun(say func(string, ...any)) {
	var ways []string
	for _, w := range Ways(Dialects) {
		if !slices.ContainsFunc(r.Ways, func(own WayReport) bool { return own.Way == w }) {
			ways = append(ways, w.String())
		}
	}
	var attacks []string
	for _, a := range append(Attacks(), MoreAttacks()...) {
		for _, w := range r.Ways[:min(1, len(r.Ways))] { // all ways are attacked alike
			if !slices.ContainsFunc(w.Controls.Outcomes, func(o Outcome) bool { return o.ID == a.ID }) {
				attacks = append(attacks, a.ID)
				if a.Pool > r.Run.Plan.Trials {
					attacks[len(attacks)-1] += fmt.Sprintf(" (which needs %d traces of each prompt)", a.Pool)
				}
			}
		}
	}
	if len(ways) > 0 {
		say("Not asked in this run: %s.", strings.Join(ways, "; "))
	}
	if len(attacks) > 0 {
		say("Not run: %s.", strings.Join(attacks, ", "))
	}
	say("A4, a neural network, is not part of the program. Whether one of few prompts is known again from earlier answers to it was not asked: the corpus has one answer to each prompt.\n")
}

// rare is what attacks are worth to somebody who looks for few among many.
func (r Report) rare(say func(string, ...any)) {
	say("## Looking for few among many\n")
	say("What the strongest attack on one trace finds of a topic (the best over topics) where it may take one in a hundred, or one in a thousand, of the others for it; in brackets at most, " +
		"at 95 %%. And of how many alarms one would be true at 1 %% false alarms, if 10,000 other conversations came on each one that is looked for.\n")
	say("| asked by | shape | found at 1 %% false alarms | at 0.1 %% | one alarm is true of |\n|---|---|---|---|---|")
	for _, w := range r.Ways {
		for _, s := range (Report{Ways: []WayReport{w}}).Series() {
			var best [len(alarmRates)]Rare
			precision := 0.0
			for _, o := range s.Outcomes {
				if o.Pool > 1 || len(o.Rare) != len(best) {
					continue
				}
				for i, rare := range o.Rare {
					if rare.TPRHigh > best[i].TPRHigh {
						best[i] = rare
					}
				}
				precision = max(precision, Odds(o.Rare[0].TPR, o.Rare[0].Allowed, innocents))
			}
			say("| %s | `%s` | %.1f %% (%.1f %%) | %.1f %% (%.1f %%) | %.0f |", w.Way, s.Mode, best[0].TPR*100, best[0].TPRHigh*100, best[1].TPR*100, best[1].TPRHigh*100, 1/max(precision, 1e-9))
		}
	}
	say("")
}

// wider is what was asked beside each topic against noise.
func (r Report) wider(say func(string, ...any)) {
	if !slices.ContainsFunc(r.Ways, func(w WayReport) bool {
		return slices.ContainsFunc(w.Modes, func(m ModeReport) bool { return m.Wider.Traces > 0 })
	}) {
		return
	}
	say("## Which of all topics, and how long the question was\n")
	say("How many traces were named rightly among all topics and noise (95 %% interval), and what naming always the same gets; and of the differences in length between questions, in tokens, "+
		"the share that upload and first records explain (R²: 0 is nothing, below it worse than nothing). p as above, not corrected; of the first %d traces of each prompt.\n", widerTrials)
	say("| asked by | shape | attack | named rightly | by chance | bits | p |\n|---|---|---|---|---|---|---|")
	chance := func(p float64, permutations int) string {
		if permutations == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", p)
	}
	for _, w := range r.Ways {
		for _, m := range w.Modes {
			for _, c := range m.Wider.Choices {
				say("| %s | `%s` | %s | %.1f %% (%.1f to %.1f) | %.1f %% | %.2f | %s |", w.Way, m.Mode, c.ID, c.Accuracy*100, c.Within.Low*100, c.Within.High*100, c.Majority*100, max(0, c.Bits), chance(c.P, c.Permutations))
			}
		}
	}
	say("\n| asked by | shape | R² (95 %% interval) | off by, tokens | always the mean | long or short, AUC | p of R² |\n|---|---|---|---|---|---|---|")
	for _, w := range r.Ways {
		for _, m := range w.Modes {
			if g := m.Wider.Prompt; g != nil {
				say("| %s | `%s` | %.2f (%.2f to %.2f) | %.1f | %.1f | %.2f (%.2f) | %s |", w.Way, m.Mode, g.Explained, g.Within.Low, g.Within.High, g.Off, g.OffMean,
					g.Longer.AUC, math.Ceil(g.Longer.Within.High*100)/100, chance(g.P, g.Permutations))
			}
		}
	}
	say("")
}

// live is what ticks told beside a working engine.
func (r Report) live(say func(string, ...any)) {
	say("## Beside a working engine\n")
	l := r.Live
	if l == nil {
		say("Not measured in this run. Recorded answers are replayed without load, so what a working engine does to the ticks is not in the figures above.\n")
		return
	}
	say("%d answers of %s by the engine itself (%s), %d at once, in `%s`, %s.\n", l.Traces, l.Model, l.Engine, l.AtOnce, l.Mode, l.Way)
	say("- The topic, from the ticks alone (A6): AUC %.2f, 95 %% interval %.2f to %.2f.", l.Outcome.AUC, l.Outcome.Within.Low, l.Outcome.Within.High)
	if l.Busy != nil {
		say("- Whether the engine works, from one tick: AUC %.2f (%.2f to %.2f); from the latest of %d ticks: %.2f (%.2f to %.2f).",
			l.Busy.Single, l.Busy.SingleWithin.Low, l.Busy.SingleWithin.High, windowRecords, l.Busy.Worst, l.Busy.WorstWithin.Low, l.Busy.WorstWithin.High)
	}
	say("- 99 of 100 ticks were late by at most %.1f ms, the deliberate jitter of 5 ms included.\n", l.Cost.Late*1e3)
}
