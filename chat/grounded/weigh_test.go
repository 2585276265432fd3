package grounded

import (
	"fmt"
	"strings"
	"testing"

	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/library/cite"
	"abaton.local/models"
)

// measured is the model of which it is known what its word is worth.
func measured(t *testing.T, parameters uint64) one {
	t.Helper()
	d, err := models.ParseDigest("cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046")
	if err != nil {
		t.Fatal(err)
	}
	return one{Name: "measured", Digest: d, Parameters: parameters, ContextLength: 32768}
}

// flats are documents that all speak of notice for a flat, and one of a mill that says
// how long it is.
func flats(t *testing.T) *library.Libraries {
	t.Helper()
	files := []file{{"house", "/mill.md", "# Mill\n\nWhoever leaves the mill says so nine weeks before; that is its notice period.\n"}}
	for i, text := range []string{"is to be agreed with whoever owns it", "depends on the season and the weather", "was asked for by the tenants' club", "stands in the contract, which burned",
		"has been longer before the war", "is a matter of courtesy among friends", "shall be settled by the court in Leeds"} {
		files = append(files, file{"house", fmt.Sprintf("/flat-%d.md", i), fmt.Sprintf("# Letter\n\nThe notice period for the flat %s.\n", text)})
	}
	return documents(t, files...)
}

// surest gives a passage with a word so much, and any other so little.
func surest(word string, much, little float64) func(engine.Prompt) float64 {
	return func(p engine.Prompt) float64 {
		passage, _, _ := strings.Cut(p.Messages[1].Content, "The passage ends here.")
		if strings.Contains(passage, word) {
			return much
		}
		return little
	}
}

func TestWhatAnswersComesFirst(t *testing.T) {
	d := flats(t)
	const asks = noticeQuestion
	say := saying(sentence("Nine weeks.", cite.Quote{Passage: 1, Text: "Whoever leaves the mill says so nine weeks before"}))
	first := asked(t, large, &fake{say: say}, d, Question{Text: asks, Way: Extract})
	before := first.last().Passages
	if before[0].Document.Name == "mill.md" {
		t.Fatal("nothing is to be put in order")
	}
	f := &fake{say: say, sure: surest("mill", 2, -2)}
	g := asked(t, large, f, d, Question{Text: asks, Options: engine.Options{Tools: []engine.Tool{{Name: "send_mail"}}}})
	if g.err != nil || g.outcome.Kind != Answered || len(f.heard) != 1 {
		t.Fatalf("%+v, %v, asked %d times", g.outcome, g.err, len(f.heard))
	}
	if first := g.sources[0]; !first.Weighing || first.Model != "large" || len(first.Passages) != len(f.read) || first.Notes[0] != noTools {
		t.Errorf("first came %+v", first)
	}
	last := g.last()
	if last.Weighing || last.Passages[0].Document.Name != "mill.md" || last.Passages[0].N != 1 || len(last.Passages) != mostRead || g.sentences[0].Quotes[0].Passage != 1 {
		t.Errorf("last came %+v", last)
	}
	for i, p := range g.weighed {
		if p != (Progress{i + 1, len(f.read)}) {
			t.Errorf("%+v", g.weighed)
		}
	}
	if u := g.outcome.Usage; u.PromptTokens != 7*len(f.read)+9 || u.AnswerTokens != len(f.read)+3 {
		t.Errorf("%+v for %d passages", u, len(f.read))
	}
	for _, p := range f.read {
		if p.Keep || len(p.Options.Tools) > 0 || p.Options.MaxTokens != 1 || strings.Count(p.Messages[1].Content, "Passage (from") != 1 || strings.Contains(p.Messages[0].Content, "notice") {
			t.Errorf("a passage is judged with %+v", p)
		}
	}
	// Among many that say nothing of it, one that answers is enough.
	f = &fake{say: say, sure: surest("mill", 2, -9)}
	if g = asked(t, measured(t, 1_800_000_000), f, d, Question{Text: asks}); g.outcome.Kind != Extractive || g.last().Passages[0].Document.Name != "mill.md" {
		t.Errorf("%+v", g.outcome)
	}
	// One that says neither yes nor no changes nothing.
	if g = asked(t, large, &fake{say: say}, d, Question{Text: asks}); g.last().Passages[0].Document.Name != before[0].Document.Name {
		t.Errorf("%+v", g.last())
	}
}

// A document that praises itself is read first, and takes no more places for it.
func TestPraiseBuysNoPlaces(t *testing.T) {
	var text strings.Builder
	text.WriteString("# Offer\n\n")
	for i := range 9 {
		text.WriteString(fmt.Sprintf("## Part %d\n\nThe notice period for the flat is best asked of us, says part %d. %s\n\n", i, i, strings.Repeat("We are the best house there is. ", 30)))
	}
	var files []file
	for i, text := range []string{"is two weeks, says the bank", "was once a month for farmers", "will be long in winter"} {
		files = append(files, file{"house", fmt.Sprintf("/flat-%d.md", i), "# Letter\n\nThe notice period for the flat " + text + ".\n"})
	}
	f := &fake{say: saying(), sure: surest("best", 9, -1)}
	g := asked(t, large, f, documents(t, append(files, file{"house", "/offer.md", text.String()})...), Question{Text: noticeQuestion})
	of := 0
	for _, p := range g.last().Passages {
		if p.Document.Name == "offer.md" {
			of++
		}
	}
	if of == 0 || of > mostOfOne || len(g.last().Passages) <= of {
		t.Errorf("%d of %d passages are its", of, len(g.last().Passages))
	}
}

func TestWhoReadsAndWhoWrites(t *testing.T) {
	d := documents(t, file{"house", "/lease.md", lease})
	good := saying(sentence("Three months.", cite.Quote{Passage: 1, Text: "The notice period for the flat is three months"}))
	const far = "Who repairs the rusty propellers of nuclear submarines that dive under Antarctic glaciers each winter for the lease?"
	for name, c := range map[string]struct {
		model        one
		text         string
		way          Way
		sure         float64
		kind         Kind
		why          string
		reads, wrote bool
	}{
		"a model of middle size reads":         {measured(t, 1_800_000_000), noticeQuestion, Usual, 1, Extractive, "those that it finds to answer come first", true, false},
		"asked to, it writes, too":             {measured(t, 1_800_000_000), noticeQuestion, Generate, 1, Answered, "", true, true},
		"nothing that it finds to answer":      {measured(t, 1_800_000_000), noticeQuestion, Usual, -2, NotFound, "measured read 1 passages and finds the answer in none", true, false},
		"nor for a larger one":                 {measured(t, 4_000_000_000), noticeQuestion, Usual, -2, NotFound, "finds the answer in none", true, false},
		"its word counts, and the gate's not":  {measured(t, 4_000_000_000), far, Usual, 1, Answered, "", true, true},
		"unmeasured, the gate's counts":        {large, far, Usual, 1, NotFound, "These are the nearest", false, false},
		"a small one reads nothing":            {tiny, noticeQuestion, Usual, 1, Extractive, "small models invent", false, false},
		"not even where it is asked to write":  {tiny, noticeQuestion, Generate, 1, Answered, "", false, true},
		"nor any where passages are asked for": {measured(t, 4_000_000_000), noticeQuestion, Extract, 1, Extractive, "You asked for passages alone", false, false},
	} {
		f := &fake{say: good, sure: func(engine.Prompt) float64 { return c.sure }}
		g := asked(t, c.model, f, d, Question{Text: c.text, Way: c.way})
		if g.err != nil {
			t.Errorf("%s: %v", name, g.err)
			continue
		}
		if o := g.outcome; o.Kind != c.kind || !strings.Contains(o.Why, c.why) || len(f.read) > 0 != c.reads || len(f.heard) > 0 != c.wrote || (o.Model != "") != c.wrote {
			t.Errorf("%s: %+v, read %d, wrote %d", name, o, len(f.read), len(f.heard))
		}
		if s := g.last(); (s.Model != "") != c.wrote || s.Enough == (c.kind == NotFound) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// One passage of which nothing is heard, whatever is in it, keeps no other from being read.
func TestAPassageThatIsNotJudged(t *testing.T) {
	d := flats(t)
	for _, kind := range []engine.Kind{engine.TooLong, engine.BadRequest, engine.Poison} {
		f := &fake{sure: surest("mill", 2, -2), fails: func(p engine.Prompt) error {
			if strings.Contains(p.Messages[1].Content, "courtesy") {
				return &engine.Fault{Kind: kind, What: "It cannot be read.", Do: "Leave it out."}
			}
			return nil
		}}
		g := asked(t, measured(t, 1_800_000_000), f, d, Question{Text: noticeQuestion})
		if g.err != nil || g.outcome.Kind != Extractive || g.last().Passages[0].Document.Name != "mill.md" || g.last().Passages[7].Document.Name != "flat-5.md" {
			t.Errorf("%s: %+v, %v", kind, g.outcome, g.err)
		}
	}
}

// Where the passages are the answer, an engine that fails takes it from nobody.
func TestAnEngineThatReadsNothing(t *testing.T) {
	f := &fake{fails: func(engine.Prompt) error {
		return &engine.Fault{Kind: engine.NoMemory, What: "It is too large.", Do: "Use another."}
	}}
	g := asked(t, measured(t, 1_800_000_000), f, flats(t), Question{Text: noticeQuestion})
	if g.err != nil || g.outcome.Kind != Extractive || len(f.read) != 1 || len(g.last().Notes) != 1 || !strings.Contains(g.last().Notes[0], "It is too large. Use another.") {
		t.Errorf("%+v, %v, %q", g.outcome, g.err, g.last().Notes)
	}
	if g = asked(t, measured(t, 4_000_000_000), f, flats(t), Question{Text: noticeQuestion}); g.err == nil {
		t.Errorf("%+v", g.outcome)
	}
}

// A window that is too small for a passage is no reason to answer nothing.
func TestAPassageTooLongToJudge(t *testing.T) {
	f := &fake{say: saying(sentence("Three months.", cite.Quote{Passage: 1, Text: "The notice period for the flat is three months"})),
		fails: func(p engine.Prompt) error {
			if p.Options.LogProbs > 0 {
				return &engine.Fault{Kind: engine.TooLong, What: "It is too long.", Do: "Ask for less.", Tokens: 9, Window: 5}
			}
			return nil
		}}
	if g := asked(t, measured(t, 4_000_000_000), f, documents(t, file{"house", "/lease.md", lease}), Question{Text: noticeQuestion}); g.err != nil || g.outcome.Kind != Answered {
		t.Errorf("%+v, %v", g.outcome, g.err)
	}
}

// Of a passage that was widened what was found is shown, from the first of it to the last.
func TestShown(t *testing.T) {
	for want, p := range map[string]Passage{
		"all of it": {Text: "all of it"},
		"one":       {Text: "before one behind", Found: []Span{{7, 10}}},
		"one, two":  {Text: "before one, two behind", Found: []Span{{12, 15}, {7, 10}}},
	} {
		if got := p.Shown(); got != want {
			t.Errorf("%q is shown, %q was found", got, want)
		}
	}
}

// Nor is one that is too small for any passage once they were judged: they are shown in
// the order that the model gave them, as is said.
func TestATooSmallWindowAfterReading(t *testing.T) {
	var files []file
	for i, text := range []string{"flat", "flat on the left", "flat above", "mill"} {
		files = append(files, file{"house", fmt.Sprintf("/%d.md", i), "# Letter\n\nThe notice period for the " + text + " is long. " + strings.Repeat("Nobody knows "+text+" better than whoever lives there. ", 20) + "\n"})
	}
	f := &fake{sure: surest("mill", 2, -2), fails: func(p engine.Prompt) error {
		if p.Options.LogProbs > 0 {
			return nil
		}
		return &engine.Fault{Kind: engine.TooLong, What: "It is too long.", Do: "Ask for less.", Tokens: 9000, Window: 500}
	}}
	g := asked(t, large, f, documents(t, files...), Question{Text: noticeQuestion})
	if g.err != nil || g.outcome.Kind != Extractive || !strings.Contains(g.outcome.Why, "too little for even one") || !strings.Contains(g.outcome.Why, "come first") {
		t.Fatalf("%+v, %v", g.outcome, g.err)
	}
	if list := g.last().Passages; list[0].Document.Name != "3.md" || list[0].N != 1 || len(list) != len(files) {
		t.Errorf("%+v", list)
	}
}
