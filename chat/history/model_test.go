package history

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/library/bm25"
	"abaton.local/vault"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// model is what a history must hold: conversations as lists of what was said.
type model map[vault.ID]*modelled

type modelled struct {
	title string
	named bool
	turns []Turn
}

func (m model) clone() model {
	c := make(model)
	for id, x := range m {
		c[id] = &modelled{x.title, x.named, slices.Clone(x.turns)}
	}
	return c
}

// index is the reference for searching: all texts in an index made anew.
func (m model) index() *bm25.Index {
	x := bm25.NewIndex()
	for id, c := range m {
		if c.named {
			x.Add(bm25.Document{ID: titleDoc(id, c.title), Text: c.title})
		}
		for _, t := range c.turns {
			x.Add(bm25.Document{ID: bm25.ID(t.ID), Text: t.Text})
		}
	}
	return x
}

// holds says how the history differs from the model; empty where it does not.
func (m model) differs(t *rapid.T, o *home) string {
	list, err := o.h.List()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(list, func(a, b Conversation) int { return newer(&a, &b) }) {
		return "the list is out of order"
	}
	got := make(model)
	for _, c := range list {
		full, turns, err := o.h.Show(context.Background(), c.ID)
		if err != nil || full.Turns != len(turns) {
			t.Fatalf("%d turns, %d announced, %v", len(turns), full.Turns, err)
		}
		got[c.ID] = &modelled{c.Title, c.Named, turns}
	}
	equal := cmp.AllowUnexported(modelled{})
	for id, want := range m {
		if got[id] == nil {
			return "a conversation is missing"
		}
		if d := cmp.Diff(want.turns, got[id].turns); d != "" && len(want.turns)+len(got[id].turns) > 0 {
			return d
		}
		want.turns = got[id].turns
	}
	return cmp.Diff(m, got, equal)
}

// finds compares a search with the reference, to the order of the last hit.
func (m model) finds(t *rapid.T, o *home, query string) {
	found, err := o.h.Search(context.Background(), query, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []bm25.ID
	for _, f := range found {
		if f.Turn.ID == (vault.ID{}) {
			got = append(got, titleDoc(f.Conversation.ID, f.Conversation.Title))
		} else {
			got = append(got, bm25.ID(f.Turn.ID))
		}
	}
	for _, hit := range m.index().Search(bm25.ParseQuery(query), 100) {
		want = append(want, hit.ID)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q finds %d places, the reference %d: %v, %v", query, len(got), len(want), got, want)
	}
}

// stays checks that no segment in the vault holds a document that is gone.
func (m model) stays(t *rapid.T, o *home) {
	x := m.index()
	for _, s := range o.segments(t) {
		for id := range s.IDs {
			if !x.Has(id) {
				t.Fatal("a segment in the vault holds something that was deleted")
			}
		}
	}
}

func aText(t *rapid.T, label string) string {
	words := strings.Fields("rain rains snow été ete 10.0.0.1 日本語 the of long 2026 zanzibar x_y")
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 6).Draw(t, label), " ")
}

// TestAgainstTheModel lets a history live: things are said, said differently,
// renamed and deleted, it is closed, opened and killed, and its store fails at
// any call, once or for a while, before or after the deed. What was acknowledged
// is there, what was refused is not, and searching finds what the reference finds.
func TestAgainstTheModel(t *testing.T) { rapid.Check(t, life) }

func life(t *rapid.T) {
	o, m := newHome(t), make(model)
	ctx := context.Background()
	some := func(t *rapid.T) vault.ID {
		ids := slices.SortedFunc(maps.Keys(m), func(a, b vault.ID) int { return slices.Compare(a[:], b[:]) })
		if len(ids) == 0 {
			t.Skip("no conversation")
		}
		return ids[rapid.IntRange(0, len(ids)-1).Draw(t, "conversation")]
	}
	turns := func(t *rapid.T, least int) (list []Turn) {
		for range rapid.IntRange(least, 3).Draw(t, "turns") {
			list = append(list, Turn{Role: rapid.SampledFrom([]Role{User, Assistant}).Draw(t, "role"), Text: aText(t, "text")})
		}
		return list
	}
	// try runs an act under a failing store. next is what holds where it succeeds.
	try := func(t *rapid.T, act func() (model, error)) {
		if rapid.Bool().Draw(t, "fails") {
			o.st.Fail(vaulttest.Failure{At: rapid.IntRange(1, 6).Draw(t, "at"), Forever: rapid.Bool().Draw(t, "for a while"), Done: rapid.Bool().Draw(t, "but happens")})
		}
		next, err := act()
		o.st.Fail(vaulttest.Failure{})
		unclear := o.h.doubt
		if unclear { // the next change finds out
			c, err := o.h.New(ctx, Start{})
			if err == nil {
				err = o.h.Delete(ctx, c.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err == nil {
			m = next
			return
		}
		// What was not acknowledged has not happened, or where nobody could tell,
		// has happened as a whole.
		if m.differs(t, o) == "" || !unclear {
			return
		}
		m = adopted(t, o, m, next)
	}
	t.Repeat(map[string]func(*rapid.T){
		"new": func(t *rapid.T) {
			list := turns(t, 0)
			try(t, func() (model, error) {
				c, err := o.h.New(ctx, Start{Model: "tiny"}, list...)
				if err != nil {
					return nil, err
				}
				next := m.clone()
				_, kept, err := o.h.Show(ctx, c.ID)
				if err != nil {
					o.st.Fail(vaulttest.Failure{})
					if _, kept, err = o.h.Show(ctx, c.ID); err != nil {
						t.Fatal(err)
					}
				}
				next[c.ID] = &modelled{title: titled(list), turns: kept}
				return next, nil
			})
		},
		"append": func(t *rapid.T) {
			id, list := some(t), turns(t, 1)
			try(t, func() (model, error) {
				kept, err := o.h.Append(ctx, id, list...)
				next := m.clone()
				next[id].turns = append(next[id].turns, kept...)
				if next[id].title == "" && !next[id].named {
					next[id].title = titled(list)
				}
				return next, err
			})
		},
		"replace": func(t *rapid.T) {
			id := some(t)
			if len(m[id].turns) == 0 {
				t.Skip("no turns")
			}
			at, list := rapid.IntRange(0, len(m[id].turns)-1).Draw(t, "from"), turns(t, 0)
			try(t, func() (model, error) {
				kept, err := o.h.Replace(ctx, id, m[id].turns[at].ID, list...)
				next := m.clone()
				c := next[id]
				c.turns = append(c.turns[:at:at], kept...)
				if at == 0 && !c.named {
					c.title = ""
				}
				if c.title == "" && !c.named {
					c.title = titled(list)
				}
				return next, err
			})
		},
		"rename": func(t *rapid.T) {
			id, title := some(t), "named "+aText(t, "title")
			try(t, func() (model, error) {
				c, err := o.h.Rename(ctx, id, title)
				next := m.clone()
				next[id].title, next[id].named = c.Title, true
				return next, err
			})
		},
		"delete": func(t *rapid.T) {
			id := some(t)
			try(t, func() (model, error) {
				next := m.clone()
				delete(next, id)
				return next, o.h.Delete(ctx, id)
			})
		},
		"reopen": func(t *rapid.T) { o.reopen(t, rapid.Bool().Draw(t, "clean")) },
		"": func(t *rapid.T) {
			if d := m.differs(t, o); d != "" {
				t.Fatal(d)
			}
			m.finds(t, o, aText(t, "query"))
			m.stays(t, o)
		},
	})
	o.reopen(t, true)
	if err := o.v.Verify(ctx); err != nil {
		t.Fatal(err)
	}
	if err := o.h.Damage(); err != nil {
		t.Fatal(err)
	}
}

// titled is the title that turns give a conversation without one.
func titled(turns []Turn) string {
	for _, t := range turns {
		if t.Role == User && strings.TrimSpace(t.Text) != "" {
			return titleOf(t.Text)
		}
	}
	return ""
}

// adopted is the model after an act that happened without being acknowledged.
// The identifiers of its turns were not given, so they are taken as they are;
// everything else must be as next says, or as a new conversation.
func adopted(t *rapid.T, o *home, m, next model) model {
	list, err := o.h.List()
	if err != nil {
		t.Fatal(err)
	}
	if next == nil { // a new conversation, whose identifier was not given
		next = m.clone()
	}
	for _, c := range list {
		_, turns, err := o.h.Show(context.Background(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := next[c.ID]
		switch {
		case want == nil && m[c.ID] == nil:
			next[c.ID] = &modelled{c.Title, c.Named, turns}
		case want == nil:
			t.Fatal("half a deletion")
		default:
			if c.Named {
				want.title, want.named = c.Title, true
			} else {
				want.title = c.Title
			}
			want.turns = turns
		}
	}
	if len(list) != len(next) {
		t.Fatal("half a change")
	}
	return next
}
