// Package shaper decides what an observer of the network sees of an answer:
// sizes, times and the end. It knows frames of bytes, time and a policy, and no
// dialect: what says nothing in a dialect is handed in (see [Source]).
//
// What is hidden is hidden by construction. In [Paced], [Sealed] and [Channel]
// nothing about a write depends on what is written: its size is constant, its
// time is a deadline fixed when the question had arrived, plus jitter drawn from
// a source that knows no content, and the end stands at the end of a window.
package shaper

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Mode is how much is hidden. The modes stand in order: each hides what the one
// before it hides.
type Mode int

// The modes.
const (
	Off     Mode = iota // nothing
	Pad                 // the lengths of words; not when they come, nor how many
	Paced               // sizes and times; the end to one of a few windows
	Sealed              // the end too, for answers that are done within one window
	Channel             // that there is an answer at all: frames go on for ever
)

var names = []string{"off", "pad", "paced", "sealed", "channel"}

// String is the mode's word in settings, headers and fields.
func (m Mode) String() string {
	if m < 0 || int(m) >= len(names) {
		return fmt.Sprintf("Mode(%d)", int(m))
	}
	return names[m]
}

// ErrUnknown says that a word is no mode.
var ErrUnknown = errors.New("no such shape: use " + strings.Join(names, ", "))

// ParseMode reads a mode's word. The word itself is not in the error.
func ParseMode(word string) (Mode, error) {
	i := slices.Index(names, word)
	if i < 0 {
		return Off, ErrUnknown
	}
	return Mode(i), nil
}

// LoweredError says that somebody asked for less than is set for them.
type LoweredError struct{ Floor, Asked Mode }

func (e *LoweredError) Error() string {
	return fmt.Sprintf("the shape %s hides less than %s, which is set here; ask for %s or more, or leave it out", e.Asked, e.Floor, e.Floor)
}

// Raise is the mode of somebody who asks for one where another is set: never
// less than is set.
func Raise(floor, asked Mode) (Mode, error) {
	if asked < floor {
		return floor, &LoweredError{floor, asked}
	}
	return asked, nil
}
