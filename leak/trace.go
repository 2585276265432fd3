// Package leak measures what somebody who watches the network learns from
// streams that they cannot read: traces of sizes and times, the known attacks
// on them, and which one sentence about the result may be quoted.
package leak

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// Direction is who sent a record.
type Direction int

const (
	Down Direction = iota // server to client
	Up
)

// Record is one TLS record of application data as it passes the observer.
type Record struct {
	At        float64 // seconds since the connection's first byte
	Size      int     // of the whole record, with its header
	Direction Direction
}

// How a connection ended, in an observer's eyes.
const (
	ClientFin = "client-fin"
	ServerFin = "server-fin"
	ClientRst = "client-rst"
	ServerRst = "server-rst"
)

// Trace is what an observer saw of one answer, and beside it the truth that
// attacks are judged by. The names in JSON are those of the Whisper Leak toolkit
// where it has the field, its spelling of one included, so that either side
// reads the other's files. Its sizes are of captured frames, ours of TLS records:
// about 80 bytes less.
type Trace struct {
	Sizes     []int     `json:"data_lengths"`
	Gaps      []float64 `json:"time_diffs"` // seconds; the first since the connection's first byte
	UpSizes   []int     `json:"up_lengths,omitempty"`
	UpTimes   []float64 `json:"up_times,omitempty"` // seconds since the connection's first byte
	CloseKind string    `json:"close_kind,omitempty"`
	CloseTime float64   `json:"close_time,omitempty"`

	Began time.Time `json:"-"` // when the connection's first byte passed

	Label    string  `json:"label,omitempty"`
	PromptID string  `json:"prompt_id,omitempty"`
	Mode     string  `json:"mode,omitempty"`
	Protocol string  `json:"proto,omitempty"`
	Seed     uint64  `json:"seed,omitempty"`
	Tick     float64 `json:"tick,omitempty"` // seconds between frames, where the mode declares it

	PromptTokens  int     `json:"prompt_tokens,omitempty"`
	TokenLengths  []int   `json:"token_lengths,omitempty"`  // bytes of text in each piece that was sent
	EngineStopped float64 `json:"engine_stopped,omitempty"` // seconds; until then the engine was generating

	Heard *Listened `json:"heard,omitempty"` // by a client of ours

	Hash        string   `json:"hash"`
	Prompt      string   `json:"prompt"`
	Varied      string   `json:"pertubated_prompt"` // with the spaces that keep it from being cached
	Trial       int      `json:"trial"`
	Chatbot     string   `json:"chatbot_name"`
	Temperature float64  `json:"temperature"`
	Response    string   `json:"response"`
	Tokens      []string `json:"response_tokens"`
	LocalPort   int      `json:"local_port"`
	RemotePort  int      `json:"remote_port"`
}

// Observe fills in what was seen.
func (t *Trace) Observe(records []Record) {
	last := 0.0
	for _, r := range records {
		if r.Direction == Up {
			t.UpSizes = append(t.UpSizes, r.Size)
			t.UpTimes = append(t.UpTimes, r.At)
			continue
		}
		t.Sizes = append(t.Sizes, r.Size)
		t.Gaps = append(t.Gaps, r.At-last)
		last = r.At
	}
}

// Times are when records came down, in seconds since the connection's first byte.
func (t *Trace) Times() []float64 {
	at, times := 0.0, make([]float64, len(t.Gaps))
	for i, g := range t.Gaps {
		at += g
		times[i] = at
	}
	return times
}

// Lengths are the true lengths that an attacker wants: as recorded, or of the
// tokens as they stand in JSON.
func (t *Trace) Lengths() []int {
	if t.TokenLengths != nil || len(t.Tokens) == 0 {
		return t.TokenLengths
	}
	lengths := make([]int, len(t.Tokens))
	for i, token := range t.Tokens {
		lengths[i] = escaped(token)
	}
	return lengths
}

// escaped counts the bytes of text inside a JSON string, without the escapes
// that encoding/json adds for HTML.
func escaped(s string) (n int) {
	for _, r := range s {
		switch {
		case r == '"', r == '\\', r == '\n', r == '\r', r == '\t', r == '\b', r == '\f':
			n += 2
		case r < ' ':
			n += 6
		default:
			n += utf8.RuneLen(r)
		}
	}
	return n
}

// TraceError names the trace that cannot be used, and why.
type TraceError struct {
	Number int // from 1
	Reason string
}

func (e *TraceError) Error() string {
	return fmt.Sprintf("trace %d cannot be used: %s", e.Number, e.Reason)
}

// check returns why a trace cannot be used, or "".
func (t *Trace) check() string {
	if len(t.Sizes) != len(t.Gaps) {
		return fmt.Sprintf("%d sizes and %d times", len(t.Sizes), len(t.Gaps))
	}
	if len(t.UpSizes) != len(t.UpTimes) {
		return fmt.Sprintf("%d sizes and %d times of what went up", len(t.UpSizes), len(t.UpTimes))
	}
	for _, list := range [][]int{t.Sizes, t.UpSizes, t.TokenLengths} {
		for _, v := range list {
			if v < 0 {
				return "a size is below zero"
			}
		}
	}
	for _, list := range [][]float64{t.UpTimes, {t.CloseTime, t.Tick, t.EngineStopped}} {
		for _, v := range list {
			if !(v >= 0 && v < 1e9) {
				return "a time is below zero or no number of seconds"
			}
		}
	}
	for i, g := range t.Gaps {
		// Captures hold packets out of order, whose gaps are below zero.
		if !(g > -1e9 && g < 1e9) {
			return fmt.Sprintf("the time of record %d is no number of seconds", i+1)
		}
	}
	return ""
}

// MarshalJSON keeps the two lists there even where nothing was seen: the other
// toolkit reads them without asking.
func (t Trace) MarshalJSON() ([]byte, error) {
	type plain Trace
	p := plain(t)
	if p.Sizes == nil {
		p.Sizes = []int{}
	}
	if p.Gaps == nil {
		p.Gaps = []float64{}
	}
	if p.Tokens == nil {
		p.Tokens = []string{}
	}
	return json.Marshal(p)
}
