package leak

import (
	"sync"

	"abaton.local/leak/learn"
)

// bench is where several attacks on the same traces share their work: those that
// pool scores add up what another one said.
type bench struct {
	traces []Trace
	labels []string

	mu   sync.Mutex
	sets map[string]learn.Set   // by the attack that made them; guarded by mu
	said map[asked]learn.Scored // of attacks that others pool; guarded by mu
	left map[string]int         // how many more of each may be kept; guarded by mu
}

// asked is one time that a learner was asked about a set. Which labels were
// shuffled follows from the seed.
type asked struct {
	base     string
	folds    int
	shuffled bool
	seed     uint64
}

// benchScores is how many of an attack's scores are kept for those that pool them.
// Most nulls end before.
const benchScores = 96

// newBench is for attacks on traces with some labels.
func newBench(traces []Trace, labels []string, attacks []Attack) *bench {
	b := &bench{traces: traces, labels: labels, sets: make(map[string]learn.Set), said: make(map[asked]learn.Scored), left: make(map[string]int)}
	for _, a := range attacks {
		if a.Of != "" {
			b.left[a.Of] = benchScores
		}
	}
	return b
}

// base is the attack whose scores an attack rests on.
func (a Attack) base() string {
	if a.Of != "" {
		return a.Of
	}
	return a.ID
}

// set is that of an attack.
func (b *bench) set(a Attack) (learn.Set, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, there := b.sets[a.base()]; there {
		return s, nil
	}
	s, err := a.set(b.traces, b.labels)
	if err == nil && b.left[a.base()] > 0 {
		b.sets[a.base()] = s
	}
	return s, err
}

// scored is what an attack says of a set of the bench.
func (b *bench) scored(a Attack, s learn.Set, folds int, shuffled bool, seed uint64) learn.Scored {
	key := asked{a.base(), folds, shuffled, seed}
	b.mu.Lock()
	said, there := b.said[key]
	b.mu.Unlock()
	if !there {
		said = learn.Cross(a.Learner, s, folds, seed)
		b.mu.Lock()
		if b.left[key.base] > 0 {
			b.left[key.base]--
			b.said[key] = said
		}
		b.mu.Unlock()
	}
	if a.Pool > 1 {
		return pool(said, a.Pool)
	}
	return said
}
