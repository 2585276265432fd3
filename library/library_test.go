package library

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"abaton.local/library/find"
	"abaton.local/library/parse"
	"abaton.local/library/vector"
	"abaton.local/vault"
)

func TestDocumentsAreKeptFoundAndOpenedAgain(t *testing.T) {
	o := newHome(t)
	out := o.add(t, "house", "/home/ada/lease.md", "# Lease\n\nThe flat is let to Ada.\n\n## Notice\n\nThe notice period is three months.\n")
	if out.Verdict != Added || out.Document.Passages != 2 || out.Document.Format != "markdown" {
		t.Fatalf("%+v", out)
	}
	o.add(t, "work", "/home/ada/plan.txt", "The notice board hangs in the hall.")
	for round := range 3 {
		list, err := o.l.List()
		if err != nil || len(list) != 2 || list[0].Name != "house" || list[0].Documents != 1 || list[0].Passages != 2 || list[1].Name != "work" {
			t.Fatalf("%+v, %v", list, err)
		}
		found, err := o.l.Search(t.Context(), []vault.ID{list[0].ID}, "notice period", 5)
		if err != nil || len(found) == 0 || found[0].Text != "The notice period is three months." || found[0].Heading != "Lease › Notice" || found[0].Library != "house" {
			t.Fatalf("round %d: %+v, %v", round, found, err)
		}
		if got := o.finds(t, "notice", list[1].ID); !slices.Equal(got, []string{"/home/ada/plan.txt"}) {
			t.Errorf("one library gives %v", got)
		}
		if got := o.finds(t, "notice"); len(got) != 2 {
			t.Errorf("all libraries give %v", got)
		}
		d, text, err := o.l.Text(t.Context(), out.Document.ID)
		if err != nil || d.Name != "lease.md" || text != "Lease\n\nThe flat is let to Ada.\n\nNotice\n\nThe notice period is three months." {
			t.Errorf("%+v %q %v", d, text, err)
		}
		if found, err := o.l.Find(out.Document.ID.String()[:6]); err != nil || found.ID != out.Document.ID {
			t.Errorf("%v, %v", found, err)
		}
		o.reopen(t, round == 0) // then without a clean end
	}
}

func TestALongDocumentIsReadWhole(t *testing.T) {
	o := newHome(t)
	var b strings.Builder
	for i := range 120 {
		fmt.Fprintf(&b, "# Part %d\n\nOf matter %d this is said: %s.\n\n", i, i, strings.Repeat("and so on ", 60))
	}
	out := o.add(t, "house", "/long.md", b.String())
	if out.Document.Passages < 2*leafPassages {
		t.Fatalf("%d passages", out.Document.Passages)
	}
	_, text, err := o.l.Text(t.Context(), out.Document.ID)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := readHere(t.Context(), parse.Source{Name: "long.md", Data: []byte(b.String())})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range doc.Records {
		want = append(want, r.Text)
	}
	if text != strings.Join(want, "\n\n") {
		t.Error("the text is not what was read")
	}
	found, err := o.l.Search(t.Context(), nil, "matter 97", 1)
	if err != nil || len(found) != 1 || found[0].Heading != "Part 97" || !strings.Contains(text, found[0].Text) {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestAChangedFileTakesTheOldOnesPlace(t *testing.T) {
	o := newHome(t)
	o.embedding(t, newConcepts(1))
	first := o.add(t, "house", "/a.txt", "violet elephants")
	if out := o.add(t, "house", "/a.txt", "violet elephants"); out.Verdict != Unchanged {
		t.Errorf("the same again: %v", out.Verdict)
	}
	if known, err := o.l.Known("house", []string{"/a.txt", "/b.txt"}, [][32]byte{first.Document.Sum, first.Document.Sum}); err != nil || !known[0] || known[1] {
		t.Errorf("%v, %v", known, err)
	}
	for i := range 8 {
		o.add(t, "house", fmt.Sprintf("/%d.txt", i), "other things")
	}
	o.embedAll(t)
	if out := o.add(t, "house", "/a.txt", "yellow giraffes"); out.Verdict != Changed {
		t.Errorf("changed: %v", out.Verdict)
	}
	o.gone(t, first.Document, "violet")
	if got := o.finds(t, "giraffes"); len(got) != 1 {
		t.Errorf("the new text gives %v", got)
	}
	// What cannot be read does not take what is there away.
	if out := o.add(t, "house", "/a.txt", ""); out.Verdict != Refused || out.Why != parse.Empty.String() {
		t.Errorf("%+v", out)
	}
	if got := o.finds(t, "giraffes"); len(got) != 1 {
		t.Errorf("after an empty file: %v", got)
	}
}

// gone looks for a document that was removed: its records, its words, and its
// identifier in every segment that lies in the vault.
func (o *home) gone(t *testing.T, d Document, word string) {
	t.Helper()
	for round := range 2 {
		if got := o.finds(t, word); len(got) > 0 {
			t.Errorf("round %d: %q is found in %v", round, word, got)
		}
		if left := o.v.List(0, d.ID); len(left) > 0 {
			t.Errorf("%d records are left", len(left))
		}
		for _, s := range o.segments(t) {
			for n := range d.Passages {
				if s.Holds(passageID(d.ID, n)) {
					t.Error("a segment holds a passage")
				}
			}
			if bytes.Contains(s.Encoded(), []byte(word)) {
				t.Error("a segment holds a word")
			}
		}
		for _, s := range o.vectors(t) {
			for n := range d.Passages {
				if s.Holds(vector.ID(passageID(d.ID, n))) {
					t.Error("a segment holds the vector of a passage")
				}
			}
		}
		o.reopen(t, true)
	}
}

func TestRemovedIsGone(t *testing.T) {
	o := newHome(t)
	o.embedding(t, newConcepts(1))
	var removed []Document
	for i := range 10 {
		out := o.add(t, "house", fmt.Sprintf("/%d.txt", i), fmt.Sprintf("shared word, own%d", i))
		if i%3 == 0 {
			removed = append(removed, out.Document)
		}
	}
	o.embedAll(t)
	var ids []vault.ID
	for _, d := range removed {
		ids = append(ids, d.ID)
	}
	if n, err := o.l.Remove(t.Context(), ids...); n != 4 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := o.l.Remove(t.Context(), ids[0]); !errors.Is(err, ErrUnknown) {
		t.Errorf("again: %v", err)
	}
	for i, d := range removed {
		o.gone(t, d, fmt.Sprint("own", i*3))
	}
	if got := o.finds(t, "shared"); len(got) != 6 {
		t.Errorf("left are %v", got)
	}
	if got := o.meansOf(t, "shared"); len(got) != 6 {
		t.Errorf("by meaning %v are left", got)
	}
	other := o.add(t, "work", "/w.txt", "shared too")
	o.embedAll(t)
	if n, err := o.l.RemoveLibrary(t.Context(), o.library(t, "house")); n != 6 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for range 2 {
		if got := o.finds(t, "shared"); !slices.Equal(got, []string{"/w.txt"}) {
			t.Errorf("left are %v", got)
		}
		if list, err := o.l.List(); err != nil || len(list) != 1 {
			t.Errorf("%v, %v", list, err)
		}
		if left := o.v.List(vault.KindPassages, vault.ID{}); len(left) != 1 || left[0].Container != other.Document.ID {
			t.Errorf("%d records of passages are left", len(left))
		}
		o.reopen(t, true)
	}
}

func zipOf(t *testing.T, pairs ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.Create(pairs[i])
		if err == nil {
			_, err = w.Write([]byte(pairs[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWhatLiesInAFile(t *testing.T) {
	o := newHome(t)
	inner := zipOf(t, "deep.txt", "the deepest walrus")
	out := o.add(t, "house", "/all.zip", zipOf(t, "in/one.txt", "a walrus", "none.txt", "", "more.zip", inner))
	if out.Verdict != Added || len(out.Within) != 3 || out.Within[2].Verdict != Refused || out.Within[2].Why != parse.Empty.String() {
		t.Fatalf("%+v", out)
	}
	if got := o.finds(t, "walrus"); !slices.Equal(got, []string{"deep.txt", "in/one.txt"}) {
		t.Fatalf("%v", got)
	}
	if n, err := o.l.Remove(t.Context(), out.Document.ID); n != 4 || err != nil {
		t.Errorf("%d went, %v", n, err)
	}
	if left := len(o.v.List(0, vault.ID{})) - len(o.v.List(vault.KindLibrary, vault.ID{})); left != 0 {
		t.Errorf("%d records are left", left)
	}
	// A file that holds more than one may is read in part, and says so.
	o.config.MostWithin, o.config.BytesWithin = 2, 1000
	o.reopen(t, true)
	out = o.add(t, "house", "/many.zip", zipOf(t, "1.txt", "one", "2.txt", "two", "3.txt", "three", "4.txt", "four"))
	if len(out.Within) != 2 || !slices.Contains(out.Document.Missing, parse.TooManyParts.String()) {
		t.Errorf("%+v", out)
	}
	nested := "bottom"
	name := "x.txt"
	for range maxDepth + 1 {
		nested, name = zipOf(t, name, nested), "x.zip"
	}
	o.config.MostWithin, o.config.BytesWithin = 0, 0
	o.reopen(t, true)
	if out := o.add(t, "house", "/nested.zip", nested); out.Verdict != Refused {
		t.Errorf("%+v", out)
	}
}

func TestVerdicts(t *testing.T) {
	o := newHome(t)
	for _, c := range []struct {
		name, data string
		why        parse.Reason
	}{
		{"empty.txt", " \n", parse.Empty},
		{"wrong.docx", "%PDF-1.4 and so on", parse.Mismatch},
		{"cut.docx", zipOf(t, "word/document.xml", "<w:p>")[:60], parse.Damaged},
		{"program", "\x7fELF\x02\x01\x01\x00", parse.NoDocument},
	} {
		if out := o.add(t, "house", "/"+c.name, c.data); out.Verdict != Refused || out.Why != c.why.String() {
			t.Errorf("%s: %v, %q; want %q", c.name, out.Verdict, out.Why, c.why)
		}
	}
	if list, err := o.l.List(); err != nil || len(list) != 0 {
		t.Errorf("a library came to be of nothing: %v, %v", list, err)
	}
	hidden := o.add(t, "house", "/h.html", `<p>seen</p><p style="display:none">unseen orders</p>`)
	if hidden.Document.Hidden != 1 || len(o.finds(t, "orders")) != 0 || len(o.finds(t, "seen")) != 1 {
		t.Errorf("%+v", hidden)
	}
	odd := o.add(t, "house", "/x", "plain text")
	odd2, err := o.l.Add(t.Context(), File{Library: "house", Path: "/odd", Name: "in\u202evoice\x1b[2J\xff.txt", Data: []byte("plain text")})
	if err != nil || odd2.Document.Name != `in\u{202e}voice\x1b[2J\xff.txt` || odd.Document.Name != "x" {
		t.Errorf("%q, %v", odd2.Document.Name, err)
	}
	if _, err := o.l.Add(t.Context(), File{Library: "a\nb", Path: "/x", Name: "x", Data: []byte("x")}); !errors.Is(err, ErrName) {
		t.Errorf("a bad name: %v", err)
	}
	o.config.Parse = nil
	o.reopen(t, true)
	if _, err := o.l.Add(t.Context(), File{Library: "house", Path: "/y", Name: "y", Data: []byte("x")}); !errors.Is(err, ErrNoParser) {
		t.Errorf("without a parser: %v", err)
	}
	failure := errors.New("there is no jail")
	o.config.Parse = func(context.Context, parse.Source) (parse.Document, error) { return parse.Document{}, failure }
	o.reopen(t, true)
	if _, err := o.l.Add(t.Context(), File{Library: "house", Path: "/y", Name: "y", Data: []byte("x")}); !errors.Is(err, failure) {
		t.Errorf("a parser that fails: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	o := newHome(t)
	o.add(t, "house", "/lease.md", "# Lease\n\n## Notice\n\nThe notice period for the flat in Lyon is three months.\n\n## Rent\n\nThe rent is 900 euros.\n")
	o.add(t, "house", "/copy.md", "# Lease\n\n## Notice\n\nThe notice period for the flat in Lyon is three months.\n")
	a, err := o.l.Answer(t.Context(), nil, "What is the notice period for the flat in Lyon?", find.Usual())
	if err != nil || !a.Enough || len(a.Passages) == 0 || a.Passages[0].Text != "The notice period for the flat in Lyon is three months." || len(a.Passages[0].Same) != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	a, err = o.l.Answer(t.Context(), nil, "Who repairs the boiler of the neighbour's submarine?", find.Usual())
	if err != nil || a.Enough {
		t.Errorf("what is not there: %+v, %v", a, err)
	}
	if a, err = o.l.Answer(t.Context(), nil, "", find.Usual()); err != nil || a.Enough || len(a.Passages) != 0 {
		t.Errorf("nothing asked: %+v, %v", a, err)
	}
}

func TestLockedIsLocked(t *testing.T) {
	o := newHome(t)
	o.config.Parse = func(ctx context.Context, src parse.Source) (parse.Document, error) {
		o.v.Close() // in the middle of reading
		return readHere(ctx, src)
	}
	o.reopen(t, true)
	if _, err := o.l.Add(t.Context(), File{Library: "house", Path: "/a.txt", Name: "a.txt", Data: []byte("first")}); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	o.reopen(t, false)
	if got := o.finds(t, "first"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if err := o.l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := o.l.List(); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("closed: %v", err)
	}
	if _, err := o.l.Search(t.Context(), nil, "x", 1); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("closed: %v", err)
	}
	if _, err := o.l.Add(t.Context(), File{Library: "l", Path: "/a", Name: "a", Data: []byte("x")}); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("closed: %v", err)
	}
}

// TestASegmentThatIsGoneIsBuiltAnew writes nonsense in the place of all segments.
func TestASegmentThatIsGoneIsBuiltAnew(t *testing.T) {
	o := newHome(t)
	for i := range 9 {
		o.add(t, "house", fmt.Sprintf("/%d.txt", i), "common words")
	}
	if err := o.l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range o.v.List(vault.KindWords, vault.ID{}) {
		put := vault.Put{ID: r.ID, Container: r.Container, Kind: r.Kind, Order: r.Order, Payload: []byte("\x01 nonsense that is long enough")}
		if err := o.v.Write(t.Context(), vault.Edit{Put: []vault.Put{put}}); err != nil {
			t.Fatal(err)
		}
	}
	o.open(t)
	if got := o.finds(t, "common"); len(got) != 9 {
		t.Errorf("%v", got)
	}
	if o.l.Damage() == nil {
		t.Error("the damage is not said")
	}
	o.reopen(t, true)
	if got := o.finds(t, "common"); len(got) != 9 || o.l.Damage() != nil {
		t.Errorf("%v, %v", got, o.l.Damage())
	}
	for _, s := range o.segments(t) {
		for id := range s.IDs {
			if k, _ := placeOf(id); k == (key{}) {
				t.Error("a strange passage")
			}
		}
	}
}
