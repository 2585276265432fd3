package history

import (
	"context"
	"slices"
	"time"

	"abaton.local/internal/vaulttest"
	"abaton.local/library/bm25"
	"abaton.local/vault"

	"pgregory.net/rapid"
)

// home is a vault in a store in memory, with what is needed to open it again.
type home struct {
	st     *vaulttest.Memory
	id     vault.ID
	root   *vault.Key
	config Config
	now    time.Time
	v      *vault.Vault
	h      *History
}

// newHome makes a vault whose history seals often and merges early.
func newHome(t rapid.TB) *home {
	o := &home{st: vaulttest.NewMemory(), id: vault.NewID(), root: vault.NewKey(), now: time.UnixMilli(1_764_000_000_000)}
	o.config = Config{SealEvery: 4, MaxSegment: 16, Now: func() time.Time {
		o.now = o.now.Add(time.Second)
		return o.now
	}}
	var err error
	if o.v, err = vault.Create(context.Background(), o.st, o.id, o.root, []byte("slots")); err != nil {
		t.Fatal(err)
	}
	o.open(t)
	return o
}

func (o *home) open(t rapid.TB) {
	var err error
	if o.h, err = Open(context.Background(), o.v, o.config); err != nil {
		t.Fatal(err)
	}
}

// reopen closes both and opens them again; without a clean end, what was in
// memory is lost.
func (o *home) reopen(t rapid.TB, clean bool) {
	if clean {
		if err := o.h.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		o.v.Close()
	}
	o.st = o.st.Clone()
	var err error
	if o.v, err = vault.Open(context.Background(), o.st, o.id, o.root, vault.Opening{}); err != nil {
		t.Fatal(err)
	}
	o.open(t)
}

// segments reads the index as it lies in the vault.
func (o *home) segments(t rapid.TB) (all []*bm25.Segment) {
	for got, err := range o.v.ReadMany(context.Background(), idsOf(o.v.List(vault.KindSegment, vault.ID{}))) {
		if err != nil {
			t.Fatal(err)
		}
		s, err := bm25.Decode(got.Payload)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func (o *home) begin(t rapid.TB, texts ...string) Conversation {
	var turns []Turn
	for i, text := range texts {
		turns = append(turns, Turn{Role: []Role{User, Assistant}[i%2], Text: text, Model: []string{"", "tiny"}[i%2]})
	}
	c, err := o.h.New(context.Background(), Start{Model: "tiny"}, turns...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (o *home) texts(t rapid.TB, id vault.ID) (texts []string) {
	_, turns, err := o.h.Show(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, turn := range turns {
		texts = append(texts, turn.Text)
	}
	return texts
}

// finds says which texts a search gives.
func (o *home) finds(t rapid.TB, query string) (texts []string) {
	found, err := o.h.Search(context.Background(), query, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		text := f.Turn.Text
		if text == "" {
			text = f.Conversation.Title
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
}
