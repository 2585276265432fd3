package main

import (
	"strings"
	"testing"
	"time"
)

// testMeter is a meter with a clock of its own.
func testMeter(live bool, width int) (*meter, *strings.Builder, func(time.Duration)) {
	var b strings.Builder
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	m := &meter{out: &b, live: live, width: func() int { return width }, now: func() time.Time { return now }}
	return m, &b, func(d time.Duration) { now = now.Add(d) }
}

func TestMeterOnATerminal(t *testing.T) {
	for _, width := range []int{20, 33, 40, 60, 80, 200} {
		m, b, wait := testMeter(true, width)
		m.begin("smollm2-135m")
		for i := range 100 {
			m.bytes(int64(i)*1_000_000, 98_362_432)
			wait(100 * time.Millisecond)
		}
		lines := strings.Split(b.String(), "\r\x1b[K")
		if len(lines) < 90 {
			t.Errorf("width %d: drawn %d times in ten seconds", width, len(lines))
		}
		for _, line := range lines {
			if textWidth(line) >= width {
				t.Errorf("width %d: a line of %d columns: %q", width, textWidth(line), line)
			}
		}
		last := lines[len(lines)-1]
		if width >= 80 && !(strings.Contains(last, "98.4 MB") && strings.Contains(last, "10.0 MB/s") && strings.Contains(last, "#]") || strings.Contains(last, "left")) {
			t.Errorf("width %d: %q", width, last)
		}
		m.end()
		if !strings.HasSuffix(b.String(), "\r\x1b[K") {
			t.Error("the line stays on the screen")
		}
	}
}

func TestMeterInALog(t *testing.T) {
	m, b, wait := testMeter(false, 80)
	m.begin("engine")
	for i := range 600 { // a minute
		m.steps(i, 600, "Building CXX object "+strings.Repeat("x", 30))
		wait(100 * time.Millisecond)
	}
	lines := strings.Count(b.String(), "\n")
	if lines < 10 || lines > 14 {
		t.Errorf("%d lines in a minute:\n%s", lines, b)
	}
	if strings.ContainsAny(b.String(), "\x1b\r") {
		t.Error("control characters in a plain log")
	}
	if !strings.Contains(b.String(), "[550/600], about 5 s left") {
		t.Errorf("no steps or time left:\n%s", b)
	}
}

func TestMeterKeepsQuietAboutWhatIsQuick(t *testing.T) {
	m, b, wait := testMeter(false, 80)
	m.begin("x")
	wait(time.Second)
	m.bytes(10, 10)
	if b.Len() > 0 {
		t.Errorf("said %q", b)
	}
}

func TestMeterWithoutATotalAndAnew(t *testing.T) {
	m, b, wait := testMeter(true, 80)
	m.begin("x")
	m.bytes(5000, -1)
	wait(time.Second)
	m.bytes(2_005_000, -1)
	wait(time.Second)
	m.bytes(1000, -1) // the partial file was thrown away
	if !strings.Contains(b.String(), "2.0 MB  2.0 MB/s") || strings.Contains(b.String(), "left") || !strings.HasSuffix(b.String(), "1 kB") {
		t.Errorf("%q", b)
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 999_499: "999 kB", 999_500: "1.0 MB", 98_362_432: "98.4 MB", 4_290_000_000: "4.29 GB"} {
		if got := sizeOf(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 s", 90 * time.Second: "90 s", 347 * time.Second: "6 min", 3 * time.Hour: "3 h"} {
		if got := timeOf(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
