package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/audit"
	"abaton.local/vault"
)

// A forged field is on the audit log once for each key, not before midnight.
func TestForgeriesAreNotedOnceAndLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []audit.Event
		var full error
		f := newForgeries(func(events []audit.Event) error {
			if full == nil {
				log = append(log, events...)
			}
			return full
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.run(ctx) }()
		a, b := vault.NewID(), vault.NewID()
		for range 3 {
			f.note(vault.Session{Person: vault.PersonID(b.String())})
			f.note(vault.Session{Person: vault.PersonID(a.String())})
			f.note(vault.Guest())
		}
		time.Sleep(23*time.Hour + 59*time.Minute) // the bubble's clock begins at a midnight
		synctest.Wait()
		if len(log) != 0 {
			t.Errorf("on the log the same day: %+v", log)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(log) != 3 || log[0].Actor != [16]byte{} || (log[1].Actor != a) == (log[2].Actor != a) {
			t.Errorf("%+v", log)
		}
		f.note(vault.Session{Person: vault.PersonID(a.String())})
		f.lowered(vault.Session{Person: vault.PersonID(a.String())})
		time.Sleep(24 * time.Hour)
		if synctest.Wait(); len(log) != 4 || log[3].What != audit.ShapeRefused {
			t.Errorf("a second day: %+v", log[3:])
		}
		log = log[:3]
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		c := vault.NewID()
		f.note(vault.Session{Person: vault.PersonID(c.String())})
		full = errors.New("the disk is full")
		if err := f.write(); !errors.Is(err, full) {
			t.Error(err)
		}
		full = nil
		if err := f.write(); err != nil || len(log) != 4 || log[3].Actor != c {
			t.Errorf("what could not be written is forgotten: %+v %v", log, err)
		}
	})
}
