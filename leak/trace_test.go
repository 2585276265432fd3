package leak

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// theirs is a trace as the Whisper Leak toolkit writes it: fields we do not
// know, no label, packets out of order.
const theirs = `{"timestamp": 1774836470.9902997, "local_port": 58516, "remote_port": 443,
"prompt": "May a tenant keep bees?", "pertubated_prompt": "May a  tenant keep bees? ",
"response": "Yes, \"often\".", "response_tokens": ["Yes", ",", " \"", "often", "\".", "\n", "é"], "response_token_count": 5,
"temperature": 1.0, "data_lengths": [1263, 1780, 440, 121], "time_diffs": [0.008189916610717773, 1.1647000312805176, -0.0021, 9.5367431640625e-07],
"hash": "d99b", "trial": 3, "chatbot_name": "GPT4o"}`

func readAll(text string) (traces []Trace, err error) {
	for t, err := range Read(strings.NewReader(text)) {
		if err != nil {
			return traces, err
		}
		traces = append(traces, t)
	}
	return traces, nil
}

func TestReadTheirs(t *testing.T) {
	for name, text := range map[string]string{
		"list":   "[" + theirs + "," + theirs + "]",
		"lines":  strings.ReplaceAll(theirs, "\n", " ") + "\n" + strings.ReplaceAll(theirs, "\n", " ") + "\n",
		"single": " \n" + theirs,
	} {
		traces, err := readAll(text)
		if err != nil || len(traces) == 0 {
			t.Fatalf("%s: %d traces, %v", name, len(traces), err)
		}
		got := traces[len(traces)-1]
		if !slices.Equal(got.Sizes, []int{1263, 1780, 440, 121}) || got.Gaps[1] != 1.1647000312805176 || got.Trial != 3 || got.Chatbot != "GPT4o" ||
			got.Varied != "May a  tenant keep bees? " || got.PromptID != got.Prompt {
			t.Errorf("%s: read as %+v", name, got)
		}
		if l := got.Lengths(); !slices.Equal(l, []int{3, 1, 3, 5, 3, 2, 2}) {
			t.Errorf("%s: tokens are %v bytes long in JSON", name, l)
		}
	}
	for _, empty := range []string{"", " \n", "[]", " [ ] "} {
		if traces, err := readAll(empty); err != nil || len(traces) != 0 {
			t.Errorf("%q: %d traces, %v", empty, len(traces), err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		after int
	}{
		"cut list":        {"[" + theirs, 1},
		"cut trace":       {"[" + theirs + ",{\"hash\":", 1},
		"no list":         {`"text"`, 0},
		"uneven":          {`{"data_lengths":[1,2],"time_diffs":[0.1]}`, 0},
		"negative size":   {`{"data_lengths":[-1],"time_diffs":[0.1]}`, 0},
		"huge time":       {`{"data_lengths":[1],"time_diffs":[1e12]}`, 0},
		"uneven upload":   {`{"up_lengths":[1]}`, 0},
		"negative upload": {`{"up_lengths":[1],"up_times":[-1]}`, 0},
		"negative close":  {`{"close_time":-1}`, 0},
		"text as size":    {`{"data_lengths":["1"],"time_diffs":[0.1]}`, 0},
	} {
		traces, err := readAll(c.text)
		if _, is := errors.AsType[*TraceError](err); !is || len(traces) != c.after {
			t.Errorf("%s: %d traces, %v", name, len(traces), err)
		}
	}
}

// TestWriteReads: what is written comes back to the last bit, in both forms, and
// has what the other toolkit asks for.
func TestWriteReads(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	traces := collect(1, 3, 2, raw)
	traces = append(traces, Trace{PromptID: "empty"})
	for i := range traces {
		traces[i].Gaps = slices.Clone(traces[i].Gaps)
		traces[i].Prompt, traces[i].Tokens, traces[i].Temperature = traces[i].PromptID, []string{"<a>", "\x00"}, r.Float64()
	}
	var list, lines bytes.Buffer
	if err := WriteList(&list, traces); err != nil {
		t.Fatal(err)
	}
	for _, tr := range traces {
		if err := WriteLine(&lines, tr); err != nil {
			t.Fatal(err)
		}
	}
	for form, text := range map[string]string{"list": list.String(), "lines": lines.String()} {
		got, err := readAll(text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			want := traces[i]
			if want.Sizes == nil {
				want.Sizes, want.Gaps = []int{}, []float64{}
			}
			if !reflect.DeepEqual(got[i], want) {
				t.Errorf("%s: trace %d came back as %+v", form, i, got[i])
			}
		}
	}
	var plain []map[string]any
	if err := json.Unmarshal(list.Bytes(), &plain); err != nil {
		t.Fatal(err)
	}
	for _, p := range plain {
		for _, field := range []string{"hash", "prompt", "pertubated_prompt", "trial", "chatbot_name", "temperature", "response"} {
			if _, there := p[field]; !there {
				t.Errorf("%s is missing", field)
			}
		}
		for _, field := range []string{"data_lengths", "time_diffs", "response_tokens"} {
			if _, list := p[field].([]any); !list {
				t.Errorf("%s is no list", field)
			}
		}
	}
	list.Reset()
	if err := WriteList(&list, nil); err != nil || strings.TrimSpace(list.String()) != "[]" {
		t.Errorf("no traces are written as %q, %v", list.String(), err)
	}
}

func TestPack(t *testing.T) {
	traces := collect(1, 4, 3, raw)
	for i := range traces {
		traces[i].Prompt = traces[i].PromptID
	}
	p := NewPack(traces, "law")
	if p.Positive.Repeat != 3 || p.Negative.Repeat != 3 || len(p.Positive.Prompts) != 4 || len(p.Negative.Prompts) != 4 {
		t.Fatalf("the pack is %+v", p)
	}
	again := slices.Clone(traces)
	for i := range again {
		again[i].Label = ""
	}
	p.Label(again, "law", "noise")
	for i := range again {
		if again[i].Label != traces[i].Label {
			t.Errorf("trace %d was %s and became %s", i, traces[i].Label, again[i].Label)
		}
	}
	if l := Labels(traces); !slices.Equal(l, []string{"law", "noise"}) {
		t.Errorf("labels are %v", l)
	}
}

func TestObserve(t *testing.T) {
	var tr Trace
	tr.Observe([]Record{{0.1, 300, Up}, {0.5, 100, Down}, {0.6, 40, Up}, {0.75, 200, Down}})
	if !slices.Equal(tr.Sizes, []int{100, 200}) || !slices.Equal(tr.Gaps, []float64{0.5, 0.25}) ||
		!slices.Equal(tr.UpSizes, []int{300, 40}) || !slices.Equal(tr.UpTimes, []float64{0.1, 0.6}) {
		t.Errorf("observed %+v", tr)
	}
	if got := tr.Times(); !slices.Equal(got, []float64{0.5, 0.75}) {
		t.Errorf("times are %v", got)
	}
}

// TestRowsAreNumbers: of any trace that passes, however short or odd, every
// attack makes equally many finite numbers.
func TestRowsAreNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	odd := []Trace{{}, {Sizes: []int{5}, Gaps: []float64{0}}, {Sizes: []int{5, 5}, Gaps: []float64{0, 0}}, {Tick: 0.1},
		{Sizes: []int{1, 2, 3}, Gaps: []float64{0.1, -0.05, -0.05}, CloseKind: ClientRst}, paced(r, 1), paced(r, 2), paced(r, 300), raw(r, 1)}
	for _, a := range Attacks() {
		rows := a.Rows(odd)
		for i, row := range rows {
			if len(row) != len(rows[0]) || len(row) == 0 {
				t.Errorf("%s: trace %d has %d columns, trace 0 has %d", a.ID, i, len(row), len(rows[0]))
			}
			for j, v := range row {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%s: column %d of trace %d is %v", a.ID, j, i, v)
				}
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(theirs)
	f.Add("[" + theirs + "]")
	f.Add(`{"up_lengths":[1],"up_times":[1],"tick":1e-300}`)
	f.Fuzz(func(t *testing.T, text string) {
		traces, _ := readAll(text)
		if len(traces) == 0 {
			return
		}
		for _, a := range Attacks() {
			for _, row := range a.Rows(traces) {
				for _, v := range row {
					if v-v != 0 {
						t.Fatalf("%s: %v", a.ID, v)
					}
				}
			}
		}
	})
}
