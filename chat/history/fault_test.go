package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// TestKilledAtEveryCall lets the store die at its n-th call, for every n that a
// small life needs, with the deed done or not. After that the vault is opened
// again from what is in the store: every turn that was acknowledged is there and
// is found, and of those that were not, none or all of one Append.
func TestKilledAtEveryCall(t *testing.T) {
	for _, done := range []bool{false, true} {
		for at := 1; ; at++ {
			o := newHome(t)
			c := o.begin(t, "begin 0")
			var acknowledged []string
			deleted := false
			o.st.Fail(vaulttest.Failure{At: at, Forever: true, Done: done})
			var err error
			for i := range 12 {
				pair := []Turn{{Role: User, Text: fmt.Sprint("word question ", i)}, {Role: Assistant, Text: fmt.Sprint("word answer ", i)}}
				if _, err = o.h.Append(t.Context(), c.ID, pair...); err != nil {
					break
				}
				acknowledged = append(acknowledged, pair[0].Text, pair[1].Text)
			}
			if err == nil {
				var other Conversation
				if other, err = o.h.New(t.Context(), Start{}, Turn{Role: User, Text: "word passing"}); err == nil {
					acknowledged = append(acknowledged, "word passing")
					if err = o.h.Delete(t.Context(), other.ID); err == nil {
						deleted = true
					}
				}
			}
			ended := err == nil && o.h.Close(t.Context()) == nil
			o.reopen(t, false)
			if err := o.h.Damage(); err != nil {
				t.Fatalf("call %d: %v", at, err)
			}
			if got := o.texts(t, c.ID); len(got)%2 != 1 {
				t.Fatalf("call %d: half a pair was kept: %q", at, got)
			}
			got := o.finds(t, "word")
			for _, text := range acknowledged {
				if !slices.Contains(got, text) && text != "word passing" {
					t.Fatalf("call %d: %q was acknowledged and is lost", at, text)
				}
			}
			if deleted && slices.Contains(got, "word passing") {
				t.Fatalf("call %d: what was deleted is back", at)
			}
			if extra := len(got) - len(acknowledged); extra > 2 {
				t.Fatalf("call %d: %d too many", at, extra)
			}
			if ended {
				if at < 10 {
					t.Fatalf("the whole life needed %d calls only: the test sees nothing", at)
				}
				break
			}
		}
	}
}

// TestDamagedIndexLosesNoWords: whatever happens to the index in the store,
// everything is found; that something was wrong is said, and the next sealing
// mends it.
func TestDamagedIndexLosesNoWords(t *testing.T) {
	for name, harm := range map[string]func(o *home, seg vault.ID){
		"a flipped bit": func(o *home, seg vault.ID) { o.st.Image(o.id).Rows[seg][40] ^= 1 },
		"a lost row":    func(o *home, seg vault.ID) { delete(o.st.Image(o.id).Rows, seg) },
		"all lost": func(o *home, _ vault.ID) {
			for _, r := range o.v.List(vault.KindSegment, vault.ID{}) {
				delete(o.st.Image(o.id).Rows, r.ID)
			}
		},
		"not a segment": func(o *home, seg vault.ID) { o.put(t, seg, []byte("abt-bm25\x01")) },
		"newer format":  func(o *home, seg vault.ID) { o.put(t, seg, []byte("abt-bm25\x02 whatever")) },
		"another analysis": func(o *home, seg vault.ID) {
			b := slices.Clone(bm25.Build(bm25.Document{ID: bm25.ID{1}, Text: "word"}).Encoded())
			b[len("abt-bm25")+1]++
			o.put(t, seg, b)
		},
		"somebody else's words": func(o *home, seg vault.ID) {
			o.put(t, seg, bm25.Build(bm25.Document{ID: bm25.ID{1}, Text: "word"}).Encoded())
		},
		"the same twice": func(o *home, seg vault.ID) {
			b, err := o.v.Read(t.Context(), seg)
			if err != nil {
				t.Fatal(err)
			}
			o.put(t, vault.NewID(), b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newHome(t)
			for i := range 30 {
				o.begin(t, fmt.Sprint("word ", i))
			}
			if err := o.h.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			segments := o.v.List(vault.KindSegment, vault.ID{})
			if len(segments) < 2 {
				t.Fatalf("%d segments", len(segments))
			}
			harm(o, segments[0].ID)
			o.open(t)
			if got := o.finds(t, "word"); len(got) != 30 {
				t.Errorf("%d of 30 are found", len(got))
			}
			reported := o.h.Damage() != nil
			if quiet := name == "another analysis" || name == "somebody else's words" || name == "the same twice"; reported == quiet {
				t.Errorf("damage: %v", o.h.Damage())
			}
			if err := o.h.Delete(t.Context(), o.begin(t, "passing").ID); err != nil {
				t.Error(err)
			}
			o.reopen(t, true)
			if got := o.finds(t, "word"); len(got) != 30 || o.h.Damage() != nil {
				t.Errorf("afterwards %d are found, %v", len(got), o.h.Damage())
			}
		})
	}
}

// put writes a segment as the vault's owner would, who holds the key.
func (o *home) put(t *testing.T, id vault.ID, b []byte) {
	t.Helper()
	if err := o.v.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: id, Container: id, Kind: vault.KindSegment, Payload: b}}}); err != nil {
		t.Fatal(err)
	}
}

// readOnly is a vault whose store takes nothing any more.
type readOnly struct{ *vault.Vault }

func (v readOnly) Write(ctx context.Context, e vault.Edit) error {
	if len(e.Put)+len(e.Delete)+len(e.Drop) > 0 {
		return errReadOnly
	}
	return v.Vault.Write(ctx, e)
}

var errReadOnly = errors.New("the disk can only be read")

// What is there can be read and found though nothing can be written, not even
// an index.
func TestReadOnly(t *testing.T) {
	o := newHome(t)
	for i := range 40 {
		o.begin(t, fmt.Sprint("word ", i))
	}
	if err := o.v.Write(t.Context(), vault.Edit{Drop: idsOf(o.v.List(vault.KindSegment, vault.ID{}))}); err != nil {
		t.Fatal(err)
	}
	var err error
	if o.h, err = Open(t.Context(), readOnly{o.v}, o.config); err != nil {
		t.Fatal(err)
	}
	if got := o.finds(t, "word"); len(got) != 40 {
		t.Errorf("%d of 40 are found", len(got))
	}
	c, err := o.h.Latest()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: "word"}); !errors.Is(err, errReadOnly) {
		t.Errorf("writing: %v", err)
	}
	if err := o.h.Delete(t.Context(), c.ID); !errors.Is(err, errReadOnly) {
		t.Errorf("deleting: %v", err)
	}
	if got := o.finds(t, "word"); len(got) != 40 {
		t.Errorf("afterwards %d of 40 are found", len(got))
	}
	if err := o.h.Close(t.Context()); !errors.Is(err, errReadOnly) {
		t.Errorf("closing: %v", err)
	}
}

// A damaged turn or conversation is named, and the others can be read.
func TestDamagedRecords(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "word one", "word two", "word three")
	d := o.begin(t, "word four")
	_, turns, err := o.h.Show(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	image := o.st.Image(o.id)
	image.Rows[turns[1].ID][40] ^= 1
	image.Rows[d.ID][40] ^= 1
	o.reopen(t, false)
	damage, ok := errors.AsType[*vault.Damage](o.h.Damage())
	if !ok || damage.Row != d.ID && damage.Row != turns[1].ID {
		t.Errorf("damage: %v", o.h.Damage())
	}
	_, left, err := o.h.Show(t.Context(), c.ID)
	if damage, ok := errors.AsType[*vault.Damage](err); !ok || damage.Row != turns[1].ID || len(left) != 2 || left[1].Text != "word three" {
		t.Errorf("%d turns, %v", len(left), err)
	}
	broken, left, err := o.h.Show(t.Context(), d.ID)
	if err == nil || !broken.Damaged || len(left) != 1 || left[0].Text != "word four" {
		t.Errorf("%+v, %d turns, %v", broken, len(left), err)
	}
	found, err := o.h.Search(t.Context(), "word", 10)
	if len(found) < 3 {
		t.Errorf("%d found, %v", len(found), err)
	}
	// What can be read can be exported, and what cannot be can be deleted.
	var out countWriter
	if err := o.h.ExportJSON(t.Context(), &out); err == nil || out == 0 {
		t.Errorf("%d bytes, %v", out, err)
	}
	for _, id := range []vault.ID{c.ID, d.ID} {
		if err := o.h.Delete(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	o.reopen(t, true)
	if list, err := o.h.List(); err != nil || len(list) != 0 || o.h.Damage() != nil {
		t.Errorf("%v, %v, %v", list, err, o.h.Damage())
	}
}

type countWriter int

func (w *countWriter) Write(b []byte) (int, error) {
	*w += countWriter(len(b))
	return len(b), nil
}

// What a later version wrote is refused by name, and nothing is changed.
func TestNewerSchema(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "one")
	if err := o.h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := fmt.Sprintf(`{"schema":%d,`, schema+1)
	for kind, payload := range map[vault.Kind]string{vault.KindConversation: next + `"heading":"x","created":1}` + "\n", vault.KindTurn: next + `"voice":"x"}` + "\n"} {
		id := vault.NewID()
		if err := o.v.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: id, Container: c.ID, Kind: kind, Payload: []byte(payload)}}}); err != nil {
			t.Fatal(err)
		}
		before := o.v.Head()
		_, err := Open(t.Context(), o.v, o.config)
		if newer, ok := errors.AsType[*NewerError](err); !ok || newer.Schema != schema+1 {
			t.Errorf("kind %d: %v", kind, err)
		}
		if o.v.Head() != before {
			t.Error("opening changed the vault")
		}
		if err := o.v.Write(t.Context(), vault.Edit{Delete: []vault.ID{id}}); err != nil {
			t.Fatal(err)
		}
	}
	o.open(t)
}
