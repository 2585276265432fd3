package main

import (
	"errors"
	"fmt"
	"strings"
)

// passages shows the best, where it is a comparison the best of each document.
func (a *groundedAnswer) passages() error {
	seen := make(map[string]bool)
	n := 0
	for _, x := range a.sources.Passages {
		if n == shownPassages && !a.sources.Compare || a.sources.Compare && seen[x.Document.String()] {
			continue
		}
		n++
		seen[x.Document.String()] = true
		if err := a.p.quote(x); err != nil {
			return err
		}
	}
	if more := len(a.sources.Passages) - n; more > 0 {
		a.p.screen.say(fmt.Sprintf("%s more: --json shows all that was looked at.", counted(more, "passage")))
	}
	return nil
}

// conflicts shows side by side what documents say differently.
func (a *groundedAnswer) conflicts() error {
	for _, c := range a.sources.Conflicts {
		if _, err := fmt.Fprintln(a.p.screen.out, "\n"+a.p.screen.bold("These do not say the same:")); err != nil {
			return err
		}
		for _, at := range []atJSON{c.A, c.B} {
			name := a.sources.Passages[at.N-1].Name
			if err := a.put(fmt.Sprintf("  [%d] %s: “%s”", at.N, cleanLine(name), cleanLine(strings.Join(strings.Fields(at.Text), " "))), "      "); err != nil {
				return err
			}
		}
	}
	return nil
}

// groundedJSON is a whole answer, for programs.
type groundedJSON struct {
	sourcesJSON
	Sentences []sentenceJSON `json:"sentences"`
	Outcome   endJSON        `json:"outcome"`
}

// quote shows one passage, where it stands and where it came from.
func (p *program) quote(x sourceJSON) error {
	out := p.screen.out
	fmt.Fprintf(out, "\n%s\n", p.screen.bold(fmt.Sprintf("[%d] %s", x.N, p.screen.originLine(x))))
	for _, b := range x.Badges {
		fmt.Fprintln(out, p.screen.dim("    ! "+cleanLine(b)))
	}
	shown := x.Text
	if a, b := x.SnippetAt[0], x.SnippetAt[1]; a >= 0 && a < b && b <= len(shown) {
		shown = shown[a:b]
	}
	text := newPrinter(p.screen)
	if err := errors.Join(text.show(shown), text.end()); err != nil {
		return err
	}
	for _, same := range x.Same {
		fmt.Fprintln(out, p.screen.dim("    the same: "+p.screen.sourceLine(same)))
	}
	return nil
}

// originLine says where a passage stands and where its document came from.
func (s *screen) originLine(x sourceJSON) string {
	line := s.sourceLine(x.passageJSON) + " · " + cleanLine(x.Origin)
	if x.Whole {
		line += " · whole"
	}
	if width := s.wrapWidth(); width > 0 {
		return clip(line, width-5)
	}
	return line
}
