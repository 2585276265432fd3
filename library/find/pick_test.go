package find

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// long is a text that fills a place.
func long(words ...any) string { return fmt.Sprint(words...) + strings.Repeat(" word", full/5) }

func TestPickKeepsTheCaps(t *testing.T) {
	var all []Candidate
	for i := range 12 {
		all = append(all, Candidate{ID: ID{byte(i)}, Document: ID{1}, Text: long("first ", i)})
	}
	for i := range 12 {
		all = append(all, Candidate{ID: ID{byte(20 + i)}, Document: ID{2, byte(i)}, Sender: "spam@example.org", Text: long("mail ", i)})
	}
	for i := range 12 {
		all = append(all, Candidate{ID: ID{byte(40 + i)}, Document: ID{3, byte(i)}, Text: long("other ", i)})
	}
	var got []ID
	for _, p := range Pick(all, Usual()) {
		got = append(got, p.ID)
	}
	if diff := cmp.Diff(ids(0, 1, 2, 20, 21, 40, 41, 42), got); diff != "" {
		t.Error(diff)
	}
	if Pick(nil, Usual()) != nil || Pick(all, Caps{}) != nil {
		t.Error("something was picked of nothing, or for no place")
	}
}

// A planted document cut into morsels, each nearer to the question than all else,
// gets no more than one of long passages would, and takes no place from others.
func TestMorselsTakeNoMorePlaces(t *testing.T) {
	for _, size := range []int{1, 40, 300, 321, 480, 700, 960, 1440} {
		var all []Candidate
		for i := range 50 {
			text := fmt.Sprintf("%03d Planted%s", i, strings.Repeat("x", 1500))
			all = append(all, Candidate{ID: ID{1, byte(i)}, Document: ID{1}, Text: text[:max(4, size)]})
		}
		for i := range 12 {
			all = append(all, Candidate{ID: ID{2, byte(i)}, Document: ID{2, byte(i)}, Text: long("honest ", i)})
		}
		planted, bytes, honest := 0, 0, 0
		for _, p := range Pick(all, Usual()) {
			if p.Document != (ID{1}) {
				honest++
				continue
			}
			planted++
			bytes += len(p.Text)
		}
		if planted > 9 || bytes > max(3*full, 3*size) || honest != 5 {
			t.Errorf("of %d bytes each: %d passages of the planted document, %d bytes, and %d of others", size, planted, bytes, honest)
		}
		if size <= full/inPlace && planted != 9 || size >= full && planted != 3 {
			t.Errorf("of %d bytes each %d are picked", size, planted)
		}
	}
}

// Short sections of one document share a place; those of different documents do not.
func TestShortPassagesShareAPlace(t *testing.T) {
	short := func(document byte, n int) (list []Candidate) {
		for i := range n {
			list = append(list, Candidate{ID: ID{document, byte(i)}, Document: ID{document}, Text: fmt.Sprint("short ", document, " ", i)})
		}
		return list
	}
	if got := Pick(short(1, 20), Usual()); len(got) != 9 {
		t.Errorf("%d of one document", len(got))
	}
	var all []Candidate
	for d := range byte(20) {
		all = append(all, short(d, 1)...)
	}
	if got := Pick(all, Usual()); len(got) != 8 {
		t.Errorf("%d of as many documents", len(got))
	}
}

// Whatever one document has in a ranking, others are read, too.
func TestFirst(t *testing.T) {
	var ranked []Ranked
	for i := range 200 {
		ranked = append(ranked, Ranked{ID: ID{1, byte(i)}})
	}
	ranked = append(ranked, Ranked{ID: ID{2}}, Ranked{ID: ID{3}})
	got := First(ranked, 50, func(id ID) ID { return ID{id[0]} })
	if len(got) != mostOf+2 || got[0] != (ID{1, 0}) || got[mostOf] != (ID{2}) {
		t.Errorf("%v", got)
	}
	if got := First(ranked, 5, func(id ID) ID { return id }); len(got) != 5 || got[4] != (ID{1, 4}) {
		t.Errorf("%v", got)
	}
}

const lease = "The tenant, Ada Byron, pays the landlord a rent of 800 euros on the first day of every month, by bank transfer, " +
	"and the landlord gives her a receipt within eight days of each payment. The flat must not be let to others."

// What says the same is folded; what differs in one telling word never is.
func TestWhatSaysTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		first, second string
		same          bool
	}{
		"equal":             {lease, lease, true},
		"other spaces":      {lease, strings.ReplaceAll(strings.ToUpper(lease), " ", "\n"), true},
		"a part":            {lease, "the landlord gives her a receipt", true},
		"part of a word":    {lease, "lord gives her", false},
		"more":              {"the landlord gives her a receipt", lease, false},
		"a small word":      {lease, strings.Replace(lease, "by bank transfer", "by a bank transfer", 1), true},
		"another amount":    {lease, strings.Replace(lease, "800", "850", 1), false},
		"another name":      {lease, strings.Replace(lease, "Ada", "Eve", 1), false},
		"a no":              {lease, strings.Replace(lease, "must not", "must", 1), false},
		"another no":        {lease, strings.Replace(lease, "pays", "never pays", 1), false},
		"names change":      {"Ada Byron pays " + lease + " Eve", "Eve pays " + lease + " Ada Byron", false},
		"something else":    {lease, "A dog is kept in the garden, and it barks.", false},
		"other Chinese":     {"租金每月八百欧元由租户支付", "租金每月九百欧元由租户支付", false},
		"the same Chinese":  {"租金每月八百欧元。由租户支付", "租金每月八百欧元 由租户支付", true},
		"un non":            {"Le bail est renouvelé tous les ans", "Le bail n’est pas renouvelé tous les ans", false},
		"nothing and words": {lease, "", true},
		"words and nothing": {"", lease, false},
	} {
		got := Pick([]Candidate{{ID: ID{1}, Document: ID{1}, Text: c.first}, {ID: ID{2}, Document: ID{2}, Text: c.second}}, Usual())
		if same := len(got) == 1; same != c.same || same && (len(got[0].Same) != 1 || got[0].Same[0] != (ID{2})) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Whatever comes, caps are kept, the order is kept, and a passage is left out
// only for a reason.
func TestPick(t *testing.T) {
	texts := []string{"one", "two", "one and two", "Three 3", "three 4", lease, lease + " And more.", long(1), long(2), long(3), long("x")[:full/2+9], long("y")[:full/2-9]}
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Candidate {
			return Candidate{ID{rapid.ByteMax(40).Draw(t, "id")}, ID{rapid.ByteMax(3).Draw(t, "document")}, rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "sender"), rapid.SampledFrom(texts).Draw(t, "text")}
		}), 0, 30).Draw(t, "candidates")
		caps := Caps{rapid.IntRange(0, 9).Draw(t, "all"), rapid.IntRange(0, 4).Draw(t, "document"), rapid.IntRange(0, 3).Draw(t, "sender")}
		got := Pick(all, caps)
		documents, senders := map[ID]held{}, map[string]int{}
		places := func() (n int) {
			for _, h := range documents {
				n += h.places
			}
			return n
		}
		named := map[ID]bool{}
		at := 0
		for _, p := range got {
			for at < len(all) && all[at] != p.Candidate {
				at++
			}
			if at == len(all) {
				t.Fatal("the order changed")
			}
			if documents[p.Document] = documents[p.Document].with(p.Text); documents[p.Document].places > caps.Document {
				t.Fatal("too many of a document")
			}
			if senders[p.Sender]++; p.Sender != "" && senders[p.Sender] > caps.Sender {
				t.Fatal("too many of a sender")
			}
			named[p.ID] = true
			for _, id := range p.Same {
				named[id] = true
			}
		}
		if places() > caps.All || len(got) > inPlace*caps.All {
			t.Fatal("too many")
		}
		for _, c := range all {
			more := documents[c.Document].with(c.Text).places
			if !named[c.ID] && more <= caps.Document && places()+more-documents[c.Document].places <= caps.All && (c.Sender == "" || senders[c.Sender] < caps.Sender) {
				t.Fatalf("%v was left out for nothing", c)
			}
		}
	})
}
