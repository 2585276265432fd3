package eval

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abaton.local/library/bm25"
	"abaton.local/library/chunk"
	"abaton.local/library/find"
	"abaton.local/library/parse"
)

// question is one of the set, as a person asks it.
type question struct {
	ID   string
	Kind string      // of kinds
	Ask  []string    // turns; what the last one asks is to be found
	Gold [][2]string // document, and its words that hold the answer; all of them are wanted
	lang string

	gold []gold
}

// kinds are those of questions, and whether the documents answer them.
var kinds = map[string]bool{
	"plain": true, "identifier": true, "table": true, "followup": true, "conflict": true,
	// What the documents speak about, without the answer; and what they do not speak about.
	"missing": false, "foreign": false, "identifier-missing": false,
}

func (q *question) answerable() bool { return kinds[q.Kind] }

// wanted is what is looked for.
func (q *question) wanted() string {
	var turns []find.Turn
	for _, text := range q.Ask {
		turns = append(turns, find.Turn{By: find.Person, Text: text})
	}
	text, _ := find.Question(turns)
	return text
}

// tuned says whether thresholds may be chosen by a question: half of the set,
// by its name alone. Figures are those of the other half.
func (q *question) tuned() bool { return sha256.Sum256([]byte(q.ID))[0]&1 == 0 }

// place is a stretch of a document's text.
type place struct{ document, start, end int }

// covers says whether a passage has at least half of what is wanted, or all of
// it in the titles above it, with which it is shown.
func (p *passage) covers(g gold) bool {
	both := min(p.end, g.end) - max(p.start, g.start)
	return p.document == g.document && (2*both >= g.end-g.start || strings.Contains(p.text, g.words))
}

// gold are the words of a document that hold an answer.
type gold struct {
	place
	words string
}

// document is one of the set, cut up as the product does.
type document struct {
	name string
	*chunk.Document
}

// passage is what is found: ours, or a peer's.
type passage struct {
	place
	id   find.ID
	text string // as it is found by, embedded and handed to a model
	said string // without what stands before it
}

type set struct {
	documents []document
	questions []*question
}

func loadSet(t testing.TB) *set {
	t.Helper()
	s := &set{}
	files, err := filepath.Glob("testdata/documents/*")
	must(t, err)
	number := make(map[string]int)
	for i, f := range files {
		data, err := os.ReadFile(f)
		must(t, err)
		name := filepath.Base(f)
		var got parse.Document
		got.Result, err = parse.Parse(parse.Source{Name: name, Data: data}, parse.Limits{}, got.Collect())
		must(t, err)
		if len(got.Cuts) > 0 || len(got.Children) > 0 {
			t.Fatalf("%s was not read as a whole: %v", name, got.Cuts)
		}
		var records []chunk.Record
		for _, r := range got.Records {
			records = append(records, chunk.Record{Page: r.Page, Kind: chunkKind[r.Kind], Level: r.Level, Text: r.Text})
		}
		doc, err := chunk.Cut(name, records, chunk.Usual(), estimate)
		must(t, err)
		s.documents = append(s.documents, document{name, doc})
		number[name] = i
	}
	for _, lang := range []string{"en", "fr"} {
		data, err := os.ReadFile("testdata/questions-" + lang + ".jsonl")
		must(t, err)
		for line := range bytes.Lines(data) {
			q := &question{lang: lang}
			must(t, json.Unmarshal(line, q))
			for _, g := range q.Gold {
				i, ok := number[g[0]]
				if !ok {
					t.Fatalf("%s: there is no %s", q.ID, g[0])
				}
				at := strings.Index(s.documents[i].Text, g[1])
				if at < 0 || strings.Contains(s.documents[i].Text[at+1:], g[1]) {
					t.Errorf("%s: %q must stand in %s once", q.ID, g[1], g[0])
				}
				q.gold = append(q.gold, gold{place{i, at, at + len(g[1])}, g[1]})
			}
			s.questions = append(s.questions, q)
		}
	}
	return s
}

var chunkKind = map[parse.Kind]chunk.Kind{parse.Heading: chunk.Heading, parse.Table: chunk.Table, parse.Code: chunk.Code}

// estimate counts tokens as room library does.
func estimate(text string) int {
	latin, other := 0, 0
	for _, r := range text {
		if r < 0x250 {
			latin++
		} else {
			other++
		}
	}
	return (latin+2)/3 + other
}

// passages are those of all documents, as the product makes them.
func (s *set) passages() (list []passage) {
	for i, d := range s.documents {
		for _, p := range d.Passages {
			list = append(list, passage{place{i, p.Start, p.End}, idOf(i, p.Start), d.Searchable(p), d.Text[p.Start:p.End]})
		}
	}
	return list
}

// idOf is made of what it names, so that ties fall the same way in every run.
func idOf(document, start int) find.ID {
	sum := sha256.Sum256([]byte{byte(document >> 8), byte(document), byte(start >> 16), byte(start >> 8), byte(start)})
	return find.ID(sum[:16])
}

// some are the questions for which keep is true, in order of their names.
func (s *set) some(keep func(*question) bool) (list []*question) {
	for _, q := range s.questions {
		if keep(q) {
			list = append(list, q)
		}
	}
	slices.SortFunc(list, func(a, b *question) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// TestSet holds the set to what it claims to be.
func TestSet(t *testing.T) {
	s := loadSet(t)
	seen := make(map[string]bool)
	count := make(map[string]int)
	asked := make(map[string]bool)
	for _, q := range s.questions {
		if _, ok := kinds[q.Kind]; !ok || seen[q.ID] || !strings.HasPrefix(q.ID, q.lang+"-") {
			t.Errorf("%s: kind %q, or a name that is taken or of another language", q.ID, q.Kind)
		}
		seen[q.ID] = true
		if q.answerable() != (len(q.Gold) > 0) || (q.Kind == "followup") != (len(q.Ask) > 1) || (q.Kind == "conflict") != (len(q.Gold) > 1) {
			t.Errorf("%s: not what a question of kind %s is", q.ID, q.Kind)
		}
		for _, g := range q.gold {
			asked[s.documents[g.document].name] = true
		}
		count[q.lang]++
		if !q.answerable() {
			count["unanswerable"]++
		}
		count[q.Kind]++
	}
	t.Logf("%d documents, of which %d are asked about, %d passages, %d questions: %v", len(s.documents), len(asked), len(s.passages()), len(s.questions), count)
	if len(s.documents) < 40 || len(asked) < 40 || len(s.questions) < 120 || count["fr"] < 45 || count["unanswerable"] < 30 {
		t.Error("the set is smaller than what it is to be")
	}
	if a := len(s.some((*question).tuned)); a*5 < len(s.questions)*2 || a*5 > len(s.questions)*3 {
		t.Errorf("%d of %d questions are in the half to tune by", a, len(s.questions))
	}
}

// index is the passages' words.
func index(list []passage) *bm25.Index {
	x := bm25.NewIndex()
	for _, p := range list {
		x.Add(bm25.Document{ID: bm25.ID(p.id), Text: p.text})
	}
	return x
}
