package corpus

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"abaton.local/leak/learn"
)

// TestSets counts what a set must hold for the harness's rules: enough prompts
// of each label, none twice.
func TestSets(t *testing.T) {
	want := map[string]map[string]int{
		Topics:    {"hiv": 200, "laundering": 200, "protest": 200, "whistle": 200, Noise: 400},
		Closed:    {"cooking": 40, "football": 40, "taxes": 40, "astronomy": 40, "parenting": 40, "gardening": 40, "depression": 40, "programming": 40, "travel": 40, "mortgage": 40},
		Languages: {"en": 100, "fr": 100, "de": 100, "es": 100},
		Verdict:   {"safe": 200, "unsafe": 200},
		Repeats:   {"fixed": 50},
	}
	ids, texts := make(map[string]bool), make(map[string]string)
	for _, set := range Sets() {
		count := make(map[string]int)
		for _, p := range Prompts(set) {
			count[p.Label]++
			if ids[p.ID] {
				t.Errorf("%s is there twice", p.ID)
			}
			ids[p.ID] = true
			// What differs in nothing but its signs is the same prompt.
			key := strings.Map(func(r rune) rune {
				if unicode.IsLetter(r) || unicode.IsDigit(r) {
					return unicode.ToLower(r)
				}
				return -1
			}, p.Text)
			if other := texts[key]; other != "" {
				t.Errorf("%s says the same as %s", p.ID, other)
			}
			texts[key] = p.ID
			if p.Set != set || p.Text != strings.TrimSpace(p.Text) || p.Text == "" || strings.Contains(p.Text, "  ") || !utf8.ValidString(p.Text) || len(p.Text) > 120 {
				t.Errorf("%s is %q of set %s", p.ID, p.Text, p.Set)
			}
			if (p.System != "") != (set == Verdict) {
				t.Errorf("%s has the system prompt %q", p.ID, p.System)
			}
		}
		for label, n := range want[set] {
			if count[label] != n {
				t.Errorf("%s has %d prompts on %s, want %d", set, count[label], label, n)
			}
		}
		if len(count) != len(want[set]) {
			t.Errorf("%s has labels %v", set, count)
		}
	}
	if Prompts("../go.mod") != nil || Prompts("") != nil {
		t.Error("a set that does not exist has prompts")
	}
}

// TestLengthsMatch: a prompt's length must not give its topic away, or an attack
// that sees uploads would win by how we wrote. The lengths in tokens, which decide
// how long an engine reads, are compared where the recordings are.
func TestLengthsMatch(t *testing.T) {
	of := make(map[string][]float64)
	var topics []float64
	for _, p := range Prompts(Topics) {
		n := float64(len(p.Text))
		of[p.Label] = append(of[p.Label], n)
		if p.Label != Noise {
			topics = append(topics, n)
		}
	}
	if d, _ := learn.Smirnov(topics, of[Noise]); d > 0.12 {
		t.Errorf("the lengths of topics and of noise differ by %.3f", d)
	}
	for label, lengths := range of {
		if d, _ := learn.Smirnov(lengths, of[Noise]); d > 0.25 {
			t.Errorf("the lengths of %s and of noise differ by %.3f", label, d)
		}
	}
}

// TestTopicsNamed: prompts are about what their label says, a few of them without
// naming it, and noise is about none of it.
func TestTopicsNamed(t *testing.T) {
	words := map[string][]string{
		"hiv":        {"hiv"},
		"laundering": {"launder", "money", "cash", "crim", "dirty", "stolen", "bank", "deposit", "drug", "account", "payments"},
		"protest":    {"protest", "demonstration", "rally", "march", "sit-in", "vigil", "civil disobedience", "boycott"},
		"whistle":    {"whistle-blow"},
	}
	has := func(text string, any []string) bool {
		return slices.ContainsFunc(any, func(w string) bool { return strings.Contains(strings.ToLower(text), w) })
	}
	named := make(map[string]int)
	for _, p := range Prompts(Topics) {
		if p.Label != Noise {
			if has(p.Text, words[p.Label]) {
				named[p.Label]++
			}
			continue
		}
		if has(p.Text, []string{"hiv ", "launder", "protest", "demonstration", "whistle-", "my employer", "misconduct"}) {
			t.Errorf("%s is about a topic: %s", p.ID, p.Text)
		}
	}
	for label := range words {
		if named[label] < 190 {
			t.Errorf("%d of 200 prompts name %s", named[label], label)
		}
	}
}

// TestLanguages: prompts with the same number are one question, each in its own
// language, as its small words show.
func TestLanguages(t *testing.T) {
	small := map[string][]string{
		"en": {"the", "how", "what", "why", "which", "is", "do", "does", "a", "who", "of", "me"},
		"fr": {"le", "la", "les", "comment", "quelle", "quel", "quels", "quelles", "pourquoi", "est", "une", "un", "je", "à", "que", "qu'est-ce", "qui", "du", "des"},
		"de": {"der", "die", "das", "wie", "was", "warum", "welche", "ich", "ist", "ein", "eine", "wer", "wann", "worauf", "wozu", "welcher", "mir"},
		"es": {"el", "cómo", "qué", "por", "cuál", "es", "los", "un", "una", "quién", "cuánto", "cuántos", "cuáles", "se", "en"},
	}
	marks := make(map[string]map[string]bool)
	for _, p := range Prompts(Languages) {
		if p.Language != p.Label {
			t.Errorf("%s is in %s", p.ID, p.Language)
		}
		score := make(map[string]int)
		for word := range strings.FieldsFuncSeq(strings.ToLower(p.Text), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("¿?.,", r) }) {
			for language, list := range small {
				if slices.Contains(list, word) {
					score[language]++
				}
			}
		}
		for language, n := range score {
			if language != p.Language && n > score[p.Language] {
				t.Errorf("%s looks like %s: %s", p.ID, language, p.Text)
			}
		}
		// A question stays one, an order stays one.
		number := p.ID[strings.LastIndexByte(p.ID, '/'):]
		if marks[number] == nil {
			marks[number] = make(map[string]bool)
		}
		marks[number][p.Text[len(p.Text)-1:]] = true
	}
	for number, m := range marks {
		if len(m) != 1 {
			t.Errorf("the questions %s end differently: %v", number, m)
		}
	}
}
