package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"abaton.local/engine"
)

func chatVerb() verb {
	return verb{
		name: "chat", args: "[MODEL]", short: "talk to a model in this terminal",
		about: "Talks to a model in this terminal. Nothing of the conversation is kept after it. With a running `abaton serve` it uses " +
			"that one's engine, else it starts its own, in a jail. Where standard input is not a terminal, each line is a " +
			"question and only the answers are printed. Ctrl-C stops an answer, a second one leaves.",
		examples: []string{
			"abaton chat",
			"abaton chat smollm2-135m",
			`echo "What is the capital of France?" | abaton chat`,
		},
		settings: roomSettings,
		codes:    []int{failed, unprotected, stopped},
		bind: func(*flag.FlagSet) action {
			return func(ctx context.Context, p *program, args []string) error {
				if len(args) > 1 {
					return usageError{"chat", "chat takes one model at most."}
				}
				if len(args) == 1 {
					p.cfg.Model = args[0]
				}
				if p.screen.inTTY && p.screen.outTTY && p.screen.moves {
					return chatOnTerminal(ctx, p)
				}
				return chatByLines(ctx, p)
			}
		},
	}
}

// longestLine bounds one question that comes from a pipe, in bytes.
const longestLine = 1 << 20

// chatByLines takes each line of standard input as a question and prints the
// answers, nothing else.
func chatByLines(ctx context.Context, p *program) error {
	interrupts := make(chan os.Signal, 2)
	opening, release := signal.NotifyContext(ctx, os.Interrupt)
	a, err := openAnswers(opening, p, "chat")
	if err != nil {
		err = stoppedOr(opening, err)
		release()
		return err
	}
	defer a.close()
	signal.Notify(interrupts, os.Interrupt)
	release()
	defer signal.Stop(interrupts)
	c := &conversation{answers: a, manner: mannerFor(p.cfg, a.model)}
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

// chatOnTerminal is the conversation with a person who looks at it.
func chatOnTerminal(ctx context.Context, p *program) error {
	opening, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	a, err := openAnswers(opening, p, "chat")
	if err != nil {
		return stoppedOr(opening, err)
	}
	defer a.close()
	keyboard, err := openKeyboard(p.in, p.screen)
	if err != nil {
		return tell(fmt.Errorf("this terminal cannot be used: %w", err))
	}
	defer keyboard.close()
	release()
	a.warm()
	s := sitting{p: p, a: a, k: keyboard, c: &conversation{answers: a, manner: mannerFor(p.cfg, a.model)}}
	s.greet()
	return s.run(ctx)
}

// sitting is a person at a terminal with a conversation.
type sitting struct {
	p *program
	a *answers
	k *keyboard
	c *conversation
}

func (s *sitting) greet() {
	fmt.Fprintln(s.p.screen.out, wrapped(s.p.screen.bold(cleanLine(s.a.model.Name))+" · "+s.a.walls()+sizeRemark(s.a.model), s.p.screen.width()-1, ""))
	fmt.Fprintln(s.p.screen.out, s.p.screen.dim(wrapped("/help shows what else there is. Ctrl-C stops an answer, Ctrl-D leaves.", s.p.screen.width()-1, "")))
}

func (s *sitting) run(ctx context.Context) error {
	for {
		line, err := s.k.line(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text := strings.TrimSpace(line)
		if text == "" {
			continue
		}
		if strings.HasPrefix(text, "/") && !strings.Contains(text, "\n") {
			if leave := s.command(text); leave {
				return nil
			}
			continue
		}
		if err := s.question(ctx, line); err != nil {
			return err
		}
	}
}

// question asks one question. What went wrong with it is said, and does not
// end the sitting: the engine may be better at the next one.
func (s *sitting) question(ctx context.Context, text string) error {
	if err := checkText("the question", text); err != nil {
		s.p.screen.complain(err.Error())
		return nil
	}
	t := turn{p: s.p, c: s.c, interrupts: s.k.interrupts, waiting: s.wait()}
	err := t.run(ctx, text)
	switch {
	case errors.Is(err, errAnswerStopped):
		s.k.armed = true
		s.p.screen.say(s.p.screen.dim("(stopped; Ctrl-C again leaves)"))
	case errors.Is(err, errStopped):
		return err
	case err != nil:
		said, _ := words(err, s.p.log)
		s.p.screen.complain(said)
	}
	return nil
}

// wait shows that something is going on until the function it gives is called.
func (s *sitting) wait() func() {
	io.WriteString(s.p.screen.out, s.p.screen.dim("…"))
	return func() { io.WriteString(s.p.screen.out, "\r\x1b[K") }
}

const chatHelp = `/model          show the models on this machine
/model NAME     go on with another one
/new            begin a new conversation
/exit           leave, as Ctrl-D does
Alt-Enter       a line break inside the question; pasted ones stay as they are
Ctrl-C          stop an answer; a second one leaves
`

// command does what stands behind a slash and reports whether to leave.
func (s *sitting) command(text string) (leave bool) {
	out := s.p.screen.out
	name, arg, _ := strings.Cut(text, " ")
	arg = strings.TrimSpace(arg)
	switch name {
	case "/exit", "/quit", "/bye":
		return true
	case "/help", "/?":
		io.WriteString(out, chatHelp)
	case "/new":
		s.c.forget()
		io.WriteString(out, "A new conversation.\n")
	case "/model":
		if arg == "" {
			s.listModels()
			break
		}
		m, err := s.a.shelf.Find(arg)
		if err != nil {
			said, _ := words(err, s.p.log)
			s.p.screen.complain(said)
			break
		}
		s.a.model, s.c.manner = m, mannerFor(s.p.cfg, m)
		s.greet()
		s.a.warm()
	default:
		near := nearest(name, []string{"/help", "/model", "/new", "/exit"})
		s.p.screen.complain(strings.TrimSpace(fmt.Sprintf("there is no %q; /help shows what there is. %s", name, hint(near))))
	}
	return false
}

func hint(near string) string {
	if near == "" {
		return ""
	}
	return "Did you mean " + near + "?"
}

func (s *sitting) listModels() {
	list, err := s.a.shelf.List()
	if err != nil {
		said, _ := words(err, s.p.log)
		s.p.screen.complain(said)
		return
	}
	for _, m := range list {
		mark := "  "
		if m.Digest == s.a.model.Digest {
			mark = "* "
		}
		fmt.Fprintln(s.p.screen.out, clip(mark+cleanLine(m.Name)+sizeRemark(m), s.p.screen.width()-1))
	}
}
