package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTurnsAreOnePersonsAndComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(3, 5*time.Minute)
		end, err := turns.take("ada")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := turns.take("ada"); err == nil || !strings.Contains(err.Error(), "already") {
			t.Errorf("two at one time: %v", err)
		}
		if other, err := turns.take("bob"); err != nil {
			t.Errorf("somebody else: %v", err)
		} else {
			other()
		}
		end()
		takes := func() (n int, err error) {
			for {
				end, err := turns.take("ada")
				if err != nil {
					return n, err
				}
				end()
				n++
			}
		}
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 2}, {5*time.Minute - time.Second, 0}, {time.Second, 1}, {time.Hour, 3}, {0, 0}} {
			time.Sleep(step.wait)
			n, err := takes()
			if n != step.want || !strings.Contains(err.Error(), "try again in ") {
				t.Errorf("after %v: %d, want %d (%v)", step.wait, n, step.want, err)
			}
		}
	})
}
