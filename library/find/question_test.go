package find

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQuestion(t *testing.T) {
	for name, c := range map[string]struct {
		said  []string // by the person
		want  string
		leans bool
	}{
		"nothing":                {nil, "", false},
		"the first":              {[]string{"Who pays it?"}, "Who pays it?", false},
		"one by itself":          {[]string{"What is the rent in Lyon?", "Which insurance covers water damage in the cellar?"}, "Which insurance covers water damage in the cellar?", false},
		"one that points":        {[]string{"What is the rent in Lyon?", "When is it due?"}, "When is it due?\nWhat is the rent in Lyon?", true},
		"one that goes on":       {[]string{"What is the rent in Lyon?", "And in Paris last May?"}, "And in Paris last May?\nWhat is the rent in Lyon?", true},
		"one that says nothing":  {[]string{"What is the rent in Lyon?", "why?"}, "why?\nWhat is the rent in Lyon?", true},
		"a chain":                {[]string{"Old talk about dogs and cats", "What is the rent in Lyon?", "And in Paris last May?", "why?"}, "why?\nAnd in Paris last May?\nWhat is the rent in Lyon?", true},
		"a chain that is long":   {[]string{"a?", "b?", "c?", "d?", "e?"}, "e?\nd?\nc?\nb?", true},
		"en français":            {[]string{"Quel est le loyer à Lyon ?", "Et à Marseille en mai ?"}, "Et à Marseille en mai ?\nQuel est le loyer à Lyon ?", true},
		"qui désigne":            {[]string{"Quel est le loyer à Lyon ?", "Quand doit-il être payé ?"}, "Quand doit-il être payé ?\nQuel est le loyer à Lyon ?", true},
		"qui ne désigne rien":    {[]string{"Quel est le loyer à Lyon ?", "Quelle assurance couvre les dégâts des eaux dans la cave ?"}, "Quelle assurance couvre les dégâts des eaux dans la cave ?", false},
		"signs only":             {[]string{"What is the rent?", "???"}, "???\nWhat is the rent?", true},
		"long ones stand alone":  {[]string{"rent", "Does the contract signed with the bank in March say that it ends on the last day of June?"}, "Does the contract signed with the bank in March say that it ends on the last day of June?", false},
		"a long one is cut":      {[]string{strings.Repeat("word ", 100), "why?"}, "why?\n" + strings.TrimSpace(strings.Repeat("word ", maxCarried)), true},
		"an empty turn is none":  {[]string{"What is the rent in Lyon?", "  \n"}, "What is the rent in Lyon?", false},
		"spaces around a number": {[]string{"  invoice 2024-117\n"}, "invoice 2024-117", false},
	} {
		var turns []Turn
		for _, s := range c.said {
			turns = append(turns, Turn{Person, s}, Turn{Model, "secret answer"})
		}
		if got, leans := Question(turns); got != c.want || leans != c.leans {
			t.Errorf("%s: %q, %t", name, got, leans)
		}
	}
}

// Whatever others say, and wherever, what is looked for is the same.
func TestOnlyThePersonAsks(t *testing.T) {
	words := strings.Fields("and it why rent Lyon loyer et il May 2024 the is ? . password")
	said := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 9).Draw(t, "words"), " ")
	})
	rapid.Check(t, func(t *rapid.T) {
		var own, all []Turn
		for range rapid.IntRange(0, 8).Draw(t, "turns") {
			turn := Turn{rapid.SampledFrom([]Speaker{Unknown, Person, Person, Model, Quoted, 9}).Draw(t, "by"), said.Draw(t, "text")}
			if turn.By == Person {
				own = append(own, turn)
			}
			all = append(all, turn)
		}
		want, leans := Question(own)
		if got, too := Question(all); got != want || too != leans {
			t.Fatalf("%q is looked for, %q was asked", got, want)
		}
	})
}

// A pasted book is a question about its beginning.
func TestEndlessQuestions(t *testing.T) {
	for _, text := range []string{strings.Repeat("word ", 1<<20), strings.Repeat("?", 1<<20), strings.Repeat(" ", 1<<20) + "x", strings.Repeat("x", 1<<20)} {
		got, _ := Question([]Turn{{Person, "before"}, {Person, text}})
		if n := len(strings.Fields(got)); n > maxAsked+maxCarried {
			t.Errorf("%d words are looked for", n)
		}
	}
}
