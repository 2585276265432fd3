package leak

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTokensOffTheWire: with shaping off every length is read, whatever stands
// around the tokens; sizes never seen in training are read by their difference.
func TestTokensOffTheWire(t *testing.T) {
	got, ok := RecoverTokens(collect(1, 30, 1, raw), 5, 1)
	if !ok || got.Accuracy < 0.99 || got.Exact < 0.99 || got.Edits > 0.01 {
		t.Errorf("of unshaped streams only so much is read: %+v", got)
	}
	if got.Bits < 2.5 {
		t.Errorf("an unshaped record tells %.2f bits of its token", got.Bits)
	}
	r := rand.New(rand.NewPCG(3, 3))
	n := 0
	rare := collect(2, 20, 1, func(_ *rand.Rand, label int) Trace {
		tr := raw(r, label)
		n++
		tr.TokenLengths[3] += 1000 * n // a length of its own in each trace
		tr.Sizes[1+3] += 1000 * n
		return tr
	})
	if got, ok := RecoverTokens(rare, 5, 1); !ok || got.Exact < 0.99 {
		t.Errorf("lengths that are new are not read: %+v", got)
	}
}

// TestTokensHidden: frames of one size tell nothing beyond the commonest length.
func TestTokensHidden(t *testing.T) {
	traces := collect(1, 30, 1, func(r *rand.Rand, label int) Trace {
		hidden, open := paced(r, 120), raw(r, label)
		hidden.TokenLengths = open.TokenLengths
		return hidden
	})
	got, ok := RecoverTokens(traces, 5, 1)
	if !ok || got.Accuracy > got.Majority+tokensAbove || got.Exact > 0 || got.Bits > tokenBits {
		t.Errorf("frames of one size tell lengths: %+v", got)
	}
	// One byte more for long tokens is a leak, and is found.
	for i := range traces {
		for k, l := range traces[i].TokenLengths {
			if l > 5 {
				traces[i].Sizes[k]++
			}
		}
	}
	got, _ = RecoverTokens(traces, 5, 1)
	if got.Accuracy < got.Majority+0.05 || got.Bits < 0.5 {
		t.Errorf("a byte for long tokens is not found: %+v", got)
	}
}

func TestTokensNeedTruth(t *testing.T) {
	if _, ok := RecoverTokens(collect(1, 20, 1, func(r *rand.Rand, _ int) Trace { return paced(r, 10) }), 5, 1); ok {
		t.Error("without true lengths there is a result")
	}
	if _, ok := RecoverTokens(nil, 5, 1); ok {
		t.Error("without traces there is a result")
	}
}

func TestDistanceKnown(t *testing.T) {
	for _, c := range []struct {
		a, b []int
		want int
	}{
		{nil, nil, 0},
		{[]int{1, 2, 3}, nil, 3},
		{[]int{1, 2, 3}, []int{1, 3}, 1},
		{[]int{1, 2, 3}, []int{4, 1, 2, 5}, 2},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("from %v to %v: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("from %v to %v: %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

// TestLateFollowsTheGrid: a tick left out, a late start and a late record each
// move what they should and nothing else.
func TestLateFollowsTheGrid(t *testing.T) {
	tr := Trace{Tick: 0.1}
	var records []Record
	for k := range 50 {
		if k == 20 {
			continue
		}
		records = append(records, Record{At: 0.037 + float64(k)*0.1, Size: 541})
	}
	records[30].At += 0.004
	tr.Observe(records)
	by, tick := late(&tr)
	if tick != 0.1 {
		t.Errorf("the tick is %v", tick)
	}
	for k, v := range by {
		want := 0.0
		if k == 30 {
			want = 0.004
		}
		if math.Abs(v-want) > 1e-9 {
			t.Errorf("record %d is %v s late, want %v", k, v, want)
		}
	}
	tr.Tick = 0
	if _, tick := late(&tr); math.Abs(tick-0.1) > 1e-9 {
		t.Errorf("the tick was taken for %v", tick)
	}
}

// TestTickJitterSeesWork: ticks that are later while the engine works are told
// apart, those that are not are not.
func TestTickJitterSeesWork(t *testing.T) {
	make := func(seed uint64, busy float64) (traces []Trace) {
		r := rand.New(rand.NewPCG(seed, 1))
		for i := range 30 {
			tr := Trace{Tick: tick, PromptID: fmt.Sprint(i)}
			var records []Record
			stop := 2 + r.IntN(4)
			for k := range 80 {
				noise := 0.0004 * math.Abs(r.NormFloat64())
				if k < stop*10 {
					noise *= busy
				}
				records = append(records, Record{At: float64(k+1)*tick + noise, Size: 541})
			}
			tr.Observe(records)
			tr.EngineStopped = float64(stop) + 0.05
			traces = append(traces, tr)
		}
		return traces
	}
	if b, ok := TickJitter(make(1, 3), 200, 1); !ok || b.Single < 0.7 || b.Worst < 0.9 || b.SingleWithin.Low < 0.65 || b.Traces != 30 || b.Records != 2400 {
		t.Errorf("ticks three times as late are not seen: %+v", b)
	}
	if b, ok := TickJitter(make(2, 1), 200, 1); !ok || b.SingleWithin.Low > 0.53 || b.Single > 0.56 {
		t.Errorf("equal ticks are told apart: %+v", b)
	}
	if _, ok := TickJitter(collect(1, 3, 1, raw), 10, 1); ok {
		t.Error("without knowing when the engine stopped there is a result")
	}
}

// TestPoolNeedsEnough: five traces of a prompt are stronger than one, and less
// than five are not used.
func TestPoolNeedsEnough(t *testing.T) {
	weak := func(r *rand.Rand, label int) Trace {
		tr := paced(r, 30)
		shift(&tr, 10, 0.0015*float64(label)*r.Float64())
		return tr
	}
	e := Effort{Folds: 4, Draws: 20, Seed: 1}
	single, pooled := named(t, "A6"), named(t, "A6")
	pooled.Pool = 5
	traces := collect(1, 20, 5, weak)
	one, err := single.Run(traces, topics, e)
	if err != nil {
		t.Fatal(err)
	}
	five, err := pooled.Run(traces, topics, e)
	if err != nil {
		t.Fatal(err)
	}
	if five.AUC <= one.AUC || five.Traces != 20 || one.Traces != 100 {
		t.Errorf("one: %.3f of %d, five: %.3f of %d", one.AUC, one.Traces, five.AUC, five.Traces)
	}
	if _, err := pooled.Run(collect(1, 20, 4, weak), topics, e); err == nil {
		t.Error("prompts of four traces pass for five")
	}
}

// TestRunRefuses what would give a number without meaning.
func TestRunRefuses(t *testing.T) {
	a := named(t, "A0")
	e := Effort{Folds: 4, Draws: 5, Seed: 1}
	for name, traces := range map[string][]Trace{
		"nothing":   nil,
		"one label": slices.DeleteFunc(collect(1, 8, 1, raw), func(t Trace) bool { return t.Label == "law" }),
		"two labels of a prompt": func() []Trace {
			traces := collect(1, 8, 1, raw)
			for i := range traces {
				traces[i].PromptID = "the same"
			}
			return traces
		}(),
		"one prompt each": collect(1, 1, 8, raw),
	} {
		if o, err := a.Run(traces, topics, e); err == nil {
			t.Errorf("%s: AUC %.3f", name, o.AUC)
		}
	}
}

// TestPromptLength: the upload of an unpadded request tells how long the prompt
// was.
func TestPromptLength(t *testing.T) {
	traces := collect(1, 20, 2, func(r *rand.Rand, _ int) Trace {
		tr := paced(r, 20)
		tr.PromptTokens = 5 + r.IntN(40)
		tr.UpSizes[0] = 300 + 4*tr.PromptTokens
		return tr
	})
	for i := range traces { // a prompt is as long each time
		traces[i].PromptTokens, traces[i].UpSizes = traces[i/2*2].PromptTokens, traces[i/2*2].UpSizes
	}
	byLength, labels := PromptLength(traces)
	o, err := named(t, "A7").Run(byLength, labels, Effort{Folds: 4, Draws: 50, Seed: 1})
	if err != nil || o.AUC < 0.95 {
		t.Errorf("AUC %.3f, %v", o.AUC, err)
	}
}
