package main

import (
	"testing"
	"time"
)

func TestParseExpiry(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.FixedZone("", 3600))
	for s, want := range map[string]time.Time{
		"1d":         now.AddDate(0, 0, 1),
		"90d":        now.AddDate(0, 0, 90),
		"2w":         now.AddDate(0, 0, 14),
		"1y":         now.AddDate(1, 0, 0),
		"2027-01-31": time.Date(2027, 2, 1, 0, 0, 0, 0, now.Location()), // that day is in it
	} {
		if got, err := parseExpiry(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "d", "0d", "-1d", "1.5y", "90", "90m", "99999d", "2027-02-30", "31.1.2027", "ß"} {
		if got, err := parseExpiry(s, now); err == nil {
			t.Errorf("%q is taken as %v", s, got)
		}
	}
}
