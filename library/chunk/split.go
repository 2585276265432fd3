package chunk

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lines are the lines of a text that say something.
func lines(text string) (out []span) {
	start := 0
	for l := range strings.Lines(text) {
		out = appendTrimmed(out, text, span{start, start + len(l)}, "\r\n")
		start += len(l)
	}
	return out
}

// words is for texts that have no parts but words.
func words(text string) []span { return []span{{0, len(text)}} }

// sentences are the sentences of a text: they end with a stop and what closes
// behind it, before a space and no small letter; in Chinese and Japanese they
// need no space. An abbreviation can end one too early, which parts a passage in
// an odd place at worst.
func sentences(text string) (out []span) {
	const (
		inside = iota
		stopped
		spaced // after a stop
		full   // stopped where no space is needed
	)
	start, state := 0, inside
	for i, r := range text {
		switch {
		case state == spaced && !unicode.IsSpace(r) && !unicode.IsLower(r) && !strings.ContainsRune("!?»", r),
			state == full && !strings.ContainsRune("。！？」』）”’", r):
			out = appendTrimmed(out, text, span{start, i}, "")
			start, state = i, inside
		}
		switch {
		case strings.ContainsRune("。！？", r):
			state = full
		case strings.ContainsRune(".!?…", r):
			state = stopped
		case unicode.IsSpace(r):
			if state == stopped {
				state = spaced
			}
		case state == stopped && strings.ContainsRune(`"'”’»)]`, r), state == full: // closing signs
		case state == spaced && r == '»':
			state = stopped
		default:
			state = inside
		}
	}
	return appendTrimmed(out, text, span{start, len(text)}, "")
}

// appendTrimmed appends a stretch of text without the space around it (all kinds
// of space, unless given), if that leaves something.
func appendTrimmed(out []span, text string, at span, space string) []span {
	part := text[at.start:at.end]
	if strings.TrimSpace(part) == "" {
		return out
	}
	if space != "" {
		at.end -= len(part) - len(strings.TrimRight(part, space))
		return append(out, at)
	}
	at.end -= len(part) - len(strings.TrimRightFunc(part, unicode.IsSpace))
	at.start += len(part) - len(strings.TrimLeftFunc(part, unicode.IsSpace))
	return append(out, at)
}

// halves cuts a stretch of text in two, between words where there are any, as
// near to the middle as can be; ok is false for a single character.
func halves(text string, at span) (left, right span, ok bool) {
	part := text[at.start:at.end]
	middle := len(part) / 2
	for middle > 0 && !utf8.RuneStart(part[middle]) {
		middle--
	}
	before := strings.LastIndexFunc(part[:middle], unicode.IsSpace)
	after := strings.IndexFunc(part[middle:], unicode.IsSpace)
	cut := middle
	switch {
	case after >= 0 && (before < 0 || after < middle-before):
		cut = middle + after
	case before >= 0:
		cut = before
	}
	if l, r, ok := trimmed(text, at, cut); ok {
		return l, r, true
	}
	if middle == 0 { // one character, or two of which the first is long
		_, middle = utf8.DecodeRuneInString(part)
	}
	return trimmed(text, at, middle)
}

func trimmed(text string, at span, cut int) (left, right span, ok bool) {
	both := appendTrimmed(nil, text, span{at.start, at.start + cut}, "")
	both = appendTrimmed(both, text, span{at.start + cut, at.end}, "")
	if len(both) < 2 {
		return span{}, span{}, false
	}
	return both[0], both[1], true
}
