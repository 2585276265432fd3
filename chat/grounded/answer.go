package grounded

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/library/cite"
	"abaton.local/library/find"
	"abaton.local/models"
	"abaton.local/vault"
)

// Bounds of what a model reads, in tokens.
const (
	mostWindow = 8192
	leastRoom  = 256
)

// ErrNoQuestion says that nothing was asked.
var ErrNoQuestion = errors.New("there is no question")

// errLeft says that the caller left the loop.
var errLeft = errors.New("nobody listens any more")

// Answer answers a question. After an error nothing more comes; sources that came
// before it stand.
func (a *Answerer) Answer(ctx context.Context, s vault.Session, d Documents, q Question) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		err := a.answer(ctx, s, d, q, func(e Event) error {
			if !yield(e, nil) {
				return errLeft
			}
			return nil
		})
		if err != nil && !errors.Is(err, errLeft) {
			yield(Event{}, err)
		}
	}
}

func (a *Answerer) answer(ctx context.Context, s vault.Session, d Documents, q Question, put func(Event) error) error {
	if q.Text = strings.TrimSpace(q.Text); q.Text == "" {
		return ErrNoQuestion
	}
	// What this answer may do, and where it looks, before anything is read.
	turn := Begin(q.may()...)
	f, err := enclose(d, turn, q)
	if err != nil {
		return err
	}
	model, why, err := a.choose(s, q)
	if err != nil {
		return err
	}
	w := work{q: q, own: append(slices.Clone(q.Said), q.Text), reader: &reader{fence: f, senders: make(map[vault.ID]string)}, model: model, why: why, small: why != "" && q.Way == Usual && model.Name != "", put: put}
	if err := w.gather(ctx); err != nil {
		return err
	}
	if w.reads() {
		if err := w.weigh(ctx, s, a.chat); err != nil {
			return err
		}
	}
	if !w.sources.Enough || w.why != "" {
		return w.byPassages()
	}
	return w.byModel(ctx, s, a.chat)
}

// may is what the person's message lets an answer do: look in the libraries that
// they chose, and what their program offers tools for. Reading takes all of it.
func (q Question) may() []Can {
	may := []Can{Search}
	if len(q.Options.Tools) > 0 {
		may = append(may, Run, Net, Write, Send)
	}
	return may
}

// choose finds the model, and says why none is asked.
func (a *Answerer) choose(s vault.Session, q Question) (m models.Passport, why string, err error) {
	switch {
	case q.Way == Extract:
		return m, "You asked for passages alone. No model wrote any of it.", nil
	case a.chat == nil:
		return m, "No model answers here.", nil
	}
	if _, m, err = a.chat.Prompt(s, chat.Ask{Model: q.Model}); err != nil {
		return m, "", err
	}
	if m.Parameters < LeastParameters && q.Way != Generate {
		return m, "No model wrote any of it: " + m.Name + " has fewer than 3,000,000,000 parameters, small models invent, and a passage can be checked.", nil
	}
	return m, "", nil
}

// work is one answer under way.
type work struct {
	*reader
	q       Question
	own     []string // all that the person said
	model   models.Passport
	why     string // no model is asked
	small   bool   // because it is small
	put     func(Event) error
	sources Sources
	picked  []Passage // as they were found
	weighed []Passage // all of these, those first that the model finds to answer; nil where it did not read them
	judged  int       // how many of these it read
	spent   engine.Usage
}

// gather finds the passages.
func (w *work) gather(ctx context.Context) error {
	if len(w.q.Whole) > 0 {
		if done, err := w.gatherWhole(ctx); done || err != nil {
			return err
		}
	}
	turns := make([]find.Turn, 0, len(w.q.Said)+1)
	for _, said := range append(slices.Clone(w.q.Said), w.q.Text) {
		turns = append(turns, find.Turn{By: find.Person, Text: said})
	}
	wanted, leans := find.Question(turns)
	if !leans {
		w.q.Said = nil
	}
	named, err := w.named()
	if err != nil {
		return err
	}
	caps := find.Usual()
	if w.sources.Compare = len(named) > 1 || compares(w.q.Text); w.sources.Compare {
		caps.Document = 2
	}
	a, err := w.search(ctx, wanted, caps)
	if err != nil && a.Passages == nil {
		return err
	}
	w.damaged(err)
	w.sources.Cosine, w.sources.WordsOnly = a.Cosine, a.WordsOnly
	w.picked = w.found(ctx, a)
	if len(named) > 1 {
		if w.picked, err = w.withNamed(ctx, named); err != nil {
			return err
		}
	}
	w.sources.Enough, w.sources.Coverage, w.sources.Passages = a.Enough && len(w.picked) > 0, a.Coverage, w.picked
	return nil
}

// gatherWhole reads the documents that the person wants read whole.
func (w *work) gatherWhole(ctx context.Context) (bool, error) {
	list, err := w.documents.List()
	if err != nil {
		return false, err
	}
	shelves := make(map[vault.ID]string)
	for _, x := range list {
		shelves[x.ID] = x.Name
	}
	passages, fits, err := w.whole(ctx, w.q.Whole, shelves, w.budget())
	if err != nil {
		return false, err
	}
	if !fits {
		w.note("What is to be read whole is longer than the model can look at, so passages were looked for instead.")
		return false, nil
	}
	w.picked = passages
	w.sources.Enough, w.sources.Coverage, w.sources.Passages = len(passages) > 0, 1, passages
	w.sources.Compare = len(passages) > 1
	return true, nil
}

// budget is how many tokens of passages a model is given: six tenths of what it
// can look at. Whoever is shown passages alone can read as much.
func (w *work) budget() int {
	window := mostWindow
	if n := w.model.ContextLength; n > 0 {
		window = int(min(uint64(window), n))
	}
	return max(window*6/10-2*tokens(question(w.q)), leastRoom)
}

func (w *work) note(text string) { w.sources.Notes = append(w.sources.Notes, text) }

// show shows the sources as they are now.
func (w *work) show() error {
	x := w.sources
	x.Label, x.Damage = w.turn.Label(), w.harm()
	x.Conflicts = wanted(conflicts(x.Passages), x.Passages, question(w.q))
	x.Notes = slices.Clone(x.Notes)
	return w.put(Event{Sources: &x})
}

// byModel has a model answer from the passages, of which as many are given as it
// can look at.
func (w *work) byModel(ctx context.Context, s vault.Session, c Chat) error {
	w.sources.Model = w.model.Name
	tools := w.q.Options.Tools
	if !w.turn.May(Run) {
		w.leaveTools()
		tools = nil
	}
	budget := w.budget()
	for {
		switch {
		case w.weighed != nil:
			w.sources.Passages = w.written(budget)
		case !w.picked[0].Whole:
			passages, err := w.widened(ctx, w.picked, budget)
			if err != nil {
				return err
			}
			w.sources.Passages = passages
		}
		if len(w.sources.Passages) == 0 {
			w.why = "The model can look at too little for even one of these passages. They are shown as they are."
			w.sources.Model, w.sources.Passages = "", w.picked
			if w.weighed != nil { // which is said of them
				w.sources.Passages = w.weighed
			}
			return w.byPassages()
		}
		if err := w.show(); err != nil {
			return err
		}
		request := ask(w.q, w.model.Name, w.sources.Passages, mark(w.sources.Passages))
		request.Options.Tools = tools
		request.Fleeting = !w.turn.May(Remember) // what an engine has read of a document would outlive the document
		err := w.generate(ctx, s, c, request)
		fault, is := errors.AsType[*engine.Fault](err)
		if !is || fault.Kind != engine.TooLong || fault.Window == 0 || budget <= leastRoom || w.picked[0].Whole {
			return err
		}
		budget = max(leastRoom, min(budget*3/4, budget*fault.Window/max(fault.Tokens, 1)))
	}
}

// generate takes an answer apart while it comes.
func (w *work) generate(ctx context.Context, s vault.Session, c Chat, request chat.Ask) error {
	var r cite.Reader
	var form error
	check := newChecker(w.own, w.sources.Passages)
	o := Outcome{Model: w.model.Name, Small: w.model.Parameters < LeastParameters, Label: w.turn.Label()}
	for e, err := range c.Answer(ctx, s, request) {
		if err != nil {
			return err
		}
		o.Usage = engine.Usage{PromptTokens: w.spent.PromptTokens + e.Usage.PromptTokens, AnswerTokens: w.spent.AnswerTokens + e.Usage.AnswerTokens}
		sentences, err := r.Add(e.Text) // and nothing else of it: no call, no thought
		for _, x := range sentences {
			for _, y := range check.take(x) {
				if err := w.put(Event{Sentence: &y}); err != nil {
					return err
				}
			}
		}
		if form = err; form != nil {
			break
		}
	}
	if form == nil {
		form = r.End()
	}
	o.Sentences, o.Supported, o.Withheld = check.n, check.good, len(check.waiting)
	o.Cut = errors.Is(form, cite.ErrCutShort)
	switch {
	case check.n == 0 && o.Cut:
		o.Kind, o.Why = Unsupported, "The model's answer ended before its first sentence did."
	case check.n == 0 && form != nil:
		o.Kind, o.Why = Unsupported, "The model's answer had another form than it was asked for, so nothing of it is shown."
	case check.n == 0:
		o.Kind, o.Why = NotFound, "The model found no answer in these passages."
	case 2*check.good < check.n:
		o.Kind, o.Why = Unsupported, "Fewer than half of the sentences that the model wrote are supported by a quotation. What your documents say is in the passages."
	default:
		o.Kind = Answered
		o.Cut = o.Cut || form != nil
	}
	return w.put(Event{Outcome: &o})
}

var _ Documents = (*library.Libraries)(nil)
