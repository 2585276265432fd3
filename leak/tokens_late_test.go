package leak

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestTokensBehindLateWords: on a busy machine what an HTTP/2 connection says of
// itself comes long after the question, in one record or in two. Lengths are read
// all the same.
func TestTokensBehindLateWords(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	var traces []Trace
	for p := range 12 {
		tr := Trace{PromptID: fmt.Sprint("p", p), UpSizes: []int{300, 4200, 35}, UpTimes: []float64{0.001, 0.01, 0.2}}
		add := func(after float64, sizes ...int) {
			for _, s := range sizes {
				tr.Sizes, tr.Gaps = append(tr.Sizes, s), append(tr.Gaps, after)
			}
		}
		add(0.001, 37, 233, 94, 58)
		if p%3 == 0 {
			add(0.05, 35, 31)
		} else {
			add(0.05, 44)
		}
		add(0.05, 116)
		for range 20 + r.IntN(20) {
			n := 1 + r.IntN(9)
			tr.TokenLengths = append(tr.TokenLengths, n)
			add(0.03, 250+n)
		}
		add(0.001, 31, 24)
		traces = append(traces, tr)
	}
	if got, ok := RecoverTokens(traces, 4, 1); !ok || got.Accuracy != 1 || got.Exact != 1 {
		t.Errorf("%.1f %% of lengths were read: %+v", got.Accuracy*100, got)
	}
}
