package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"abaton.local/vault"
)

// exportFormat names the JSON that is exported (docs/formats/history.md).
const exportFormat = "abaton history"

type exportedConversation struct {
	ID          vault.ID  `json:"id"`
	Title       string    `json:"title"`
	Named       bool      `json:"named"`
	Model       string    `json:"model"`
	Instruction string    `json:"instruction"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	Pinned      bool      `json:"pinned,omitempty"`
	mannerHead
	Libraries []vault.ID     `json:"libraries,omitempty"`
	Turns     []exportedTurn `json:"turns"`
}

type exportedTurn struct {
	ID           vault.ID  `json:"id"`
	After        vault.ID  `json:"after,omitzero"`
	Role         Role      `json:"role"`
	Text         string    `json:"text"`
	Model        string    `json:"model,omitempty"`
	Finish       string    `json:"finish,omitempty"`
	PromptTokens int       `json:"prompt_tokens,omitempty"`
	AnswerTokens int       `json:"answer_tokens,omitempty"`
	Time         time.Time `json:"time"`
	Read         *Reading  `json:"read,omitempty"`
}

// ExportJSON writes conversations, all where none is named, as one JSON document:
// everything that is kept of them, the oldest first, the same bytes each time.
// What is damaged is left out, and said in the error after all else was written.
func (h *History) ExportJSON(ctx context.Context, w io.Writer, ids ...vault.ID) error {
	return h.exportJSON(ctx, w, func(io.Writer) error { return nil }, ids)
}

// ExportAll is ExportJSON of all conversations, with more members of the
// document: more writes them, each after a comma. What it writes that is damaged
// is left out and said like that of conversations.
func (h *History) ExportAll(ctx context.Context, w io.Writer, more func(io.Writer) error) error {
	return h.exportJSON(ctx, w, more, nil)
}

func (h *History) exportJSON(ctx context.Context, w io.Writer, more func(io.Writer) error, ids []vault.ID) error {
	list, err := h.oldestFirst(ids)
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	fmt.Fprintf(w, "{\"format\":%q,\"schema\":%d,\"conversations\":[", exportFormat, schema)
	first := true
	damage, err := h.export(ctx, list, len(ids) > 0, func(c Conversation, tree Tree) error {
		turns := tree.All()
		out := exportedConversation{c.ID, c.Title, c.Named, c.Model, c.Instruction, c.Created, c.Updated, c.Pinned, mannerHead(c.Manner), c.Libraries, make([]exportedTurn, len(turns))}
		for i, t := range turns {
			out.Turns[i] = exportedTurn(t)
		}
		var b bytes.Buffer
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.WriteByte('\n')
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(out); err != nil {
			return err
		}
		_, err := w.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
		return err
	})
	if err == nil {
		_, err = io.WriteString(w, "\n]")
	}
	if err == nil {
		err = more(w)
		if _, damaged := errors.AsType[*vault.Damage](err); damaged {
			damage, err = errors.Join(damage, err), nil
		}
	}
	if err == nil {
		_, err = io.WriteString(w, "}\n")
	}
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	return damage
}

// ExportMarkdown writes conversations, all where none is named, to be read by
// people: the oldest first, the same bytes each time, of each what Show gives. Every text is a block
// quote, so that nothing in it, an open code fence or a heading, can reach
// beyond it, and what was made with documents in sight is code in it, so that no
// program makes an address in it one that can be opened. Control characters are shown as pictures. What is damaged is left
// out, and said in the error after all else was written.
func (h *History) ExportMarkdown(ctx context.Context, w io.Writer, ids ...vault.ID) error {
	list, err := h.oldestFirst(ids)
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	first := true
	damage, err := h.export(ctx, list, len(ids) > 0, func(c Conversation, tree Tree) error {
		var b strings.Builder
		if !first {
			b.WriteString("\n---\n\n")
		}
		first = false
		title := c.Title
		if title == "" {
			title = "Conversation " + c.ID.String()[:8]
		}
		fmt.Fprintf(&b, "# %s\n\n- Conversation: %v\n- Begun: %s\n", plainText(title), c.ID, minute(c.Created))
		if c.Model != "" {
			fmt.Fprintf(&b, "- Model: %s\n", plainText(oneLine(c.Model, MaxTitle)))
		}
		if c.Instruction != "" {
			b.WriteString("\n## Instruction\n\n")
			quote(&b, c.Instruction)
		}
		for i, t := range tree.Branch(vault.ID{}) {
			who := "You"
			if t.Role == Assistant {
				who = plainText(oneLine(t.Model, MaxTitle))
				if who == "" {
					who = "Model"
				}
			}
			fmt.Fprintf(&b, "\n## %d. %s, %s\n\n", i+1, who, minute(t.Time))
			if t.Read != nil {
				fenced(&b, t.Text)
			} else {
				quote(&b, t.Text)
			}
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	return damage
}

// export hands out conversations one after the other. Errors of the vault and of
// yield end it, and so does one that was named and deleted meanwhile.
func (h *History) export(ctx context.Context, list []Conversation, named bool, yield func(Conversation, Tree) error) (damage, err error) {
	var all []error
	for _, c := range list {
		c, tree, err := h.Tree(ctx, c.ID)
		if c.ID == (vault.ID{}) {
			if errors.Is(err, ErrUnknown) && !named {
				continue // deleted meanwhile
			}
			return nil, err
		}
		all = append(all, err)
		if err := yield(c, tree); err != nil {
			return nil, err
		}
	}
	return errors.Join(all...), nil
}

// Exportable is nil where every conversation named is there, so that an export
// of them will begin.
func (h *History) Exportable(ids ...vault.ID) error {
	_, err := h.oldestFirst(ids)
	return err
}

// oldestFirst gives the conversations named, or all, before a byte is written.
func (h *History) oldestFirst(ids []vault.ID) ([]Conversation, error) {
	list, err := h.List()
	if err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		named := map[vault.ID]bool{}
		for _, id := range ids {
			named[id] = true
		}
		list = slices.DeleteFunc(list, func(c Conversation) bool { return !named[c.ID] })
		if len(list) < len(named) {
			return nil, ErrUnknown
		}
	}
	slices.SortFunc(list, func(a, b Conversation) int {
		if d := a.Created.Compare(b.Created); d != 0 {
			return d
		}
		return bytes.Compare(a.ID[:], b.ID[:])
	})
	return list, nil
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// plainText escapes what Markdown gives a meaning to.
func plainText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// fenced writes text as code within a block quote.
func fenced(b *strings.Builder, text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	quote(b, fence+"text\n"+strings.TrimRight(text, "\r\n")+"\n"+fence)
}

// quote writes text as a block quote. Every kind of line end that Markdown
// knows is one here, or a line would escape.
func quote(b *strings.Builder, text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		b.WriteByte('>')
		if line != "" {
			b.WriteByte(' ')
		}
		for _, r := range line {
			switch {
			case r == '\t':
			case r < 0x20:
				r += 0x2400 // its picture
			case r == 0x7f:
				r = 0x2421
			case hidden(r):
				fmt.Fprintf(b, "\\u{%x}", r)
				continue
			}
			b.WriteRune(r)
		}
		b.WriteByte('\n')
	}
}
