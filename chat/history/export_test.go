package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abaton.local/vault"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// said is what was exported, as another program would read it.
func said(t rapid.TB, b []byte) (list []Conversation, turns map[vault.ID][]Turn) {
	var doc struct {
		Format        string                 `json:"format"`
		Schema        int                    `json:"schema"`
		Conversations []exportedConversation `json:"conversations"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil || d.More() || doc.Format != exportFormat || doc.Schema != schema {
		t.Fatalf("%v, %q, %d", err, doc.Format, doc.Schema)
	}
	turns = make(map[vault.ID][]Turn)
	for _, c := range doc.Conversations {
		list = append(list, Conversation{ID: c.ID, Title: c.Title, Named: c.Named, Model: c.Model, Instruction: c.Instruction, Created: c.Created, Updated: c.Updated, Pinned: c.Pinned, Manner: Manner(c.mannerHead), Turns: len(c.Turns)})
		for _, turn := range c.Turns {
			turns[c.ID] = append(turns[c.ID], Turn(turn))
		}
	}
	return list, turns
}

func TestJSONGivesBackEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newHome(t)
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"```go\nx", "<script>", "\u2028\u202e\x00", "a\xffb"}))
		for range rapid.IntRange(0, 4).Draw(t, "conversations") {
			c, err := o.h.New(t.Context(), Start{Model: text.Draw(t, "model"), Instruction: text.Draw(t, "instruction")})
			if err != nil {
				t.Fatal(err)
			}
			for range rapid.IntRange(0, 3).Draw(t, "turns") {
				if _, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: text.Draw(t, "text"), PromptTokens: rapid.IntRange(0, 9).Draw(t, "tokens")}); err != nil {
					t.Fatal(err)
				}
			}
		}
		var all, again bytes.Buffer
		if err := o.h.ExportJSON(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		list, turns := said(t, all.Bytes())
		kept, err := o.h.List()
		if err != nil || len(list) != len(kept) {
			t.Fatalf("%d of %d, %v", len(list), len(kept), err)
		}
		for i, c := range list {
			want, wanted, err := o.h.Show(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, c) + cmp.Diff(append([]Turn{}, wanted...), append([]Turn{}, turns[c.ID]...)); d != "" {
				t.Fatal(d)
			}
			if i > 0 && c.Created.Before(list[i-1].Created) {
				t.Fatal("the oldest comes first")
			}
			var one bytes.Buffer
			if err := o.h.ExportJSON(t.Context(), &one, c.ID); err != nil {
				t.Fatal(err)
			}
			if alone, _ := said(t, one.Bytes()); len(alone) != 1 || cmp.Diff(c, alone[0]) != "" {
				t.Fatal("one alone is another")
			}
		}
		o.reopen(t, true)
		if err := o.h.ExportJSON(t.Context(), &again); err != nil || !bytes.Equal(all.Bytes(), again.Bytes()) {
			t.Fatalf("another export has other bytes, %v", err)
		}
		var nothing bytes.Buffer
		unknown := vault.NewID()
		for _, err := range []error{o.h.ExportJSON(t.Context(), &nothing, unknown), o.h.ExportMarkdown(t.Context(), &nothing, unknown), o.h.Exportable(unknown)} {
			if !errors.Is(err, ErrUnknown) || nothing.Len() > 0 {
				t.Fatalf("an unknown one: %v, after %d bytes", err, nothing.Len())
			}
		}
	})
}

// markdown exports one conversation, with identifiers that are always the same.
func markdown(t rapid.TB, title, model string, texts ...string) string {
	o := newHome(t)
	id := vault.ID{0xab, 0xcd}
	begun := moment(o.now.UnixMilli())
	var e vault.Edit
	c := Conversation{Title: title, Model: model, Instruction: "Be brief.", Created: begun}
	e.Put = append(e.Put, vault.Put{ID: id, Container: id, Kind: vault.KindConversation, Payload: c.payload()})
	for i, text := range texts {
		turn := Turn{Role: []Role{User, Assistant}[i%2], Text: text, Time: begun.Add(time.Duration(i) * time.Minute)}
		if i%2 == 1 {
			turn.Model = model
		}
		e.Put = append(e.Put, vault.Put{ID: vault.ID{1, byte(i)}, Container: id, Kind: vault.KindTurn, Order: uint64(i + 1), Payload: turn.payload()})
	}
	if err := o.v.Write(context.Background(), e); err != nil {
		t.Fatal(err)
	}
	o.open(t)
	var b strings.Builder
	if err := o.h.ExportMarkdown(context.Background(), &b, id); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdown(t *testing.T) {
	got := markdown(t, "C# *and* <b>", "smollm2_135m", "Show me\r\na loop, `please`", "Here:\n\n```go\nfor {\n\tbreak\n}\n```\n\n# Done", "An open fence:\n~~~\nx <!-- y\r# mine", "\x1b[31mred \u202edne\n\n    code")
	want, err := os.ReadFile(filepath.Join("testdata", "export.md"))
	if d := cmp.Diff(string(want), got); err != nil || d != "" {
		t.Error(err, d)
	}
}

// No text reaches beyond its quote, whatever is in it: all other lines are ours.
func TestMarkdownStaysInItsQuote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Map(rapid.StringMatching("(```+[a-z]?|~~~|#|>|<!--|<script>|- |\n|\r|\r\n|\t|x| |\u2028|\x0c|\x1b){0,25}"), valid)
		texts := rapid.SliceOfN(text, 1, 4).Draw(t, "texts")
		ours := 0
		for line := range strings.SplitSeq(markdown(t, oneLine(text.Draw(t, "title"), 60), text.Draw(t, "model"), texts...), "\n") {
			switch {
			case line == "", strings.HasPrefix(line, ">"), strings.HasPrefix(line, "- "), strings.HasPrefix(line, "# "):
			case strings.HasPrefix(line, "## "):
				ours++
			default:
				t.Fatalf("a line got out: %q", line)
			}
			if strings.ContainsFunc(strings.ReplaceAll(line, "\t", ""), hidden) {
				t.Fatalf("something hidden is in %q", line)
			}
		}
		if ours != len(texts)+1 {
			t.Fatalf("%d headings for %d turns", ours, len(texts))
		}
	})
}
