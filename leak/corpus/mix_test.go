package corpus

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestMix: texts stay, times come from answers to prompts about as long, and one
// label's slow hour does not stay with that label.
func TestMix(t *testing.T) {
	var recordings []Recording
	for i := range 400 {
		slow := time.Duration(1 + i%2) // every second answer was made at a slow hour
		rec := Recording{Prompt: fmt.Sprint(i), PromptTokens: 30 + i/2%20, Truncated: i%3 == 0}
		at := time.Duration(rec.PromptTokens) * 10 * time.Millisecond * slow
		for k := range i % 7 * 5 {
			rec.Pieces = append(rec.Pieces, Piece{fmt.Sprint(i, k), at})
			at += 50 * time.Millisecond * slow
		}
		rec.Stopped = at
		recordings = append(recordings, rec)
	}
	before := slices.Clone(recordings)
	mixed := Mix(recordings, 1)
	if !reflect.DeepEqual(recordings, before) {
		t.Error("the answers given were changed")
	}
	var pace, count [2]float64
	for i, m := range mixed {
		was := recordings[i]
		if m.Prompt != was.Prompt || m.PromptTokens != was.PromptTokens || m.Truncated != was.Truncated || len(m.Pieces) != len(was.Pieces) {
			t.Fatalf("answer %d became another", i)
		}
		last := time.Duration(0)
		for k, p := range m.Pieces {
			if p.Text != was.Pieces[k].Text || p.At < last {
				t.Fatalf("piece %d of answer %d is %v", k, i, p)
			}
			last = p.At
		}
		if m.Stopped < last {
			t.Fatalf("answer %d stopped before its last piece", i)
		}
		if n := len(m.Pieces); n > 1 {
			pace[i%2] += (m.Pieces[n-1].At - m.Pieces[0].At).Seconds() / float64(n-1)
			count[i%2]++
			// Reading a prompt of 30 to 49 tokens took 10 or 20 ms each, its neighbours' differ by few.
			if first := m.Pieces[0].At.Seconds() / float64(m.PromptTokens); first < 0.008 || first > 0.024 {
				t.Errorf("a prompt of %d tokens took %v", m.PromptTokens, m.Pieces[0].At)
			}
		}
	}
	if a, b := pace[0]/count[0], pace[1]/count[1]; a/b < 0.9 || a/b > 1.1 {
		t.Errorf("the slow hour stayed: %v and %v a piece", a, b)
	}
	if !reflect.DeepEqual(Mix(recordings, 1), mixed) {
		t.Error("the lot falls otherwise each time")
	}
	if Mix(nil, 1) != nil {
		t.Error("of nothing there is something")
	}
}
