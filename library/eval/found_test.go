package eval

import (
	"maps"
	"slices"
	"testing"
	"unicode/utf8"

	"abaton.local/library/find"
)

// ten are caps that leave ten passages, as recall is counted; a place may hold
// several, so the first ten are looked at.
func ten() find.Caps { c := find.Usual(); c.All = 10; return c }

func firstTen(list []*passage) []*passage { return list[:min(10, len(list))] }

func english(q *question) bool { return q.lang == "en" }
func french(q *question) bool  { return q.lang == "fr" }
func figured(q *question) bool { return !q.tuned() }

func all(conditions ...func(*question) bool) func(*question) bool {
	return func(q *question) bool {
		for _, c := range conditions {
			if !c(q) {
				return false
			}
		}
		return true
	}
}

// way is how passages are looked for.
type way struct {
	name           string
	lexical, dense bool
}

// TestFound measures whether what answers a question is among the first ten
// passages. English is found by words, by meaning and by both; French by words
// alone, for the model of the tests knows English only.
func TestFound(t *testing.T) {
	s := loadSet(t)
	f := newFinder(t, s.passages(), keptVectors(t, s))
	words, meaning, both := way{"words", true, false}, way{"meaning", false, true}, way{"both", true, true}
	before := func(q *question, ranking []find.ID) float64 {
		var first []*passage
		for _, id := range ranking[:min(10, len(ranking))] {
			first = append(first, f.byID[id])
		}
		return recall(q, first)
	}
	var uncapped []float64 // of the last measure
	measure := func(keep func(*question) bool, w way) (recalls, ranks []float64) {
		uncapped = nil
		for _, q := range s.some(all(keep, (*question).answerable)) {
			got := f.ask(t, q.wanted(), w.lexical, w.dense, ten())
			uncapped = append(uncapped, before(q, got.ranking))
			recalls, ranks = append(recalls, recall(q, firstTen(got.picked))), append(ranks, reciprocal(q, got.picked))
		}
		return recalls, ranks
	}
	for _, half := range []struct {
		name string
		keep func(*question) bool
	}{{"half A, tuned by", (*question).tuned}, {"half B", figured}} {
		byWords, wordRanks := measure(all(half.keep, english), words)
		byMeaning, meaningRanks := measure(all(half.keep, english), meaning)
		byBoth, bothRanks := measure(all(half.keep, english), both)
		t.Logf("MEASURED %s, English, recall@10 by both before the caps on documents: %s", half.name, share(uncapped))
		if mean(byBoth) < mean(byWords) {
			t.Error("both find less than words alone")
		}
		inFrench, frenchRanks := measure(all(half.keep, french), words)
		t.Logf("MEASURED %s, English, %d answerable questions, recall@10: by words %s, by meaning %s, by both %s; both over words %s",
			half.name, len(byBoth), share(byWords), share(byMeaning), share(byBoth), paired(byBoth, byWords))
		t.Logf("MEASURED %s, English, MRR: by words %s, by meaning %s, by both %s", half.name, share(wordRanks), share(meaningRanks), share(bothRanks))
		t.Logf("MEASURED %s, French, %d answerable questions, by words: recall@10 %s, MRR %s", half.name, len(inFrench), share(inFrench), share(frenchRanks))
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			if r, _ := measure(all(half.keep, english, func(q *question) bool { return q.Kind == kind }), both); len(r) > 0 {
				t.Logf("%s, English, %s: recall@10 by both %.3f, %d questions", half.name, kind, mean(r), len(r))
			}
		}
	}
}

// TestPeer compares what is handed to a model with what the emulated peer hands
// to it, in as many characters.
func TestPeer(t *testing.T) {
	s := loadSet(t)
	v := keptVectors(t, s)
	ours, peer := newFinder(t, s.passages(), v), newFinder(t, s.peerPassages(), v)
	for _, half := range []struct {
		name string
		keep func(*question) bool
	}{{"half A, tuned by", (*question).tuned}, {"half B", figured}} {
		for _, top := range []int{peerTop, find.Usual().All} {
			var a, bare, b []float64
			var characters int
			questions := s.some(all(half.keep, english, (*question).answerable))
			for _, q := range questions {
				theirs := peer.ask(t, q.wanted(), false, true, find.Caps{All: top, Document: top, Sender: top})
				handed, room := theirs.ranking[:top], 0
				var passages []*passage
				for _, id := range handed {
					p := peer.byID[id]
					passages = append(passages, p)
					room += utf8.RuneCountInString(p.text)
				}
				characters += room
				caps := find.Usual()
				caps.All = considered // what there is room for is counted in characters here
				picked := ours.ask(t, q.wanted(), true, true, caps).picked
				a = append(a, recall(q, within(picked, room, func(p *passage) int { return utf8.RuneCountInString(p.text) })))
				bare = append(bare, recall(q, within(picked, room, func(p *passage) int { return utf8.RuneCountInString(p.said) })))
				b = append(b, recall(q, passages))
			}
			t.Logf("MEASURED %s, English, %d questions, recall in %d characters: ours %s, the peer's %d passages %s; ours over theirs %s; without counting the titles above our passages %s, %s",
				half.name, len(questions), characters/len(questions), share(a), top, share(b), paired(a, b), share(bare), paired(bare, b))
		}
	}
}
