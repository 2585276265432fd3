package vault

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// shift is one stretch of work of one of the two members.
type shift struct {
	hour  int
	who   int // 0 or 1
	slips int // wrong passphrases before the right one
	turns int
}

// thirtyDays draws who works when, and now and then mistypes.
func thirtyDays(seed uint64) (shifts []shift) {
	r := rand.New(rand.NewPCG(seed, 4))
	for day := range 30 {
		for who := range 2 {
			if r.IntN(10) < 7 {
				shifts = append(shifts, shift{hour: 24*day + 7 + r.IntN(14), who: who, turns: 1 + r.IntN(6)})
				if r.IntN(6) == 0 {
					shifts[len(shifts)-1].slips = 1 + r.IntN(2)
				}
			}
		}
	}
	slices.SortStableFunc(shifts, func(a, b shift) int { return a.hour - b.hour })
	return shifts
}

// watch lives through thirty days and gives, hour by hour, all that the owner
// can read: the list of people, the shared record, and the state folder. Inside
// gives what only the device secret and the people's own keys open: the control.
func watch(t *testing.T, shifts []shift) (seen, inside []string) {
	// In memory: the folder is written 2,880 times.
	dir, err := os.MkdirTemp("/dev/shm", "abaton-watched-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.config.StateDir, p.config.Serving = dir, true
		d := p.running()
		olga := p.owner(d)
		root := p.rootOf(d, olga)
		names := []string{"Anna", "Bert"}
		var ids [2]PersonID
		var tokens [2]string
		who := map[ID]string{identity(olga.Person): "Olga"}
		for i, name := range names {
			s := p.member(d, olga, name)
			token, _, err := d.MakeToken(t.Context(), s, "editor", ScopeAll, time.Now().AddDate(0, 2, 0))
			if err != nil {
				t.Fatal(err)
			}
			ids[i], tokens[i] = s.Person, token.Reveal()
			who[identity(s.Person)] = name
			s.End()
		}
		var last uint64
		bound := 0
		for hour := range 30 * 24 {
			if olga.ended() {
				olga = p.again(d, olga, root)
			}
			for len(shifts) > 0 && shifts[0].hour == hour {
				x := shifts[0]
				shifts = shifts[1:]
				for range x.slips {
					if _, err := d.Unlock(t.Context(), pass(names[x.who], "a slip of the finger")); err != ErrWrong {
						t.Fatal(err)
					}
				}
				s, err := d.UnlockToken(t.Context(), tokens[x.who])
				if x.slips > 0 {
					s.End()
					s, err = d.Unlock(t.Context(), pass(names[x.who], memberPass))
				}
				if err != nil {
					t.Fatal(err)
				}
				for range x.turns {
					p.keep(s, "a question and its answer")
				}
			}
			for range 60 / 14 {
				time.Sleep(14 * time.Minute)
				if _, err := olga.Vault(); err != nil && !olga.ended() {
					olga = p.again(d, olga, root)
				}
			}
			time.Sleep(4 * time.Minute)
			synctest.Wait()

			var out strings.Builder
			if _, err := olga.Vault(); err != nil {
				olga = p.again(d, olga, root)
			}
			people, err := d.People(t.Context(), olga)
			if err != nil {
				t.Fatal(err)
			}
			for i := range people {
				people[i].ID = PersonID(who[identity(people[i].ID)])
			}
			b, err := json.Marshal(people)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(b)
			for _, e := range p.record.take() {
				fmt.Fprintf(&out, " %d by %s on %s, failed %v, %d;", e.What, who[e.Actor], who[e.Object], e.Failed, e.Detail)
			}
			files, err := os.ReadDir(p.config.StateDir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				b, err := os.ReadFile(filepath.Join(p.config.StateDir, f.Name()))
				if err != nil {
					t.Fatal(err)
				}
				h := fnv.New64a()
				h.Write(b)
				fmt.Fprintf(&out, " %s of %d bytes, written %v", f.Name(), len(b), h.Sum64() != last)
				last = h.Sum64()
			}
			for _, b := range p.record.bound[bound:] {
				fmt.Fprintf(&out, " heads bound at %v", b.at)
			}
			if bound == len(p.record.bound) {
				t.Error("an hour without heads on the record")
			}
			bound = len(p.record.bound)
			seen = append(seen, out.String())

			a, _ := d.heads.of(identity(ids[0]))
			c, _ := d.heads.of(identity(ids[1]))
			inside = append(inside, fmt.Sprint(a.Seq, " ", c.Seq))
		}
	})
	return seen, inside
}

// Who asked at a given time cannot be told from what an owner or auditor reads
// through the product: whoever of the two it was, or nobody at all, it reads the
// same, hour by hour. So no guess is better than chance.
func TestOwnerDoesNotLearnWhoWorkedWhen(t *testing.T) {
	as := thirtyDays(1)
	swapped := slices.Clone(as)
	for i := range swapped {
		swapped[i].who = 1 - swapped[i].who
	}
	seen, inside := watch(t, as)
	seenSwapped, insideSwapped := watch(t, swapped)
	seenIdle, _ := watch(t, nil)
	differ := func(a, b []string) (n int) {
		for i := range a {
			if a[i] != b[i] {
				if n++; n == 1 {
					t.Logf("hour %d\n%s\n%s", i, a[i], b[i])
				}
			}
		}
		return n
	}
	if n := differ(seen, seenSwapped); n != 0 {
		t.Errorf("%d of %d hours tell which of the two it was", n, len(seen))
	}
	if n := differ(seen, seenIdle); n != 0 {
		t.Errorf("%d of %d hours tell that somebody worked", n, len(seen))
	}
	// The control: what is sealed tells it all, and the comparison notices.
	wrong := 0
	for i := range inside {
		if inside[i] != insideSwapped[i] {
			wrong++
		}
	}
	if wrong < 100 || len(as) < 30 {
		t.Errorf("the control sees %d hours, %d shifts", wrong, len(as))
	}
	t.Logf("%d shifts in %d hours, the control sees %d", len(as), len(seen), wrong)
}
