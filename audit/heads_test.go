package audit

import (
	"testing"
	"time"
)

// The heads are recorded at the times given whether or not they changed, each
// alone and signed at once, and nothing in the records tells whether they did:
// but for who has the key.
func TestHeadsTellNothingAboutWhoWorkedWhen(t *testing.T) {
	d, c := newMemDisk(), newClock()
	l, err := openMem(d, c)
	if err != nil {
		t.Fatal(err)
	}
	hour := func(n int) time.Time { return c.now().Truncate(time.Hour).Add(time.Duration(n-9) * time.Hour) }
	if at, which := l.Bound([32]byte{1}); !at.IsZero() || which != -1 {
		t.Errorf("an empty log: %v, %d", at, which)
	}
	for n := range 3 { // as a schedule does
		if err := l.Bind([32]byte{1}, hour(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Bind([32]byte{1}, hour(3), hour(4)); err != nil { // as who catches up does
		t.Fatal(err)
	}
	for n := 5; n < 7; n++ {
		if err := l.Bind([32]byte{2}, hour(n)); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := Verify(d.fs(), Check{}); err != nil || r.Records != 7 || r.Unsigned != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	for name, l := range map[string]*Log{"as written": l, "opened anew": reopened(t, d, c)} {
		at, which := l.Bound([32]byte{1}, [32]byte{3}, [32]byte{2})
		if !at.Equal(hour(6)) || which != 2 {
			t.Errorf("%s: the newest is of %v, heads %d", name, at, which)
		}
		if _, which := l.Bound([32]byte{1}); which != -1 {
			t.Errorf("%s: older heads are taken for the newest", name)
		}
	}
	seen := map[Digest]bool{}
	for i, r := range records(t, d.fs()) {
		if r.What != Heads || r.more != 0 || !r.Time.Equal(hour(i)) || !r.Actor.IsZero() || !r.Object.IsZero() || r.Detail != Bound {
			t.Errorf("record %d: %+v", i, r)
		}
		if seen[r.Digest] {
			t.Error("the same heads have the same digest twice: it tells that nobody worked")
		}
		seen[r.Digest] = true
		if changed := i >= 5; l.HasHeads(r, [32]byte{1}) == changed || l.HasHeads(r, [32]byte{2}) != changed {
			t.Errorf("record %d: who has the key cannot tell the heads", i)
		}
	}
}

// reopened is the log on a disk, opened as after a crash of its writer.
func reopened(t *testing.T, d *memDisk, c *clock) *Log {
	t.Helper()
	l, err := openMem(memOf(d.fs()), c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
