package history

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"abaton.local/vault"
)

// The payloads of each schema that was ever released can be read for ever. The
// files are never written anew.
func TestFixtures(t *testing.T) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 123e6, time.UTC)
	c, err := parseConversation(fixture(t, "conversation1.txt"))
	if d := cmp.Diff(Conversation{Title: "Rain & snow <é>", Named: true, Model: "smollm2", Instruction: "Be brief.\nAlways.", Created: at}, c); err != nil || d != "" {
		t.Error(err, d)
	}
	turn, err := parseTurn(fixture(t, "turn1.txt"))
	if d := cmp.Diff(Turn{Role: Assistant, Text: "Water.\n\n```go\nx := \"<\"\n```\n", Model: "smollm2", Finish: "stop", PromptTokens: 12, AnswerTokens: 345, Time: at}, turn); err != nil || d != "" {
		t.Error(err, d)
	}
	if d := cmp.Diff(string(fixture(t, "turn1.txt")), string(turn.payload())); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(string(fixture(t, "conversation1.txt")), string(c.payload())); d != "" {
		t.Error(d)
	}
	c.Pinned, c.Manner = true, Manner{Temperature: new(0.7), TopP: new(0.95), MaxTokens: 512, Seed: new(int64(42)), Context: 8192}
	if d := cmp.Diff(string(fixture(t, "conversation2.txt")), string(c.payload())); d != "" {
		t.Error(d)
	}
	turn.After = vault.ID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	if d := cmp.Diff(string(fixture(t, "turn2.txt")), string(turn.payload())); d != "" {
		t.Error(d)
	}
	if got, err := parseTurn(fixture(t, "turn2.txt")); err != nil || got.After != turn.After {
		t.Error(err, got)
	}
	if got, err := parseConversation(fixture(t, "conversation2.txt")); err != nil || cmp.Diff(c, got) != "" {
		t.Error(err, got)
	}
	c.Libraries = []vault.ID{{1, 2, 3}, {4, 5, 6}}
	if d := cmp.Diff(string(fixture(t, "conversation3.txt")), string(c.payload())); d != "" {
		t.Error(d)
	}
	if got, err := parseConversation(fixture(t, "conversation3.txt")); err != nil || cmp.Diff(c, got) != "" {
		t.Error(err, got)
	}
	turn.Read = &Reading{Kind: "answered", Why: "So.", Notes: []string{"A note."},
		Passages:  []Passage{{Document: vault.ID{7, 8, 9}, First: 2, Past: 4, Name: "lease.md", Library: "house", Heading: "Lease › Notice", Page: 3, Badges: []string{"a badge"}, Text: "Three months.\nAt least."}},
		Sentences: []Sentence{{Text: "It is three months.", Quotes: []Quote{{1, 3, "Three months."}}}, {Text: "Or four.", Unsupported: "It quotes nothing."}}}
	if d := cmp.Diff(string(fixture(t, "turn3.txt")), string(turn.payload())); d != "" {
		t.Error(d)
	}
	if got, err := parseTurn(fixture(t, "turn3.txt")); err != nil || cmp.Diff(turn, got) != "" {
		t.Error(err, got)
	}
}

func fixture(t *testing.T, name string) []byte {
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStrictPayloads(t *testing.T) {
	for name, payload := range map[string]string{
		"empty":          "",
		"no line":        `{"schema":1,"role":"user","time":1}`,
		"no schema":      `{"role":"user","time":1}` + "\n",
		"schema 0":       `{"schema":0,"role":"user","time":1}` + "\n",
		"unknown field":  `{"schema":1,"role":"user","time":1,"mood":"x"}` + "\n",
		"two values":     `{"schema":1,"role":"user","time":1}{}` + "\n",
		"another role":   `{"schema":1,"role":"system","time":1}` + "\n",
		"negative count": `{"schema":1,"role":"user","time":1,"prompt_tokens":-1}` + "\n",
		"not UTF-8":      `{"schema":1,"role":"user","time":1}` + "\n\xff",
		"wrong type":     `{"schema":1,"role":7,"time":1}` + "\n",
		"cut":            `{"schema":1,"role":"us` + "\n",
		"after in 1":     `{"schema":1,"role":"user","time":1,"after":"00112233445566778899aabbccddeeff"}` + "\n",
		"no after in 2":  `{"schema":2,"role":"user","time":1}` + "\n",
		"read in 2":      `{"schema":2,"role":"assistant","time":1,"after":"00112233445566778899aabbccddeeff","read":{}}` + "\n",
		"nothing read":   `{"schema":3,"role":"assistant","time":1}` + "\n",
		"no passage":     `{"schema":3,"role":"assistant","time":1,"read":{"sentences":[{"text":"x","quotes":[{"passage":1,"place":0,"text":"x"}]}]}}` + "\n",
		"no stretch":     `{"schema":3,"role":"assistant","time":1,"read":{"passages":[{"document":"00112233445566778899aabbccddeeff","first":2,"past":2,"name":"x","library":"y"}]}}` + "\n",
		"read, unknown":  `{"schema":3,"role":"assistant","time":1,"read":{"mood":"x"}}` + "\n",
		"after nothing":  `{"schema":2,"role":"user","time":1,"after":"x"}` + "\n",
	} {
		if _, err := parseTurn([]byte(payload)); !errors.Is(err, errPayload) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, payload := range map[string]string{
		"control in the title": `{"schema":1,"title":"a\u0007b","created":1}` + "\n",
		"two lines":            `{"schema":1,"title":"a\nb","created":1}` + "\n",
		"long title":           `{"schema":1,"title":"` + strings.Repeat("x", MaxTitle+1) + `","created":1}` + "\n",
		"turn's field":         `{"schema":1,"title":"a","created":1,"role":"user"}` + "\n",
		"pinned in 1":          `{"schema":1,"title":"a","created":1,"pinned":true}` + "\n",
		"nothing of 2":         `{"schema":2,"title":"a","created":1}` + "\n",
		"libraries in 2":       `{"schema":2,"title":"a","created":1,"pinned":true,"libraries":["00112233445566778899aabbccddeeff"]}` + "\n",
		"a library twice":      `{"schema":3,"title":"a","created":1,"libraries":["00112233445566778899aabbccddeeff","00112233445566778899aabbccddeeff"]}` + "\n",
		"nothing of 3":         `{"schema":3,"title":"a","created":1,"pinned":true}` + "\n",
		"too warm":             `{"schema":2,"title":"a","created":1,"temperature":2.1}` + "\n",
		"a seed below 0":       `{"schema":2,"title":"a","created":1,"seed":-1}` + "\n",
	} {
		if _, err := parseConversation([]byte(payload)); !errors.Is(err, errPayload) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPayloadsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Map(rapid.OneOf(rapid.String(), rapid.StringMatching("(`{1,4}|~~~|\\\\|\"|\n|\r|\x00|<|&|a| ){0,20}")), valid)
		turn := Turn{Role: rapid.SampledFrom([]Role{User, Assistant}).Draw(t, "role"), Text: text.Draw(t, "text"), Model: text.Draw(t, "model"), Finish: text.Draw(t, "finish"),
			PromptTokens: rapid.IntRange(0, 1<<40).Draw(t, "p"), AnswerTokens: rapid.IntRange(0, 9).Draw(t, "a"), Time: moment(rapid.Int64Range(-1<<45, 1<<45).Draw(t, "time"))}
		if rapid.Bool().Draw(t, "a version") {
			turn.After = vault.NewID()
		}
		if rapid.Bool().Draw(t, "read documents") {
			turn.Read = &Reading{Kind: "answered", Notes: []string{text.Draw(t, "note")}, Passages: []Passage{{Document: vault.NewID(), First: 3, Past: 5, Name: text.Draw(t, "name"), Text: text.Draw(t, "passage")}},
				Sentences: []Sentence{{Text: text.Draw(t, "sentence"), Quotes: []Quote{{1, 4, text.Draw(t, "quote")}}}}}
		}
		got, err := parseTurn(turn.payload())
		if d := cmp.Diff(turn, got); err != nil || d != "" {
			t.Fatal(err, d)
		}
		c := Conversation{Title: oneLine(text.Draw(t, "title"), MaxTitle), Named: rapid.Bool().Draw(t, "named"), Model: turn.Model, Instruction: turn.Text, Created: turn.Time}
		if c.Pinned = rapid.Bool().Draw(t, "pinned"); rapid.Bool().Draw(t, "a manner") {
			c.Manner = Manner{new(rapid.Float64Range(0, 2).Draw(t, "temperature")), new(rapid.Float64Range(0, 1).Draw(t, "top p")), rapid.IntRange(0, MaxTokens).Draw(t, "tokens"), new(rapid.Int64Range(0, 1<<32-1).Draw(t, "seed")), 4096}
		}
		if rapid.Bool().Draw(t, "libraries") {
			c.Libraries = []vault.ID{vault.NewID(), vault.NewID()}
		}
		back, err := parseConversation(c.payload())
		if d := cmp.Diff(c, back); err != nil || d != "" {
			t.Fatal(err, d)
		}
	})
}

// What can be read means the same when it is written and read again.
func FuzzPayload(f *testing.F) {
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) == 0 {
		f.Fatalf("the seeds are gone: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if turn, err := parseTurn(b); err == nil {
			again, err := parseTurn(turn.payload())
			if d := cmp.Diff(turn, again); err != nil || d != "" {
				t.Fatal(err, d)
			}
		}
		if c, err := parseConversation(b); err == nil {
			again, err := parseConversation(c.payload())
			if d := cmp.Diff(c, again); err != nil || d != "" {
				t.Fatal(err, d)
			}
		}
	})
}

func TestTitles(t *testing.T) {
	for question, want := range map[string]string{
		"":                              "",
		" \n\t\r\n":                     "",
		"What is rain?":                 "What is rain?",
		"\n\n  What is\train? \nMore":   "What is rain?",
		"\x1b[31mred\x1b[0m":            "[31mred[0m",
		"a\u202etxt.exe\u202c b":        "atxt.exe b",
		"\u200f\u2066\n second":         "second",
		"one\u2028two":                  "one two",
		"one\rtwo":                      "one two",
		"a\x00b\x7fc\u0085d":            "abc d",
		"\ufeffbom \U000e0041tag":       "bom tag",
		"👩\u200d💻 joined":               "👩\u200d💻 joined",
		"bad \xff utf":                  "bad utf",
		strings.Repeat("x", 60):         strings.Repeat("x", 60),
		strings.Repeat("x", 61):         strings.Repeat("x", 59) + "…",
		strings.Repeat("é ", 100):       strings.Repeat("é ", 29) + "é…",
		"日本語" + strings.Repeat("語", 80): "日本語" + strings.Repeat("語", 56) + "…",
	} {
		if got := titleOf(question); got != want {
			t.Errorf("%q makes %q, want %q", question, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		title := titleOf(s)
		if len([]rune(title)) > autoText || strings.ContainsFunc(title, hidden) || title != oneLine(title, MaxTitle) || title != strings.TrimSpace(title) {
			t.Fatalf("%q makes %q", s, title)
		}
	})
}
