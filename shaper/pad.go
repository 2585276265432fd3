package shaper

import (
	"bytes"
	"slices"
)

// Spaces may stand after the JSON of an event, before the newlines that end it:
// no parser of any client library minds. They stand nowhere else, for some
// libraries compare the line "[DONE]" whole, and an empty line in between is an
// error to others. A comment, which some streams begin with, takes them too.

// slack is where spaces may be put into the first event from from on that takes
// some; -1 where none does. Events stand whole in b.
func slack(b []byte, from int) int {
	for i := from; i < len(b); i++ {
		end := bytes.IndexByte(b[i:], '\n')
		if end < 0 {
			return -1
		}
		end += i
		if end > i && (b[end-1] == '}' || b[i] == ':') {
			return end
		}
		i = end
	}
	return -1
}

// lastSlack is the same for the last event.
func lastSlack(b []byte) int {
	at := -1
	for from := 0; ; {
		next := slack(b, from)
		if next < 0 {
			return at
		}
		at, from = next, next+1
	}
}

// stretch puts n spaces into b.
func stretch(b []byte, at, n int) []byte {
	return slices.Insert(b, at, bytes.Repeat([]byte{' '}, n)...)
}

// PadEvents rounds whole events up, so that their size does not tell the length
// of the words in them, which take so many bytes: these to a multiple of PadStep,
// and what is around them, which may repeat words that were said before, to a
// multiple of half of it. What takes no spaces stays as it is.
func PadEvents(events []byte, words int) []byte {
	at := lastSlack(events)
	if at < 0 {
		return events
	}
	words = min(words, len(events)) // a dialect may leave some out
	to := rounded(len(events)-words, PadStep/2) + rounded(words, PadStep)
	return stretch(events, at, to-len(events))
}

// PadAll fills events that are all told at once up to a bucket.
func PadAll(events []byte) []byte {
	at := lastSlack(events)
	if at < 0 {
		return events
	}
	return stretch(events, at, Bucket(len(events))-len(events))
}

func rounded(n, step int) int { return (n + step - 1) / step * step }

// PadStep is longer than any word of a model's vocabulary as JSON writes it.
const PadStep = 256
