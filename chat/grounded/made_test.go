package grounded

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"math"
	"path"
	"testing"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/internal/vaulttest"
	"abaton.local/library"
	"abaton.local/library/cite"
	"abaton.local/library/parse"
	"abaton.local/models"
	"abaton.local/vault"
)

// file is one to add to a library.
type file struct{ library, path, text string }

// readHere reads documents in this process: the bytes are the tests' own.
func readHere(_ context.Context, src parse.Source) (d parse.Document, err error) {
	d.Result, err = parse.Parse(src, parse.Limits{}, d.Collect())
	return d, err
}

// documents makes libraries in a vault in memory.
func documents(t *testing.T, files ...file) *library.Libraries {
	t.Helper()
	v, err := vault.Create(t.Context(), vaulttest.NewMemory(), vault.NewID(), vault.NewKey(), []byte("slots"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := library.Open(t.Context(), v, library.Config{Parse: readHere})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		out, err := l.Add(t.Context(), library.File{Library: f.library, Path: f.path, Name: path.Base(f.path), Data: []byte(f.text)})
		if err != nil || out.Verdict != library.Added {
			t.Fatalf("%s: %+v, %v", f.path, out, err)
		}
	}
	return l
}

// libraryOf is the identifier of a library.
func libraryOf(t *testing.T, l *library.Libraries, name string) vault.ID {
	t.Helper()
	x, err := l.Library(name)
	if err != nil {
		t.Fatal(err)
	}
	return x.ID
}

// fake is an engine that says what it is told to say.
type fake struct {
	say   func(engine.Prompt) string
	fails func(engine.Prompt) error
	sure  func(engine.Prompt) float64 // of a passage, in logarithms; nil: it says neither yes nor no
	heard []engine.Prompt             // to be written an answer to
	read  []engine.Prompt             // passages, each to be judged
}

func (f *fake) Generate(_ context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
	if p.Options.LogProbs > 0 {
		f.read = append(f.read, p)
		return func(yield func(engine.Delta, error) bool) {
			if f.fails != nil && f.fails(p) != nil {
				yield(engine.Delta{}, f.fails(p))
				return
			}
			yield(judged(f.sure, p), nil)
		}
	}
	f.heard = append(f.heard, p)
	return func(yield func(engine.Delta, error) bool) {
		if f.fails != nil {
			if err := f.fails(p); err != nil {
				yield(engine.Delta{}, err)
				return
			}
		}
		text := f.say(p)
		for len(text) > 7 {
			if !yield(engine.Delta{Text: text[:7]}, nil) {
				return
			}
			text = text[7:]
		}
		yield(engine.Delta{Text: text, Finish: engine.Stopped, Usage: engine.Usage{PromptTokens: 9, AnswerTokens: 3}}, nil)
	}
}

// judged is the first word of an answer to whether a passage answers.
func judged(sure func(engine.Prompt) float64, p engine.Prompt) engine.Delta {
	d := engine.Delta{Text: "Well", Finish: engine.Length, Usage: engine.Usage{PromptTokens: 7, AnswerTokens: 1}, LogProbs: []engine.LogProb{{Token: "Well", Value: -0.1, Top: []engine.LogProb{{Token: "Well", Value: -0.1}}}}}
	if sure != nil {
		x := sure(p)
		d.Text, d.LogProbs[0] = "No", engine.LogProb{Token: "No", Value: -math.Log1p(math.Exp(x)), Top: []engine.LogProb{
			{Token: "No", Value: -math.Log1p(math.Exp(x))}, {Token: "Yes", Value: x - math.Log1p(math.Exp(x))}}}
	}
	return d
}

// one is a shelf with one model.
type one models.Passport

func (o one) Find(name string) (models.Passport, error) {
	if name != o.Name {
		return models.Passport{}, errors.New("no such model")
	}
	return models.Passport(o), nil
}
func (o one) Default() (models.Passport, error) { return models.Passport(o), nil }

var (
	large = one{Name: "large", Parameters: 4_000_000_000, ContextLength: 32768}
	tiny  = one{Name: "tiny", Parameters: 135_000_000, ContextLength: 8192}
	ada   = vault.Session{Person: vault.Owner}
)

// got is all that came of one question.
type got struct {
	sources   []Sources
	weighed   []Progress
	sentences []Sentence
	outcome   *Outcome
	err       error
}

func (g *got) last() Sources { return g.sources[len(g.sources)-1] }

// asked asks a question of documents through a chat.
func asked(t *testing.T, m one, f *fake, d Documents, q Question) (g got) {
	t.Helper()
	for e, err := range New(chat.New(f, m)).Answer(t.Context(), ada, d, q) {
		switch {
		case g.outcome != nil || g.err != nil:
			t.Fatal("something came behind the end")
		case err != nil:
			g.err = err
		case e.Sources != nil:
			g.sources = append(g.sources, *e.Sources)
		case e.Weighed != nil:
			g.weighed = append(g.weighed, *e.Weighed)
		case e.Sentence != nil && len(g.sources) == 0:
			t.Fatal("a sentence came before its sources")
		case e.Sentence != nil:
			g.sentences = append(g.sentences, *e.Sentence)
		case e.Outcome != nil:
			g.outcome = e.Outcome
		}
	}
	if g.err == nil && (g.outcome == nil || len(g.sources) == 0) {
		t.Fatalf("no end: %+v", g)
	}
	for _, s := range g.sentences {
		for _, q := range s.Quotes {
			if p := g.last().Passages[q.Passage-1]; p.Text[q.Start:q.End] != q.Text || q.Text == "" {
				t.Errorf("%q is shown as a quotation", q.Text)
			}
		}
	}
	return g
}

// sentence is one of a model's.
func sentence(text string, quotes ...cite.Quote) cite.Sentence {
	if quotes == nil {
		quotes = []cite.Quote{}
	}
	return cite.Sentence{Text: text, Quotes: quotes}
}

// saying is a model's answer.
func saying(list ...cite.Sentence) func(engine.Prompt) string {
	if list == nil {
		list = []cite.Sentence{}
	}
	b, err := json.Marshal(map[string]any{"answer": list})
	if err != nil {
		panic(err)
	}
	return func(engine.Prompt) string { return string(b) }
}
