//go:build eval

package eval

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"abaton.local/library/bm25"
	"abaton.local/library/find"
	"abaton.local/library/vector"
)

// TestCranfield measures the ranking of passages on the classic collection:
// by words, by meaning, and by both.
func TestCranfield(t *testing.T) {
	data := os.Getenv("DATA")
	if data == "" {
		t.Fatal("name the folder of test data: make eval DATA=folder")
	}
	var docs, questions []entry
	eachLine(t, filepath.Join(data, "cranfield", "corpus.jsonl.gz"), func(e entry) { docs = append(docs, e) })
	eachLine(t, filepath.Join(data, "cranfield", "queries.jsonl.gz"), func(e entry) { questions = append(questions, e) })
	if len(docs) < 1400 || len(questions) != 225 {
		t.Fatalf("%d documents and %d questions: the collection has 1,400 and 225", len(docs), len(questions))
	}
	m := startMiniLM(t)
	words := bm25.NewIndex()
	meanings, err := vector.NewIndex(vector.Space{Dims: 384})
	must(t, err)
	for part := range slices.Chunk(docs, 128) {
		for i, v := range m.embed(t, part, func(e entry) string { return e.Title + "\n" + e.Text }) {
			words.Add(bm25.Document{ID: numbered(t, part[i].ID), Text: part[i].Title + "\n" + part[i].Text})
			must(t, meanings.Add(vector.ID(numbered(t, part[i].ID)), v))
		}
	}
	asked := m.embed(t, questions, func(e entry) string { return e.Text })
	var byWords, byMeaning, byBoth []float64
	for i, q := range questions {
		wanted := make(map[find.ID]bool)
		for _, r := range q.Rel {
			wanted[find.ID(numbered(t, r))] = true
		}
		var lexical, dense, both []find.ID
		for _, h := range words.Search(bm25.ParseQuery(q.Text), 100) {
			lexical = append(lexical, find.ID(h.ID))
		}
		hits, err := meanings.Search(asked[i], 100)
		must(t, err)
		for _, h := range hits {
			dense = append(dense, find.ID(h.ID))
		}
		for _, r := range find.Fuse(lexical, dense) {
			both = append(both, r.ID)
		}
		byWords = append(byWords, gain(lexical, wanted))
		byMeaning = append(byMeaning, gain(dense, wanted))
		byBoth = append(byBoth, gain(both, wanted))
	}
	low, high := interval(byBoth, byWords)
	t.Logf("MEASURED nDCG@10 on Cranfield: by words %.4f, by meaning %.4f, by both %.4f; both over words %+.4f (95 %%: %+.4f to %+.4f)",
		mean(byWords), mean(byMeaning), mean(byBoth), mean(byBoth)-mean(byWords), low, high)
	if mean(byWords) < 0.38 {
		t.Error("by words at least 0.38 is wanted")
	}
	if mean(byBoth) < mean(byWords)+0.02 {
		t.Error("both must be better than words by 0.02")
	}
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

func mean(list []float64) (sum float64) {
	for _, x := range list {
		sum += x
	}
	return sum / float64(len(list))
}

// interval is in what 95 of 100 samples of the questions find the difference.
func interval(a, b []float64) (low, high float64) {
	r := rand.New(rand.NewPCG(1, 1))
	differences := make([]float64, 2000)
	for k := range differences {
		for range a {
			i := r.IntN(len(a))
			differences[k] += (a[i] - b[i]) / float64(len(a))
		}
	}
	slices.SortFunc(differences, cmp.Compare)
	return differences[len(differences)*25/1000], differences[len(differences)*975/1000]
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
