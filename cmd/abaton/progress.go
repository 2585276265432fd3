package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A meter shows how far a piece of work is: as one line that is drawn again
// and again on a terminal, as a plain line every few seconds elsewhere. It is
// safe for concurrent use.
type meter struct {
	out   io.Writer
	live  bool // a terminal: the line is redrawn
	relay bool // another process shows it, see news
	width func() int
	now   func() time.Time

	mu    sync.Mutex // guards what follows
	name  string
	begun time.Time
	drawn time.Time // when something was written last
	mark  time.Time // when the rate was measured last
	count int64     // done at mark
	rate  float64   // units per second, smoothed
	shown bool      // a live line is on the screen
}

// How often a meter writes: often enough to see it move, seldom enough for a log.
const (
	liveEvery  = 100 * time.Millisecond
	relayEvery = time.Second
	plainEvery = 5 * time.Second
)

func newMeter(s *screen, relay bool) *meter {
	return &meter{out: s.errs, live: s.errTTY && s.moves && !relay, relay: relay, now: time.Now, width: func() int { return columns(s.errs, 80) }}
}

// begin starts a new piece of work.
func (m *meter) begin(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wipe()
	now := m.now()
	m.name, m.begun, m.mark, m.drawn = name, now, now, time.Time{}
	m.count, m.rate = 0, 0
}

// bytes shows a transfer: done of total bytes; total is -1 when unknown.
func (m *meter) bytes(done, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.measure(done)
	parts := []string{sizeOf(done)}
	if total > 0 {
		parts[0] += " of " + sizeOf(total)
	}
	if m.rate > 0 && done > 0 {
		parts = append(parts, sizeOf(int64(m.rate))+"/s")
		if total > done {
			left := time.Duration(float64(total-done) / m.rate * float64(time.Second))
			parts = append(parts, timeOf(left)+" left")
		}
	}
	m.draw(done, total, parts, total > 0 && done >= total)
}

// steps shows a build: step n of total, and what it is about.
func (m *meter) steps(n, total int, what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.measure(int64(n))
	parts := []string{fmt.Sprintf("[%d/%d]", n, total)}
	if m.rate > 0 && n > 0 && n < total {
		parts = append(parts, "about "+timeOf(time.Duration(float64(total-n)/m.rate*float64(time.Second)))+" left")
	}
	if what != "" {
		parts = append(parts, cleanLine(what))
	}
	m.draw(int64(n), int64(total), parts, n == total)
}

// end finishes the piece of work; the line on the screen gives way.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wipe()
}

// measure keeps a rate that follows changes within a few seconds.
func (m *meter) measure(done int64) {
	now := m.now()
	if done < m.count { // begun anew: the partial file was of no use
		m.count, m.mark, m.rate = done, now, 0
		return
	}
	dt := now.Sub(m.mark).Seconds()
	if dt < 1 {
		return
	}
	current := float64(done-m.count) / dt
	if m.rate == 0 {
		m.rate = current
	} else {
		weight := min(dt/4, 1)
		m.rate += weight * (current - m.rate)
	}
	m.count, m.mark = done, now
}

func (m *meter) draw(done, total int64, parts []string, last bool) {
	now := m.now()
	every := plainEvery
	switch {
	case m.relay:
		every = relayEvery
	case m.live:
		every = liveEvery
	}
	if !last && now.Sub(m.drawn) < every {
		return
	}
	if !m.live && !m.relay && now.Sub(m.begun) < plainEvery {
		return // over before it is worth a line
	}
	m.drawn = now
	switch {
	case m.relay:
		fmt.Fprintf(m.out, "%s: %s%c", m.name, strings.Join(parts, ", "), endOfProgress)
		return
	case !m.live:
		fmt.Fprintf(m.out, "%s: %s\n", m.name, strings.Join(parts, ", "))
		return
	}
	fmt.Fprintf(m.out, "\r\x1b[K%s", m.compose(done, total, parts))
	m.shown = true
}

// compose fits name, bar and parts into the width: what matters least goes first.
func (m *meter) compose(done, total int64, parts []string) string {
	width := m.width() - 1 // the last column makes some terminals break the line
	bar := ""
	const cells = 20
	if total > 0 {
		full := int(min(done, total) * cells / total)
		bar = "[" + strings.Repeat("#", full) + strings.Repeat(".", cells-full) + "] "
	}
	for {
		line := m.name + "  " + bar + strings.Join(parts, "  ")
		switch {
		case textWidth(line) <= width:
			return line
		case bar != "":
			bar = ""
		case len(parts) > 1:
			parts = parts[:len(parts)-1]
		default:
			return clip(line, width)
		}
	}
}

func (m *meter) wipe() {
	if m.shown {
		fmt.Fprint(m.out, "\r\x1b[K")
		m.shown = false
	}
}

// sizeOf is a number of bytes for people, in powers of ten as disks and
// networks count.
func sizeOf(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 999_500:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 999_950_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// timeOf is a time for people: seconds below two minutes, then minutes, hours.
func timeOf(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}
