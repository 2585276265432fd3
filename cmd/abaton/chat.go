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
	"slices"
	"strings"
	"time"

	"abaton.local/chat/history"
	"abaton.local/engine"
)

func chatVerb() verb {
	return verb{
		name: "chat", args: "[MODEL]", short: "talk to a model in this terminal",
		about: "Talks to a model in this terminal. Once you are set up (`abaton setup`) it asks for your passphrase and keeps the " +
			"conversation in your vault, each question before it is answered; Enter instead of the passphrase makes you a guest, of " +
			"whom nothing is kept. With a running `abaton serve` it uses that one's engine and the vault of whoever is logged in " +
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
// answers, nothing else.
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
	if w.terminal || !w.guest && isHome(p.cfg.Folders) {
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

// chatOnTerminal is the conversation with a person who looks at it.
func chatOnTerminal(ctx context.Context, p *program, w asWhom) error {
	opening, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	a, err := openAnswers(opening, p, w)
	if err != nil {
		return stoppedOr(opening, err)
	}
	defer a.close()
	c, before, err := begin(opening, p, a, w)
	if err != nil {
		return stoppedOr(opening, err)
	}
	keyboard, err := openKeyboard(p.in, p.screen)
	if err != nil {
		return tell(fmt.Errorf("this terminal cannot be used: %w", err))
	}
	defer keyboard.close()
	release()
	a.warm()
	s := sitting{p: p, a: a, k: keyboard, c: c}
	s.greet()
	fmt.Fprintln(p.screen.out, p.screen.dim(wrapped(a.notice, p.screen.width()-1, "")))
	if w.continues() {
		s.recall(before)
	}
	return errors.Join(s.run(ctx), s.leave(ctx))
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
	if err := s.keep(ctx, text); errors.Is(err, errStopped) || errors.Is(err, io.EOF) {
		return err
	} else if err != nil {
		s.complain(err)
		s.p.screen.say("It was not asked, for it could not be kept; the up arrow brings it back.")
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
		s.complain(err)
	}
	return nil
}

func (s *sitting) complain(err error) {
	said, _ := words(err, s.p.log)
	s.p.screen.complain(said)
}

// keep has a question kept, and asks for the passphrase where the vault has
// locked meanwhile.
func (s *sitting) keep(ctx context.Context, text string) error {
	err := s.c.memory.question(ctx, text, s.c.manner)
	if !isLocked(err) {
		return err
	}
	if err := s.unlock(ctx); err != nil {
		return err
	}
	return s.c.memory.question(ctx, text, s.c.manner)
}

func (s *sitting) unlock(ctx context.Context) error {
	s.p.screen.say("Your vault has locked meanwhile.")
	return s.a.reopen(ctx, s.p, s.k.secret)
}

// leave keeps what could not be kept before.
func (s *sitting) leave(ctx context.Context) error {
	m := s.c.memory
	err := m.settle(ctx)
	if isLocked(err) && ctx.Err() == nil {
		s.p.screen.say("The last answer is not kept yet.")
		if err = s.unlock(ctx); err == nil {
			err = m.settle(ctx)
		}
	}
	return err
}

// recall shows where the conversation was left.
func (s *sitting) recall(before shownJSON) {
	out, width := s.p.screen.out, s.p.screen.width()-1
	fmt.Fprintln(out, wrapped(s.p.screen.bold(cleanLine(before.Title))+" · "+moment(before.Updated), width, ""))
	if before.Damage != "" {
		s.p.screen.complain("a part of it cannot be read: " + before.Damage)
	}
	for _, t := range before.Said[max(0, len(before.Said)-2):] {
		mark := ""
		if t.Role == history.User {
			mark = s.k.editor.prompt
			s.k.editor.remember(t.Text)
		}
		fmt.Fprintln(out, s.p.screen.dim(wrapped(cleaned(mark+strings.TrimSpace(t.Text)), width, "")))
	}
	if n := len(before.Said); n > 0 && before.Said[n-1].Role == history.User {
		fmt.Fprintln(out, wrapped("(This question has no answer yet; the up arrow brings it back.)", width, ""))
	}
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
			s.complain(err)
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
		s.complain(err)
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
