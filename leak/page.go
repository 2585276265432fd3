package leak

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// WritePage puts a report into the words of docs/leak.md.
func (r Report) WritePage(w io.Writer) error {
	var b strings.Builder
	say := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	say("# What an observer learns: measured\n")
	say("This page is made from [leak.json](leak.json) by `make leak-page`; `abaton leak --full --out FOLDER` takes such a report on any machine, and goes on where it was stopped.")
	say("What each shape does: [shaping.md](shaping.md). What a trace is: [traces.md](traces.md).\n")
	claim, asked := r.Quoted()
	switch {
	case !asked:
	case claim.Sentence != "":
		say("> %s\n", claim.Sentence)
	default:
		say("Of this run nothing may be claimed. What is missing:\n")
	}
	for _, because := range claim.Because {
		say("- %s", because)
	}
	if len(claim.Because) > 0 {
		say("")
	}
	r.facts(say)
	say("## How well attacks tell a topic from noise\n")
	say("The area under the curve (AUC) of the best of the topics, and in brackets the upper end of its 95 %% interval. 0.50 is guessing, 1.00 is certainty. " +
		"Every attack learned on the mode that it attacks. A9 adds up the traces of one prompt. A5 is the share of token lengths that were read, and what always saying the commonest gets.\n")
	say("![AUC of each attack and mode](leak.svg)\n")
	for _, way := range r.Ways {
		way.table(say)
	}
	say("## What it costs\n")
	say("Medians. Later is by how much the first and the last character came later to a client than the engine had said them.\n")
	say("| asked by | shape | bytes down | records | first character later | last later | end after it | 99 of 100 ticks late by at most |\n|---|---|---|---|---|---|---|---|")
	for _, way := range r.Ways {
		for _, m := range way.Modes {
			ticks := "-"
			if m.Cost.Late > 0 {
				ticks = fmt.Sprintf("%.1f ms", m.Cost.Late*1e3)
			}
			say("| %s | `%s` | %.0f | %.0f | %.0f ms | %.0f ms | %.1f s | %s |", way.Way, m.Mode, m.Cost.Bytes, m.Cost.Records, m.Cost.First*1e3, m.Cost.Last*1e3, m.Cost.End, ticks)
		}
	}
	say("")
	r.live(say)
	say("## Controls\n")
	for _, way := range r.Ways {
		c := way.Controls
		var best []string
		for _, t := range c.Best {
			best = append(best, fmt.Sprintf("%s %.2f by %s", t.Topic, t.AUC, t.Attack))
		}
		tokens := "no token lengths were asked for"
		if c.Tokens != nil {
			tokens = fmt.Sprintf("%.1f %% of token lengths were read", c.Tokens.Accuracy*100)
		}
		say("- %s: with shaping off %s; %s. With labels by lot p-values are uniform with p = %.3f, mean AUC %.3f.", way.Way, strings.Join(best, ", "), tokens, c.Shuffled.P, c.Shuffled.MeanAUC)
	}
	say("\nThe controls show that the attacks work, not how often topics can be told elsewhere: questions of three topics were narrowed after " +
		"scores on earlier recordings had been seen. Over HTTP/2, which `abaton serve` does not offer, the same server is asked by Go's own.")
	say("\n## What is not hidden\n")
	say("That somebody asks, when, how often, from where; the bucket of a question; in `paced` in which window an answer ended, in `sealed` how many windows it took; " +
		"a client that hangs up. The whole list: [shaping.md](shaping.md#what-is-not-hidden-in-any-of-these).")
	_, err := io.WriteString(w, b.String())
	return err
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
	say("| traces | %d prompts of each label, %d traces of each, in every mode and way |", run.Plan.Prompts, run.Plan.Trials)
	say("| window of `sealed` | %d s; %d recorded answers that do not fit into it were left out |\n", run.WindowSecond, r.Left)
}

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
