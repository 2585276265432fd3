package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/models"
)

// dancer counts who runs.
type dancer struct {
	mu      *sync.Mutex
	running *int
	most    *int
	stopped bool
	ran     time.Duration
	since   time.Time
}

func (d *dancer) Stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	d.ran += time.Since(d.since)
	*d.running--
	return errors.New("ignored")
}

func (d *dancer) Continue() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped, d.since = false, time.Now()
	*d.running++
	*d.most = max(*d.most, *d.running)
	return nil
}

func TestTurns(t *testing.T) {
	for _, c := range []struct{ atOnce, members, share int }{{1, 2, 2}, {1, 8, 8}, {2, 5, 3}, {3, 3, 1}, {4, 2, 1}} {
		synctest.Test(t, func(t *testing.T) {
			turns := turns{atOnce: c.atOnce, slice: 50 * time.Millisecond}
			var mu sync.Mutex
			running, most := 0, 0
			var all []*dancer
			var leave []func()
			for range c.members {
				d := &dancer{mu: &mu, running: &running, most: &most, since: time.Now()}
				mu.Lock()
				running++ // until it joins
				mu.Unlock()
				all = append(all, d)
				leave = append(leave, turns.join(d, Person(fmt.Sprint(len(all)))))
			}
			synctest.Wait()
			if turns.share() != c.share {
				t.Errorf("%+v: share %d", c, turns.share())
			}
			mu.Lock()
			most = 0
			mu.Unlock()
			rounds := time.Duration(c.members) * 10
			time.Sleep(rounds * turns.slice)
			synctest.Wait()
			mu.Lock()
			if c.members > c.atOnce && (most > c.atOnce || running != c.atOnce) {
				t.Errorf("%+v: %d at once, %d now", c, most, running)
			}
			for i, d := range all {
				if !d.stopped {
					d.ran += time.Since(d.since)
				}
				fair := rounds * turns.slice * time.Duration(min(c.atOnce, c.members)) / time.Duration(c.members)
				if d.ran < fair*8/10 || d.ran > fair*12/10 {
					t.Errorf("%+v: member %d ran %v of %v", c, i, d.ran, fair)
				}
				d.since = time.Now()
			}
			mu.Unlock()
			for _, l := range leave {
				l()
			}
			turns.idle.Wait()
			for i, d := range all {
				if d.stopped {
					t.Errorf("%+v: member %d is left stopped", c, i)
				}
			}
			if turns.share() != 1 {
				t.Error("somebody is left")
			}
		})
	}
}

// Somebody who asks several models at once gets no more than the others.
func TestTurnsAreOfPersons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := turns{atOnce: 1, slice: 50 * time.Millisecond}
		var mu sync.Mutex
		running, most := 0, 0
		ran := map[Person]func() time.Duration{}
		var leave []func()
		for _, person := range []Person{"anna", "anna", "anna", "bela"} {
			d := &dancer{mu: &mu, running: &running, most: &most, since: time.Now()}
			running++
			leave = append(leave, turns.join(d, person))
			before := ran[person]
			ran[person] = func() time.Duration {
				if before == nil {
					return d.total()
				}
				return before() + d.total()
			}
		}
		if turns.share() != 6 {
			t.Errorf("share %d", turns.share())
		}
		time.Sleep(60 * turns.slice)
		synctest.Wait()
		mu.Lock()
		a, b := ran["anna"](), ran["bela"]()
		mu.Unlock()
		if a > b+8*turns.slice || b > a+8*turns.slice {
			t.Errorf("anna ran %v, bela %v", a, b)
		}
		for _, l := range leave {
			l()
		}
		turns.idle.Wait()
	})
}

// Whoever comes while others take turns waits for theirs from the first moment,
// and where somebody has ended the next one need not wait for the slice to end.
func TestTheNextComesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := turns{atOnce: 1, slice: time.Hour}
		began := time.Now()
		var mu sync.Mutex
		running, most := 0, 0
		var all []*dancer
		var leave []func()
		for i := range 3 {
			d := &dancer{mu: &mu, running: &running, most: &most, since: time.Now()}
			mu.Lock()
			running++
			mu.Unlock()
			all, leave = append(all, d), append(leave, turns.join(d, Person(fmt.Sprint(i))))
			mu.Lock()
			if running != 1 {
				t.Errorf("%d run once %d have come", running, i+1)
			}
			mu.Unlock()
			synctest.Wait()
		}
		for range 2 {
			mu.Lock()
			i := slices.IndexFunc(all, func(d *dancer) bool { return !d.stopped })
			mu.Unlock()
			leave[i]()
			all, leave = slices.Delete(all, i, i+1), slices.Delete(leave, i, i+1)
			synctest.Wait()
			mu.Lock()
			if running--; running != 1 || time.Since(began) != 0 {
				t.Errorf("of %d that are left %d run after %v", len(all), running, time.Since(began))
			}
			mu.Unlock()
		}
		leave[0]()
		turns.idle.Wait()
	})
}

// Who rests runs in nobody's turn, and comes back to wait for one like others.
func TestWhoRestsHasNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := turns{atOnce: 1, slice: 50 * time.Millisecond}
		var mu sync.Mutex
		running, most := 0, 0
		var all []*dancer
		var members []*member
		for i := range 3 {
			d := &dancer{mu: &mu, running: &running, most: &most, since: time.Now()}
			mu.Lock()
			running++
			mu.Unlock()
			all, members = append(all, d), append(members, turns.add(d, Person(fmt.Sprint(i))))
		}
		members[0].rest(true)
		members[0].rest(true)
		began := all[0].runs(&mu)
		time.Sleep(20 * turns.slice)
		synctest.Wait()
		if ran := all[0].runs(&mu) - began; ran != 0 || turns.share() != 2 || running != 1 {
			t.Errorf("who rests ran %v, %d share, %d run", ran, turns.share(), running)
		}
		members[1].leave()
		members[0].rest(false)
		mu.Lock()
		running-- // who left runs on
		mu.Unlock()
		began = all[0].runs(&mu)
		time.Sleep(20 * turns.slice)
		synctest.Wait()
		if ran := all[0].runs(&mu) - began; ran < 9*turns.slice || ran > 11*turns.slice || running != 1 {
			t.Errorf("who is back ran %v, %d run", ran, running)
		}
		members[0].leave()
		members[0].rest(true) // its question is gone
		members[2].leave()
		turns.idle.Wait()
		if all[0].stopped {
			t.Error("it is left stopped")
		}
	})
}

// runs is total for who does not hold mu.
func (d *dancer) runs(mu *sync.Mutex) time.Duration {
	mu.Lock()
	defer mu.Unlock()
	return d.total()
}

// total is for how long d ran; the caller holds mu.
func (d *dancer) total() time.Duration {
	if d.stopped {
		return d.ran
	}
	return d.ran + time.Since(d.since)
}

// Real engines that share the processor all finish, and none is taken for hung.
func TestSharedProcessor(t *testing.T) {
	var log journal
	e, ask := startTiny(t, nil, func(c *Config) {
		c.Cores, c.Log = 1, log.log()
		c.Patience.Slice = 5 * time.Millisecond
	})
	done := make(chan error)
	people := []Person{"anna", "bela", "cyril"}
	for _, person := range people {
		go func() {
			p := ask("bado", 200)
			p.Person = person
			_, last, err := collect(t.Context(), e, p)
			if err == nil && last.Usage.AnswerTokens != 200 {
				err = errors.New("cut short")
			}
			done <- err
		}()
	}
	for range people {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if log.String() != "" {
		t.Errorf("%s", log.String())
	}
	// None is left stopped: each answers again.
	for _, person := range people {
		p := ask("deba", 2)
		p.Person = person
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Error(err)
		}
	}
}

func TestBackoff(t *testing.T) {
	p := Patience{}.withDefaults()
	now := time.Now()
	var c circuit
	if d, open := c.wait(p, now); d != 0 || open {
		t.Error("a pause without a crash")
	}
	for i, want := range []time.Duration{250 * time.Millisecond, time.Second, 4 * time.Second, 15 * time.Second} {
		c.crashed(now)
		if d, open := c.wait(p, now); d != want || open {
			t.Errorf("after %d crashes: %v, open %v", i+1, d, open)
		}
		if d, _ := c.wait(p, now.Add(want)); d != 0 {
			t.Errorf("after the pause still %v", d)
		}
		now = now.Add(time.Minute)
	}
	c.crashed(now)
	for range 3 { // each time it is tried and crashes again
		if d, open := c.wait(p, now); !open || d != time.Minute {
			t.Errorf("%d crashes: %v, open %v", len(c.crashes), d, open)
		}
		now = now.Add(time.Minute)
		if d, open := c.wait(p, now); open || d != 0 {
			t.Errorf("a minute later: %v, open %v", d, open)
		}
		c.crashed(now)
	}
	if d, open := c.wait(p, now.Add(time.Hour)); d != 0 || open || len(c.crashes) != 0 {
		t.Error("not forgotten after an hour")
	}
}

func TestMemoryLimit(t *testing.T) {
	f := flags{Context: 4096, Threads: 2, HTTPThreads: 4}
	smol := models.Shape{Layers: 30, Embedding: 576, Vocab: 49152, CacheElements: 30 * 3 * 128}
	small := memoryLimit(smol, 98<<20, f)
	if small < 500<<20 || small > 2<<30 {
		t.Errorf("smol: %d MiB", small>>20)
	}
	f.Context = 8192
	if more := memoryLimit(smol, 98<<20, f); more <= small {
		t.Error("more context, no more memory")
	}
	big := memoryLimit(models.Shape{Layers: 32, Embedding: 4096, Vocab: 128256, CacheElements: 32 * 8 * 256}, 4900<<20, f)
	if big < 7<<30 || big > 14<<30 {
		t.Errorf("8B: %d MiB", big>>20)
	}
	for _, s := range []models.Shape{{}, {Layers: 1 << 63, Embedding: 1 << 63, Vocab: 1 << 63, CacheElements: 1 << 63}, {CacheElements: 1<<64 - 1}} {
		if n := memoryLimit(s, 1<<62, f); n <= 0 {
			t.Errorf("%+v: %d", s, n)
		}
	}
	if n := memoryLimit(models.Shape{}, -1, flags{}); n < memoryLeast {
		t.Errorf("%d", n)
	}
}
