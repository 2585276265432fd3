package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"abaton.local/chat/history"
)

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
	return s.a.reopen(ctx, s.p, s.k)
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
