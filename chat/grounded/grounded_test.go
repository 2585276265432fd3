package grounded

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/library/cite"
	"abaton.local/vault"
)

const lease = "# Lease\n\nThe flat is let to Ada from 1 May 2026.\n\n## Notice\n\nThe notice period for the flat is three months.\n\nIt begins on the first day of a month.\n\n## Rent\n\nThe rent for the flat is 950 euros a month, due on the third.\n"

const noticeQuestion = "What is the notice period for the flat?"

func TestAnAnswerIsHeldAgainstItsPassages(t *testing.T) {
	d := documents(t, file{"house", "/home/ada/lease.md", lease}, file{"house", "/home/ada/cats.txt", "Cats sleep for sixteen hours."})
	f := &fake{say: saying(
		sentence("You can leave with three months' notice.", cite.Quote{Passage: 1, Text: "the notice period for the flat is THREE months"}),
		sentence("It costs 900 euros.", cite.Quote{Passage: 2, Text: "The rent for the flat is 950 euros a month"}),
		sentence("You can leave with nine months' notice.", cite.Quote{Passage: 1, Text: "the notice period for the flat is THREE months"}),
		sentence("The rent is 950 euros, says (7).", cite.Quote{Passage: 1, Text: "The rent for the flat is 950 euros a month"}),
		sentence("The landlord is kind.", cite.Quote{Passage: 1, Text: "The landlord is a kind person of good standing"}),
		sentence("You can leave with three months' notice.", cite.Quote{Passage: 1, Text: "the notice period for the flat is THREE months"}),
		sentence("The flat is let from May 2026 on [1].", cite.Quote{Passage: 1, Text: "let to Ada from 1 May 2026"}),
		sentence("It begins on the first day.", cite.Quote{Passage: 1, Text: "It begins on the first day of a month."}),
		sentence("The rent is 950 euros.", cite.Quote{Passage: 9, Text: "The rent for the flat is 950 euros a month"}),
	)}
	g := asked(t, large, f, d, Question{Text: noticeQuestion})
	if g.err != nil {
		t.Fatal(g.err)
	}
	var lines []string
	for _, s := range g.sentences {
		var line strings.Builder
		line.WriteString(fmt.Sprintf("%t %s %s", s.Supported, s.Text, s.Why))
		for _, q := range s.Quotes {
			line.WriteString(fmt.Sprintf(" [%s %t]", q.Text, q.Exact))
		}
		lines = append(lines, line.String())
	}
	want := []string{
		"true You can leave with three months' notice.  [The notice period for the flat is three months true]",
		"false It costs 900 euros. The number 900 stands in none of its quotations. [The rent for the flat is 950 euros a month true]",
		"false You can leave with nine months' notice. The number nine stands in none of its quotations. [The notice period for the flat is three months true]",
		"false The rent is 950 euros, says (7). The number 7 stands in none of its quotations. [The rent for the flat is 950 euros a month true]",
		"false The landlord is kind. What it quotes stands in none of the passages.",
		"true The flat is let from May 2026 on [1].  [let to Ada from 1 May 2026 true]",
		"true It begins on the first day.  [It begins on the first day of a month true]",
		"true The rent is 950 euros.  [The rent for the flat is 950 euros a month true]",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("%s", strings.Join(lines, "\n"))
	}
	if o := g.outcome; o.Kind != Answered || o.Sentences != 8 || o.Supported != 4 || o.Withheld != 0 || o.Model != "large" || o.Small || o.Usage.AnswerTokens != 3 {
		t.Errorf("%+v", o)
	}
	p := g.last().Passages[0]
	if p.Document.Name != "lease.md" || p.Origin.String() != "own file" || p.Label != Library || len(p.Found) == 0 || !strings.Contains(p.Text, "first day of a month") {
		t.Errorf("%+v", p)
	}
}

func TestHowAnswersEnd(t *testing.T) {
	d := documents(t, file{"house", "/home/ada/lease.md", lease})
	good := sentence("Three months.", cite.Quote{Passage: 1, Text: "The notice period for the flat is three months"})
	bad := func(n int) cite.Sentence { return sentence(strings.Repeat("Made up ", n) + ".") }
	for name, c := range map[string]struct {
		model one
		q     Question
		say   func(engine.Prompt) string
		kind  Kind
		shown int
		why   string
		asked int
	}{
		"answered":             {large, Question{Text: noticeQuestion}, saying(good), Answered, 1, "", 1},
		"half of it":           {large, Question{Text: noticeQuestion}, saying(good, bad(1)), Answered, 2, "", 1},
		"less than half":       {large, Question{Text: noticeQuestion}, saying(bad(1), good, bad(2)), Unsupported, 2, "Fewer than half", 1},
		"nothing supported":    {large, Question{Text: noticeQuestion}, saying(bad(1), bad(2)), Unsupported, 0, "Fewer than half", 1},
		"nothing found":        {large, Question{Text: noticeQuestion}, saying(), NotFound, 0, "found no answer in these passages", 1},
		"below the gate":       {large, Question{Text: "Who repairs the rusty propellers of nuclear submarines that dive under Antarctic glaciers each winter for the lease?"}, saying(good), NotFound, 0, "nearest", 0},
		"not a word":           {large, Question{Text: "zebra quagga"}, saying(good), NotFound, 0, "No passage has a word", 0},
		"a small model":        {tiny, Question{Text: noticeQuestion}, saying(good), Extractive, 0, "small models invent", 0},
		"a small model, asked": {tiny, Question{Text: noticeQuestion, Way: Generate}, saying(good), Answered, 1, "", 1},
		"passages alone":       {large, Question{Text: noticeQuestion, Way: Extract}, saying(good), Extractive, 0, "passages alone", 0},
		"another form":         {large, Question{Text: noticeQuestion}, func(engine.Prompt) string { return "Three months, trust me." }, Unsupported, 0, "another form", 1},
		"half of a form": {large, Question{Text: noticeQuestion}, func(engine.Prompt) string {
			return `{"answer":[{"quotes":[{"passage":1,"quote":"The notice period for the flat is three months"}],"sentence":"Three months."},{"quotes":[`
		}, Answered, 1, "", 1},
		"cut at once": {large, Question{Text: noticeQuestion}, func(engine.Prompt) string { return `{"answer":[{"quo` }, Unsupported, 0, "ended before", 1},
	} {
		f := &fake{say: c.say}
		g := asked(t, c.model, f, d, c.q)
		if g.err != nil {
			t.Errorf("%s: %v", name, g.err)
			continue
		}
		if o := g.outcome; o.Kind != c.kind || len(g.sentences) != c.shown || !strings.Contains(o.Why, c.why) || c.why == "" && o.Why != "" || len(f.heard) != c.asked {
			t.Errorf("%s: %+v, %d sentences, asked %d times", name, o, len(g.sentences), len(f.heard))
		}
		if o := g.outcome; o.Small != (c.model.Name == "tiny") || (g.last().Model != "") != (c.asked > 0) {
			t.Errorf("%s: said to be by %q, small %t", name, g.last().Model, o.Small)
		}
	}
}

func TestFaultsAreTold(t *testing.T) {
	d := documents(t, file{"house", "/lease.md", lease})
	crash := &engine.Fault{Kind: engine.Crashed, What: "It crashed.", Do: "Ask again."}
	g := asked(t, large, &fake{fails: func(engine.Prompt) error { return crash }}, d, Question{Text: noticeQuestion})
	if !errors.Is(g.err, crash) || len(g.sources) != 1 {
		t.Errorf("%v with %d sources", g.err, len(g.sources))
	}
	if g := asked(t, large, &fake{}, d, Question{Text: noticeQuestion, Model: "lagre"}); g.err == nil || len(g.sources) != 0 {
		t.Errorf("an unknown model: %+v", g)
	}
	if g := asked(t, large, &fake{}, d, Question{Text: "  "}); !errors.Is(g.err, ErrNoQuestion) {
		t.Error(g.err)
	}
	if g := asked(t, large, &fake{}, d, Question{Text: noticeQuestion, Libraries: []vault.ID{vault.NewID()}}); !errors.Is(g.err, library.ErrNoLibrary) {
		t.Error(g.err)
	}
	if g := asked(t, large, &fake{}, d, Question{Text: noticeQuestion, Whole: []vault.ID{vault.NewID()}}); !errors.Is(g.err, library.ErrUnknown) {
		t.Error(g.err)
	}
	for e, err := range New(nil).Answer(t.Context(), ada, d, Question{Text: noticeQuestion}) {
		if err != nil || e.Outcome != nil && e.Outcome.Kind != Extractive {
			t.Errorf("without a chat: %+v, %v", e.Outcome, err)
		}
	}
}

// Leaving early ends the work behind.
func TestLeaving(t *testing.T) {
	d := documents(t, file{"house", "/lease.md", lease})
	for range New(chat.New(&fake{say: saying()}, large)).Answer(t.Context(), ada, d, Question{Text: noticeQuestion}) {
		break
	}
}

// A passage is read with what stands around it in its section, as far as the
// model can look, and less of it where that is too much.
func TestLessIsReadWhereItDoesNotFit(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Notice\n\n")
	for i := range 60 {
		fmt.Fprintf(&b, "Clause %d of this part says %s.\n\n", i, strings.Repeat("one thing and another ", 40))
		if i == 30 {
			b.WriteString("The notice period for the flat is three months, and giraffes know it. " + strings.Repeat("So it is written here. ", 40) + "\n\n")
		}
	}
	d := documents(t, file{"house", "/long.md", b.String()})
	window := 2000
	f := &fake{say: saying(sentence("Three months.", cite.Quote{Passage: 1, Text: "The notice period for the flat is three months"})), fails: func(p engine.Prompt) error {
		if n := len(p.Messages[1].Content) / 4; n > window {
			return &engine.Fault{Kind: engine.TooLong, What: "Too long.", Do: "Ask less.", Tokens: n, Window: window}
		}
		return nil
	}}
	g := asked(t, large, f, d, Question{Text: "What is the notice period that giraffes know?"})
	if g.err != nil || g.outcome.Kind != Answered || len(g.sources) < 2 {
		t.Fatalf("%v, %+v after %d tries", g.err, g.outcome, len(g.sources))
	}
	for i, s := range g.sources {
		n := 0
		for _, p := range s.Passages {
			n += len(p.Text)
			if !strings.Contains(flat(b.String()), flat(p.Text)) {
				t.Error("a passage is not of the document")
			}
			for _, at := range p.Found {
				if at.End > len(p.Text) || at.Start >= at.End {
					t.Errorf("%v of %d", at, len(p.Text))
				}
			}
		}
		if p := s.Passages[0]; i == 0 && p.Past-p.First < 3 {
			t.Errorf("nothing stands around it: %d to %d", p.First, p.Past)
		}
	}
}

func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestWhole(t *testing.T) {
	d := documents(t, file{"house", "/lease.md", lease}, file{"house", "/other.md", "# Other\n\nThe notice period for the garage is one month."},
		file{"house", "/book.txt", strings.Repeat("All work and no play makes a long book. ", 3000)})
	list, err := d.Documents(vault.ID{})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]vault.ID{}
	for _, x := range list {
		ids[x.Name] = x.ID
	}
	f := &fake{say: saying(sentence("950 euros.", cite.Quote{Passage: 1, Text: "The rent for the flat is 950 euros a month"}))}
	g := asked(t, large, f, d, Question{Text: "What would a tenant have to know?", Whole: []vault.ID{ids["lease.md"], ids["other.md"]}})
	if g.err != nil || g.outcome.Kind != Answered || len(g.last().Passages) != 2 || !g.last().Compare {
		t.Fatalf("%v %+v", g.err, g.outcome)
	}
	if p := g.last().Passages[0]; !p.Whole || !strings.Contains(p.Text, "due on the third") || !strings.Contains(p.Text, "let to Ada") || p.Library != "house" {
		t.Errorf("%+v", p)
	}
	if p := g.last().Passages[0]; p.Heading != "" || p.Text != "Lease\nThe flat is let to Ada from 1 May 2026.\n\nNotice\nThe notice period for the flat is three months.\n\nIt begins on the first day of a month.\n\nRent\nThe rent for the flat is 950 euros a month, due on the third." {
		t.Errorf("its titles stand elsewhere: %q %q", p.Heading, p.Text)
	}
	g = asked(t, large, f, d, Question{Text: noticeQuestion, Whole: []vault.ID{ids["book.txt"]}})
	if g.err != nil || len(g.last().Notes) == 0 || !strings.Contains(g.last().Notes[0], "longer than the model can look at") {
		t.Errorf("%v %+v", g.err, g.last().Notes)
	}
}

func TestComparison(t *testing.T) {
	d := documents(t, file{"house", "/lease paris.md", "# Lease\n\nThe notice period for the flat is three months."},
		file{"house", "/lease lyon.md", "# Lease\n\nThe notice period for the flat is two months."}, file{"house", "/garage.md", "# Box\n\nCars stand in it. Notice how dry it is."})
	f := &fake{say: saying(sentence("They differ.", cite.Quote{Passage: 1, Text: "The notice period for the flat is"}))}
	g := asked(t, large, f, d, Question{Text: noticeQuestion})
	c := g.last().Conflicts
	if len(c) != 1 {
		t.Fatalf("%d conflicts", len(c))
	}
	var said []string
	for _, at := range []At{c[0].A, c[0].B} {
		said = append(said, g.last().Passages[at.Passage-1].Text[at.Start:at.End])
	}
	slices.Sort(said)
	if said[0] != "The notice period for the flat is three months." || said[1] != "The notice period for the flat is two months." {
		t.Errorf("%q", said)
	}
	if g.last().Compare {
		t.Error("nothing was to be compared")
	}
	// Documents that are alike differ in much: what was asked for is told.
	d = documents(t, file{"house", "/lease paris.md", lease}, file{"house", "/lease lyon.md", strings.NewReplacer("three", "two", "950", "720", "third", "first").Replace(lease)})
	var all []vault.ID
	list, err := d.Documents(vault.ID{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		all = append(all, x.ID)
	}
	for question, want := range map[string]int{noticeQuestion: 1, "Compare lease paris and lease lyon": 2} {
		if g := asked(t, large, f, d, Question{Text: question, Way: Extract, Whole: all}); len(g.last().Conflicts) != want {
			t.Errorf("%s: %+v", question, g.last().Conflicts)
		}
	}
	d = documents(t, file{"house", "/lease paris.md", "# Lease\n\nThe notice period for the flat is three months."},
		file{"house", "/lease lyon.md", "# Lease\n\nThe notice period for the flat is two months."}, file{"house", "/garage.md", "# Box\n\nCars stand in it. Notice how dry it is."})
	g = asked(t, large, f, d, Question{Text: "How do lease paris, lease lyon and garage.md put the notice period for the flat?"})
	var names []string
	for _, p := range g.last().Passages {
		names = append(names, p.Document.Name)
	}
	slices.Sort(names)
	if !g.last().Compare || !slices.Equal(names, []string{"garage.md", "lease lyon.md", "lease paris.md"}) {
		t.Errorf("%t %q", g.last().Compare, names)
	}
}

// The quick look at a file's name misses no name that stands in a question.
func TestFirstWord(t *testing.T) {
	for _, name := range []string{"lease paris.md", "Re_ Bail — 2024.eml", "İstanbul notes.txt", "(copie) Été.odt", "ﬁnal.txt", "7_days.csv", "ÅNGSTRÖM", "...", "", "日本 語.txt", "a\u0301b.txt"} {
		first, _, _ := strings.Cut(spaced(name), " ")
		if got := firstWord(name); got != first {
			t.Errorf("%q begins with %q, not with %q", name, first, got)
		}
	}
}

// A follow-up leans on what the person said before, and on nothing else.
func TestFollowUps(t *testing.T) {
	d := documents(t, file{"house", "/lease.md", lease})
	f := &fake{say: saying()}
	g := asked(t, large, f, d, Question{Text: "And when does it begin?", Said: []string{noticeQuestion}})
	if g.err != nil || !g.sources[0].Enough || len(f.heard) != 1 || !strings.Contains(f.heard[0].Messages[1].Content, noticeQuestion) {
		t.Fatalf("%v %+v", g.err, g.outcome)
	}
	_ = asked(t, large, f, d, Question{Text: "What does the rent for the flat amount to in euros a month please?", Said: []string{"Tell me of elephants"}})
	if strings.Contains(f.heard[1].Messages[1].Content, "elephants") {
		t.Error("an earlier question went along that this one does not lean on")
	}
}
