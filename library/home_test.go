package library

import (
	"context"
	"path"
	"slices"
	"time"

	"abaton.local/internal/vaulttest"
	"abaton.local/library/bm25"
	"abaton.local/library/parse"
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
	l      *Libraries
}

// readHere reads documents in this process: the bytes are the tests' own.
func readHere(_ context.Context, src parse.Source) (d parse.Document, err error) {
	d.Result, err = parse.Parse(src, parse.Limits{}, d.Collect())
	return d, err
}

// newHome makes a vault whose libraries seal often and merge early.
func newHome(t rapid.TB) *home {
	o := &home{st: vaulttest.NewMemory(), id: vault.NewID(), root: vault.NewKey(), now: time.UnixMilli(1_764_000_000_000)}
	o.config = Config{Parse: readHere, SealEvery: 4, MaxSegment: 16, Now: func() time.Time {
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
	if o.l, err = Open(context.Background(), o.v, o.config); err != nil {
		t.Fatal(err)
	}
}

// reopen closes both and opens them again; without a clean end, what was in
// memory is lost.
func (o *home) reopen(t rapid.TB, clean bool) {
	if clean {
		if err := o.l.Close(context.Background()); err != nil {
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
	for got, err := range o.v.ReadMany(context.Background(), idsOf(o.v.List(vault.KindWords, vault.ID{}))) {
		if err != nil {
			t.Fatal(err)
		}
		_, s, err := parseSegment(got.Payload)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func (o *home) add(t rapid.TB, library, from, text string) Outcome {
	out, err := o.l.Add(context.Background(), File{Library: library, Path: from, Name: path.Base(from), Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// finds says from where the passages are that a search finds by its words.
func (o *home) finds(t rapid.TB, query string, libraries ...vault.ID) (paths []string) {
	found, err := o.l.Search(context.Background(), libraries, query, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Words {
			paths = append(paths, f.Document.Path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

func (o *home) library(t rapid.TB, name string) vault.ID {
	x, err := o.l.Library(name)
	if err != nil {
		t.Fatal(err)
	}
	return x.ID
}
