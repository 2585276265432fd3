package leak

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode"
)

// Read reads traces one after the other: a list, one object a line, or a single
// object, the three forms in which they lie about. It ends at the first trace
// that cannot be used.
func Read(r io.Reader) iter.Seq2[Trace, error] {
	return func(yield func(Trace, error) bool) {
		buffered := bufio.NewReader(r)
		first, err := skipSpace(buffered)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(Trace{}, fmt.Errorf("cannot read the traces: %w", err))
			return
		}
		d := json.NewDecoder(buffered)
		if first == '[' {
			_, _ = d.Token() // the bracket that was just seen
		}
		for n := 1; ; n++ {
			if first == '[' && !d.More() {
				if _, err := d.Token(); err != nil {
					yield(Trace{}, &TraceError{n, "the list is cut off"})
				}
				return
			}
			var t Trace
			if err := d.Decode(&t); errors.Is(err, io.EOF) && first != '[' {
				return
			} else if err != nil {
				yield(Trace{}, &TraceError{n, err.Error()})
				return
			}
			if reason := t.check(); reason != "" {
				yield(Trace{}, &TraceError{n, reason})
				return
			}
			if t.PromptID == "" {
				t.PromptID = t.Prompt
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

func skipSpace(r *bufio.Reader) (rune, error) {
	for {
		c, _, err := r.ReadRune()
		if err != nil {
			return 0, err
		}
		if !unicode.IsSpace(c) {
			return c, r.UnreadRune()
		}
	}
}

// WriteList writes traces as one list, the form that the Whisper Leak toolkit
// keeps for each chatbot.
func WriteList(w io.Writer, traces []Trace) error {
	b := bufio.NewWriter(w)
	for i, t := range traces {
		before := ",\n"
		if i == 0 {
			before = "[\n"
		}
		text, err := json.Marshal(t)
		if err != nil {
			return err
		}
		b.WriteString(before)
		b.Write(text)
	}
	if len(traces) == 0 {
		b.WriteString("[")
	}
	b.WriteString("]\n")
	return b.Flush()
}

// WriteLine appends one trace to a file of lines, which may grow for hours and
// be cut off without loss of what stands before.
func WriteLine(w io.Writer, t Trace) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// Pack is the toolkit's file of prompts. Its traces carry no labels: it takes
// them from here.
type Pack struct {
	Positive PackSide `json:"positive"`
	Negative PackSide `json:"negative"`
}

// PackSide is the prompts of one label.
type PackSide struct {
	Repeat  int      `json:"repeat"`
	Prompts []string `json:"prompts"`
}

// NewPack lists the prompts of traces: those with the label, and all others.
func NewPack(traces []Trace, label string) Pack {
	times := make(map[string]int)
	var p Pack
	for _, t := range traces {
		side := &p.Negative
		if t.Label == label {
			side = &p.Positive
		}
		if times[t.Prompt]++; times[t.Prompt] == 1 {
			side.Prompts = append(side.Prompts, t.Prompt)
		}
		side.Repeat = max(side.Repeat, times[t.Prompt])
	}
	return p
}

// Label labels traces as the toolkit does: what is not listed as positive is noise.
func (p Pack) Label(traces []Trace, label, noise string) {
	positive := make(map[string]bool)
	for _, prompt := range p.Positive.Prompts {
		positive[prompt] = true
	}
	for i := range traces {
		traces[i].Label = noise
		if positive[traces[i].Prompt] {
			traces[i].Label = label
		}
	}
}

// Labels lists the labels of traces in alphabetical order.
func Labels(traces []Trace) []string {
	var labels []string
	for _, t := range traces {
		labels = append(labels, t.Label)
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}
