package main

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abaton.local/chat"
	"abaton.local/chat/grounded"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/models"
	"abaton.local/vault"
)

// saysSo is a chat with one model, which says the same each time.
type saysSo struct {
	model models.Passport
	says  string
}

func (o saysSo) Prompt(vault.Session, chat.Ask) (engine.Prompt, models.Passport, error) {
	return engine.Prompt{}, o.model, nil
}

func (o saysSo) Answer(context.Context, vault.Session, chat.Ask) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		yield(chat.Event{Model: o.model.Name, Delta: engine.Delta{Text: o.says, Finish: engine.Stopped}}, nil)
	}
}

// TestAskingDocuments: at a desk, as it is shown to a person and to a program.
func TestAskingDocuments(t *testing.T) {
	d := deskOfAda(t)
	d.home.shelves = map[vault.PersonID]*shelved{}
	d.home.parse = func(_ context.Context, src parse.Source) (x parse.Document, err error) {
		x.Result, err = parse.Parse(src, parse.Limits{}, x.Collect())
		return x, err
	}
	x, err := d.home.libraries(t.Context(), d.session)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"paris.md": "# Lease\n\nThe notice period for the flat is three months.", "lyon.md": "# Lease\n\nThe notice period for the flat is two months."} {
		if _, err := x.Add(t.Context(), library.File{Library: "house", Path: "/" + name, Name: name, Data: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	says := `{"answer":[{"quotes":[{"passage":1,"quote":"The notice period for the flat is three months"}],"sentence":"Three months.\u001b\u009b"},{"quotes":[],"sentence":"So it is."}]}`
	for name, c := range map[string]struct {
		model saysSo
		in    docsAskIn
		want  []string
		not   []string
	}{
		"a large model": {saysSo{models.Passport{Name: "large", Parameters: 4e9, ContextLength: 8192}, says}, docsAskIn{Query: "What is the notice period for the flat?"},
			[]string{"large reads:\n[1] ", " · own file\n", "\nThree months. [", "\n    [", "“The notice period for the flat is three months”\n", "(unsupported) So it is. (It quotes nothing.)\n", "These do not say the same:\n", "paris.md: “The notice period for the flat is three months.”"}, []string{"\x1b", "Not "}},
		"nothing of it supported": {saysSo{models.Passport{Name: "large", Parameters: 4e9}, `{"answer":[{"quotes":[],"sentence":"Made up."}]}`}, docsAskIn{Query: "What is the notice period for the flat?"},
			[]string{"Not supported by your documents. Fewer than half", "The notice period for the flat is two months."}, []string{"Made up"}},
		"a tiny model": {saysSo{models.Passport{Name: "tiny", Parameters: 1e8}, says}, docsAskIn{Query: "What is the notice period for the flat?"},
			[]string{"[1] ", "The notice period for the flat is two months."}, []string{"reads", "So it is"}},
		"below the gate": {saysSo{models.Passport{Name: "large", Parameters: 4e9}, says}, docsAskIn{Query: "Who repairs the rusty propellers of nuclear submarines that dive under Antarctic glaciers each winter for the flat?"},
			[]string{"Not in your documents. No passage has enough"}, []string{"reads", "So it is"}},
	} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		p := &program{screen: newScreen(out, out, out)}
		var steps []docsStep
		shown := &groundedAnswer{p: p}
		err = askDocuments(func() grounded.Chat { return c.model }).at(t.Context(), d, c.in, func(s docsStep) error {
			steps = append(steps, s)
			return shown.step(s)
		})
		if err == nil {
			err = shown.end()
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		all, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.want {
			if !strings.Contains(string(all), w) {
				t.Errorf("%s: %q is missing in\n%s", name, w, all)
			}
		}
		for _, w := range c.not {
			if strings.Contains(string(all), w) {
				t.Errorf("%s: %q is in\n%s", name, w, all)
			}
		}
		if words, first := strings.Index(string(all), "By words alone: "), strings.Index(string(all), "\n[1] "); name == "below the gate" && (words < 0 || first < words) {
			t.Errorf("why nothing is there comes after what is nearest:\n%s", all)
		}
		// What goes over the wire comes back as it was.
		for _, s := range steps {
			b, err := json.Marshal(s)
			var again docsStep
			if err == nil {
				err = json.Unmarshal(b, &again)
			}
			if second, _ := json.Marshal(again); err != nil || string(second) != string(b) {
				t.Errorf("%s: %v\n%s\n%s", name, err, b, second)
			}
		}
	}
}

// A session that locks while its documents are read hears no more of them, though the
// vault stays open for another one of the same person.
func TestAskingDocumentsEndsWithTheLock(t *testing.T) {
	d := deskOfAda(t)
	d.home.shelves = map[vault.PersonID]*shelved{}
	d.home.parse = func(_ context.Context, src parse.Source) (x parse.Document, err error) {
		x.Result, err = parse.Parse(src, parse.Limits{}, x.Collect())
		return x, err
	}
	x, err := d.home.libraries(t.Context(), d.session)
	if err == nil {
		_, err = x.Add(t.Context(), library.File{Library: "house", Path: "/a.md", Name: "a.md", Data: []byte("# Lease\n\nThe notice period for the flat is three months.")})
	}
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := d.home.people.MakeToken(t.Context(), d.session, "another", vault.ScopeAll, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	other, err := d.home.people.UnlockToken(t.Context(), token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	model := saysSo{models.Passport{Name: "large", Parameters: 4e9, ContextLength: 8192}, `{"answer":[{"quotes":[{"passage":1,"quote":"The notice period for the flat is three months"}],"sentence":"Three months."}]}`}
	steps := 0
	err = askDocuments(func() grounded.Chat { return model }).do(t.Context(), d.home, d.session, docsAskIn{Query: "What is the notice period for the flat?"}, func(docsStep) error {
		steps++
		d.session.Lock()
		return nil
	})
	if !errors.Is(err, vault.ErrLocked) || steps != 1 || !other.Unlocked() {
		t.Errorf("%d steps, then %v; the other session's vault is open: %v", steps, err, other.Unlocked())
	}
}
