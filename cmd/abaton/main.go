// Command abaton is a private AI server: it runs open language models on your
// own machine, behind walls. This package holds the verbs a person types, and
// opens the rooms of the house in order; what the rooms do is theirs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
)

func main() {
	becomeChildIfAsked()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// A verb is the word after the program's name.
type verb struct {
	name     string
	args     string // "[MODEL]"
	short    string // half a line, for the overview
	about    string // a paragraph
	examples []string
	settings []string // keys of the settings that it takes as flags
	codes    []int    // exit codes beyond done and wrongUsage
	rootless bool     // touches no data, so it need not leave root
	// bind registers the verb's own flags and gives what it does.
	bind func(*flag.FlagSet) action
}

// An action does the work of a verb. What it returns becomes words and an
// exit code in errors.go.
type action func(ctx context.Context, p *program, args []string) error

// verbs is the fixed table of what can be typed, in the order of the overview.
func verbs() []verb {
	return []verb{
		chatVerb(), askVerb(), docsVerb(), historyVerb(), setupVerb(), loginVerb(), lockVerb(), serveVerb(), pullVerb(), modelsVerb(),
		vaultVerb(), keysVerb(), connectVerb(), peopleVerb(), auditVerb(), leakVerb(), logVerb(), witnessVerb(), versionVerb(),
	}
}

// program is what an action works with.
type program struct {
	verb   string
	args   []string // that were typed after it
	cfg    config
	screen *screen
	in     *os.File
	log    *slog.Logger
}

// run does what the arguments say and gives the exit code.
func run(ctx context.Context, args []string, in, out, errs *os.File) int {
	s := newScreen(in, out, errs)
	if len(args) == 0 {
		overview(s.out, s.width())
		return wrongUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "--help", "-h", "-help":
		return help(s, args)
	case "--version":
		name = "version"
	}
	v, ok := findVerb(name)
	if !ok {
		s.complain(unknownVerb(name))
		return wrongUsage
	}
	p := &program{verb: v.name, args: args, in: in, screen: s, log: slog.New(slog.DiscardHandler)}
	err := p.do(ctx, v, args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return done
	}
	text, code := words(err, p.log)
	if text != "" {
		s.complain(text)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		s.complain(fmt.Sprintf("`abaton help %s` shows how it is used.", v.name))
	}
	return code
}

// do parses flags, reads the configuration, leaves root and acts.
func (p *program) do(ctx context.Context, v verb, args []string) error {
	fs := flag.NewFlagSet(v.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	act := v.bind(fs)
	given := register(fs, append([]string{"user"}, v.settings...))
	rest, err := parseMixed(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		verbHelp(p.screen.out, v, p.screen.width())
		return err
	}
	if err != nil {
		return usageError{v.name, betterFlagError(fs, err)}
	}
	if p.cfg, err = readConfig(given); err != nil {
		return err
	}
	p.screen.suit(p.cfg.around)
	if v.rootless {
		return act(ctx, p, rest)
	}
	// All that is useful as root before it is left.
	if wantsTools(fs) {
		if err := prepareAsRoot(ctx, p); err != nil {
			return err
		}
	}
	if err := leaveRoot(p.cfg); err != nil {
		return told{err, unprotected}
	}
	syscall.Umask(0o077)
	if err := p.cfg.Folders.make(); err != nil {
		return tell(err)
	}
	if p.log, err = openLog(p.cfg.Folders.State, v.name, p.screen); err != nil {
		return tell(err)
	}
	return act(ctx, p, rest)
}

// parseMixed parses flags wherever they stand among the arguments, until "--".
func parseMixed(fs *flag.FlagSet, args []string) (rest []string, err error) {
	var after []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, after = args[:i], args[i+1:]
	}
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if args = fs.Args(); len(args) == 0 {
			return append(rest, after...), nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// openLog opens the log: standard error for serve, whose log is what a service
// manager keeps; a small file for the others. Neither ever holds content.
func openLog(state, verb string, s *screen) (*slog.Logger, error) {
	if verb == "serve" {
		return slog.New(slog.NewTextHandler(s.errs, nil)), nil
	}
	path := filepath.Join(state, "abaton.log")
	mode := os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > 1<<20 {
		mode = os.O_TRUNC
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW|mode, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the log: %w", err)
	}
	return slog.New(slog.NewTextHandler(f, nil)).With("verb", verb), nil
}
