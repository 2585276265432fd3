package history

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"abaton.local/vault"
)

// What was made with documents in sight is code in an export that people read:
// nothing in it becomes a link, a picture or the end of the code.
func TestWhatReadDocumentsIsExportedAsCode(t *testing.T) {
	h := newHome(t).h
	const text = "See [here](https://evil.example/?q=1) ![p](https://evil.example/p.png)\n```\nhttps://evil.example\n````\n# no heading\n"
	c, err := h.New(t.Context(), Start{Libraries: []vault.ID{{1}}}, Turn{Role: User, Text: "What?"}, Turn{Role: Assistant, Text: text, Read: &Reading{}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := h.ExportMarkdown(t.Context(), &b, c.ID); err != nil {
		t.Fatal(err)
	}
	_, answer, _ := strings.Cut(b.String(), "\n## 2.")
	lines := strings.Split(strings.TrimSpace(answer), "\n")[2:]
	if lines[0] != "> `````text" || lines[len(lines)-1] != "> `````" || len(lines) != 7 {
		t.Errorf("it is exported as\n%s", answer)
	}
	for _, l := range lines[1 : len(lines)-1] {
		if !strings.HasPrefix(l, ">") || strings.HasPrefix(l, "> `````") {
			t.Errorf("%q ends the code", l)
		}
	}
	back, turns, err := h.Show(t.Context(), c.ID)
	if err != nil || len(back.Libraries) != 1 || turns[1].Read == nil || turns[0].Read != nil {
		t.Errorf("%+v %+v %v", back, turns, err)
	}
	if changed, err := h.Change(t.Context(), c.ID, Change{Libraries: new([]vault.ID(nil))}); err != nil || len(changed.Libraries) != 0 {
		t.Errorf("%+v %v", changed, err)
	}
	for _, r := range []Reading{{Passages: []Passage{{Document: vault.ID{1}}}}, {Sentences: []Sentence{{Quotes: []Quote{{Passage: 1}}}}}, {Why: strings.Repeat("x", maxReading)}} {
		if _, err := h.Append(t.Context(), c.ID, Turn{Role: Assistant, Text: "x", Read: &r}); !errors.Is(err, ErrReading) {
			t.Errorf("%v", err)
		}
	}
}
