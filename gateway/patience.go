package gateway

import (
	"strings"
	"sync"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// patience is how much guessing is borne: so many wrong tries for nothing, and
// from then on after each a pause that doubles, up to the longest.
type patience struct {
	free           int
	first, longest time.Duration
}

func (p patience) pause(wrong int) time.Duration {
	n := wrong - p.free
	switch {
	case n <= 0:
		return 0
	case n > 20 || p.first<<(n-1) > p.longest:
		return p.longest
	}
	return p.first << (n - 1)
}

func pairPatience() patience    { return patience{free: 5, first: time.Second, longest: 5 * time.Minute} }
func accountPatience() patience { return patience{free: 20, first: time.Second, longest: time.Minute} }
func sourcePatience() patience  { return patience{free: 60, first: time.Second, longest: time.Minute} }

const (
	forgetTries = time.Hour // that nobody made
	mostTries   = 16 << 10  // accounts, sources and pairs that are remembered
)

// A guess is a try to log in: from where, under which name.
type guess struct{ source, account string }

// tries counts guesses, of people who exist and of people who do not alike. A
// guess is judged as one of this source under this name; as one of all sources
// under this name; and as one of this source under all names.
//
// Nobody can lock another out by it:
//   - A guess counts only if it was let through. So hammering at one account
//     uses up neither its patience with other sources nor the source's with
//     other accounts.
//   - What others do under a name never makes a source wait that has not been
//     wrong itself. Who knows the secret comes in at the first try.
//   - Nor, once somebody has come in from it under that name, anything but its
//     own wrong tries under that name.
//
// Programs of this machine that come by TCP are one source. Where another of
// its accounts keeps that one waiting, there is the socket.
//
// It is safe for concurrent use.
type tries struct {
	now func() time.Time

	mu sync.Mutex
	// With one part of the guess empty: all of them. Once the young ones are
	// many they become the old ones, and the old ones that nobody asked for
	// since are forgotten.
	young, old map[guess]*count // guarded by mu
}

type count struct {
	wrong int
	last  time.Time // when a guess was let through
	good  bool      // somebody has come in
}

type judge struct {
	*count
	patience
}

func newTries(now func() time.Time) *tries { return &tries{now: now, young: map[guess]*count{}} }

// accountKey is what names that count as one have in common, so that capitals
// and spaces do not buy more tries.
func accountKey(name []byte) string {
	if len(name) > 1024 {
		name = name[:1024] // no name is as long
	}
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(string(name)))), " ")
}

// an attempt was let through. Until it turns out to be right it counts as
// wrong: else a thousand at one time would all be the first.
type attempt struct {
	of     *tries
	counts []judge // the first is the pair's
}

// enter lets a guess through, or says how long to wait.
func (t *tries) enter(g guess) (*attempt, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	own := judge{t.count(g, now), pairPatience()}
	counts, asked := []judge{own}, []judge{own}
	if !own.good {
		source := judge{t.count(guess{source: g.source}, now), sourcePatience()}
		counts, asked = append(counts, source), append(asked, source)
		if g.account != "" {
			account := judge{t.count(guess{account: g.account}, now), accountPatience()}
			counts = append(counts, account)
			if own.wrong > 0 {
				asked = append(asked, account)
			}
		}
	}
	var wait time.Duration
	for _, j := range asked {
		wait = max(wait, j.last.Add(j.pause(j.wrong)).Sub(now))
	}
	if wait > 0 {
		return nil, wait
	}
	for _, j := range counts {
		j.wrong++
		j.last = now
	}
	return &attempt{t, counts}, 0
}

// right says that it was no guess.
func (a *attempt) right() {
	a.unjudged()
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	a.counts[0].wrong, a.counts[0].good = 0, true
}

// unjudged says that nobody came to judge it.
func (a *attempt) unjudged() {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	for _, j := range a.counts {
		j.wrong = max(0, j.wrong-1)
	}
}

// count finds or makes a count. The caller holds mu.
func (t *tries) count(g guess, now time.Time) *count {
	c, ok := t.young[g]
	if !ok {
		if len(t.young) >= mostTries/2 {
			t.young, t.old = map[guess]*count{}, t.young
		}
		if c, ok = t.old[g]; !ok {
			c = &count{last: now}
		}
		t.young[g] = c
	}
	if now.Sub(c.last) > forgetTries {
		c.wrong = 0
	}
	return c
}
