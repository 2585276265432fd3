package leak

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Series are the modes of a report's first way, for a plot.
func (r Report) Series() (s []Series) {
	if len(r.Ways) == 0 {
		return nil
	}
	w := r.Ways[0]
	s = append(s, Series{"off", w.Controls.Outcomes})
	for _, m := range w.Modes {
		if m.Mode != "off" {
			s = append(s, Series{m.Mode, m.Evidence.Outcomes})
		}
	}
	return s
}

// Best are the series with each attack on the topic that it told best, for a plot.
func (r Report) Best() (out []Series) {
	for _, s := range r.Series() {
		best := Series{Mode: s.Mode}
		at := make(map[string]int)
		for _, o := range s.Outcomes {
			i, there := at[o.ID]
			switch {
			case !there:
				at[o.ID] = len(best.Outcomes)
				best.Outcomes = append(best.Outcomes, o)
			case o.AUC > best.Outcomes[i].AUC:
				best.Outcomes[i] = o
			}
		}
		out = append(out, best)
	}
	return out
}

// Text prints a report for people.
func (r Report) Text(out io.Writer) error {
	for _, w := range r.Ways {
		fmt.Fprintf(out, "\n%s\n\n", w.Way)
		for _, s := range (Report{Ways: []WayReport{w}}).Series() {
			if err := WriteTable(out, s.Mode, s.Outcomes); err != nil {
				return err
			}
			fmt.Fprintln(out)
		}
		if err := w.text(out); err != nil {
			return err
		}
	}
	if r.Left > 0 {
		fmt.Fprintf(out, "%d recorded answers were left out: they do not fit into a window of %d s.\n", r.Left, r.Run.WindowSecond)
	}
	claim, asked := r.Quoted()
	switch {
	case !asked:
		fmt.Fprintln(out, "No mode that hides the end was looked at, so there is nothing to claim.")
	case claim.Sentence == "":
		fmt.Fprintln(out, "Nothing may be claimed. What is missing:")
	default:
		fmt.Fprintf(out, "What may be quoted:\n\n  %s\n\n", claim.Sentence)
	}
	for _, b := range claim.Because {
		fmt.Fprintf(out, "  - %s\n", b)
	}
	return nil
}

// text prints what tables of attacks do not hold.
func (w WayReport) text(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "mode\ttraces\ttoken lengths read (majority guess)\tbits per token\tbytes\trecords\tfirst character later by\tlast\tend after it\tticks late at 99 %")
	for _, m := range w.Modes {
		tokens := m.Evidence.Tokens
		if m.Mode == "off" {
			tokens = w.Controls.Tokens
		}
		read, bits, ticks := "-", "-", "-"
		if tokens != nil {
			read, bits = fmt.Sprintf("%.1f %% (%.1f %%)", tokens.Accuracy*100, tokens.Majority*100), fmt.Sprintf("%.3f", tokens.Bits)
		}
		if m.Cost.Late > 0 {
			ticks = fmt.Sprintf("%.1f ms", m.Cost.Late*1e3)
		}
		c := m.Cost
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%.0f\t%.0f\t%.0f ms\t%.0f ms\t%.1f s\t%s\n", m.Mode, m.Traces, read, bits, c.Bytes, c.Records, c.First*1e3, c.Last*1e3, c.End, ticks)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	s := w.Controls.Shuffled
	fmt.Fprintf(out, "\nControls: with labels by lot p-values are uniform with p = %.3f, and the mean AUC is %.3f.\n\n", s.P, s.MeanAUC)
	return nil
}
