package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"abaton.local/engine"
)

func chatVerb() verb {
	return verb{
		name: "chat", args: "[MODEL]", short: "talk to a model in this terminal",
		about: "Talks to a model in this terminal. Once you are set up (`abaton setup`) it asks for your passphrase and keeps the " +
			"conversation in your vault, each question before it is answered; Enter instead of the passphrase makes you a guest, of " +
			"whom nothing is kept. What is missing is fetched first, engine or model; where nobody has a vault yet, one is offered " +
			"meanwhile. With a running `abaton serve` it uses that one's engine and the vault of whoever is logged in " +
			"there, else it starts its own engine, in a jail. Where standard input is not a terminal you are a guest: each line is " +
			"a question and only the answers are printed. Ctrl-C stops an answer, a second one leaves.",
		examples: []string{
			"abaton chat",
			"abaton chat --continue",
			"abaton chat --resume 3f9a1c20",
			"abaton chat --guest",
			"abaton chat smollm2-135m",
			`echo "What is the capital of France?" | abaton chat`,
		},
		settings: append(slices.Clone(roomSettings), "person"),
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			var w asWhom
			beside := fs.Bool("beside", false, "")
			fs.Bool(installTools, false, toolsHelp)
			fs.BoolVar(&w.guest, "guest", false, "keep nothing of this conversation, and ask for no passphrase")
			fs.BoolVar(&w.goOn, "continue", false, "go on with the newest conversation")
			fs.StringVar(&w.resume, "resume", "", "go on with the conversation of this `ID`: its first digits, see `abaton history`")
			return func(ctx context.Context, p *program, args []string) error {
				if len(args) > 1 {
					return usageError{"chat", "chat takes one model at most."}
				}
				if len(args) == 1 {
					p.cfg.Model = args[0]
				}
				w.terminal = p.screen.inTTY
				if err := w.check(); err != nil {
					return err
				}
				if *beside {
					var err error
					if w.news, err = followNews(p.screen); err != nil {
						return err
					}
				} else if what, lacks, err := offersVault(ctx, p, w); err != nil {
					return err
				} else if lacks {
					return pullBeside(ctx, p, what)
				}
				if p.screen.inTTY && p.screen.outTTY && p.screen.moves {
					return chatOnTerminal(ctx, p, w)
				}
				return chatByLines(ctx, p, w)
			}
		},
	}
}

// begin is the conversation of whoever was let in: a new one, or the one to go
// on with as it stands.
func begin(ctx context.Context, p *program, a *answers, w asWhom) (*conversation, shownJSON, error) {
	c := &conversation{answers: a}
	if a.kept {
		c.memory = &memory{desk: a.desk}
	}
	var before shownJSON
	if w.continues() {
		var err error
		if before, err = continued(ctx, a.desk, w.resume); err != nil {
			return nil, before, err
		}
		if m, err := a.shelf.Find(before.Model); err == nil && p.cfg.Model == "" {
			a.model = m // the one that it was with
		}
		c.memory.id, c.turns = before.ID, messages(before.Said, p.cfg.Context)
	}
	c.manner = mannerFor(p.cfg, a.model)
	if before.Instruction != "" && p.cfg.Instruction == nil {
		c.instruction = before.Instruction
	}
	return c, before, nil
}

// longestLine bounds one question that comes from a pipe, in bytes.
const longestLine = 1 << 20

// chatByLines takes each line of standard input as a question and prints the
// answers on standard output, nothing else.
func chatByLines(ctx context.Context, p *program, w asWhom) error {
	interrupts := make(chan os.Signal, 2)
	opening, release := signal.NotifyContext(ctx, os.Interrupt)
	a, err := openAnswers(opening, p, w)
	if err != nil {
		err = stoppedOr(opening, err)
		release()
		return err
	}
	defer a.close()
	signal.Notify(interrupts, os.Interrupt)
	release()
	defer signal.Stop(interrupts)
	c, _, err := begin(ctx, p, a, w)
	if err != nil {
		return err
	}
	if w.terminal || !w.guest {
		p.screen.say(a.notice)
	}
	lines := make(chan string)
	problem := make(chan error, 1)
	go func() {
		defer close(lines)
		scan := bufio.NewScanner(p.in)
		scan.Buffer(nil, longestLine)
		for scan.Scan() {
			select {
			case lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
		if errors.Is(scan.Err(), bufio.ErrTooLong) {
			problem <- fmt.Errorf("a line of standard input is longer than %d bytes", longestLine)
		} else {
			problem <- scan.Err()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return errStopped
		case <-interrupts:
			return errStopped
		case line, ok := <-lines:
			if !ok {
				return tell(<-problem)
			}
			if strings.TrimSpace(line) == "" {
				continue
			}
			if err := checkText("the question", line); err != nil {
				return tell(err)
			}
			if err := c.memory.question(ctx, line, c.manner); err != nil {
				return err
			}
			t := turn{p: p, c: c, interrupts: interrupts}
			if err := t.run(ctx, line); err != nil && !errors.Is(err, errAnswerStopped) {
				return err
			}
		}
	}
}

// errAnswerStopped says that the person stopped an answer, and wants to go on.
var errAnswerStopped = errors.New("the answer was stopped")

// turn is one question and its answer on the screen.
type turn struct {
	p          *program
	c          *conversation
	interrupts <-chan os.Signal
	waiting    func() // called before the first piece is shown
}

// lastWords bounds how long somebody who leaves in a hurry is held up.
const lastWords = 2 * time.Second

// run asks and prints. One interrupt stops the answer, errAnswerStopped; a
// second before it has stopped leaves, errStopped.
func (t turn) run(ctx context.Context, question string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		reply
		err error
	}
	finished := make(chan result, 1)
	out := newPrinter(t.p.screen)
	go func() {
		r, err := t.c.say(ctx, question, func(text string) error {
			if t.waiting != nil {
				t.waiting()
				t.waiting = nil
			}
			return out.show(text)
		})
		if t.waiting != nil {
			t.waiting()
		}
		finished <- result{r, errors.Join(err, out.end())}
	}()
	interrupted := false
	for {
		select {
		case <-t.interrupts:
			if interrupted {
				select { // what was answered so far is being kept
				case <-finished:
				case <-time.After(lastWords):
				}
				return errStopped
			}
			interrupted = true
			cancel()
		case r := <-finished:
			t.remark(r.reply)
			switch {
			case interrupted:
				return errAnswerStopped
			case ctx.Err() != nil:
				return errStopped
			}
			return r.err
		}
	}
}

// remark says what the person should know about an answer's circumstances.
func (t turn) remark(r reply) {
	if r.dropped > 0 {
		t.p.screen.say(fmt.Sprintf("(The conversation had filled the model's context: its %d oldest messages were dropped. /new begins a new one.)", r.dropped))
	}
	if r.finish == engine.Length {
		t.p.screen.say("(The answer was cut off: the conversation fills the model's context. /new begins a new one.)")
	}
}
