//go:build eval

package eval

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"abaton.local/library/bm25"
	"abaton.local/library/find"
)

// TestCranfield measures the ranking of passages on the classic collection:
// by words, by meaning, and by both.
func TestCranfield(t *testing.T) {
	c := readCollection(t, filepath.Join(dataFolder(t), "cranfield"))
	if len(c.docs) < 1400 || len(c.questions) != 225 {
		t.Fatalf("%d documents and %d questions: the collection has 1,400 and 225", len(c.docs), len(c.questions))
	}
	byWords, byBoth := c.measure(t, "Cranfield")
	if byWords < 0.38 {
		t.Error("by words at least 0.38 is wanted")
	}
	if byBoth < byWords+0.02 {
		t.Error("both must be better than words by 0.02")
	}
}

// TestOtherCollections measures every other collection in the folder, of which
// nothing is demanded: they show whether what is right for one is so for another.
func TestOtherCollections(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(dataFolder(t), "*", "corpus.jsonl.gz"))
	must(t, err)
	for _, path := range found {
		if name := filepath.Base(filepath.Dir(path)); name != "cranfield" {
			readCollection(t, filepath.Dir(path)).measure(t, name)
		}
	}
}

func dataFolder(t *testing.T) string {
	data := os.Getenv("DATA")
	if data == "" {
		t.Fatal("name the folder of test data: make eval DATA=folder")
	}
	return data
}

// collection is documents, and questions with what is relevant to each.
type collection struct{ docs, questions []entry }

func readCollection(t *testing.T, folder string) (c collection) {
	eachLine(t, filepath.Join(folder, "corpus.jsonl.gz"), func(e entry) { c.docs = append(c.docs, e) })
	eachLine(t, filepath.Join(folder, "queries.jsonl.gz"), func(e entry) { c.questions = append(c.questions, e) })
	return c
}

// measure ranks what is found and says how well, as the mean over questions.
func (c collection) measure(t *testing.T, name string) (words, both float64) {
	var list []passage
	var texts []string
	for i, d := range c.docs {
		text := d.Title + "\n" + d.Text
		if strings.TrimSpace(text) == "" { // Cranfield has two: nobody finds them
			continue
		}
		list = append(list, passage{place: place{document: i}, id: find.ID(numbered(t, d.ID)), text: text, said: d.Text})
		texts = append(texts, text)
	}
	for _, q := range c.questions {
		texts = append(texts, q.Text)
	}
	f := newFinder(t, list, startMiniLM(t).cached(t, texts))
	var byWords, byMeaning, byBoth []float64
	for _, q := range c.questions {
		wanted := make(map[find.ID]bool)
		for _, r := range q.Rel {
			wanted[find.ID(numbered(t, r))] = true
		}
		byWords = append(byWords, gain(f.ask(t, q.Text, true, false, find.Usual()).ranking, wanted))
		byMeaning = append(byMeaning, gain(f.ask(t, q.Text, false, true, find.Usual()).ranking, wanted))
		byBoth = append(byBoth, gain(f.ask(t, q.Text, true, true, find.Usual()).ranking, wanted))
	}
	t.Logf("MEASURED nDCG@10 on %s, %d documents, %d questions: by words %.4f, by meaning %.4f, by both %.4f; both over words %s",
		name, len(c.docs), len(c.questions), mean(byWords), mean(byMeaning), mean(byBoth), paired(byBoth, byWords))
	return mean(byWords), mean(byBoth)
}

type entry struct {
	ID, Title, Text string
	Rel             []string
}

func numbered(t *testing.T, s string) (id bm25.ID) {
	n, err := strconv.ParseUint(s, 10, 32)
	must(t, err)
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// gain is nDCG@10 where what is wanted is wanted alike.
func gain(ranking []find.ID, wanted map[find.ID]bool) float64 {
	var got, ideal float64
	for i, id := range ranking[:min(10, len(ranking))] {
		if wanted[id] {
			got += 1 / math.Log2(float64(i)+2)
		}
	}
	for i := range min(10, len(wanted)) {
		ideal += 1 / math.Log2(float64(i)+2)
	}
	return got / ideal
}

func eachLine[T any](t *testing.T, path string, f func(T)) {
	file, err := os.Open(path)
	must(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	must(t, err)
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v T
		must(t, json.Unmarshal(lines.Bytes(), &v))
		f(v)
	}
	must(t, lines.Err())
}
