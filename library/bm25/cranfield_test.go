package bm25

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestCranfield measures quality on the classic collection: questions of
// people, judged by people. The folder of data is optional, half a one is not.
func TestCranfield(t *testing.T) {
	data := os.Getenv("DATA")
	if data == "" {
		t.Log("left out: quality on Cranfield, for DATA does not name the folder of test data")
		return
	}
	x := NewIndex()
	n := 0
	eachLine(t, filepath.Join(data, "cranfield", "corpus.jsonl.gz"), func(d struct{ ID, Title, Text string }) {
		x.Add(Document{numbered(t, d.ID), d.Title + "\n" + d.Text})
		n++
	})
	var sum float64
	questions := 0
	eachLine(t, filepath.Join(data, "cranfield", "queries.jsonl.gz"), func(q struct {
		ID, Text string
		Rel      []string
	}) {
		wanted := make(map[ID]bool)
		for _, r := range q.Rel {
			wanted[numbered(t, r)] = true
		}
		var gain, ideal float64
		for i, h := range x.Search(ParseQuery(q.Text), 10) {
			if wanted[h.ID] {
				gain += 1 / math.Log2(float64(i)+2)
			}
		}
		for i := range min(10, len(wanted)) {
			ideal += 1 / math.Log2(float64(i)+2)
		}
		sum += gain / ideal
		questions++
	})
	if n < 1400 || questions != 225 {
		t.Fatalf("%d documents and %d questions: the collection has 1,400 and 225", n, questions)
	}
	quality := sum / float64(questions)
	t.Logf("nDCG@10 %.4f over %d questions", quality, questions)
	if quality < 0.38 {
		t.Errorf("nDCG@10 is %.4f, at least 0.38 is wanted", quality)
	}
}

func numbered(t *testing.T, s string) (id ID) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func eachLine[T any](t *testing.T, path string, f func(T)) {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		f(v)
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
}
