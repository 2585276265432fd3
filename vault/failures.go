package vault

import (
	"fmt"
	"sync"
	"time"
)

// Pause is how long nobody may try after that many failures in a row, counted
// from the last one: nothing for the first three, then doubling from one second
// to a minute. It never becomes longer, so nobody is locked out for good.
func Pause(failures int) time.Duration {
	return doubling(failures-3, time.Second, time.Minute)
}

// globalPause holds back everybody a little while very many fail, whoever they
// say they are.
func globalPause(failures int) time.Duration {
	return doubling(failures-100, 50*time.Millisecond, 2*time.Second)
}

func doubling(n int, first, most time.Duration) time.Duration {
	if n < 1 {
		return 0
	}
	if n > 20 || first<<(n-1) > most {
		return most
	}
	return first << (n - 1)
}

// TooSoon says that too many attempts failed and how long to wait. Whether the
// name exists is not told.
type TooSoon struct{ Wait time.Duration }

// Error says how long to wait, in whole seconds.
func (e *TooSoon) Error() string {
	return fmt.Sprintf("too many wrong attempts: wait %d seconds and try again", (e.Wait+time.Second-1)/time.Second)
}

const (
	failuresForget = time.Hour // without another failure
	maxFailing     = 4096      // names counted at once
	// alarming is how many failures in a row go on the shared record. Fewer are
	// slips of the finger, and would only tell the owner when somebody sits down
	// to work; the person reads of them in their own journal.
	alarming = 6
)

// failures counts attempts that failed, by name and in all. Names that exist
// and names that do not are counted alike. It is safe for concurrent use.
type failures struct {
	mu  sync.Mutex
	by  map[string]tally // guarded by mu
	all tally            // guarded by mu
}

type tally struct {
	n    int
	last time.Time
}

func (t tally) wait(now time.Time, pause func(int) time.Duration) time.Duration {
	return t.last.Add(pause(t.n)).Sub(now)
}

func newFailures() *failures { return &failures{by: map[string]tally{}} }

// admit is nil when an attempt under that name may be made now.
func (f *failures) admit(name string, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	wait := max(f.by[name].wait(now, Pause), f.all.wait(now, globalPause))
	if wait > 0 {
		return &TooSoon{Wait: wait}
	}
	return nil
}

// admitJudged is admit for an attempt of which the name was judged elsewhere.
func (f *failures) admitJudged(_ string, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if wait := f.all.wait(now, globalPause); wait > 0 {
		return &TooSoon{Wait: wait}
	}
	return nil
}

// failed counts a failure and gives their number in a row.
func (f *failures) failed(name string, now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.by) >= maxFailing {
		f.prune(now)
	}
	f.all = f.all.another(now, time.Minute)
	t := f.by[name].another(now, failuresForget)
	f.by[name] = t
	return t.n
}

func (t tally) another(now time.Time, forget time.Duration) tally {
	if now.Sub(t.last) > forget {
		t.n = 0
	}
	return tally{n: t.n + 1, last: now}
}

// succeeded forgets a name's failures and gives how many there were.
func (f *failures) succeeded(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.by[name].n
	delete(f.by, name)
	return n
}

// prune makes room: what is old goes, and where nothing is, the oldest. The
// caller holds mu.
func (f *failures) prune(now time.Time) {
	oldest, at := "", now
	for name, t := range f.by {
		if now.Sub(t.last) > failuresForget {
			delete(f.by, name)
		} else if !t.last.After(at) {
			oldest, at = name, t.last
		}
	}
	if len(f.by) >= maxFailing {
		delete(f.by, oldest)
	}
}
