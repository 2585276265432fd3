package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"abaton.local/chat"
	"abaton.local/chat/grounded"
	"abaton.local/models"
)

// askDocsOptions are the flags of asking documents.
type askDocsOptions struct {
	library           string
	whole             []string
	generate, extract bool
	json              bool
}

// shownPassages is how many passages stand under an answer on a terminal.
const shownPassages = 3

// askDocs answers from a person's own documents: by a model that is held against
// the passages, or by the passages alone.
func askDocs(ctx context.Context, p *program, args []string, o askDocsOptions) error {
	question := strings.TrimSpace(strings.Join(args, " "))
	if question == "" {
		return usageError{"ask", "there is no question."}
	}
	if err := checkText("the question", question); err != nil {
		return tell(err)
	}
	in := docsAskIn{Query: question, Library: o.library, Model: p.cfg.Model}
	switch {
	case o.generate && o.extract:
		return usageError{"ask", "--generate has a model write the answer, --extract asks none: give one of them."}
	case o.generate:
		in.Way = grounded.Generate
	case o.extract:
		in.Way = grounded.Extract
	}
	ctx, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	context.AfterFunc(ctx, release) // a second Ctrl-C ends the program at once
	d, of, err := openAsking(ctx, p, &in)
	if err != nil {
		return stoppedOr(ctx, err)
	}
	defer d.close()
	for _, prefix := range o.whole {
		x, err := findDocument().at(ctx, d, prefix)
		if err != nil {
			return err
		}
		in.Whole = append(in.Whole, x.ID)
	}
	shown := &groundedAnswer{p: p, json: o.json}
	err = askDocuments(of).at(ctx, d, in, shown.step)
	if shown.meter != nil {
		shown.meter.end()
	}
	if err != nil {
		return stoppedOr(ctx, err)
	}
	return shown.end()
}

// openAsking opens a desk, and the engine's rooms too where a model is to answer
// and no serve runs.
func openAsking(ctx context.Context, p *program, in *docsAskIn) (*desk, func() grounded.Chat, error) {
	if c, err := connect(ctx, p.cfg.Folders.Socket()); err != nil {
		return nil, nil, err
	} else if c != nil {
		d, err := remoteDesk(p)
		if shelf, no := models.OpenShelf(p.cfg.Folders.Models); no == nil {
			mannered(p, in, shelf)
		}
		return d, nil, err
	}
	if !isHome(p.cfg.Folders) {
		return nil, nil, told{errNobody, failed}
	}
	shelf, err := models.OpenShelf(p.cfg.Folders.Models)
	if err != nil {
		return nil, nil, tell(err)
	}
	m, err := mannered(p, in, shelf)
	if err != nil && !errors.Is(err, models.ErrEmpty) {
		return nil, nil, tell(err)
	}
	if in.Way == grounded.Generate || in.Way == grounded.Usual && m.Parameters >= grounded.LeastReading {
		return openGenerating(ctx, p)
	}
	d, derr := openDesk(ctx, p)
	return d, func() grounded.Chat {
		if err != nil { // no model is here
			return nil
		}
		return chat.New(nil, nameplates{shelf, p.cfg.Models, m.Name}) // tells models, and none is asked
	}, derr
}

// mannered finds the model that will answer, and asks it in the manner of one of
// its size.
func mannered(p *program, in *docsAskIn, shelf *models.Shelf) (models.Passport, error) {
	m, err := findModel(shelf, p.cfg.meant(p.cfg.Model))
	if err == nil {
		how := mannerFor(p.cfg, m)
		in.Temperature, in.TopP, in.MaxTokens = how.options.Temperature, how.options.TopP, p.cfg.Models[m.Name].MaxTokens
	}
	return m, err
}

// openGenerating opens everything in this process: the engine's rooms, and the
// vault of whoever asks.
func openGenerating(ctx context.Context, p *program) (*desk, func() grounded.Chat, error) {
	r, err := openRooms(ctx, p, true)
	if err != nil {
		return nil, nil, err
	}
	o := atWork(ctx, p, r)
	h, err := openHomeFor(ctx, p, &deskOptions{homeOptions: homeOptions{rooms: r}})
	if err != nil {
		return nil, nil, o.shut(err)
	}
	o.live(h)
	if err := o.start(); err != nil {
		return nil, nil, o.shut(err)
	}
	d := &desk{home: h, close: func() { _ = o.shut(nil) }} // what goes wrong is for the log
	if d.session, err = unlock(ctx, p, h.people, deskOptions{}); err != nil {
		return nil, nil, o.shut(err)
	}
	named := nameplates{r.shelf, p.cfg.Models, cmp.Or(r.model.Name, p.cfg.meant(p.cfg.Model))}
	return d, func() grounded.Chat { return chat.New(r.engine, named).WithDefaults(named.defaults) }, nil
}

// groundedAnswer shows an answer as it comes.
type groundedAnswer struct {
	p         *program
	json      bool
	sources   sourcesJSON
	sentences []sentenceJSON
	outcome   endJSON
	notes     int    // that were said
	meter     *meter // of the passages that a model reads
}

func (a *groundedAnswer) step(s docsStep) error {
	switch {
	case s.Sources != nil:
		if a.meter != nil {
			a.meter.end()
		}
		again := a.sources.Passages != nil && !a.sources.Weighing
		a.sources = *s.Sources
		switch {
		case a.json:
		case a.sources.Weighing:
			a.weighing()
		case a.sources.Model != "":
			return a.reading(again)
		}
	case s.Weighed != nil:
		if a.meter != nil {
			a.meter.steps(s.Weighed.Done, s.Weighed.Of, "")
		}
	case s.Sentence != nil:
		a.sentences = append(a.sentences, *s.Sentence)
		if !a.json {
			return a.sentence(*s.Sentence)
		}
	case s.Outcome != nil:
		a.outcome = *s.Outcome
	}
	return nil
}

// weighing shows that a model reads what was found, passage by passage.
func (a *groundedAnswer) weighing() {
	a.remark()
	a.meter = newMeter(a.p.screen, false)
	a.meter.begin(cleanLine(a.sources.Model) + " reads what was found")
}

// reading says what a model is given.
func (a *groundedAnswer) reading(again bool) error {
	out, s := a.p.screen.out, a.p.screen
	what := fmt.Sprintf("%s reads:", cleanLine(a.sources.Model))
	if again {
		what = "That was more than it can look at. It reads:"
	}
	fmt.Fprintln(out, s.dim(what))
	for _, x := range a.sources.Passages {
		if _, err := fmt.Fprintln(out, s.dim(fmt.Sprintf("[%d] %s", x.N, s.originLine(x)))); err != nil {
			return err
		}
		for _, b := range x.Badges {
			fmt.Fprintln(out, s.dim("    ! "+cleanLine(b)))
		}
	}
	a.remark()
	_, err := fmt.Fprintln(out)
	return err
}

func (a *groundedAnswer) remark() {
	for _, n := range a.sources.Notes[min(a.notes, len(a.sources.Notes)):] {
		a.p.screen.say(n)
	}
	a.notes = len(a.sources.Notes)
}

// sentence shows one, and its quotations in the documents' own words.
func (a *groundedAnswer) sentence(x sentenceJSON) error {
	s := a.p.screen
	line := cleanLine(x.Text)
	for _, q := range x.Quotes {
		line += fmt.Sprintf(" [%d]", q.N)
	}
	if !x.Supported {
		line = "(unsupported) " + line + " " + s.dim("("+cleanLine(x.Why)+")")
	}
	if err := a.put(line, ""); err != nil {
		return err
	}
	for _, q := range x.Quotes {
		if err := a.put(s.dim(fmt.Sprintf("    [%d] “%s”", q.N, cleanLine(strings.Join(strings.Fields(q.Text), " ")))), "        "); err != nil {
			return err
		}
	}
	return nil
}

func (a *groundedAnswer) put(line, indent string) error {
	if width := a.p.screen.wrapWidth(); width > 0 {
		line = wrapped(line, width-1, indent)
	}
	_, err := fmt.Fprintln(a.p.screen.out, line)
	return err
}

// end says how it ended, with the passages where they stand for themselves.
func (a *groundedAnswer) end() error {
	if a.json {
		if a.sentences == nil {
			a.sentences = []sentenceJSON{}
		}
		if err := printJSON(a.p.screen.out, groundedJSON{a.sources, a.sentences, a.outcome}); err != nil {
			return err
		}
		return a.p.docsDamaged(a.sources.Damage)
	}
	a.remark()
	out := a.p.screen.out
	o, passages := a.outcome, a.sources.Passages
	switch {
	case o.Kind == grounded.NotFound && len(passages) == 0:
		fmt.Fprintln(out, "Not in your documents: no passage has a word of the question.")
	case o.Kind == grounded.NotFound:
		fmt.Fprintf(out, "Not in your documents. %s\n", cleanLine(o.Why))
	case o.Kind == grounded.Unsupported:
		fmt.Fprintf(out, "Not supported by your documents. %s\n", cleanLine(o.Why))
	}
	if o.Kind == grounded.NotFound { // a part of why, so it comes before what is nearest
		a.p.sayWordsOnly(a.sources.WordsOnly)
	}
	if o.Kind != grounded.Answered {
		if err := a.passages(); err != nil {
			return err
		}
	}
	if err := a.conflicts(); err != nil {
		return err
	}
	switch {
	case o.Kind == grounded.Extractive:
		fmt.Fprintln(out)
		a.p.screen.say("These are passages of your documents, word for word. " + o.Why)
		if o.Small {
			a.p.screen.say("`abaton ask --docs --generate` has it write an answer all the same, and marks what no passage supports.")
		}
	case o.Cut && o.Sentences > 0:
		a.p.screen.complain("the answer was cut off.")
	}
	if o.Model != "" && o.Small {
		a.p.screen.say(fmt.Sprintf("You asked %s all the same, which has fewer than 3,000,000,000 parameters: small models invent. What stands in quotation marks is from your documents, nothing else is.", cleanLine(o.Model)))
	}
	if o.Withheld > 0 {
		a.p.screen.say(fmt.Sprintf("%s not shown, for what was written had too little support.", counted(o.Withheld, "sentence")))
	}
	if o.Kind != grounded.NotFound {
		a.p.sayWordsOnly(a.sources.WordsOnly)
	}
	return a.p.docsDamaged(a.sources.Damage)
}
