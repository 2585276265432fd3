package grounded

import (
	"slices"
	"strings"
	"testing"

	"abaton.local/vault"
)

// TestNamedByItsFirstWord: which documents a question names is looked for by their
// first word, and none is passed over for that.
func TestNamedByItsFirstWord(t *testing.T) {
	for _, name := range []string{"Lease Paris.pdf", "--- lease ---.txt", "İstanbul.pdf", "BAIL-ÉTÉ.odt", "2024_rent.csv", "租赁合同.docx", "ǅungla.txt", "….txt"} {
		words := strings.Fields(spaced(name))
		if got := firstWord(name); len(words) > 0 && got != words[0] {
			t.Errorf("%s: %q, want %q", name, got, words[0])
		}
	}
	d := documents(t, file{"house", "/Lease-Paris.md", lease}, file{"house", "/lease lyon.md", lease + " In Lyon."}, file{"other", "/lease nice.md", lease + " In Nice."}, file{"house", "/ab.md", lease + " Short."})
	house := libraryOf(t, d, "house")
	f, err := enclose(d, Begin(Search), Question{Libraries: []vault.ID{house}})
	if err != nil {
		t.Fatal(err)
	}
	w := &work{reader: &reader{fence: f}}
	w.q.Text = "How do LEASE paris, lease lyon, lease nice and ab differ?"
	list, err := w.named()
	var names []string
	for _, x := range list {
		names = append(names, x.Name)
	}
	if err != nil || !slices.Equal(names, []string{"lease lyon.md", "Lease-Paris.md"}) {
		t.Errorf("%v, %v", names, err)
	}
}
