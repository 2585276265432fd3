// Package grounded answers a question from a person's own documents. It finds
// passages, decides before anything is generated whether they may hold an answer,
// shows which went in, asks a model for sentences with quotations, and looks each
// quotation up by code: what is shown as one is the passage's own words.
//
// Documents inform and never act. What an answer may do is fixed by the person's
// question, and shrinks to nothing the moment a document is read ([Turn]); what the
// model wrote comes out as sentences without an address that nobody gave
// ([Sentence]). Rules and tests: docs/containment.md.
//
//	for e, err := range grounded.New(answerer).Answer(ctx, session, libraries, q) {
//		switch {
//		case err != nil:
//		case e.Sources != nil: // what is read: first, and once more in the order of what a model finds, or where less of it fits
//		case e.Weighed != nil: // how many passages the model has read
//		case e.Sentence != nil: // one after the other, each already held against the passages
//		case e.Outcome != nil: // last
//		}
//	}
package grounded

import (
	"context"
	"iter"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/library/find"
	"abaton.local/models"
	"abaton.local/vault"
)

// Question is what a person asks of their documents.
type Question struct {
	Text      string
	Said      []string   // what the person said before, oldest first; nothing that a model said or a document
	Libraries []vault.ID // to look in; none for all of them
	Whole     []vault.ID // documents to be read whole, as far as the model can look at them, instead of looking for passages
	Model     string     // as the person named it; empty for the default
	Way       Way
	Options   engine.Options // temperature and such; its Tools are offered by the asking program, and never reach a model that reads documents
}

// Way is how a question is answered.
type Way uint8

// The ways.
const (
	Usual    Way = iota // by the model, where it is large enough to be believed; else by passages, word for word
	Generate            // by the model, however small: the person asked for it
	Extract             // by passages, word for word
)

// Sizes of models. From LeastReading on one reads passages and says which of them
// answer; from LeastParameters on it writes the answer, too. Smaller ones claim what
// their passages do not hold (measured of one with 1.8 billion: docs/finding.md).
const (
	LeastReading    = 1_000_000_000
	LeastParameters = 3_000_000_000
)

// Documents are a person's, unlocked. *[library.Libraries] has it.
type Documents interface {
	Answer(ctx context.Context, libraries []vault.ID, question string, caps find.Caps) (library.Answer, error)
	Parts(ctx context.Context, document vault.ID, first, past int) (library.Document, []library.Part, error)
	Document(vault.ID) (library.Document, error)
	Named(is func(name string) bool) ([]library.Document, error)
	List() ([]library.Library, error)
}

// Chat asks a model. *[chat.Answerer] has it.
type Chat interface {
	Answer(context.Context, vault.Session, chat.Ask) iter.Seq2[chat.Event, error]
	Prompt(vault.Session, chat.Ask) (engine.Prompt, models.Passport, error)
}

// Answerer answers from documents. It is safe for concurrent use if its chat is.
type Answerer struct{ chat Chat }

// New makes an Answerer. Without a chat, nil, it answers by passages alone.
func New(c Chat) *Answerer { return &Answerer{c} }

// Event is one step of an answer. One of its fields is set. Sources come first, and
// anew where a model has put them in order, or less of them went in than it seemed; an
// Outcome is the last.
type Event struct {
	Sources  *Sources
	Weighed  *Progress // a model reads the passages, one by one
	Sentence *Sentence
	Outcome  *Outcome
}

// Progress is how many of all are done.
type Progress struct{ Done, Of int }

// Sources are the passages that an answer is made from, or the nearest that there
// are. They are shown whatever the outcome.
type Sources struct {
	Enough    bool // whether they may hold an answer; no model is asked where they do not
	Coverage  float64
	Cosine    float64 // how near the nearest is in meaning; 0 where that was not compared
	WordsOnly error   // why it was not; nil where it was, or nothing was looked for
	Passages  []Passage
	Conflicts []Conflict // passages that say the same but for a number
	Weighing  bool       // the model reads them one by one now; they come anew, in the order of what it finds
	Compare   bool       // the question is about several documents: show what each says side by side
	Model     string     // that is asked; empty for none
	Label     Label      // the least trusted of what was read
	Notes     []string   // to be said to the person: what was left out or refused
	Damage    error      // of single records: the rest is well
}

// Passage is a stretch of a document that was read, as it stands there.
type Passage struct {
	N           int // from 1: what sentences cite
	Document    library.Document
	Library     string // its name
	First, Past int    // passages of the document
	Heading     string // the titles above it
	Page        int    // 0 where the format has none
	LastPage    int
	Text        string  // word for word
	Found       []Span  // what of it was found; the rest stands around that
	Whole       bool    // the whole document
	Coverage    float64 // how much of the question's words it has
	Same        []library.Found
	Origin      Origin
	Label       Label
	Badges      []Badge
}

// Shown is what of a passage was found, without what stands around it: where passages
// stand in an answer's place, that is what a person looks for.
func (p Passage) Shown() string { return p.Text[p.ShownAt().Start:p.ShownAt().End] }

// ShownAt is where in its text that stands.
func (p Passage) ShownAt() Span {
	if len(p.Found) == 0 {
		return Span{0, len(p.Text)}
	}
	at := p.Found[0]
	for _, f := range p.Found {
		at.Start, at.End = min(at.Start, f.Start), max(at.End, f.End)
	}
	return at
}

// Span is bytes of a passage's text.
type Span struct{ Start, End int }

// Badge is something that a person should know of a passage. None of them
// changes what is read or answered.
type Badge string

// The badges.
const (
	HiddenText  Badge = "hidden text was found in this document, and left out"
	UnseenSigns Badge = "characters that nobody sees were found in this document, and taken out"
	Orders      Badge = "it reads like instructions to a machine; nothing in it is obeyed"
)

// Conflict is two stretches of two documents that say the same but for their
// numbers.
type Conflict struct{ A, B At }

// At is a stretch of a passage.
type At struct {
	Passage int // its N
	Span
}

// Sentence is one of a model's. Its text is plain: no markup is to be read in it,
// and an address stands in it only where the person or a passage that it cites has
// it, letter by letter.
type Sentence struct {
	N         int // from 1
	Text      string
	Supported bool
	Why       string  // of one that is not: to be said beside it
	Quotes    []Quote // that were found; others are not shown as quotations
	Label     Label   // whoever keeps it keeps this with it
}

// Quote is a stretch of a passage that a sentence cites, in the passage's words.
type Quote struct {
	At
	Text  string // of the passage
	Exact bool   // the model wrote it so; else a slip of the model was put right
}

// Kind says how an answer ended.
type Kind string

// The kinds.
const (
	Answered    Kind = "answered"    // at least half of the sentences are supported
	Unsupported Kind = "unsupported" // “Not supported by your documents”: the passages stand for themselves
	NotFound    Kind = "not-found"   // “Not in your documents”: the passages are the nearest
	Extractive  Kind = "extractive"  // the passages are the answer; Why says why no model was asked
)

// Outcome is how an answer ended.
type Outcome struct {
	Kind      Kind
	Why       string // in a sentence; empty for Answered
	Model     string // that answered; empty for none
	Small     bool   // the model is smaller than is to be believed; with Model, the person asked for it all the same
	Sentences int    // the model wrote
	Supported int    // of these
	Withheld  int    // of these, not shown: too many before them had no support
	Cut       bool   // the answer was cut off
	Label     Label
	Usage     engine.Usage
}
