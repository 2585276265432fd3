package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"abaton.local/chat"
	"abaton.local/chat/grounded"
	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/vault"
)

// asking is a question of somebody's documents, answered in steps.
type asking struct {
	of func() grounded.Chat // who answers; nil: passages alone
}

type docsAskIn struct {
	Query       string       `json:"query"`
	Library     string       `json:"library,omitempty"`
	Whole       []vault.ID   `json:"whole,omitempty"`
	Way         grounded.Way `json:"way,omitempty"`
	Model       string       `json:"model,omitempty"`
	Temperature *float64     `json:"temperature,omitempty"`
	TopP        *float64     `json:"top_p,omitempty"`
	MaxTokens   int          `json:"max_tokens,omitempty"`
}

// docsStep is one step of an answer, on a line of its own. One without anything
// says that somebody is still at work.
type docsStep struct {
	Sources  *sourcesJSON  `json:"sources,omitempty"`
	Weighed  *weighedJSON  `json:"weighed,omitempty"`
	Sentence *sentenceJSON `json:"sentence,omitempty"`
	Outcome  *endJSON      `json:"outcome,omitempty"`
	Refused  *refusedCall  `json:"refused,omitempty"`
}

// weighedJSON is how many passages a model has read of all.
type weighedJSON struct {
	Done int `json:"done"`
	Of   int `json:"of"`
}

// sourcesJSON is what an answer was made from.
type sourcesJSON struct {
	Found     bool           `json:"found"` // whether the documents may hold an answer
	Coverage  float64        `json:"coverage"`
	Cosine    float64        `json:"cosine,omitempty"`     // how near the nearest is in meaning
	WordsOnly string         `json:"words_only,omitempty"` // why nothing was looked for by meaning
	Passages  []sourceJSON   `json:"passages"`             // all that were looked at for it
	Conflicts []conflictJSON `json:"conflicts,omitempty"`
	Compare   bool           `json:"compare,omitempty"`
	Model     string         `json:"model,omitempty"`
	Weighing  bool           `json:"weighing,omitempty"` // the model reads them one by one; they come anew
	Notes     []string       `json:"notes,omitempty"`
	Damage    string         `json:"damage,omitempty"`
}

type sourceJSON struct {
	N int `json:"n"`
	passageJSON
	Origin string   `json:"origin"`
	Label  string   `json:"label"`
	Badges []string `json:"badges,omitempty"`
	Around [2]int   `json:"passages,omitzero"` // of the document, from and to, where more than one was read
	Whole  bool     `json:"whole,omitempty"`
}

type conflictJSON struct {
	A atJSON `json:"a"`
	B atJSON `json:"b"`
}

type atJSON struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

type sentenceJSON struct {
	Text      string      `json:"text"`
	Supported bool        `json:"supported"`
	Why       string      `json:"why,omitempty"`
	Quotes    []quoteJSON `json:"quotes"`
}

type quoteJSON struct {
	N     int    `json:"n"`
	At    [2]int `json:"at"` // bytes of the passage's text
	Text  string `json:"text"`
	Exact bool   `json:"exact"`
}

type endJSON struct {
	Kind      grounded.Kind `json:"kind"`
	Why       string        `json:"why,omitempty"`
	Model     string        `json:"model,omitempty"`
	Small     bool          `json:"small,omitempty"`
	Sentences int           `json:"sentences"`
	Supported int           `json:"supported"`
	Withheld  int           `json:"withheld,omitempty"`
	Cut       bool          `json:"cut,omitempty"`
	Label     string        `json:"label"`
	Usage     usageJSON     `json:"usage"`
}

// stepOf is an event as it goes to a desk.
func stepOf(e grounded.Event) (step docsStep) {
	switch {
	case e.Sources != nil:
		step.Sources = sourcesOf(*e.Sources)
	case e.Weighed != nil:
		step.Weighed = &weighedJSON{e.Weighed.Done, e.Weighed.Of}
	case e.Sentence != nil:
		s := &sentenceJSON{Text: e.Sentence.Text, Supported: e.Sentence.Supported, Why: e.Sentence.Why, Quotes: []quoteJSON{}}
		for _, q := range e.Sentence.Quotes {
			s.Quotes = append(s.Quotes, quoteJSON{q.Passage, [2]int{q.Start, q.End}, q.Text, q.Exact})
		}
		step.Sentence = s
	case e.Outcome != nil:
		o := e.Outcome
		step.Outcome = &endJSON{o.Kind, o.Why, o.Model, o.Small, o.Sentences, o.Supported, o.Withheld, o.Cut, o.Label.String(), usageJSON{o.Usage.PromptTokens, o.Usage.AnswerTokens}}
	}
	return step
}

func sourcesOf(s grounded.Sources) *sourcesJSON {
	out := &sourcesJSON{Found: s.Enough, Coverage: s.Coverage, Cosine: s.Cosine, WordsOnly: wordsAlone(s.WordsOnly), Passages: []sourceJSON{}, Compare: s.Compare, Model: s.Model, Weighing: s.Weighing, Notes: s.Notes, Damage: text(s.Damage)}
	for _, p := range s.Passages {
		x := sourceJSON{N: p.N, Origin: p.Origin.String(), Label: p.Label.String(), Whole: p.Whole, passageJSON: passageJSON{
			Document: p.Document.ID, Name: p.Document.Name, Library: p.Library, Passage: p.First, Heading: p.Heading, Page: p.Page, LastPage: p.LastPage, Place: p.Document.Place(p.Page),
			Text: p.Text, SnippetAt: [2]int{p.ShownAt().Start, p.ShownAt().End}, Matches: [][2]int{}, Coverage: p.Coverage,
		}}
		if p.Past > p.First+1 {
			x.Around = [2]int{p.First, p.Past}
		}
		for _, b := range p.Badges {
			x.Badges = append(x.Badges, string(b))
		}
		for _, same := range p.Same {
			x.Same = append(x.Same, passageOf(same))
		}
		out.Passages = append(out.Passages, x)
	}
	for _, c := range s.Conflicts {
		at := func(a grounded.At) atJSON { return atJSON{a.Passage, s.Passages[a.Passage-1].Text[a.Start:a.End]} }
		out.Conflicts = append(out.Conflicts, conflictJSON{at(c.A), at(c.B)})
	}
	return out
}

// askDocuments answers from documents.
func askDocuments(of func() grounded.Chat) asking { return asking{of} }

// askedOf is who answers from documents at a running serve.
func askedOf(p *program, r *rooms) func() grounded.Chat {
	return func() grounded.Chat {
		named := nameplates{r.shelf, p.cfg.Models, cmp.Or(r.model.Name, p.cfg.meant(p.cfg.Model))}
		return chat.New(r.engine, named).WithDefaults(named.defaults)
	}
}

func (a asking) do(ctx context.Context, h *home, s vault.Session, in docsAskIn, put func(docsStep) error) error {
	k, err := h.shelf(s)
	if err != nil {
		return err
	}
	x, err := h.libraries(ctx, s)
	if err != nil {
		return err
	}
	ids, err := scopeOf(x, in.Library)
	if err != nil {
		return err
	}
	ctx, cancel := k.open(ctx)
	defer cancel()
	q := grounded.Question{Text: in.Query, Libraries: ids, Whole: in.Whole, Model: in.Model, Way: in.Way, Options: engine.Options{Temperature: in.Temperature, TopP: in.TopP, MaxTokens: max(0, in.MaxTokens)}}
	for e, err := range grounded.New(a.of()).Answer(ctx, s, x, q) {
		if err == nil && !s.Unlocked() { // though another session may keep the vault open
			err = vault.ErrLocked
		}
		if err == nil {
			err = put(stepOf(e))
		}
		if err != nil && k.locked.Err() != nil {
			err = vault.ErrLocked
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// at has a question answered at a desk.
func (a asking) at(ctx context.Context, d *desk, in docsAskIn, put func(docsStep) error) error {
	if d.remote == nil {
		return tell(a.do(ctx, d.home, d.session, in, put))
	}
	return d.remote.post(ctx, doPath+"docs/ask", in, func(body io.Reader) error {
		for lines := json.NewDecoder(body); ; {
			var step docsStep
			if err := lines.Decode(&step); err != nil {
				if ctx.Err() != nil {
					return errStopped
				}
				return tell(fmt.Errorf("what the running abaton serve sent broke off: %w", err))
			}
			if step.Refused != nil {
				return told{errors.New(cleanLine(step.Refused.Error.Message)), step.Refused.Error.Exit}
			}
			if err := put(step); err != nil || step.Outcome != nil {
				return err
			}
		}
	})
}

// route is the same as a running serve offers it. While a model reads nothing else
// is to be said, so each second a line says that.
func (a asking) route(at counter, may gateway.Policy) gateway.Route {
	return gateway.Route{Method: http.MethodPost, Path: doPath + "docs/ask", Policy: may,
		Serve: func(w http.ResponseWriter, r *http.Request, s vault.Session) {
			out := &pouring{w: w, conn: http.NewResponseController(w)}
			var in docsAskIn
			err := readCall(r, &in)
			if err == nil {
				err = out.patient()
			}
			if err != nil {
				at.refuse(w, tell(err))
				return
			}
			x := &steps{out: out}
			err = x.while(func() error { return a.do(r.Context(), at.home, s, in, x.say) })
			switch {
			case err != nil && out.begun:
				no := new(refusedCall)
				no.Error.Message, no.Error.Exit = words(tell(err), at.log)
				_ = x.say(docsStep{Refused: no}) // an error is the client's hanging up
			case err != nil:
				at.refuse(w, tell(err))
			}
		}}
}

// steps sends an answer's steps.
type steps struct {
	mu  sync.Mutex // held while one is sent
	out *pouring
}

func (x *steps) say(step docsStep) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := json.NewEncoder(x.out).Encode(step); err != nil {
		return err
	}
	return x.out.conn.Flush()
}

// while does something, and once the first step was said, says each second that it
// goes on. When it returns nothing more is said by itself.
func (x *steps) while(do func() error) error {
	defer meanwhile(func() {
		x.mu.Lock()
		begun := x.out.begun
		x.mu.Unlock()
		if begun {
			_ = x.say(docsStep{}) // an error is the client's hanging up, of which the request's context tells
		}
	})()
	return do()
}
