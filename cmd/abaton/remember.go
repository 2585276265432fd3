package main

import (
	"context"
	"errors"
	"time"

	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/vault"
)

// Why an answer ended that its model did not end.
const (
	finishStopped = "interrupted" // by the person
	finishFailed  = "failed"
)

// memory keeps a conversation at a desk, turn by turn. A nil memory keeps
// nothing. It is for one goroutine at a time.
type memory struct {
	desk *desk
	id   vault.ID // zero: not begun
	// waiting are answers that came while the vault had locked; they are kept
	// when it is open again.
	waiting []appendIn
}

// question keeps what the person asks. It is there for good when it returns
// nil: only then is the answer asked for.
func (m *memory) question(ctx context.Context, text string, how manner) error {
	if m == nil {
		return nil
	}
	if err := m.settle(ctx); err != nil {
		return err
	}
	id, err := appendHistory().at(ctx, m.desk, appendIn{
		ID: m.id, Model: how.model, Instruction: how.instruction,
		Turns: []turnJSON{{Role: history.User, Text: text}},
	})
	if err == nil {
		m.id = id
	}
	return err
}

// answer keeps what came, the beginning of an answer as well as a whole one.
func (m *memory) answer(ctx context.Context, r reply, failure error) error {
	if m == nil || r.text == "" {
		return nil
	}
	finish := string(r.finish)
	switch {
	case ctx.Err() != nil:
		finish = finishStopped
	case failure != nil:
		finish = finishFailed
	}
	m.waiting = append(m.waiting, appendIn{ID: m.id, Turns: []turnJSON{{
		Role: history.Assistant, Text: r.text, Model: r.model, Finish: finish,
		PromptTokens: r.usage.PromptTokens, AnswerTokens: r.usage.AnswerTokens, Time: time.Now(),
	}}})
	err := m.settle(context.WithoutCancel(ctx)) // also when the person leaves
	if isLocked(err) {
		return nil // the next question opens the vault, and then it is kept
	}
	return err
}

// settle keeps the answers that wait for it.
func (m *memory) settle(ctx context.Context) error {
	for m != nil && len(m.waiting) > 0 {
		if _, err := appendHistory().at(ctx, m.desk, m.waiting[0]); err != nil {
			return err
		}
		m.waiting = m.waiting[1:]
	}
	return nil
}

// touch says that the person is here: who reads a long answer is not idle.
func (m *memory) touch() {
	if m != nil && m.desk.home != nil {
		_, _ = m.desk.session.Vault() // locked meanwhile is found out when something is to be kept
	}
}

// another begins a new conversation with the next question.
func (m *memory) another() {
	if m != nil {
		m.id = vault.ID{}
	}
}

func isLocked(err error) bool {
	if errors.Is(err, vault.ErrLocked) || errors.Is(err, vault.ErrEnded) {
		return true
	}
	e, ok := errors.AsType[told](err)
	return ok && e.code == locked
}

// continued is the conversation to go on with, as it is at the desk.
func continued(ctx context.Context, d *desk, prefix string) (shownJSON, error) {
	c, err := findHistory().at(ctx, d, prefix)
	if err != nil {
		return shownJSON{}, err
	}
	return showHistory().at(ctx, d, c.ID)
}

// tokenBytes is more than what a token stands for in nearly every text.
const tokenBytes = 32

// messages are the turns to give back to a model with room for so many tokens:
// from the end, and only questions that were answered, as in a conversation
// that was never left. Some templates know no other order.
func messages(turns []turnJSON, tokens int) (list []engine.Message) {
	room := max(tokens, 16384) * tokenBytes
	first := len(turns)
	for i := len(turns) - 1; i > 0; i-- {
		if turns[i].Role != history.Assistant || turns[i-1].Role != history.User {
			continue
		}
		if room -= len(turns[i].Text) + len(turns[i-1].Text); room < 0 {
			break
		}
		first = i - 1
	}
	for i := first; i+1 < len(turns); i++ {
		if turns[i].Role == history.User && turns[i+1].Role == history.Assistant {
			list = append(list, engine.Message{Role: engine.User, Content: turns[i].Text},
				engine.Message{Role: engine.Assistant, Content: turns[i+1].Text})
		}
	}
	return list
}
