package posture

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// limits are printed with every report: what such an audit cannot see.
const limits = "Limits: a look at one moment by the program's own binary. Root on this host, firmware and physical " +
	"attacks are out of reach. \"Maps to PA102-Rn\" means that a check gives evidence for that recommendation, " +
	"not that anything is certified."

// JSON writes the report as one JSON object.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Report
		Exit   int    `json:"exit_code"`
		Limits string `json:"limits"`
	}{r, r.ExitCode(), limits})
}

// Text writes the report for people, wrapped to width columns (at least 40),
// with colour if wanted.
func (r Report) Text(w io.Writer, width int, color bool) error {
	width = max(width, 40)
	var b strings.Builder
	count := map[Status]int{}
	for _, x := range r.Results {
		count[x.Status]++
		fmt.Fprintf(&b, "%s %s  %s\n", paint(x.Status, color), x.ID, x.Title)
		wrap(&b, "        ", x.Summary, width)
		if x.Status != Pass {
			wrap(&b, "        saw:     ", x.Evidence, width)
		}
		wrap(&b, "        control: ", x.Control, width)
		if x.Status != Pass {
			wrap(&b, "        to do:   ", x.Fix, width)
		}
		wrap(&b, "        recheck: ", x.Recheck, width)
		wrap(&b, "        maps to: ", fmt.Sprintf("%s (E%d)", strings.Join(x.Maps, " "), x.Level), width)
	}
	b.WriteString("\n")
	wrap(&b, "", fmt.Sprintf("%d pass, %d warn, %d fail, %d unknown, %d not applicable, %d manual",
		count[Pass], count[Warn], count[Fail], count[Unknown], count[NA], count[Manual]), width)
	wrap(&b, "", limits, width)
	_, err := io.WriteString(w, b.String())
	return err
}

func paint(s Status, color bool) string {
	word := fmt.Sprintf("%-7s", s)
	if !color {
		return word
	}
	code := map[Status]string{Pass: "32", Warn: "33", Fail: "31", Unknown: "31"}[s]
	if code == "" {
		return word
	}
	return "\x1b[" + code + "m" + word + "\x1b[0m"
}

// wrap writes text behind a lead, breaking at spaces; nothing for no text.
func wrap(b *strings.Builder, lead, text string, width int) {
	if text == "" {
		return
	}
	indent := strings.Repeat(" ", len(lead))
	line := lead
	empty := true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	b.WriteString(line + "\n")
}
