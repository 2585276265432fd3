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

	"abaton.local/library/parse"
	"abaton.local/vault"
)

// usualLibrary is where documents go when no library is named.
const usualLibrary = "documents"

func docsVerb() verb {
	return verb{
		name: "docs", args: "[add PATH… | list | show ID | search WORDS… | rm ID…]",
		short: "your own documents: add, list, show, search, remove",
		about: "Documents that you ask questions about, sealed in your vault: nobody else can open them, their names or their words. " +
			"`add` takes files, folders and patterns. This verb reads them with your rights and hands over their bytes, each is taken apart in a jail of its own, " +
			"and nothing is ever opened by a name that stands in a document. Adding again skips what did not change, goes on where it was broken off, " +
			"and replaces what changed; with --watch it goes on following what changes and what you delete. Where an embedding model is here, a running server finds by meaning, too. Links in folders are not followed, and names that begin with a dot are left out. What is removed is gone for good, with its key; " +
			"old backups may still hold it. `abaton ask --docs` asks.",
		examples: []string{
			"abaton docs add ~/contracts report.docx",
			"abaton docs add '~/mail/*.eml' --library mail",
			"abaton docs add --watch ~/notes",
			"abaton docs",
			"abaton docs search notice period",
			"abaton docs show 3f9a1c20",
			"abaton docs rm 3f9a1c20",
			"abaton docs rm --library mail",
		},
		settings: []string{"person"},
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			var o docsOptions
			fs.StringVar(&o.library, "library", "", "in the library of this `NAME` (add: documents; else: all)")
			fs.BoolVar(&o.json, "json", false, "print JSON")
			fs.IntVar(&o.most, "n", 0, "search: at most so `MANY` (10)")
			fs.BoolVar(&o.yes, "yes", false, "rm: without asking")
			fs.BoolVar(&o.watch, "watch", false, "add: and go on following what changes and is deleted there, until Ctrl-C")
			return func(ctx context.Context, p *program, args []string) error {
				return docsAction(ctx, p, fs, args, o)
			}
		},
	}
}

type docsOptions struct {
	library   string
	json, yes bool
	watch     bool
	most      int
}

// docsDeed is one of the things that can be done with documents.
type docsDeed struct {
	word        string
	least, most int // arguments; most -1 is any number
	what        string
	flags       []string
	do          func(context.Context, *program, *desk, []string, docsOptions) error
}

// docsDeeds is the fixed table of them.
func docsDeeds() []docsDeed {
	return []docsDeed{
		{"add", 1, -1, "files, folders or patterns", []string{"library", "json", "watch"}, docsAdd},
		{"list", 0, 0, "nothing", []string{"library", "json"}, docsList},
		{"show", 1, 1, "the ID or the name of one document", []string{"json"}, docsShow},
		{"search", 1, -1, "words", []string{"library", "json", "n"}, docsSearch},
		{"rm", 0, -1, "IDs or names, or --library", []string{"library", "yes"}, docsRemove},
	}
}

func docsAction(ctx context.Context, p *program, fs *flag.FlagSet, args []string, o docsOptions) error {
	word := "list"
	if len(args) > 0 {
		word, args = args[0], args[1:]
	}
	i := slices.IndexFunc(docsDeeds(), func(d docsDeed) bool { return d.word == word })
	if i < 0 {
		var words []string
		for _, d := range docsDeeds() {
			words = append(words, d.word)
		}
		if near := nearest(word, words); near != "" {
			return usageError{"docs", fmt.Sprintf("docs has no %q; did you mean `abaton docs %s`?", cleanLine(word), near)}
		}
		return usageError{"docs", fmt.Sprintf("docs has no %q, only %s.", cleanLine(word), strings.Join(words, ", "))}
	}
	d := docsDeeds()[i]
	if len(args) < d.least || d.most >= 0 && len(args) > d.most {
		return usageError{"docs", fmt.Sprintf("docs %s takes %s.", d.word, d.what)}
	}
	var wrong error
	fs.Visit(func(f *flag.Flag) {
		own := slices.ContainsFunc(docsDeeds(), func(x docsDeed) bool { return slices.Contains(x.flags, f.Name) })
		if own && !slices.Contains(d.flags, f.Name) {
			wrong = usageError{"docs", fmt.Sprintf("docs %s has no --%s.", d.word, f.Name)}
		}
	})
	if err := errors.Join(wrong, o.check(p, d.word, args)); err != nil {
		return err
	}
	if d.word == "add" { // before this process moves to another folder
		for i := range args {
			whole, err := filepath.Abs(args[i])
			if err != nil {
				return tell(err)
			}
			args[i] = whole
		}
	}
	if o.watch {
		if err := canWatch(ctx, p); err != nil {
			return err
		}
	}
	desk, err := openDeskFor(ctx, p, deskOptions{reads: d.word == "add"})
	if err != nil {
		return err
	}
	defer desk.close()
	return d.do(ctx, p, desk, args, o)
}

// check finds what is wrong with the options before a passphrase is asked for.
func (o docsOptions) check(p *program, word string, args []string) error {
	if o.library != "" {
		if _, err := vault.ParseName(o.library); err != nil {
			return usageError{"docs", "a library is called by a name of 1 to 64 characters that can be seen."}
		}
	}
	switch {
	case o.watch && o.json:
		return usageError{"docs", "docs add --watch has no --json: it has no end to print it at."}
	case o.most < 0:
		return usageError{"docs", "-n needs a number from 1."}
	case word == "rm" && (o.library != "") == (len(args) > 0):
		return usageError{"docs", "docs rm takes IDs or names, or --library for all of one."}
	case word == "rm" && !o.yes && !p.screen.inTTY:
		return usageError{"docs", "nobody is there to be asked: docs rm needs --yes."}
	}
	return nil
}

func docsList(ctx context.Context, p *program, d *desk, _ []string, o docsOptions) error {
	list, err := listDocuments().at(ctx, d, o.library)
	if err != nil {
		return err
	}
	if o.json {
		if err := printJSON(p.screen.out, list); err != nil {
			return err
		}
		return p.docsDamaged(list.Damage)
	}
	out := p.screen.out
	for _, l := range list.Libraries {
		fmt.Fprintf(out, "%s  %s\n", p.screen.bold(cleanLine(l.Name)), p.screen.dim(fmt.Sprintf("%s, %s", counted(l.Documents, "document"), counted(l.Passages, "passage"))+foundBy(l, list.WordsOnly)))
		for _, x := range list.Documents {
			if x.Library == l.ID {
				if _, err := fmt.Fprintf(out, "  %s\n", p.screen.documentLine(x)); err != nil {
					return err
				}
			}
		}
	}
	for _, x := range list.Documents {
		if x.Library == (vault.ID{}) { // what it belongs to could not be read
			fmt.Fprintf(out, "  %s\n", p.screen.documentLine(x))
		}
	}
	if len(list.Libraries) == 0 {
		p.screen.say("There is no document yet: `abaton docs add` adds some.")
	} else if why := stopsEmbedding(list); why != "" {
		p.screen.say(why)
	}
	return p.docsDamaged(list.Damage)
}

// foundBy says how far a library is found by what it means; none says why nothing
// more is embedded now.
func foundBy(l libraryJSON, none string) string {
	switch {
	case l.Passages == 0:
		return ""
	case l.Meanings == 0 && none != "":
		return ", found by words"
	case l.Meanings >= l.Passages:
		return ", found by words and by meaning"
	}
	return fmt.Sprintf(", found by words; by meaning: %d of %s", l.Meanings, counted(l.Passages, "passage"))
}

// stopsEmbedding says why nothing more is embedded, if that is so. What is embedded
// is found by meaning as long as its model is here.
func stopsEmbedding(list docsOut) string {
	if list.WordsOnly == "" {
		return ""
	}
	what := "By words alone: "
	for _, l := range list.Libraries {
		if l.Meanings > 0 {
			what = "Nothing more is embedded: "
		}
	}
	return what + cleanLine(list.WordsOnly) + "."
}

// sayWordsOnly says why passages are found by words alone, if that is so.
func (p *program) sayWordsOnly(why string) {
	if why != "" {
		p.screen.say("By words alone: " + cleanLine(why) + ".")
	}
}

// counted is a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// documentLine is a document on one line.
func (s *screen) documentLine(d documentJSON) string {
	line := short(d.ID) + "  " + cleanLine(d.Name)
	var more []string
	if d.Pages > 1 {
		more = append(more, counted(d.Pages, parse.Format(d.Format).Part()))
	}
	if len(d.Missing) > 0 {
		more = append(more, "read in part")
	}
	if len(more) > 0 {
		line += "  (" + strings.Join(more, ", ") + ")"
	}
	if width := s.wrapWidth(); width > 0 {
		return clip(line, width-3)
	}
	return line
}

// docsDamaged says what could not be read, after all that could be was shown.
func (p *program) docsDamaged(what string) error {
	if what == "" {
		return nil
	}
	return told{fmt.Errorf("a part of the documents cannot be read, the rest is well; `abaton vault verify` says more, and a backup may hold it: %s", what), found}
}

func docsShow(ctx context.Context, p *program, d *desk, args []string, o docsOptions) error {
	x, err := findDocument().at(ctx, d, args[0])
	if err != nil {
		return err
	}
	full, err := showDocument().at(ctx, p, d, "reading", x.ID)
	if err != nil {
		return err
	}
	if o.json {
		if err := printJSON(p.screen.out, full); err != nil {
			return err
		}
		return p.docsDamaged(full.Damage)
	}
	out := p.screen.out
	fmt.Fprintf(out, "%s\n", p.screen.bold(cleanLine(full.Name)))
	facts := []string{short(full.ID), cleanLine(full.Format), sizeOf(full.Size), counted(full.Passages, "passage"), "added " + moment(full.Added)}
	fmt.Fprintf(out, "%s\n", p.screen.dim(strings.Join(facts, " · ")))
	for _, line := range full.remarks() {
		fmt.Fprintf(out, "%s\n", p.screen.dim(line))
	}
	fmt.Fprintln(out)
	text := newPrinter(p.screen)
	if err := errors.Join(text.show(full.Text), text.end()); err != nil {
		return err
	}
	return p.docsDamaged(full.Damage)
}

// remarks are what a person should know of a document.
func (d documentJSON) remarks() (lines []string) {
	for _, m := range d.Missing {
		lines = append(lines, "Not read: "+cleanLine(m)+".")
	}
	if d.Hidden > 0 {
		lines = append(lines, fmt.Sprintf("Left out: %s that its own program does not show.", counted(d.Hidden, "hidden piece")))
	}
	if d.Unseen > 0 {
		lines = append(lines, fmt.Sprintf("Taken out: %s that nobody sees.", counted(d.Unseen, "character")))
	}
	return lines
}

func docsRemove(ctx context.Context, p *program, d *desk, args []string, o docsOptions) error {
	in := removeIn{Library: o.library}
	what := fmt.Sprintf("the library “%s” and all of its documents", cleanLine(o.library))
	var list []documentJSON
	if o.library == "" {
		for _, prefix := range args {
			x, err := findDocument().at(ctx, d, prefix)
			if err != nil {
				return err
			}
			if !slices.Contains(in.IDs, x.ID) {
				in.IDs, list = append(in.IDs, x.ID), append(list, x)
			}
		}
		what = "this document"
		if len(list) > 1 {
			what = fmt.Sprintf("these %d documents", len(list))
		}
	}
	if !o.yes {
		for _, x := range list {
			p.screen.say("  " + p.screen.documentLine(x))
		}
		ok, err := p.confirm(ctx, fmt.Sprintf("Remove %s for good? The files on your disk stay.", what))
		if err != nil {
			return err
		}
		if !ok {
			return told{errors.New("nothing was removed"), failed}
		}
	}
	n, err := removeDocuments().at(ctx, d, in)
	if err != nil {
		return err
	}
	p.screen.say(fmt.Sprintf("Removed: %s. Their keys are destroyed.", counted(n, "document")))
	return nil
}

func docsSearch(ctx context.Context, p *program, d *desk, args []string, o docsOptions) error {
	if o.most == 0 {
		o.most = usualFinds
	}
	list, err := searchDocuments().at(ctx, d, docsSearchIn{strings.Join(args, " "), o.library, o.most})
	if err != nil {
		return err
	}
	if o.json {
		if err := printJSON(p.screen.out, list.Passages); err != nil {
			return err
		}
		p.sayWordsOnly(list.WordsOnly)
		return p.docsDamaged(list.Damage)
	}
	for _, x := range list.Passages {
		part := foundJSON{Snippet: x.Text, Matches: x.Matches}
		if a, b := x.SnippetAt[0], x.SnippetAt[1]; a >= 0 && a <= b && b <= len(x.Text) {
			part.Snippet, part.Before, part.After = x.Text[a:b], a > 0, b < len(x.Text)
			part.Matches = nil
			for _, m := range x.Matches {
				if m[0] >= a && m[1] <= b {
					part.Matches = append(part.Matches, [2]int{m[0] - a, m[1] - a})
				}
			}
		}
		text := p.screen.marked(part)
		if width := p.screen.wrapWidth(); width > 0 {
			text = wrapped(text, width-5, "    ")
		}
		source := p.screen.sourceLine(x)
		if !slices.Contains(x.FoundBy, "words") {
			source += p.screen.dim(" (by meaning)")
		}
		if _, err := fmt.Fprintf(p.screen.out, "%s\n    %s\n", source, text); err != nil {
			return err
		}
	}
	if len(list.Passages) == 0 {
		p.screen.say("Nothing was found.")
	}
	p.sayWordsOnly(list.WordsOnly)
	return p.docsDamaged(list.Damage)
}

// sourceLine says where a passage stands.
func (s *screen) sourceLine(x passageJSON) string {
	line := short(x.Document) + "  " + cleanLine(x.Name)
	if x.Place != "" {
		line += ", " + cleanLine(x.Place)
	}
	if x.Heading != "" {
		line += " › " + cleanLine(x.Heading)
	}
	if width := s.wrapWidth(); width > 0 {
		return clip(line, width-1)
	}
	return line
}

// onDisk is what a name in an argument stands for: itself where it is there,
// else what it matches.
func onDisk(arg string) ([]string, error) {
	if _, err := os.Lstat(arg); err == nil || !strings.ContainsAny(arg, "*?[") {
		return []string{arg}, nil
	}
	list, err := filepath.Glob(arg)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("nothing matches %s", cleanLine(arg))
	}
	return list, err
}
