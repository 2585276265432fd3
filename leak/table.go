package leak

import (
	"fmt"
	"html"
	"io"
	"strings"
	"text/tabwriter"

	"abaton.local/leak/learn"
)

// WriteTable prints what each attack reached on a mode.
func WriteTable(w io.Writer, mode string, outcomes []Outcome) error {
	p := make([]float64, len(outcomes))
	for i, o := range outcomes {
		p[i] = o.P
	}
	p = learn.Holm(p)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "mode\ttopic\tattack\ttraces\tprompts\tAUC\t95 % interval\tat most\tAUPRC (base)\tfound at 1 % false alarms\tbits\tp corrected")
	for i, o := range outcomes {
		chance := fmt.Sprintf("%.3f", p[i])
		if o.Permutations == 0 {
			chance = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%.3f\t%.3f to %.3f\t%.3f\t%.3f (%.3f)\t%.1f %%, at most %.1f %%\t%.3f\t%s\n", mode, o.topic(), o.ID, o.Traces, o.Prompts,
			o.AUC, o.Within.Low, o.Within.High, o.upper(), o.Precision, o.Base, o.TPR*100, o.TPRUpper*100, o.Bits, chance)
	}
	return t.Flush()
}

// Series is a mode in a plot.
type Series struct {
	Mode     string
	Outcomes []Outcome
}

// Sizes of the plot, in pixels, and the range of AUC that it shows.
const (
	plotLeft, plotWidth, plotRow = 190, 560, 18
	plotFrom, plotTo             = 0.3, 1.0
)

// colours that people who see few colours tell apart (Okabe and Ito, "Color
// universal design", 2008).
var colours = [...]string{"#d55e00", "#e69f00", "#0072b2", "#009e73", "#cc79a7"}

// WritePlot draws AUC and its interval for each attack and mode, with the line
// of chance and the line that a claim must stay left of.
func WritePlot(w io.Writer, series []Series) error {
	var body strings.Builder
	x := func(auc float64) float64 {
		return plotLeft + plotWidth*(min(max(auc, plotFrom), plotTo)-plotFrom)/(plotTo-plotFrom)
	}
	y := 40.0
	var legend float64 = plotLeft
	for i, s := range series {
		colour := colours[i%len(colours)]
		fmt.Fprintf(&body, `<text x="%.0f" y="18" fill="%s">%s</text>`+"\n", legend, colour, html.EscapeString(s.Mode))
		legend += 20 + 8*float64(len(s.Mode))
		for _, o := range s.Outcomes {
			fmt.Fprintf(&body, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", plotLeft-8, y+4, html.EscapeString(o.ID+" "+o.topic()))
			fmt.Fprintf(&body, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="2"/>`+"\n", x(o.Within.Low), x(o.Within.High), y, y, colour)
			fmt.Fprintf(&body, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"><title>%s %s %s: AUC %.3f, %.3f to %.3f</title></circle>`+"\n",
				x(o.AUC), y, colour, html.EscapeString(s.Mode), html.EscapeString(o.ID), html.EscapeString(o.topic()), o.AUC, o.Within.Low, o.Within.High)
			y += plotRow
		}
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" font-family="sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="white"/>
`, plotLeft+plotWidth+20, y+40)
	if err != nil {
		return err
	}
	for auc := plotFrom; auc < plotTo+0.01; auc += 0.1 {
		fmt.Fprintf(&body, `<text x="%.1f" y="%.1f" text-anchor="middle">%.1f</text>`+"\n", x(auc), y+14, auc)
	}
	for _, line := range []struct {
		at   float64
		dash string
	}{{0.5, "none"}, {upperAUC, "4"}} {
		fmt.Fprintf(&body, `<line x1="%.1f" x2="%.1f" y1="26" y2="%.1f" stroke="#666" stroke-dasharray="%s"/>`+"\n", x(line.at), x(line.at), y, line.dash)
	}
	fmt.Fprintf(&body, `<text x="%d" y="%.1f">AUC with its 95 %% interval; left line: chance, dashed: what a claim may reach</text>`+"\n", plotLeft, y+32)
	_, err = io.WriteString(w, body.String()+"</svg>\n")
	return err
}
