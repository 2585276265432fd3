package bm25

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func termsOf(text string) (terms []string, words uint32) {
	var a analyzer
	words = a.terms(text, func(t string) { terms = append(terms, t) })
	return terms, words
}

func TestTerms(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		terms string // parted by spaces
		words uint32
	}{
		"nothing":          {" ,;! — …", "", 0},
		"stems of both":    {"Flows", "flows flow", 1},
		"stems that part":  {"generations", "generations generat gener", 1},
		"accents":          {"Été", "été ete", 1},
		"decomposed":       {"e\u0301te\u0301", "été ete", 1},
		"ligature":         {"cœurs", "cœurs coeurs coeur", 1},
		"NFKC":             {"ﬁn Ｗ３Ｃ", "fin w3c", 2},
		"case":             {"STRASSE straße", "strasse strass strasse strass", 2},
		"elision":          {"l'avion d’Air", "l avion d air", 4},
		"possessive":       {"John's", "john s", 2},
		"digits":           {"flows2 1999", "flows2 1999", 2},
		"address":          {"10.0.0.1", "10 0 0 1 10.0.0.1", 4},
		"identifier":       {"MAX_SIZE", "max size siz max_size", 2},
		"end of sentence":  {"The end. Next", "the end next", 3},
		"path":             {"/etc/hosts", "etc hosts host etc/hosts", 2},
		"mail":             {"a.b@example.org", "a b example exampl org a.b@example.org", 4},
		"languages":        {"C++ and C# or C", "c c++ and c c# or c", 5},
		"accent in whole":  {"clé-é", "clé cle é e cle-e", 2},
		"soft hyphen":      {"exam\u00adple", "example exampl", 1},
		"zero-width space": {"one\u200btwo", "one two", 2},
		"marks of bidi":    {"\u200fשלום\u200e", "שלום", 1},
		"vowel points":     {"שָׁלוֹם", "שָׁלוֹם שלום", 1},
		"han":              {"日本語", "日 本 日本 語 本語", 3},
		"one han":          {"字", "字", 1},
		"mixed":            {"Go语言", "go 语 言 语言", 3},
		"hangul":           {"한국", "한 국 한국", 2},
		"thai marks":       {"ที่", "ที่", 1},
		"half width":       {"ｶﾞ", "ガ", 1},
		"greek":            {"ΟΔΟΣ οδός", "οδοσ οδόσ οδοσ", 2},
		"broken UTF-8":     {"a\xffb \xf0\x9f", "a b", 2},
	} {
		terms, words := termsOf(c.text)
		if want := strings.Fields(c.terms); !slices.Equal(terms, want) || words != c.words {
			t.Errorf("%s: %q has %q, %d words; want %q, %d", name, c.text, terms, words, want, c.words)
		}
	}
}

func TestEndlessWordsAreKnownByTheirBeginning(t *testing.T) {
	long := strings.Repeat("é", 1<<16)
	terms, words := termsOf(long)
	if words != 1 || len(terms) == 0 {
		t.Fatalf("%d terms, %d words", len(terms), words)
	}
	for _, term := range terms {
		if len(term) > maxTerm || !utf8.ValidString(term) {
			t.Errorf("a term has %d bytes", len(term))
		}
	}
	hits := func(text, query string) int {
		x := NewIndex()
		x.Add(Document{Text: text})
		return len(x.Search(ParseQuery(query), 1))
	}
	if hits("see "+strings.Repeat("ab", 5000), strings.Repeat("ab", 5000)) != 1 {
		t.Error("a word of 10,000 letters is not found by itself")
	}
}

// The cache is bounded, and forgetting changes nothing.
func TestCacheIsBounded(t *testing.T) {
	var a analyzer
	text := make([]byte, 0, 4)
	for i := range maxCache + 100 {
		text = append(text[:0], byte('a'+i%26), byte('a'+i/26%26), byte('a'+i/676%26), byte('a'+i/17576%26))
		a.forms(string(text))
	}
	if len(a.known) > maxCache {
		t.Errorf("%d words are remembered", len(a.known))
	}
	if d := cmp.Diff([]string{"flows", "flow"}, a.forms("flows")); d != "" {
		t.Error(d)
	}
}

func TestQuery(t *testing.T) {
	for name, c := range map[string]struct{ doc, query string }{
		"plural":               {"two swept wings", "wing"},
		"singular":             {"a swept wing", "Wings"},
		"French verb":          {"nous mangerons demain", "manger"},
		"French plural":        {"des chevaux rapides", "rapide"},
		"accents in the query": {"il a ete la", "été"},
		"accents in the text":  {"l'été", "ETE"},
		"accents, French":      {"la cote est belle", "la côte des falaises"},
		"œ":                    {"un cœur", "coeur"},
		"number":               {"invoice 2024-117", "2024-117"},
		"part of a number":     {"invoice 2024-117", "117"},
		"address":              {"ssh 192.168.0.12", "192.168.0.12"},
		"han":                  {"我喜欢机器学习", "学习"},
		"one han":              {"我喜欢机器学习", "喜"},
		"only small words":     {"to be or not to be", "to be"},
		"small words left out": {"wings", "what are the wings"},
		"full width":           {"ＡＢＣ１２", "abc12"},
	} {
		x := NewIndex()
		x.Add(Document{ID{1}, c.doc}, Document{ID{2}, "something else, unlike it"})
		if hits := x.Search(ParseQuery(c.query), 10); len(hits) != 1 || hits[0].ID != (ID{1}) {
			t.Errorf("%s: %q finds %v in %q", name, c.query, hits, c.doc)
		}
	}
	for _, nothing := range []string{"", " \n", "?!", "\xff"} {
		if q := ParseQuery(nothing); len(q.words) != 0 {
			t.Errorf("%q is a query", nothing)
		}
	}
	if q := ParseQuery(strings.Repeat("word another 字字学 ", 1000) + strings.Join(strings.Fields(strings.Repeat("x y z ", 9)), "1 ")); len(q.words) > maxWords {
		t.Errorf("%d words count", len(q.words))
	}
}

// A pasted page, or a thousand, is a query about its beginning.
func TestEndlessQueries(t *testing.T) {
	x := NewIndex()
	x.Add(Document{ID{1}, "rain"})
	for _, text := range []string{strings.Repeat("rain ", 1<<20), strings.Repeat("the ", 1<<20), strings.Repeat("日本", 1<<20), strings.Repeat("x-", 1<<20), strings.Repeat("\u0301", 1<<20)} {
		q := ParseQuery("rain " + text)
		if hits := x.Search(q, 1); len(hits) != 1 || len(q.words) > maxWords {
			t.Errorf("%d hits, %d words", len(hits), len(q.words))
		}
	}
}

func TestAsWrittenComesFirst(t *testing.T) {
	x := NewIndex()
	x.Add(Document{ID{1}, "une cote"}, Document{ID{2}, "une côte"}, Document{ID{3}, "une côté"}, Document{ID{4}, "version 1.2.3 of it"}, Document{ID{5}, "version 3.2.1 of it"})
	for query, first := range map[string]ID{"cote": {1}, "côte": {2}, "côté": {3}, "1.2.3": {4}, "3.2.1": {5}} {
		if hits := x.Search(ParseQuery(query), 5); len(hits) == 0 || hits[0].ID != first {
			t.Errorf("%s finds %v first", query, hits)
		}
	}
}
