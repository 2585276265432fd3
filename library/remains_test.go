package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"abaton.local/vault"
)

// TestRemovedThoughDamaged: of a document whose head cannot be read no word stays,
// whichever library it was of.
func TestRemovedThoughDamaged(t *testing.T) {
	o := newHome(t)
	o.embedding(t, newConcepts(1))
	d := o.add(t, "house", "/secret.txt", "violet elephants").Document
	for i := range 3 {
		o.add(t, "house", fmt.Sprintf("/%d.txt", i), "other things")
	}
	o.add(t, "work", "/w.txt", "other things")
	o.embedAll(t)
	if err := o.l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.nonsense(t, d.ID)
	o.open(t)
	if o.l.Damage() == nil {
		t.Fatal("the damage is not said")
	}
	if n, err := o.l.Remove(t.Context(), d.ID); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	o.gone(t, d, "violet")
	if got := o.finds(t, "other"); len(got) != 4 {
		t.Errorf("left are %v", got)
	}
}

// nonsense takes the place of a record's payload.
func (o *home) nonsense(t *testing.T, id vault.ID) {
	t.Helper()
	r, err := o.v.Lookup(id)
	if err == nil {
		put := vault.Put{ID: r.ID, Container: r.Container, Kind: r.Kind, Order: r.Order, Payload: []byte("\x01 nonsense that is long enough")}
		err = o.v.Write(t.Context(), vault.Edit{Put: []vault.Put{put}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestBrokenSegmentsGoWithWhatIsRemoved: nobody can tell what words they hold.
func TestBrokenSegmentsGoWithWhatIsRemoved(t *testing.T) {
	for name, change := range map[string]func(*home, Document) error{
		"removed": func(o *home, d Document) error { _, err := o.l.Remove(t.Context(), d.ID); return err },
		"library": func(o *home, d Document) error { _, err := o.l.RemoveLibrary(t.Context(), d.Library); return err },
		"replaced": func(o *home, _ Document) error {
			_, err := o.l.Add(t.Context(), File{Library: "house", Path: "/a.txt", Name: "a.txt", Data: []byte("other")})
			return err
		},
	} {
		o := newHome(t)
		o.add(t, "house", "/a.txt", "violet elephants")
		list, err := o.l.Documents(vault.ID{})
		if err != nil {
			t.Fatal(err)
		}
		broken := vault.NewID()
		put := vault.Put{ID: broken, Container: broken, Kind: vault.KindWords, Payload: []byte("violet")}
		if err := o.v.Write(t.Context(), vault.Edit{Put: []vault.Put{put}}); err != nil {
			t.Fatal(err)
		}
		o.l.state.broken = []vault.ID{broken}
		w := &watched{Vault: o.v}
		o.l.vault = w
		if err := change(o, list[0]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// Sealing, which comes after, would take it along; the edit itself has to.
		if len(w.edits) == 0 || !slices.Contains(w.edits[0].Drop, broken) || len(o.l.state.broken) > 0 {
			t.Errorf("%s: the broken segment did not go with it", name)
		}
	}
}

// watched is a vault whose edits are kept, and whose passages cannot be read for
// a while.
type watched struct {
	*vault.Vault
	edits  []vault.Edit
	broken bool
}

func (w *watched) Write(ctx context.Context, e vault.Edit) error {
	w.edits = append(w.edits, e)
	return w.Vault.Write(ctx, e)
}

var errNotNow = errors.New("not now")

func (w *watched) ReadMany(ctx context.Context, ids []vault.ID) iter.Seq2[vault.Content, error] {
	if w.broken && len(ids) > 0 {
		if r, err := w.Lookup(ids[0]); err == nil && r.Kind == vault.KindPassages {
			return func(yield func(vault.Content, error) bool) { yield(vault.Content{}, errNotNow) }
		}
	}
	return w.Vault.ReadMany(ctx, ids)
}

// TestReadAnewUntilAllIsIndexed: what could not be indexed is, with the next change.
func TestReadAnewUntilAllIsIndexed(t *testing.T) {
	o := newHome(t)
	o.add(t, "house", "/a.txt", "violet elephants")
	w := &watched{Vault: o.v, broken: true}
	o.l.vault, o.l.doubt = w, true
	if _, err := o.l.Add(t.Context(), File{Library: "house", Path: "/b.txt", Name: "b.txt", Data: []byte("b")}); !errors.Is(err, errNotNow) {
		t.Fatal(err)
	}
	w.broken = false
	o.add(t, "house", "/b.txt", "yellow giraffes")
	if got := o.finds(t, "violet"); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// TestDamagedVectorsAreMadeAnew: what cannot be used of them goes with the next
// change, the rest is used, and all is embedded again in the end.
func TestDamagedVectorsAreMadeAnew(t *testing.T) {
	for name, damage := range map[string]func(*home){
		"a segment":         func(o *home) { o.nonsense(t, o.v.List(vault.KindMeanings, vault.ID{})[0].ID) },
		"what made them":    func(o *home) { o.nonsense(t, o.v.List(vault.KindEmbedder, vault.ID{})[0].ID) },
		"it is not there":   func(o *home) { o.drop(t, o.v.List(vault.KindEmbedder, vault.ID{})[0].ID) },
		"no segment":        func(o *home) { o.drop(t, o.v.List(vault.KindMeanings, vault.ID{})[0].ID) },
		"another library's": func(o *home) { o.strange(t) },
	} {
		o := newHome(t)
		o.embedding(t, newConcepts(1))
		for i := range 6 {
			o.add(t, "house", fmt.Sprintf("/%d.txt", i), "automobile")
		}
		o.embedAll(t)
		if err := o.l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		damage(o)
		o.open(t)
		o.embedAll(t)
		if err := o.l.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := o.meansOf(t, "car"); len(got) != 6 {
			t.Errorf("%s: %v are found", name, got)
		}
		o.reopen(t, true)
		if err := o.l.Damage(); err != nil {
			t.Errorf("%s: it is there still: %v", name, err)
		}
		o.soundVectors(t)
		if got := o.meansOf(t, "car"); len(got) != 6 {
			t.Errorf("%s, opened again: %v are found", name, got)
		}
	}
}

func (o *home) drop(t *testing.T, id vault.ID) {
	t.Helper()
	if err := o.v.Write(t.Context(), vault.Edit{Drop: []vault.ID{id}}); err != nil {
		t.Fatal(err)
	}
}

// strange keeps vectors of a library that is not there.
func (o *home) strange(t *testing.T) {
	t.Helper()
	id := vault.NewID()
	put := vault.Put{ID: id, Container: id, Kind: vault.KindMeanings, Payload: vectorsPayload(vault.NewID(), o.vectors(t)[0])}
	if err := o.v.Write(t.Context(), vault.Edit{Put: []vault.Put{put}}); err != nil {
		t.Fatal(err)
	}
}

// spelling is an embedder whose vectors, as they are kept, are a word.
type spelling struct{ word string }

func (s spelling) Model(context.Context) (Model, error) { return Model{Dims: len(s.word) + 1}, nil }

func (s spelling) Embed(_ context.Context, _ Model, texts []string, _ bool) ([][]float32, error) {
	v := make([]float32, 0, len(s.word)+1)
	for _, b := range []byte(s.word + "\x7f") {
		v = append(v, float32(b))
	}
	return slices.Repeat([][]float32{v}, len(texts)), nil
}

// TestVectorsLieSealed: nothing of a vector stands in the store, though the vault
// gives each byte of it.
func TestVectorsLieSealed(t *testing.T) {
	const word = "a vector that can be read"
	o := newHome(t)
	o.config.Embed = spelling{word}
	o.reopen(t, true)
	o.add(t, "house", "/a.txt", "violet elephants")
	o.embedAll(t)
	if all := o.vectors(t); len(all) != 1 || !bytes.Contains(all[0].Encoded(), []byte(word)) {
		t.Fatalf("control: %d segments", len(all))
	}
	dump := o.st.Dump()
	for _, secret := range []string{word, "elephants", "abt-vect"} {
		if bytes.Contains(dump, []byte(secret)) {
			t.Errorf("%q stands in the store", secret)
		}
	}
}
