package audit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func openBubble(t *testing.T) (*Log, *memDisk) {
	t.Helper()
	d := newMemDisk()
	l, err := open(d, d.live(), testKeys(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return l, d
}

func TestRecordsAreSignedWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, d := openBubble(t)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { gone <- l.Run(ctx) }()
		record(t, l, 3)
		if r, err := Verify(d.fs(), Check{}); err != nil || r.Records != 0 || r.Unsigned != 3 {
			t.Fatalf("%+v, %v", r, err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if r, err := Verify(d.fs(), Check{}); err != nil || r.Records != 3 || r.Unsigned != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		before := d.steps
		time.Sleep(time.Hour)
		synctest.Wait()
		if d.steps != before {
			t.Error("a quiet log is written to: the times of files would say so")
		}
		cancel()
		if err := <-gone; err != nil {
			t.Error(err)
		}
	})
}

// Time in the log goes back only where a record says so, by how much.
func TestClockSetBack(t *testing.T) {
	d, c := newMemDisk(), newClock()
	begin := c.now()
	l, err := openMem(d, c)
	if err != nil {
		t.Fatal(err)
	}
	record(t, l, 1)
	c.add(-30 * time.Second) // as a time server does: nothing is said
	record(t, l, 1)
	c.add(-2 * time.Hour)
	record(t, l, 2)
	c.add(-24 * time.Hour)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = openMem(d, c); err != nil { // set back while nobody ran
		t.Fatal(err)
	}
	record(t, l, 1)
	c.t = time.Unix(-5, 0) // before there was time
	record(t, l, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(d.fs(), Check{}); err != nil {
		t.Fatal(err)
	}
	list := records(t, d.fs())
	var last time.Time
	jumps := 0
	for i, r := range list {
		if r.Time.Before(last) {
			if r.What != ClockJump || r.Detail != uint32(last.Sub(r.Time)/time.Second) {
				t.Errorf("record %d goes back from %v: %+v", i, last, r)
			}
			jumps++
		}
		last = r.Time
	}
	if jumps != 3 || len(list) != 9 || !list[1].Time.Equal(begin) {
		t.Errorf("%d jumps in %d records, the second at %v", jumps, len(list), list[1].Time)
	}
}
