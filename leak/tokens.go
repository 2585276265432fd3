package leak

import (
	"math/rand/v2"
	"slices"

	"abaton.local/leak/learn"
)

// Recovery is how much of the lengths of tokens an observer reads off the sizes
// of records, the first step of rebuilding an answer.
//
// Weiss et al., "What was your prompt? A remote keylogging attack on AI
// assistants", USENIX Security 2024.
type Recovery struct {
	Traces   int     `json:"traces"`
	Tokens   int     `json:"tokens"`
	Exact    float64 `json:"exact_sequences"` // share of answers with every length right and none too many
	Accuracy float64 `json:"accuracy"`        // share of tokens
	Majority float64 `json:"majority"`        // what always saying the commonest length gets
	Edits    float64 `json:"edits_per_token"`
	Bits     float64 `json:"bits_per_token"` // less what shuffled tokens seem to tell
}

// searched bounds how many records before the first token and after the last one
// are thought of: headers, a role, the end.
const searched = 6

// reader is what the attacker learned: which records carry tokens and what a
// size means.
type reader struct {
	before, after int
	means         map[int]int
	known         []int // sizes, in order
	majority      int
}

// RecoverTokens learns on most prompts what sizes mean and reads the others. It
// needs traces with their true lengths.
func RecoverTokens(traces []Trace, folds int, seed uint64) (r Recovery, ok bool) {
	s := learn.Set{Classes: 1}
	var used []*Trace
	prompt := make(map[string]int)
	for i := range traces {
		if len(traces[i].Lengths()) == 0 {
			continue
		}
		id := traces[i].PromptID
		if _, known := prompt[id]; !known {
			prompt[id] = len(prompt)
		}
		used = append(used, afterQuestion(&traces[i]))
		s.Y, s.Group = append(s.Y, 0), append(s.Group, prompt[id])
	}
	if len(prompt) < folds {
		return r, false
	}
	fold := learn.Folds(s, folds, seed)
	var exact, right, common, edits int
	var sizes, lengths []int
	for f := range folds {
		var known, asked []*Trace
		for i, t := range used {
			if fold[i] == f {
				asked = append(asked, t)
			} else {
				known = append(known, t)
			}
		}
		m := learnSizes(known)
		for _, t := range asked {
			truth, guess := t.Lengths(), m.read(t.Sizes)
			if slices.Equal(truth, guess) {
				exact++
			}
			for i, l := range truth {
				said := m.majority // where there is no record, the best bet
				if i < len(guess) {
					said = guess[i]
					sizes, lengths = append(sizes, t.Sizes[i+m.before]), append(lengths, l)
				}
				if said == l {
					right++
				}
				if m.majority == l {
					common++
				}
			}
			r.Tokens += len(truth)
			edits += distance(truth, guess)
		}
	}
	r.Traces = len(used)
	r.Exact = float64(exact) / float64(r.Traces)
	n := float64(r.Tokens)
	r.Accuracy, r.Majority, r.Edits = float64(right)/n, float64(common)/n, float64(edits)/n
	r.Bits = perToken(sizes, lengths, seed)
	return r, true
}

// leastAnswer is smaller than the header and the events of an answer in any
// dialect, and larger than what an HTTP/2 connection says of itself. That comes in
// any number of records, and on a busy machine at any time.
const leastAnswer = 100

// afterQuestion is a trace without what came down before the question, the
// largest thing that went up, had gone, and without what is no answer behind it.
func afterQuestion(t *Trace) *Trace {
	largest, asked := 0, -1.0
	for i, size := range t.UpSizes {
		if size >= largest {
			largest, asked = size, t.UpTimes[i]
		}
	}
	if asked < 0 {
		return t
	}
	out := *t
	for i, at := range t.Times() {
		if at > asked && t.Sizes[i] >= leastAnswer {
			out.Sizes, out.Gaps = t.Sizes[i:], t.Gaps[i:]
			return &out
		}
	}
	return t
}

// learnSizes finds the first record that carries a token by which choice
// explains most lengths, and the last one by the commonest remainder.
func learnSizes(known []*Trace) (best reader) {
	most := -1
	for before := range searched {
		m := reader{before: before}
		pairs := make(map[int]map[int]int)
		all, rest := make(map[int]int), make(map[int]int)
		for _, t := range known {
			lengths := t.Lengths()
			rest[max(0, len(t.Sizes)-before-len(lengths))]++
			for i, l := range lengths {
				all[l]++
				if i+before >= len(t.Sizes) {
					continue
				}
				size := t.Sizes[i+before]
				if pairs[size] == nil {
					pairs[size] = make(map[int]int)
				}
				pairs[size][l]++
			}
		}
		m.majority, _ = commonest(all)
		m.means = make(map[int]int)
		explained := 0
		for size, count := range pairs {
			l, n := commonest(count)
			m.means[size] = l
			m.known = append(m.known, size)
			explained += n
		}
		slices.Sort(m.known)
		after, _ := commonest(rest)
		m.after = min(after, searched)
		if explained > most {
			most, best = explained, m
		}
	}
	return best
}

// commonest is the value seen most often, of several the smallest.
func commonest(count map[int]int) (value, times int) {
	for v, n := range count {
		if n > times || n == times && v < value {
			value, times = v, n
		}
	}
	return value, times
}

// read guesses lengths. A size that was never seen is taken to differ from the
// nearest known one by as many bytes as its token does.
func (m *reader) read(sizes []int) []int {
	end := len(sizes) - m.after
	if m.before >= end {
		return nil
	}
	out := make([]int, 0, end-m.before)
	for _, s := range sizes[m.before:end] {
		out = append(out, m.meaning(s))
	}
	return out
}

func (m *reader) meaning(size int) int {
	at, found := slices.BinarySearch(m.known, size)
	switch {
	case len(m.known) == 0:
		return m.majority
	case found:
	case at == len(m.known), at > 0 && size-m.known[at-1] <= m.known[at]-size:
		at--
	}
	near := m.known[at]
	return max(0, m.means[near]+size-near)
}

// distance is how many lengths must be changed, added or left out to get from a
// to b (Levenshtein, "Binary codes capable of correcting deletions, insertions
// and reversals", Soviet Physics Doklady 10, 1966).
func distance(a, b []int) int {
	line := make([]int, len(b)+1)
	for j := range line {
		line[j] = j
	}
	for i, x := range a {
		diagonal := line[0]
		line[0] = i + 1
		for j, y := range b {
			change := diagonal
			if x != y {
				change++
			}
			diagonal = line[j+1]
			line[j+1] = min(change, line[j]+1, line[j+1]+1)
		}
	}
	return line[len(b)]
}

// perToken is how many bits of a token's length its record's size tells, less
// what it seems to tell of shuffled tokens. Never below zero.
func perToken(sizes, lengths []int, seed uint64) float64 {
	if len(sizes) == 0 {
		return 0
	}
	const shuffles = 5
	told := learn.Mutual(sizes, lengths)
	mixed := slices.Clone(lengths)
	r := rand.New(rand.NewPCG(seed, 5))
	var seems float64
	for range shuffles {
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		seems += learn.Mutual(sizes, mixed) / shuffles
	}
	return max(0, told-seems)
}
