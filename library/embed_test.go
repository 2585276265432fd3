package library

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/internal/ggufgen"
	"abaton.local/library/find"
	"abaton.local/library/vector"
	"abaton.local/vault"

	"pgregory.net/rapid"
)

// concepts is an embedder in this process, to which some words mean the same and
// every other one something of its own.
type concepts struct {
	mu     sync.Mutex
	model  Model
	none   error             // there is no model now
	failed error             // it cannot be asked now
	unread string            // nothing can be made of texts with this word
	gone   map[[32]byte]bool // models that are not there any more
	asked  int               // texts
	begun  func()            // called before passages are embedded
}

func newConcepts(n byte) *concepts {
	return &concepts{model: Model{Digest: [32]byte{n}, Query: "query: ", Passage: "passage: ", Dims: 512}, gone: map[[32]byte]bool{}}
}

func (c *concepts) Model(context.Context) (Model, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.model, c.none
}

func (c *concepts) Embed(ctx context.Context, m Model, texts []string, query bool) (all [][]float32, err error) {
	c.mu.Lock()
	begun := c.begun
	c.mu.Unlock()
	if begun != nil && !query {
		begun()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := cmp.Or(ctx.Err(), c.failed); err != nil {
		return nil, err
	}
	if c.gone[m.Digest] {
		return nil, errNotNow
	}
	c.asked += len(texts)
	for _, text := range texts {
		prefix := m.Passage
		if query {
			prefix = m.Query
		}
		rest, ok := strings.CutPrefix(text, prefix)
		if !ok {
			return nil, errors.New("the prefix is missing")
		}
		if c.unread != "" && strings.Contains(rest, c.unread) {
			return nil, fmt.Errorf("embedding: %w", ErrText)
		}
		all = append(all, meant(m, rest))
	}
	return all, nil
}

// meant is the vector of a text: each word points somewhere, those of one meaning
// to one place.
func meant(m Model, text string) []float32 {
	v := make([]float32, m.Dims)
	v[0] = 0.01
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r < '0' || r > '9' && r < 'a' }) {
		switch word {
		case "car", "automobile", "vehicle":
			word = "car"
		case "lawyer", "attorney":
			word = "lawyer"
		}
		sum := sha256.Sum256(append(m.Digest[:], word...))
		for i := range 4 {
			v[1+int(binary.BigEndian.Uint16(sum[2*i:]))%(m.Dims-1)]++
		}
	}
	return v
}

// embedding gives a home an embedder and opens it anew with that.
func (o *home) embedding(t rapid.TB, c *concepts) *concepts {
	o.config.Embed, o.config.EmbedAtOnce, o.config.SealVectors = c, 3, 4
	o.reopen(t, true)
	return c
}

// embedAll embeds until there is nothing more to do.
func (o *home) embedAll(t rapid.TB) {
	for {
		more, err := o.l.Embed(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// meansOf says from where the passages are that a search finds by meaning.
func (o *home) meansOf(t rapid.TB, query string, libraries ...vault.ID) (paths []string) {
	found, err := o.l.Look(context.Background(), libraries, query, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found.Passages {
		if f.Meaning {
			paths = append(paths, f.Document.Path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// vectors reads what lies in the vault: which passages have vectors, by model.
func (o *home) vectors(t rapid.TB) (all []*vector.Segment) {
	for got, err := range o.v.ReadMany(context.Background(), idsOf(o.v.List(vault.KindMeanings, vault.ID{}))) {
		if err != nil {
			t.Fatal(err)
		}
		_, s, err := parseVectors(got.Payload)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func TestFoundByMeaning(t *testing.T) {
	o := newHome(t)
	o.add(t, "house", "/one.txt", "The automobile stands in the yard.")
	o.add(t, "house", "/two.txt", "The attorney comes on Tuesday.")
	if f, err := o.l.Look(t.Context(), nil, "car", 5); err != nil || len(f.Passages) != 0 || !errors.Is(f.WordsOnly, ErrNoEmbedder) {
		t.Fatalf("without an embedder: %+v, %v", f, err)
	}
	c := o.embedding(t, newConcepts(1))
	if f, err := o.l.Look(t.Context(), nil, "car", 5); err != nil || len(f.Passages) != 0 || !errors.Is(f.WordsOnly, ErrNotEmbedded) {
		t.Fatalf("before: %+v, %v", f, err)
	}
	o.embedAll(t)
	check := func(when string) {
		t.Helper()
		f, err := o.l.Look(t.Context(), nil, "vehicle", 5)
		if err != nil || f.WordsOnly != nil || len(f.Passages) != 2 || f.Passages[0].Document.Path != "/one.txt" || f.Passages[0].Words || !f.Passages[0].Meaning || f.Passages[0].Cosine < 0.2 {
			t.Fatalf("%s: %+v, %v", when, f, err)
		}
		f, err = o.l.Look(t.Context(), nil, "automobile", 1)
		if err != nil || len(f.Passages) != 1 || !f.Passages[0].Words || !f.Passages[0].Meaning {
			t.Fatalf("%s, by both: %+v, %v", when, f, err)
		}
		a, err := o.l.Answer(t.Context(), nil, "lawyer", find.Usual())
		if err != nil || a.WordsOnly != nil || len(a.Passages) != 2 || a.Passages[0].Document.Path != "/two.txt" || a.Enough || a.Cosine != a.Passages[0].Cosine {
			t.Fatalf("%s: %+v, %v", when, a, err)
		}
		if list, err := o.l.List(); err != nil || list[0].Meanings != 2 || list[0].Passages != 2 {
			t.Fatalf("%s: %+v, %v", when, list, err)
		}
	}
	check("at once")
	asked := c.asked
	o.reopen(t, false)
	if more, err := o.l.Embed(t.Context()); more || err != nil {
		t.Fatalf("opened again, there is more to do: %v", err)
	}
	if c.asked != asked {
		t.Error("what was embedded is embedded again")
	}
	check("opened again")
	c.failed = errNotNow
	if f, err := o.l.Look(t.Context(), nil, "automobile", 5); err != nil || len(f.Passages) != 1 || f.WordsOnly != errNotNow {
		t.Fatalf("words do not do without: %+v, %v", f, err)
	}
}

// TestNearEnough: where it is known from which cosine on a passage answers, one
// that has no word of the question does; and a search gives none that is farther.
func TestNearEnough(t *testing.T) {
	o := newHome(t)
	c := newConcepts(0)
	sum, err := hex.DecodeString(ggufgen.MiniLMDigest)
	if err != nil {
		t.Fatal(err)
	}
	c.model.Digest = [32]byte(sum)
	o.embedding(t, c)
	o.add(t, "house", "/one.txt", "automobile")
	o.add(t, "house", "/two.txt", "something else is said here at some length of other matters")
	o.embedAll(t)
	if got := o.meansOf(t, "vehicle"); !slices.Equal(got, []string{"/one.txt"}) {
		t.Errorf("found %v", got)
	}
	if a, err := o.l.Answer(t.Context(), nil, "vehicle", find.Usual()); err != nil || !a.Enough || a.Coverage != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := o.l.Answer(t.Context(), nil, "zeppelin", find.Usual()); err != nil || a.Enough {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestVectorsOfOnePerson: what another person embedded is never searched, though
// all else is the same.
func TestVectorsOfOnePerson(t *testing.T) {
	ada, eve := newHome(t), newHome(t)
	c := newConcepts(1)
	ada.embedding(t, c)
	eve.embedding(t, c)
	ada.add(t, "house", "/ada.txt", "automobile")
	eve.add(t, "house", "/eve.txt", "automobile")
	ada.embedAll(t)
	if got := eve.meansOf(t, "car"); got != nil {
		t.Errorf("before hers are embedded Eve finds %v", got)
	}
	eve.embedAll(t)
	for o, want := range map[*home]string{ada: "/ada.txt", eve: "/eve.txt"} {
		if got := o.meansOf(t, "car"); !slices.Equal(got, []string{want}) {
			t.Errorf("%v, want %s", got, want)
		}
	}
	// And of libraries: one that was not named gives nothing.
	ada.add(t, "work", "/work.txt", "vehicle")
	ada.embedAll(t)
	if got := ada.meansOf(t, "car", ada.library(t, "work")); !slices.Equal(got, []string{"/work.txt"}) {
		t.Errorf("%v", got)
	}
}

// TestAnotherModel: vectors of one that was there before are used until the other
// has all, and are gone then.
func TestAnotherModel(t *testing.T) {
	o := newHome(t)
	c := o.embedding(t, newConcepts(1))
	for i := range 7 {
		o.add(t, "house", fmt.Sprintf("/%d.txt", i), fmt.Sprintf("automobile %d", i))
	}
	o.embedAll(t)
	before := c.model.space()
	c.model.Digest = [32]byte{2}
	for {
		more, err := o.l.Embed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			break
		}
		if got := o.meansOf(t, "car"); len(got) != 7 {
			t.Fatalf("while the other is made, %v are found", got)
		}
	}
	for _, s := range o.vectors(t) {
		if s.Space() == before {
			t.Error("vectors of the model before are left")
		}
	}
	if n := len(o.v.List(vault.KindEmbedder, vault.ID{})); n != 1 {
		t.Errorf("%d models are kept", n)
	}
	if got := o.meansOf(t, "car"); len(got) != 7 {
		t.Errorf("by the other, %v are found", got)
	}
	// One that can make nothing of most of it takes no place.
	c.model.Digest, c.unread = [32]byte{9}, "automobile"
	o.embedAll(t)
	c.model.Digest, c.unread = [32]byte{2}, ""
	if got := o.meansOf(t, "car"); len(got) != 7 {
		t.Errorf("after one that makes nothing of it, %v are found", got)
	}
	// The one before is not there any more: the other is used for as much as it has.
	c.gone[c.model.Digest] = true
	c.model.Digest = [32]byte{3}
	if _, err := o.l.Embed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := o.meansOf(t, "car"); len(got) != 3 {
		t.Errorf("%v are found", got)
	}
	o.reopen(t, true)
	o.embedAll(t)
	if got := o.meansOf(t, "car"); len(got) != 7 {
		t.Errorf("%v are found", got)
	}
}

// TestTextsThatNothingIsMadeOf do not keep others from being embedded, nor the
// queue from ending.
func TestTextsThatNothingIsMadeOf(t *testing.T) {
	o := newHome(t)
	c := o.embedding(t, newConcepts(1))
	c.unread = "riddle"
	for i := range 8 {
		o.add(t, "house", fmt.Sprintf("/%d.txt", i), []string{"automobile", "a riddle"}[i%2])
	}
	o.embedAll(t)
	if got := o.meansOf(t, "car"); !slices.Equal(got, []string{"/0.txt", "/2.txt", "/4.txt", "/6.txt"}) {
		t.Errorf("%v", got)
	}
	asked := c.asked
	o.embedAll(t)
	if c.asked != asked {
		t.Error("they are tried again and again")
	}
	o.add(t, "house", "/8.txt", "automobile")
	o.embedAll(t)
	if got := o.meansOf(t, "car"); len(got) != 5 {
		t.Errorf("%v", got)
	}
}

// TestRemovedWhileEmbedded: what is removed, changed or locked away while its
// vector is made gets none.
func TestRemovedWhileEmbedded(t *testing.T) {
	o := newHome(t)
	c := o.embedding(t, newConcepts(1))
	d := o.add(t, "house", "/a.txt", "automobile").Document
	o.add(t, "house", "/b.txt", "attorney")
	c.begun = func() {
		c.begun = nil
		if _, err := o.l.Remove(t.Context(), d.ID); err != nil {
			t.Error(err)
		}
		o.add(t, "house", "/b.txt", "vehicle")
	}
	o.embedAll(t)
	if got := o.meansOf(t, "car"); !slices.Equal(got, []string{"/b.txt"}) {
		t.Errorf("%v", got)
	}
	if n := o.l.state.count(c.model.space()); n != 1 {
		t.Errorf("%d vectors", n)
	}
	c.begun = func() { _ = o.l.Close(t.Context()) }
	o.add(t, "house", "/c.txt", "c")
	if _, err := o.l.Embed(t.Context()); !errors.Is(err, vault.ErrLocked) {
		t.Error(err)
	}
}

// TestTheQueueGoesOn: it waits where nothing can be done, and does what comes.
func TestTheQueueGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newHome(t)
		c := newConcepts(1)
		c.none = errNotNow
		o.embedding(t, c)
		o.add(t, "house", "/a.txt", "automobile")
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { o.l.Run(ctx) })
		settled := func(n int) {
			t.Helper()
			time.Sleep(2 * mostPause) // of the bubble
			synctest.Wait()
			if list, err := o.l.List(); err != nil || list[0].Meanings != n {
				t.Fatalf("%+v, %v; want %d", list, err, n)
			}
		}
		settled(0)
		c.mu.Lock()
		c.none = nil
		c.mu.Unlock()
		settled(1)
		o.add(t, "house", "/b.txt", "attorney")
		synctest.Wait() // at once
		if list, err := o.l.List(); err != nil || list[0].Meanings != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		stop()
		running.Wait()
		running.Go(func() { o.l.Run(t.Context()) })
		if err := o.l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.l.came <- struct{}{}
		running.Wait() // it ends with the libraries
	})
}
