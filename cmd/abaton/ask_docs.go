package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// shownPassages is how many passages an answer shows on a terminal.
const shownPassages = 3

// askDocs answers from a person's own documents: the best passages, word for
// word. No model reads or writes anything of it.
func askDocs(ctx context.Context, p *program, args []string, library string, asJSON bool) error {
	question := strings.TrimSpace(strings.Join(args, " "))
	if question == "" {
		return usageError{"ask", "there is no question."}
	}
	if err := checkText("the question", question); err != nil {
		return tell(err)
	}
	d, err := openDesk(ctx, p)
	if err != nil {
		return err
	}
	defer d.close()
	a, err := askDocuments().at(ctx, d, docsSearchIn{Query: question, Library: library})
	if err != nil {
		return err
	}
	if asJSON {
		if err := printJSON(p.screen.out, a); err != nil {
			return err
		}
		return p.docsDamaged(a.Damage)
	}
	if len(a.Passages) == 0 {
		fmt.Fprintln(p.screen.out, "Not in your documents: no passage has a word of the question.")
		return p.docsDamaged(a.Damage)
	}
	if !a.Found {
		fmt.Fprintln(p.screen.out, "Not in your documents, as far as words tell. The nearest passages:")
	}
	for i, x := range a.Passages[:min(shownPassages, len(a.Passages))] {
		if err := p.quote(i+1, x); err != nil {
			return err
		}
	}
	fmt.Fprintln(p.screen.out)
	p.screen.say("These are passages of your documents, word for word. No model chose, read or wrote any of it: small models invent, and a passage can be checked.")
	if more := len(a.Passages) - shownPassages; more > 0 {
		p.screen.say(fmt.Sprintf("%s more: --json shows all that was looked at.", counted(more, "passage")))
	}
	return p.docsDamaged(a.Damage)
}

// quote shows one passage and where it stands.
func (p *program) quote(n int, x passageJSON) error {
	out := p.screen.out
	fmt.Fprintf(out, "\n%s\n", p.screen.bold(fmt.Sprintf("[%d] %s", n, p.screen.sourceLine(x))))
	text := newPrinter(p.screen)
	if err := errors.Join(text.show(x.Text), text.end()); err != nil {
		return err
	}
	for _, same := range x.Same {
		fmt.Fprintln(out, p.screen.dim("    the same: "+p.screen.sourceLine(same)))
	}
	return nil
}
