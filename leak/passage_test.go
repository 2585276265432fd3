package leak

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// came is a sealed answer of n frames as it came through something that lets so
// many of them gather.
func came(n, gather int) Trace {
	r := rand.New(rand.NewPCG(2, 2))
	records := []Record{{0.001, 90, Down}, {0.001, 700, Down}, {0.002, 122, Down}, {0.1, 760, Down}}
	for k := gather; k <= n; k += gather {
		records = append(records, Record{0.1 + 0.1*float64(k) + 0.005*r.Float64(), 22 + gather*519, Down})
	}
	end := records[len(records)-1].At
	t := Trace{Tick: 0.1}
	t.Observe(append(records, Record{end + 0.03, 27, Down}, Record{end + 0.031, 24, Down}))
	return t
}

// TestPassed: a shape that came through is told from one that was undone.
func TestPassed(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Trace)
		frame int
		kept  bool
	}{
		"as sent":       {func(*Trace) {}, 1, true},
		"two of them":   {func(*Trace) {}, 2, false},
		"eight of them": {func(*Trace) {}, 8, false},
		"all of them":   {func(*Trace) {}, 80, false},
		"one merged":    {func(t *Trace) { t.Sizes[20] += t.Sizes[21]; cut(t, 21) }, 1, true},
		"ten merged": {func(t *Trace) {
			for i := range 10 {
				t.Sizes[20+i] += t.Sizes[21+i]
				cut(t, 21+i)
			}
		}, 1, false},
		"cut anew": {func(t *Trace) {
			for i := 10; i < 70; i += 2 {
				t.Sizes[i], t.Sizes[i+1] = t.Sizes[i]-100, t.Sizes[i+1]+100
			}
		}, 1, false},
		"nothing came":    {func(t *Trace) { *t = Trace{Tick: 0.1} }, 1, false},
		"in two segments": {func(t *Trace) { t.Sizes[20] = 300; insert(t, 21, 241, 0.004) }, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			trace := came(80, c.frame)
			c.spoil(&trace)
			p := Passed(trace, 80*512+13, 512)
			if p.Kept() != c.kept {
				t.Errorf("kept %v: %+v", p.Kept(), p)
			}
			var text bytes.Buffer
			if err := p.Text(&text); err != nil || strings.Contains(text.String(), "as it was sent") != c.kept {
				t.Errorf("%v\n%s", err, &text)
			}
		})
	}
}

// cut takes a record out: what it held came before.
func cut(t *Trace, i int) {
	t.Gaps[i+1] += t.Gaps[i]
	t.Sizes, t.Gaps = append(t.Sizes[:i:i], t.Sizes[i+1:]...), append(t.Gaps[:i:i], t.Gaps[i+1:]...)
}

func insert(t *Trace, i, size int, gap float64) {
	t.Sizes = append(t.Sizes[:i:i], append([]int{size}, t.Sizes[i:]...)...)
	t.Gaps = append(t.Gaps[:i:i], append([]float64{gap}, t.Gaps[i:]...)...)
}
