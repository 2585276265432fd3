package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"abaton.local/chat/history"
	"abaton.local/vault"
)

func historyVerb() verb {
	return verb{
		name: "history", args: "[list | show ID | search WORDS… | rename ID TITLE | delete ID… | export [ID…]]",
		short: "the conversations that you kept: list, show, search, export, delete",
		about: "Your conversations, which nobody else can open: it asks for your passphrase, or takes the first line of standard " +
			"input for it where that is not a terminal; with a running `abaton serve` it uses the vault of whoever is logged in there. " +
			"An ID is the first digits that the list shows, four at least. What is deleted is gone for good, with the key that it was " +
			"sealed under; old backups may still hold it. What is exported is in the clear: a file made by --output is closed to other " +
			"accounts and never replaces one that exists.",
		examples: []string{
			"abaton history",
			"abaton history search notice period",
			"abaton history show 3f9a1c20",
			`abaton history rename 3f9a1c20 "The lease"`,
			"abaton history delete 3f9a1c20",
			"abaton history export --output all.md",
			"abaton history export 3f9a1c20 --format json",
		},
		settings: []string{"person"},
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			var o historyOptions
			fs.BoolVar(&o.json, "json", false, "list, show, search: print JSON")
			fs.IntVar(&o.most, "n", 0, "list, search: at most so `MANY` (list: all; search: 10)")
			fs.BoolVar(&o.yes, "yes", false, "delete: without asking")
			fs.BoolVar(&o.all, "all", false, "delete: all conversations")
			fs.StringVar(&o.format, "format", formatMarkdown, "export: `markdown` or json")
			fs.StringVar(&o.output, "output", "", "export: into a new `FILE` instead of standard output")
			return func(ctx context.Context, p *program, args []string) error {
				return historyAction(ctx, p, fs, args, o)
			}
		},
	}
}

type historyOptions struct {
	json, yes, all bool
	most           int
	format, output string
}

// deed is one of the things that can be done with the history.
type deed struct {
	word        string
	least, most int // arguments; most -1 is any number
	what        string
	flags       []string
	do          func(context.Context, *program, *desk, []string, historyOptions) error
}

// deeds is the fixed table of them.
func deeds() []deed {
	return []deed{
		{"list", 0, 0, "nothing", []string{"json", "n"}, historyList},
		{"show", 1, 1, "the ID of one conversation", []string{"json"}, historyShow},
		{"search", 1, -1, "words", []string{"json", "n"}, historySearch},
		{"rename", 2, -1, "an ID and a title", nil, historyRename},
		{"delete", 0, -1, "IDs, or --all", []string{"yes", "all"}, historyDelete},
		{"export", 0, -1, "IDs, or none for all", []string{"format", "output"}, historyExport},
	}
}

func historyAction(ctx context.Context, p *program, fs *flag.FlagSet, args []string, o historyOptions) error {
	word := "list"
	if len(args) > 0 {
		word, args = args[0], args[1:]
	}
	i := slices.IndexFunc(deeds(), func(d deed) bool { return d.word == word })
	if i < 0 {
		var words []string
		for _, d := range deeds() {
			words = append(words, d.word)
		}
		if near := nearest(word, words); near != "" {
			return usageError{"history", fmt.Sprintf("history has no %q; did you mean `abaton history %s`?", word, near)}
		}
		return usageError{"history", fmt.Sprintf("history has no %q, only %s.", word, strings.Join(words, ", "))}
	}
	d := deeds()[i]
	if len(args) < d.least || d.most >= 0 && len(args) > d.most {
		return usageError{"history", fmt.Sprintf("history %s takes %s.", d.word, d.what)}
	}
	var wrong error
	fs.Visit(func(f *flag.Flag) {
		own := slices.ContainsFunc(deeds(), func(x deed) bool { return slices.Contains(x.flags, f.Name) })
		if own && !slices.Contains(d.flags, f.Name) {
			wrong = usageError{"history", fmt.Sprintf("history %s has no --%s.", d.word, f.Name)}
		}
	})
	if err := errors.Join(wrong, o.check(p, d.word, args)); err != nil {
		return err
	}
	if o.output != "" { // before this process moves to another folder
		var err error
		if o.output, err = filepath.Abs(o.output); err != nil {
			return tell(err)
		}
	}
	desk, err := openDesk(ctx, p)
	if err != nil {
		return err
	}
	defer desk.close()
	return d.do(ctx, p, desk, args, o)
}

// check finds what is wrong with the options before a passphrase is asked for.
func (o historyOptions) check(p *program, word string, args []string) error {
	switch {
	case o.most < 0:
		return usageError{"history", "-n needs a number from 1."}
	case o.format != formatMarkdown && o.format != formatJSON:
		return usageError{"history", fmt.Sprintf("--format is markdown or json, got %q.", cleanLine(o.format))}
	case word == "delete" && o.all == (len(args) > 0):
		return usageError{"history", "history delete takes IDs, or --all."}
	case word == "delete" && !o.yes && !p.screen.inTTY:
		return usageError{"history", "nobody is there to be asked: history delete needs --yes."}
	}
	if o.output != "" {
		if _, err := os.Lstat(o.output); err == nil {
			return tell(fmt.Errorf("%s exists, and is not replaced: give another name", o.output))
		}
	}
	return nil
}

// digits is how much of an identifier is shown.
const digits = 8

func short(id vault.ID) string { return id.String()[:digits] }

func historyList(ctx context.Context, p *program, d *desk, _ []string, o historyOptions) error {
	list, err := listHistory().at(ctx, d, listIn{o.most})
	if err != nil {
		return err
	}
	if o.json {
		if err := printJSON(p.screen.out, list.Conversations); err != nil {
			return err
		}
		return p.damaged(list.Damage)
	}
	for _, c := range list.Conversations {
		if _, err := fmt.Fprintln(p.screen.out, p.screen.lineOf(c, c.Updated)); err != nil {
			return err
		}
	}
	switch {
	case len(list.Conversations) == 0:
		p.screen.say("There is no conversation yet: `abaton chat` begins one.")
	case list.More > 0:
		p.screen.say(fmt.Sprintf("and %d older ones", list.More))
	}
	return p.damaged(list.Damage)
}

// lineOf is a conversation on one line. Where that is short, the title is worth
// more than the time.
func (s *screen) lineOf(c conversationJSON, when time.Time) string {
	width := s.wrapWidth()
	if width > 0 && width < 60 {
		return clip(short(c.ID)+"  "+titleOf(c), width-1)
	}
	line := short(c.ID) + "  " + moment(when) + "  " + titleOf(c)
	if width > 0 {
		line = clip(line, width-1)
	}
	return line
}

func titleOf(c conversationJSON) string {
	if t := cleanLine(c.Title); t != "" {
		return t
	}
	if c.Damaged {
		return "(its title cannot be read)"
	}
	return "(no title)"
}

// damaged says what could not be read, after all that could be was shown.
func (p *program) damaged(what string) error {
	if what == "" {
		return nil
	}
	return told{fmt.Errorf("a part of the history cannot be read, the rest is well; `abaton vault verify` says more, and a backup may hold it: %s", what), found}
}

func historyShow(ctx context.Context, p *program, d *desk, args []string, o historyOptions) error {
	c, err := continued(ctx, d, args[0])
	if err != nil {
		return err
	}
	if o.json {
		if err := printJSON(p.screen.out, c); err != nil {
			return err
		}
		return p.damaged(c.Damage)
	}
	out := p.screen.out
	fmt.Fprintf(out, "%s\n%s\n", p.screen.bold(titleOf(c.conversationJSON)), p.screen.dim(short(c.ID)+" · "+moment(c.Created)))
	for _, t := range c.Said {
		who := "You"
		if t.Role == history.Assistant {
			who = cleanLine(t.Model)
		}
		remark := ""
		switch t.Finish {
		case finishStopped:
			remark = " · stopped"
		case finishFailed:
			remark = " · broken off by an error"
		case "length":
			remark = " · cut off"
		}
		fmt.Fprintf(out, "\n%s\n", p.screen.dim(who+" · "+moment(t.Time)+remark))
		text := newPrinter(p.screen)
		if err := errors.Join(text.show(t.Text), text.end()); err != nil {
			return err
		}
	}
	return p.damaged(c.Damage)
}

// usualFinds is how many places a search shows.
const usualFinds = 10

func historySearch(ctx context.Context, p *program, d *desk, args []string, o historyOptions) error {
	if o.most == 0 {
		o.most = usualFinds
	}
	list, err := searchHistory().at(ctx, d, searchIn{strings.Join(args, " "), o.most})
	if err != nil {
		return err
	}
	if o.json {
		if err := printJSON(p.screen.out, list.Found); err != nil {
			return err
		}
		return p.damaged(list.Damage)
	}
	for _, f := range list.Found {
		when := f.Time
		if when.IsZero() {
			when = f.Conversation.Created
		}
		text := p.screen.marked(f)
		if width := p.screen.wrapWidth(); width > 0 {
			text = wrapped(text, width-5, "    ")
		}
		if _, err := fmt.Fprintf(p.screen.out, "%s\n    %s\n", p.screen.lineOf(f.Conversation, when), text); err != nil {
			return err
		}
	}
	if len(list.Found) == 0 {
		p.screen.say("Nothing was found.")
	}
	return p.damaged(list.Damage)
}

// marked is a snippet on one line, with the words that were looked for in bold.
func (s *screen) marked(f foundJSON) string {
	var b strings.Builder
	if f.Before {
		b.WriteString("… ")
	}
	at := 0
	for _, m := range f.Matches {
		if m[0] < at || m[1] < m[0] || m[1] > len(f.Snippet) {
			continue // not as we know it
		}
		b.WriteString(spaced(f.Snippet[at:m[0]]) + s.bold(spaced(f.Snippet[m[0]:m[1]])))
		at = m[1]
	}
	b.WriteString(spaced(f.Snippet[at:]))
	if f.After {
		b.WriteString(" …")
	}
	return b.String()
}

// spaced is a piece of a line: safe to show, and without line breaks.
func spaced(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(cleaned(s))
}
