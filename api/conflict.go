package api

import (
	"fmt"
	"strings"

	"abaton.local/chat"
	"abaton.local/chat/grounded"
)

// mostStretch bounds what is told of a stretch, in bytes: where a document has no
// end of a sentence, its whole passage is one.
const mostStretch = 600

// conflictsOf are the passages that say the same but for a number.
func conflictsOf(s grounded.Sources) (list []chat.Conflict) {
	for _, c := range s.Conflicts {
		a, b := stretchOf(s, c.A), stretchOf(s, c.B)
		if a.Text != "" && b.Text != "" {
			list = append(list, chat.Conflict{A: a, B: b})
		}
	}
	return list
}

func stretchOf(s grounded.Sources, at grounded.At) (out chat.Stretch) {
	if at.Passage < 1 || at.Passage > len(s.Passages) {
		return out
	}
	text := s.Passages[at.Passage-1].Text
	if at.Start < 0 || at.End < at.Start || at.End > len(text) {
		return out
	}
	text = strings.Join(strings.Fields(text[at.Start:at.End]), " ")
	if kept := cut(text, mostStretch); len(kept) < len(text) {
		text = kept + "…"
	}
	return chat.Stretch{Source: at.Passage, Text: text}
}

// disagreeing tells of conflicts in words, for programs that show an answer's text
// alone. What documents say stands in it as code, as passages do.
func disagreeing(list []chat.Conflict) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "\n\nThese say the same but for a number:\n%s", fenced(fmt.Sprintf("[%d] %s\n[%d] %s", c.A.Source, c.A.Text, c.B.Source, c.B.Text)))
	}
	return b.String()
}
