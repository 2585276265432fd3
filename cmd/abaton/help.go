package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// overview shows all verbs.
func overview(w io.Writer, width int) {
	fmt.Fprint(w, "abaton: open language models on your own machine, behind walls.\n\nUsage: abaton VERB [ARGUMENTS] [--flags]\n\n")
	for _, v := range verbs() {
		entry(w, v.name, v.short, 10, width)
	}
	entry(w, "help", "show this, or the help of a verb: abaton help serve", 10, width)
	fmt.Fprint(w, "\nTo begin:\n\n  abaton pull     fetch an engine and a small model\n  abaton chat     talk to it\n\nExit codes:\n\n")
	for _, c := range exitCodes {
		entry(w, fmt.Sprint(c.code), c.words, 10, width)
	}
}

// help is `abaton help [VERB]`.
func help(s *screen, args []string) int {
	if len(args) == 0 {
		overview(s.out, s.width())
		return done
	}
	v, ok := findVerb(args[0])
	if !ok {
		s.complain(unknownVerb(args[0]))
		return wrongUsage
	}
	verbHelp(s.out, v, s.width())
	return done
}

// verbHelp shows usage, flags, examples and exit codes of one verb.
func verbHelp(w io.Writer, v verb, width int) {
	usage := wrapped(strings.TrimRight("Usage: abaton "+v.name+" "+v.args, " "), min(width, 100), "       ")
	fmt.Fprintf(w, "%s\n\n%s\n", usage, wrapped(v.about, min(width, 100), ""))
	fs := flag.NewFlagSet(v.name, flag.ContinueOnError)
	v.bind(fs)
	fmt.Fprint(w, "\nFlags:\n\n")
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage == "" { // for the program's own use
			return
		}
		value, usage := flag.UnquoteUsage(f)
		entry(w, strings.TrimRight("--"+f.Name+" "+value, " "), usage, 26, width)
	})
	for _, s := range settings {
		if s.key == "user" && !v.rootless || slices.Contains(v.settings, s.key) {
			entry(w, strings.TrimRight("--"+s.flag()+" "+s.value, " "), s.help, 26, width)
		}
	}
	entry(w, "--help", "show this", 26, width)
	fmt.Fprint(w, "\nExamples:\n\n")
	for _, e := range v.examples {
		fmt.Fprintf(w, "  %s\n", e)
	}
	fmt.Fprint(w, "\nExit codes:\n\n")
	for _, c := range exitCodes {
		if c.code == done || c.code == wrongUsage || slices.Contains(v.codes, c.code) {
			entry(w, fmt.Sprint(c.code), c.words, 10, width)
		}
	}
}

// entry writes a name and what it means, in two columns where they fit.
func entry(w io.Writer, name, text string, column, width int) {
	if width-column < 30 { // too narrow for two columns
		fmt.Fprintf(w, "  %s\n      %s\n", name, wrapped(text, max(width-6, 20), "      "))
		return
	}
	lines := strings.Split(wrapped(text, width-column-2, ""), "\n")
	if len(name) >= column-1 {
		fmt.Fprintf(w, "  %s\n", name)
		name = ""
	}
	for _, line := range lines {
		fmt.Fprintf(w, "  %-*s%s\n", column, name, line)
		name = ""
	}
}

func findVerb(name string) (verb, bool) {
	all := verbs()
	i := slices.IndexFunc(all, func(v verb) bool { return v.name == name })
	if i < 0 {
		return verb{}, false
	}
	return all[i], true
}

func unknownVerb(name string) string {
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	name = clip(cleanLine(name), 40)
	if near := nearest(name, append(names, "help")); near != "" {
		return fmt.Sprintf("there is no verb %q; did you mean `abaton %s`?", name, near)
	}
	return fmt.Sprintf("there is no verb %q; `abaton help` lists them all.", name)
}

// betterFlagError names the nearest flag where one was misspelled.
func betterFlagError(fs *flag.FlagSet, err error) string {
	const unknown = "flag provided but not defined: -"
	text := err.Error()
	name, ok := strings.CutPrefix(text, unknown)
	if !ok {
		return strings.ReplaceAll(text, " -", " --")
	}
	name = strings.TrimLeft(name, "-")
	var names []string
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage != "" {
			names = append(names, f.Name)
		}
	})
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("there is no flag --%s; did you mean --%s?", name, near)
	}
	return fmt.Sprintf("there is no flag --%s.", name)
}

// wantNothing refuses arguments where none are taken.
func wantNothing(verb string, args []string) error {
	if len(args) > 0 {
		return usageError{verb, fmt.Sprintf("%s takes no arguments, got %q.", verb, args[0])}
	}
	return nil
}

// wantWords refuses too few or too many arguments after a verb's word; needs
// says what each of them is.
func wantWords(verb, word string, args []string, needs ...string) error {
	switch {
	case len(args) < len(needs):
		return usageError{verb, fmt.Sprintf("%s %s needs %s.", verb, word, strings.Join(needs, " and "))}
	case len(args) > len(needs):
		return usageError{verb, fmt.Sprintf("%s %s takes %d arguments, got %d: put quotes around one with spaces.", verb, word, len(needs), len(args))}
	}
	return nil
}

// unknownWord says which words a verb knows.
func unknownWord(verb, word string, words ...string) error {
	word = clip(cleanLine(word), 40)
	if near := nearest(word, words); near != "" {
		return usageError{verb, fmt.Sprintf("%s has no %q; did you mean `abaton %s %s`?", verb, word, verb, near)}
	}
	last := len(words) - 1
	return usageError{verb, fmt.Sprintf("%s has no %q, only %s and %s.", verb, word, strings.Join(words[:last], ", "), words[last])}
}

// nearest is the name that s was most likely meant to be, or "".
func nearest(s string, names []string) string {
	best, least := "", max(2, len(s)/3)+1
	for _, n := range names {
		if d := distance(s, n); d < least {
			best, least = n, d
		}
		if len(s) >= 3 && strings.HasPrefix(n, s) {
			return n
		}
	}
	return best
}

// distance counts the letters to add, drop, change or swap to get from a to b
// (optimal string alignment).
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
