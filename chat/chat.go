// Package chat answers a person: one call down, one stream of events up.
// [Ask] is what a person asks, whatever wire format carried it, and [Event] is
// what they see.
package chat

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
}

// Event is a piece of what a person sees. The last one of each answer has Finish
// set; its Usage counts all answers so far.
type Event struct {
	Model  string // the name of the model that answers; on every event
	Answer int    // which of Ask.Answers, from 0
	engine.Delta
	Cut int // turns that were left out to make the rest fit; on the first event
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
}

// New makes an Answerer.
func New(g Generator, s Shelf) *Answerer { return &Answerer{generator: g, shelf: s} }

// Answer is one pass: find the model, compose, generate. The person is the
// session's; ctx only ends the work. After an error nothing more comes. Errors
// of the shelf and of the generator are passed up wrapped, so that doors can
// put them into words.
func (a *Answerer) Answer(ctx context.Context, s vault.Session, ask Ask) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if s.Person == "" {
			yield(Event{}, errors.New("a question without a person is not answered"))
			return
		}
		if ask.Answers > 1 || ask.ContextTokens != 0 || ask.Fit {
			yield(Event{}, &engine.Fault{Kind: engine.BadRequest, What: "More than one answer, a context size and fitting are not there yet.", Do: "Leave them out."})
			return
		}
		passport, err := a.find(ask.Model)
		if err != nil {
			yield(Event{}, fmt.Errorf("finding the model: %w", err))
			return
		}
		for d, err := range a.generator.Generate(ctx, compose(s.Person, passport.Digest, ask)) {
			if err != nil {
				yield(Event{}, fmt.Errorf("answering: %w", err))
				return
			}
			if !yield(Event{Model: passport.Name, Delta: d}, nil) || d.Finish != "" {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Event{}, fmt.Errorf("answering: %w", err))
			return
		}
		yield(Event{}, ErrCutShort)
	}
}

func (a *Answerer) find(name string) (models.Passport, error) {
	if name == "" {
		return a.shelf.Default()
	}
	return a.shelf.Find(name)
}
