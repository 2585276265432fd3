package api

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"abaton.local/api/openai"
	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/chat/grounded"
	"abaton.local/engine"
	"abaton.local/library"
)

// reading is a question that is answered from documents.
type reading struct {
	grounded.Question
	names []string // of the libraries
}

// errNoDocuments says that whoever asks keeps no documents, or cannot open them.
var errNoDocuments = errors.New("no documents can be read for this key")

func noDocuments() wire.Problem {
	return wire.Problem{Status: http.StatusForbidden, Code: "forbidden", Param: "library",
		Message: "Documents are read only with a key that opens its person's vault: make one with `abaton keys create NAME --scope all`, or leave library out."}
}

// reads makes a question to documents of a request that names libraries; nil: it
// names none. The credential must have opened its person's vault: one that only
// asks, a guest's, and one that comes without a key read nothing. The libraries are
// looked for with the answer, in whose shape it is told that there is none: when an
// answer begins tells nothing of how long they took to be opened.
func (a *API) reads(x exchange, req openai.Request) (*reading, error) {
	if len(req.Libraries) == 0 {
		return nil, nil
	}
	if a.Documents == nil || x.session.Guest() || !x.session.Unlocked() {
		return nil, errNoDocuments
	}
	q := &reading{names: req.Libraries}
	var ok bool
	if q.Text, q.Said, ok = req.Asked(); !ok {
		return nil, &wire.BadRequest{Param: "library", Code: wire.Unsupported,
			Message: "A question to documents is the last message, of the role user, in words alone. Send it last, without pictures."}
	}
	if strings.TrimSpace(q.Text) == "" {
		return nil, &wire.BadRequest{Param: "library", Code: wire.Invalid, Message: "There is no question to these documents: the last message is empty."}
	}
	q.Model, q.Options = req.Ask.Model, req.Ask.Options
	return q, nil
}

// shelves finds the libraries that a question names.
func (a *API) shelves(x exchange, q reading) (*library.Libraries, grounded.Question, error) {
	l, err := a.Documents(x.r.Context(), x.session)
	if err != nil {
		return nil, q.Question, err
	}
	for i, name := range q.names {
		one, err := l.Library(name)
		if errors.Is(err, library.ErrNoLibrary) {
			err = &wire.BadRequest{Param: "library", Code: wire.Invalid,
				Message: fmt.Sprintf("You have no library of the name that stands at place %d. `abaton docs` lists yours.", i+1)}
		}
		if err != nil {
			return nil, q.Question, err
		}
		q.Libraries = append(q.Libraries, one.ID)
	}
	return l, q.Question, nil
}

// What is said where no sentence of a model's stands.
var readingEnds = map[grounded.Kind]string{
	grounded.NotFound:    "Not in your documents.",
	grounded.Unsupported: "Not supported by your documents.",
	grounded.Extractive:  "From your documents, word for word.",
}

// mostQuoted is how many passages stand in an answer's place.
const mostQuoted = 3

// read tells an answer from documents as the events of any other: sentences with
// the numbers of their sources, or passages, and then what the numbers stand for.
func (a *API) read(x exchange, q question) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		ask := q.asks[0]
		ask.Options = engine.Options{}
		_, passport, err := a.Chat.Prompt(x.session, ask)
		if err != nil {
			yield(chat.Event{}, err)
			return
		}
		documents, question, err := a.shelves(x, *q.reading)
		if err != nil {
			yield(chat.Event{}, err)
			return
		}
		t := telling{model: passport.Name, yield: yield}
		for e, err := range grounded.New(a.Chat).Answer(x.r.Context(), x.session, documents, question) {
			if err == nil {
				err = x.barred() // a model that reads passages says nothing for a while, and is handed the next one
			}
			if err != nil {
				yield(chat.Event{}, err)
				return
			}
			switch {
			case e.Sources != nil:
				t.sources = *e.Sources // they may come anew, so they are told with the first word
			case e.Sentence != nil:
				t.sentence(*e.Sentence)
			case e.Outcome != nil:
				t.outcome(*e.Outcome)
			}
			if t.left {
				return
			}
		}
	}
}

// telling is an answer from documents while it is told.
type telling struct {
	model   string
	yield   func(chat.Event, error) bool
	sources grounded.Sources
	begun   bool
	said    bool
	left    bool // nobody listens any more
}

func (t *telling) say(text string, cites []int, last engine.Delta) {
	if t.left {
		return
	}
	e := chat.Event{Model: t.model, Delta: last, Cites: cites}
	e.Text = text
	if !t.begun {
		t.begun = true
		e.Sources, e.Conflicts = []chat.Source{}, conflictsOf(t.sources)
		for _, p := range t.sources.Passages {
			e.Sources = append(e.Sources, chat.Source{Document: p.Document.ID.String(), Name: p.Document.Name, Library: p.Library, Heading: p.Heading, Page: p.Page, Passage: p.First, Text: p.Text, Score: p.Coverage})
		}
	}
	t.left = !t.yield(e, nil)
}

func (t *telling) sentence(s grounded.Sentence) {
	var b strings.Builder
	if t.said {
		b.WriteString("\n")
	}
	t.said = true
	b.WriteString(quiet(s.Text))
	var cites []int
	for _, q := range s.Quotes {
		fmt.Fprintf(&b, " [%d]", q.Passage)
		cites = append(cites, q.Passage)
	}
	if !s.Supported {
		b.WriteString(" (not supported: " + s.Why + ")")
	}
	t.say(b.String(), cites, engine.Delta{})
}

func (t *telling) outcome(o grounded.Outcome) {
	var b strings.Builder
	if t.said {
		b.WriteString("\n\n")
	}
	head := strings.TrimSpace(readingEnds[o.Kind] + " " + o.Why)
	b.WriteString(head)
	for i, p := range t.sources.Passages {
		if i > 0 || head != "" {
			b.WriteString("\n")
		}
		quoted := o.Kind != grounded.Answered && i < mostQuoted
		if quoted {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "[%d] %s", i+1, quiet(p.Document.Name))
		if at := p.Document.Place(p.Page); at != "" {
			b.WriteString(", " + at)
		}
		if p.Heading != "" {
			b.WriteString(" › " + quiet(p.Heading))
		}
		if quoted {
			b.WriteString("\n" + fenced(p.Shown()))
		}
	}
	b.WriteString(disagreeing(conflictsOf(t.sources)))
	t.say(b.String(), nil, engine.Delta{})
	finish := engine.Stopped
	if o.Cut {
		finish = engine.Length
	}
	t.say("", nil, engine.Delta{Finish: finish, Usage: o.Usage})
}
