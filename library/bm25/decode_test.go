package bm25

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func small() *Segment {
	return Build(
		Document{ID{3}, "The rain in Spain, the rain"},
		Document{ID{1}, "Été 2024: l'avion 10.0.0.1"},
		Document{ID{2}, ""},
		Document{ID{9}, strings.Repeat("rain ", 300) + "日本語"},
		Document{ID{4}, "a b c d e f g h i j k l m n o p q r s t u v w x y z"},
	)
}

func TestDecodeGivesBackWhatWasEncoded(t *testing.T) {
	docs, queries := corpus(300)
	for _, s := range []*Segment{small(), Build(docs...), Build(Document{})} {
		again, err := Decode(s.Encoded())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.ids, s.ids) || !slices.Equal(again.lengths, s.lengths) || again.words != s.words ||
			!bytes.Equal(again.dict, s.dict) || !bytes.Equal(again.posts, s.posts) || !slices.Equal(again.heads, s.heads) || !again.Current() {
			t.Error("a segment changed on its way")
		}
		x, y := NewIndex(), NewIndex()
		all := func(ID) bool { return true }
		x.Attach(s, all)
		y.Attach(again, all)
		for _, q := range queries {
			if !slices.Equal(x.Search(ParseQuery(q), 5), y.Search(ParseQuery(q), 5)) {
				t.Fatal("it finds something else")
			}
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	b := small().Encoded()
	for n := range b {
		if _, err := Decode(b[:n:n]); err == nil {
			t.Errorf("%d of %d bytes were taken", n, len(b))
		}
	}
	if _, err := Decode(append(slices.Clone(b), 0)); err == nil {
		t.Error("a byte too many was taken")
	}
}

// A flipped bit is refused, or makes another segment that is sound: seals above
// tell the two apart. No panic, whatever is searched in it.
func TestBitFlips(t *testing.T) {
	b := small().Encoded()
	taken := 0
	for i := range len(b) * 8 {
		bad := slices.Clone(b)
		bad[i/8] ^= 1 << (i % 8)
		if s, err := Decode(bad); err == nil {
			taken++
			use(t, s)
		}
	}
	t.Logf("%d of %d flips made another sound segment", taken, len(b)*8)
}

// use does with a segment all that can be done.
func use(t *testing.T, s *Segment) {
	x := NewIndex()
	x.Attach(s, func(ID) bool { return true })
	c := cursor{s: s}
	n := 0
	for ; c.next(); n++ {
		got := s.postings(nil, string(c.term))
		if len(got) != c.count || !slices.IsSortedFunc(got, func(a, b posting) int { return int(a.doc) - int(b.doc) }) || int(got[len(got)-1].doc) >= s.Len() {
			t.Fatal("postings that make no sense")
		}
	}
	if n != s.terms {
		t.Fatalf("%d terms, %d were announced", n, s.terms)
	}
	for _, q := range []string{"rain", "été", "10.0.0.1", "日本", "", "zzz", "a"} {
		x.Search(ParseQuery(q), 3)
	}
	again := x.Merge(x.Segments(), true, nil)
	if s.Current() && !bytes.Equal(again.Encoded(), s.Encoded()) {
		t.Fatal("what was read is written otherwise")
	}
}

// What a number announces is believed only as far as there are bytes for it.
func TestMemoryIsBoundedByTheInput(t *testing.T) {
	head := binary.AppendUvarint(append([]byte(magic), format), Analysis)
	huge := binary.AppendUvarint(nil, 1<<60)
	one := append(slices.Clone(head), 1)
	one = append(one, make([]byte, 16)...) // an ID
	one = append(one, 1)                   // a length
	for name, b := range map[string][]byte{
		"documents":  append(slices.Clone(head), huge...),
		"terms":      append(append(slices.Clone(one), huge...), 4, 0, 1, 'a', 1, 1, 1, 0),
		"dictionary": append(append(slices.Clone(one), 1), huge...),
		"postings":   append(append(slices.Clone(one), 1, 5, 0, 1, 'a', 1, 1), huge...),
		"one term's": append(append(append(slices.Clone(one), 1, 13, 0, 1, 'a'), huge...), huge...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(b)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; err == nil || used > 1<<20 {
			t.Errorf("%s: %v, and %d bytes were used", name, err, used)
		}
	}
}

func TestNewerFormatIsRefusedByName(t *testing.T) {
	b := slices.Clone(small().Encoded())
	b[len(magic)]++
	_, err := Decode(b)
	newer, ok := errors.AsType[*NewerError](err)
	if !ok || newer.Format != format+1 || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("got %v", err)
	}
}

// Another analysis can be read, but says so.
func TestAnotherAnalysisSaysSo(t *testing.T) {
	b := slices.Clone(small().Encoded())
	b[len(magic)+1]++
	s, err := Decode(b)
	if err != nil || s.Current() {
		t.Errorf("%v", err)
	}
}

// The segments of each format that was ever released open for ever. They were
// written by the version that they are named after, and are never written anew.
func TestFixtures(t *testing.T) {
	b := fixture(t, "format1.hex")
	s, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	use(t, s)
	var ids []byte
	for id := range s.IDs {
		ids = append(ids, id[0])
	}
	if !bytes.Equal(ids, []byte{1, 2, 3, 4, 9}) || s.words != 343 {
		t.Errorf("documents %v, %d words", ids, s.words)
	}
	for term, want := range map[string][]posting{"rain": {{2, 2}, {4, 300}}, "ete": {{0, 1}}, "10.0.0.1": {{0, 1}}, "日本": {{4, 1}}, "a": {{3, 1}}, "no": nil} {
		if got := s.postings(nil, term); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", term, got, want)
		}
	}
	if s.Current() && !bytes.Equal(small().Encoded(), b) {
		t.Error("the same documents make another segment today: give Analysis a new number")
	}
}

func fixture(t *testing.T, name string) []byte {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever is read can be searched and is written again as it was read.
func FuzzDecode(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("the seeds are gone: %v", err)
	}
	f.Add(small().Encoded())
	f.Add(Build(Document{}).Encoded())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Decode(b); err == nil {
			use(t, s)
		}
	})
}

// Whatever the text, its terms are sound, it is found by each of its words, and
// its snippets are parts of it.
func FuzzText(f *testing.F) {
	for _, s := range []string{"The rain in Spain", "l'été à 10.0.0.1", "日本語ｶﾞ", "a\xff\u0301\u200d", "C++ x_y-z", "\u00ad\u0300"} {
		f.Add(s, 20)
	}
	f.Fuzz(func(t *testing.T, text string, width int) {
		if len(text) > 1<<12 {
			return
		}
		checkText(t, text, max(1, min(width, 300)))
	})
}
