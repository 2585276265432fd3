package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"abaton.local/leak"
	"abaton.local/shaper"
)

func leakVerb() verb {
	return verb{
		name: "leak", short: "what does whoever watches the network learn from answers?",
		about: "Plays recorded answers through a server of its own, as `abaton serve` sends them, looks at sizes and times as somebody on the " +
			"network would, and tries the known attacks on them: with shaping off, as a control that the attacks work, and in the modes that hide something. " +
			"It ends with the one sentence that may be quoted, or with what is missing for one. The quick run takes a few minutes on two " +
			"cores, with a shorter window and one topic; the full one takes hours, keeps what it has in a folder and goes on from there. Nothing of anybody's is asked, read or kept.",
		examples: []string{
			"abaton leak",
			"abaton leak --quick --topics laundering --modes off,sealed",
			"abaton leak --full --out leak-run",
			"abaton leak --traces captured.json --pack prompts.json",
			"abaton leak --record answers.jsonl --topics hiv",
			"abaton leak --quick --corpus answers.jsonl",
			"abaton leak --through https://box.example/",
		},
		settings: append([]string{"shape_window"}, roomSettings...),
		codes:    []int{failed, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			var o leakOptions
			fs.BoolVar(&o.quick, "quick", false, "one topic and way of asking, 16 s windows, answers that fit into them (the default)")
			fs.BoolVar(&o.full, "full", false, "all topics, modes, dialects and versions of HTTP, windows as set: hours")
			fs.StringVar(&o.out, "out", "", "`FOLDER` to keep the run in, and to go on from")
			fs.StringVar(&o.modes, "modes", "", "`MODE,…`: off, pad, paced, sealed; off is always there, as the control")
			fs.StringVar(&o.dialects, "dialects", "", "`DIALECT,…`: openai, anthropic, ollama")
			fs.StringVar(&o.ways, "ways", "", "`WAY,…`: h1, h2, h1-whole, h2-whole (answers that come at once), of all dialects or of one: openai-h1")
			fs.StringVar(&o.topics, "topics", "", "`TOPIC,…` of the corpus")
			fs.StringVar(&o.recordTo, "record", "", "`FILE`: have this machine's engine answer the prompts and keep when it said what, to be replayed by --corpus; --trials: how often each is asked")
			fs.StringVar(&o.corpus, "corpus", "", "`FILE` of recorded answers instead of those in this program")
			fs.IntVar(&o.prompts, "prompts", 0, "`N` prompts of each topic, and as many of noise (100)")
			fs.IntVar(&o.noise, "noise", 0, "`N` prompts of noise instead, with fewer traces of each, as many in all as a topic has: attacks learn more from more prompts")
			fs.IntVar(&o.trials, "trials", 0, "`N` traces of each prompt (quick: 16, full: 20)")
			fs.Uint64Var(&o.seed, "seed", 1, "`N`: another draws other prompts of noise and another order of questions, for a second run that owes nothing to the first")
			fs.IntVar(&o.atOnce, "at-once", 0, "`N` connections (800)")
			fs.IntVar(&o.live, "live", -1, "`N` prompts of each label to ask the real engine, for the jitter beside one that works (full: 100, quick: 0)")
			fs.StringVar(&o.traces, "traces", "", "`FILE`: write the traces there as the Whisper Leak toolkit has them; if it is there, attack those instead")
			fs.StringVar(&o.pack, "pack", "", "`FILE` of the toolkit's prompts, which labels such traces")
			fs.StringVar(&o.through, "through", "", "`URL` of a proxy before a running server: does it leave the shape as it is?")
			fs.StringVar(&o.report, "report", "", "`FILE` for the report in JSON, and beside it the plot in SVG")
			fs.BoolVar(&o.json, "json", false, "print the report in JSON")
			return func(ctx context.Context, p *program, args []string) error {
				if err := wantNothing("leak", args); err != nil {
					return err
				}
				ctx, release := signal.NotifyContext(ctx, os.Interrupt)
				defer release()
				context.AfterFunc(ctx, release)
				return stoppedOr(ctx, o.run(ctx, p))
			}
		},
	}
}

// leakOptions are what was asked for.
type leakOptions struct {
	quick, full, json            bool
	out, modes, dialects, ways   string
	topics, corpus, traces, pack string
	through, report, recordTo    string
	prompts, noise, trials       int
	atOnce, live                 int
	seed                         uint64
}

func (o *leakOptions) run(ctx context.Context, p *program) error {
	switch {
	case o.quick && o.full:
		return usageError{"leak", "leak is quick or full, not both."}
	case o.full && o.out == "" && o.traces == "":
		return usageError{"leak", "a full run takes hours: name a folder that keeps it, --out FOLDER."}
	case o.recordTo != "" && (o.full || o.quick || o.corpus != "" || o.traces != ""):
		return usageError{"leak", "--record makes a corpus and attacks nothing: ask for a run afterwards, with --corpus FILE."}
	case o.recordTo != "":
		return o.record(ctx, p)
	case o.through != "":
		return o.lookThrough(ctx, p)
	}
	if o.traces != "" {
		if _, err := os.Stat(o.traces); err == nil {
			return o.attackFile(ctx, p)
		}
	}
	return o.replay(ctx, p)
}

// leakSetup is a run, settled.
type leakSetup struct {
	corpus leakCorpus
	run    leak.Run
	ways   []leak.Way
	window time.Duration
	live   int
}

// Figures of the two kinds of run. Of the answers that came with the program the quick
// topic is the one that attacks tell best with shaping off: with fewer trees others
// may miss what a control must reach.
const (
	quickWindow     = 16 * time.Second
	quickTrials     = 16 // the fewest of 100 prompts that a claim may rest on
	quickTopic      = "whistle"
	fullTrials      = 20
	leakConnections = 800
	quickKind       = "quick"
	fullKind        = "full"
)

// settle makes a run of the options.
func (o *leakOptions) settle(p *program) (s leakSetup, err error) {
	if s.corpus, err = loadCorpus(o.corpus); err != nil {
		return s, tell(err)
	}
	all := leak.TopicsOf(s.corpus.prompts)
	s.window, s.live = time.Duration(p.cfg.ShapeWindow), 100
	kind, topics, modes, dialects, ways, trials := fullKind, all, []string{"off", "pad", "paced", "sealed"}, leak.Dialects, waysNamed, fullTrials
	effort := leak.Effort{Folds: 5, Draws: 1000, Permutations: 200, Enough: 5, Seed: 1}
	if !o.full {
		kind, topics, modes, dialects, ways, s.live = quickKind, all[:min(1, len(all))], []string{"off", "sealed"}, leak.Dialects[:1], waysNamed[:1], 0
		effort.Folds, effort.Draws, effort.Enough, trials = 4, 300, 4, quickTrials
		if o.corpus == "" {
			topics = []string{quickTopic}
		}
		if s.window == shaper.DefaultWindow {
			s.window = quickWindow
		}
	}
	if topics, err = chosen("topics", o.topics, topics, all); err != nil {
		return s, err
	}
	if modes, err = chosen("modes", o.modes, modes, []string{"off", "pad", "paced", "sealed"}); err != nil {
		return s, err
	}
	if !slices.Contains(modes, "off") {
		modes = append([]string{"off"}, modes...)
	}
	if dialects, err = chosen("dialects", o.dialects, dialects, leak.Dialects); err != nil {
		return s, err
	}
	there := slices.Clone(waysNamed)
	for _, w := range leak.Ways(dialects) {
		there = append(there, w.Name())
	}
	if ways, err = chosen("ways", o.ways, ways, there); err != nil {
		return s, err
	}
	for _, w := range leak.Ways(dialects) {
		if slices.Contains(ways, w.Name()) || slices.Contains(ways, strings.TrimPrefix(w.Name(), w.Dialect+"-")) {
			s.ways = append(s.ways, w)
		}
	}
	if o.live >= 0 {
		s.live = o.live
	}
	s.run = leak.Run{
		Program: ownVersion(), Engine: s.corpus.about.Engine, Model: s.corpus.about.Model, ModelSHA: s.corpus.about.ModelDigest,
		Corpus: s.corpus.about.Version, CorpusSHA: s.corpus.digest, Recorded: s.corpus.about.Machine, Hardware: machineWords(),
		Kind: kind, WindowSecond: int(s.window / time.Second), AtOnce: cmp.Or(o.atOnce, leakConnections),
		Plan: leak.Plan{Topics: topics, Modes: modes, Prompts: cmp.Or(o.prompts, 100), Trials: cmp.Or(o.trials, trials), Noise: o.noise, Seed: o.seed,
			// What is begun in a window's last second may end in the next one.
			Longest: max(s.window-time.Second, s.window/2)},
		Effort: effort,
	}
	if plan := s.run.Plan; plan.Noise != 0 && (plan.Noise < plan.Prompts || plan.Noise > plan.Prompts*plan.Trials) {
		return s, usageError{"leak", fmt.Sprintf("--noise: no fewer prompts than of a topic, and at least a trace of each: %d to %d.", plan.Prompts, plan.Prompts*plan.Trials)}
	}
	digest, err := ownDigest()
	s.run.ProgramSHA = hex.EncodeToString(digest[:])
	return s, tell(err)
}

var waysNamed = []string{"h1", "h2", "h1-whole", "h2-whole"}

// chosen reads a list of words, of which each must be there.
func chosen(flag, words string, otherwise, there []string) ([]string, error) {
	if words == "" {
		return otherwise, nil
	}
	var out []string
	for word := range strings.SplitSeq(words, ",") {
		word = strings.TrimSpace(word)
		if !slices.Contains(there, word) {
			return nil, usageError{"leak", fmt.Sprintf("--%s: there is no %q; there are %s.", flag, clip(cleanLine(word), 40), strings.Join(there, ", "))}
		}
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out, nil
}

// replay takes traces and attacks them.
func (o *leakOptions) replay(ctx context.Context, p *program) (err error) {
	s, err := o.settle(p)
	if err != nil {
		return err
	}
	if err := o.absolute(); err != nil {
		return tell(err)
	}
	dir := o.out
	if dir == "" {
		if dir, err = os.MkdirTemp("", "abaton-leak-"); err != nil {
			return tell(err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	folder, err := leak.OpenFolder(dir, s.run)
	if err != nil {
		return tell(err)
	}
	o.plan(p, s)
	report, err := s.work(ctx, p, folder, o.traces)
	if err != nil {
		return err
	}
	return o.tell(p, report, folder)
}

// absolute makes paths good wherever this process goes.
func (o *leakOptions) absolute() (err error) {
	for _, path := range []*string{&o.out, &o.traces, &o.report, &o.recordTo} {
		if *path != "" && err == nil {
			*path, err = filepath.Abs(*path)
		}
	}
	return err
}

// plan says what is going to happen.
func (o *leakOptions) plan(p *program, s leakSetup) {
	plan := s.run.Plan
	traces := (len(plan.Topics) + 1) * plan.Prompts * plan.Trials
	p.screen.say(fmt.Sprintf("Corpus %s, answers of %s. In each mode (%s) and way of asking (%d) %d traces are taken, %d connections at once, windows of %d s.",
		s.run.Corpus, s.run.Model, strings.Join(plan.Modes, ", "), len(s.ways), traces, s.run.AtOnce, s.run.WindowSecond))
	if plan.Noise > 0 {
		p.screen.say(fmt.Sprintf("Of each topic %d prompts are asked, and %d of noise, as many traces in all.", plan.Prompts, plan.Noise))
	}
	if s.run.WindowSecond < int(shaper.DefaultWindow/time.Second) {
		p.screen.say(fmt.Sprintf("The window is shorter than the %d s of a server that nobody set otherwise. Answers keep their recorded pace; longer ones are left out.", int(shaper.DefaultWindow/time.Second)))
	}
}
