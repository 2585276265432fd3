// Package chat answers a person: one call down, one stream of events up.
// [Ask] is what a person asks, whatever wire format carried it, and [Event] is
// what they see.
package chat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/vault"
)

// Ask is one question, valid once it exists: Decode functions at the edge make it.
type Ask struct {
	Model    string // as the person named it; empty for the default
	Messages []engine.Message
	Text     string // to be continued as it stands, instead of Messages
	Options  engine.Options

	Answers       int            // wanted to this one question, one after the other; 0 and 1 are one, at most 8
	ContextTokens int            // the least that the model shall be able to look at; 0 for the default
	Fit           bool           // leave out the oldest turns where the conversation is longer than the model can look at
	KeepAlive     *time.Duration // as in engine.Prompt
	Fleeting      bool           // the engine keeps nothing of it, though its person keeps other things
}

// Event is a piece of what a person sees. The last one of each answer has Finish
// set; its Usage counts all answers so far.
type Event struct {
	Model  string // the name of the model that answers; on every event
	Answer int    // which of Ask.Answers, from 0
	engine.Delta
	Cut int // turns that were left out to make the rest fit; on the first event

	Sources   []Source   // of an answer from documents, once: before its first word
	Conflicts []Conflict // of them, beside them
	Cites     []int      // of them those, from 1, on which its Text rests
}

// ErrCutShort says that a generator ended without saying why.
var ErrCutShort = errors.New("the answer broke off before its end; ask again")

// Generator makes answers. Its sequence ends after the first error, or after
// the delta that has Finish set; leaving it early stops the work behind it.
type Generator interface {
	Generate(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error]
}

// Shelf finds models. An unknown name is a *models.UnknownError.
type Shelf interface {
	Find(name string) (models.Passport, error)
	Default() (models.Passport, error) // used when no model is named
}

// Answerer answers. It is safe for concurrent use if its parts are.
type Answerer struct {
	generator Generator
	shelf     Shelf
	defaults  func(name string) Defaults // nil: none
}

// New makes an Answerer.
func New(g Generator, s Shelf) *Answerer { return &Answerer{generator: g, shelf: s} }

// Answer is one pass: find the model, compose, generate, once for each answer
// that is wanted. The person is the session's; ctx only ends the work. After an
// error nothing more comes. Errors of the shelf and of the generator are passed
// up wrapped, so that doors can put them into words.
func (a *Answerer) Answer(ctx context.Context, s vault.Session, ask Ask) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		err := a.answer(ctx, s, ask, func(e Event) bool { return yield(e, nil) })
		if err != nil && !errors.Is(err, errLeft) {
			yield(Event{}, err)
		}
	}
}

// errLeft says that the caller left the loop.
var errLeft = errors.New("nobody listens any more")

func (a *Answerer) answer(ctx context.Context, s vault.Session, ask Ask, yield func(Event) bool) error {
	if s.Person == "" {
		return errors.New("a question without a person is not answered")
	}
	if ask.Answers < 0 || ask.Answers > MostAnswers {
		return &engine.Fault{Kind: engine.BadRequest, What: fmt.Sprintf("%d answers to one question are too many.", ask.Answers),
			Do: fmt.Sprintf("Ask for 1 to %d.", MostAnswers), Detail: "n"}
	}
	passport, err := a.find(ask.Model)
	if err != nil {
		return fmt.Errorf("finding the model: %w", err)
	}
	var spent engine.Usage
	prompt := a.compose(s, passport.Digest, ask)
	for i := range max(1, ask.Answers) {
		another := prompt
		if seed := prompt.Options.Seed; seed != nil && i > 0 { // else all would be the same
			another.Options.Seed = new((*seed + int64(i)) & math.MaxUint32)
		}
		put := func(d engine.Delta, cut int) bool {
			if d.Finish != "" {
				spent = engine.Usage{PromptTokens: d.Usage.PromptTokens, AnswerTokens: spent.AnswerTokens + d.Usage.AnswerTokens}
				d.Usage = spent
			}
			return yield(Event{Model: passport.Name, Answer: i, Delta: d, Cut: cut})
		}
		if ask.Fit {
			err = a.fitted(ctx, &another, put)
			prompt.Messages = another.Messages // what did not fit once does not the next time
		} else {
			err = a.once(ctx, another, 0, put)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// MostAnswers to one question.
const MostAnswers = 8

// once generates one answer. Cut goes with its first piece.
func (a *Answerer) once(ctx context.Context, p engine.Prompt, cut int, put func(engine.Delta, int) bool) error {
	for d, err := range a.generator.Generate(ctx, p) {
		if err != nil {
			return fmt.Errorf("answering: %w", err)
		}
		if !put(d, cut) {
			return errLeft
		}
		if d.Finish != "" {
			return nil
		}
		cut = 0
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	return ErrCutShort
}

func (a *Answerer) compose(s vault.Session, model models.Digest, ask Ask) engine.Prompt {
	if a.defaults != nil {
		ask = a.defaults(ask.Model).filled(ask)
	}
	return compose(s, model, ask)
}

// Prompt is what the model of a question would hear, for counting and for
// getting the model ready.
func (a *Answerer) Prompt(s vault.Session, ask Ask) (engine.Prompt, models.Passport, error) {
	if s.Person == "" {
		return engine.Prompt{}, models.Passport{}, errors.New("a question without a person is not answered")
	}
	passport, err := a.find(ask.Model)
	if err != nil {
		return engine.Prompt{}, models.Passport{}, fmt.Errorf("finding the model: %w", err)
	}
	return a.compose(s, passport.Digest, ask), passport, nil
}

func (a *Answerer) find(name string) (models.Passport, error) {
	if name == "" {
		return a.shelf.Default()
	}
	p, err := a.shelf.Find(name)
	if err == nil && p.Role == models.Eyes {
		err = &engine.Fault{Kind: engine.BadRequest, What: "This file makes tokens of pictures, for a model, and does not answer.",
			Do: "Name a model that chats: `abaton models` lists those on this machine.", Detail: "model"}
	}
	if err == nil && (p.Role == "embed" || p.Role == "rank") {
		err = &engine.Fault{Kind: engine.BadRequest, What: "This model gives numbers for texts and does not answer.",
			Do: "Name a model that chats: `abaton models` lists those on this machine.", Detail: "model"}
	}
	return p, err
}
