package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"abaton.local/chat/history"
	"abaton.local/vault"
)

// conversationJSON is a conversation without its turns, for programs and desks.
type conversationJSON struct {
	ID          vault.ID  `json:"id"`
	Title       string    `json:"title"`
	Named       bool      `json:"named,omitempty"` // the person gave the title
	Model       string    `json:"model,omitempty"`
	Instruction string    `json:"instruction,omitempty"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	Turns       int       `json:"turns"`
	Damaged     bool      `json:"damaged,omitempty"`
}

func conversationOf(c history.Conversation) conversationJSON {
	return conversationJSON{c.ID, c.Title, c.Named, c.Model, c.Instruction, c.Created, c.Updated, c.Turns, c.Damaged}
}

// turnJSON is one question or one answer.
type turnJSON struct {
	ID           vault.ID     `json:"id,omitzero"`
	After        vault.ID     `json:"after,omitzero"`
	Role         history.Role `json:"role"`
	Text         string       `json:"text"`
	Model        string       `json:"model,omitempty"`
	Finish       string       `json:"finish,omitempty"`
	PromptTokens int          `json:"prompt_tokens,omitempty"`
	AnswerTokens int          `json:"answer_tokens,omitempty"`
	Time         time.Time    `json:"time,omitzero"`

	Read *history.Reading `json:"read,omitempty"` // of an answer that was made with documents in sight
}

// listHistory gives the conversations, the one that was used last first; at
// most n of them where n is not 0.
func listHistory() call[listIn, listOut] {
	return call[listIn, listOut]{"history/list", func(ctx context.Context, h *home, s vault.Session, in listIn) (out listOut, err error) {
		x, err := h.history(ctx, s)
		if err != nil {
			return out, err
		}
		list, err := x.List()
		if err != nil {
			return out, err
		}
		if in.Most > 0 && len(list) > in.Most {
			list, out.More = list[:in.Most], len(list)-in.Most
		}
		out.Conversations = []conversationJSON{}
		for _, c := range list {
			out.Conversations = append(out.Conversations, conversationOf(c))
		}
		out.Damage = text(x.Damage())
		return out, nil
	}}
}

type listIn struct {
	Most int `json:"most"`
}

type listOut struct {
	Conversations []conversationJSON `json:"conversations"`
	More          int                `json:"more"`   // that are not listed
	Damage        string             `json:"damage"` // what could not be read: identifiers only
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// findHistory gives the conversation whose identifier begins so, the one that
// was used last for none.
func findHistory() call[string, conversationJSON] {
	return call[string, conversationJSON]{"history/find", func(ctx context.Context, h *home, s vault.Session, prefix string) (conversationJSON, error) {
		x, err := h.history(ctx, s)
		if err != nil {
			return conversationJSON{}, err
		}
		c, err := x.Latest()
		if prefix != "" {
			c, err = x.Find(prefix)
		}
		return conversationOf(c), err
	}}
}

// showHistory gives a conversation with all that was said.
func showHistory() call[vault.ID, shownJSON] {
	return call[vault.ID, shownJSON]{"history/show", func(ctx context.Context, h *home, s vault.Session, id vault.ID) (out shownJSON, err error) {
		x, err := h.history(ctx, s)
		if err != nil {
			return out, err
		}
		c, turns, err := x.Show(ctx, id)
		if c.ID != id { // damage to single turns leaves the rest to be shown
			return out, err
		}
		out.conversationJSON, out.Said, out.Damage = conversationOf(c), []turnJSON{}, text(err)
		for _, t := range turns {
			out.Said = append(out.Said, turnJSON(t))
		}
		return out, nil
	}}
}

type shownJSON struct {
	conversationJSON
	Said   []turnJSON `json:"said"`
	Damage string     `json:"damage,omitempty"`
}

// searchHistory finds places where words stand, the best first.
func searchHistory() call[searchIn, searchOut] {
	return call[searchIn, searchOut]{"history/search", func(ctx context.Context, h *home, s vault.Session, in searchIn) (out searchOut, err error) {
		x, err := h.history(ctx, s)
		if err != nil {
			return out, err
		}
		found, err := x.Search(ctx, in.Query, in.Most)
		if err != nil && found == nil {
			return out, err
		}
		out.Found, out.Damage = []foundJSON{}, text(err)
		for _, f := range found {
			out.Found = append(out.Found, foundJSON{conversationOf(f.Conversation), f.Turn.ID, f.Turn.Role, f.Turn.Time, f.Snippet, f.Matches, f.Before, f.After})
		}
		return out, nil
	}}
}

type searchIn struct {
	Query string `json:"query"`
	Most  int    `json:"most"`
}

type searchOut struct {
	Found  []foundJSON `json:"found"`
	Damage string      `json:"damage,omitempty"`
}

type foundJSON struct {
	Conversation conversationJSON `json:"conversation"`
	Turn         vault.ID         `json:"turn,omitzero"` // none where the words are in the title
	Role         history.Role     `json:"role,omitempty"`
	Time         time.Time        `json:"time,omitzero"`
	Snippet      string           `json:"snippet"`
	Matches      [][2]int         `json:"matches"` // bytes of the snippet, from and to
	Before       bool             `json:"before,omitempty"`
	After        bool             `json:"after,omitempty"`
}

// renameHistory gives a conversation another title.
func renameHistory() call[renameIn, conversationJSON] {
	return call[renameIn, conversationJSON]{"history/rename", func(ctx context.Context, h *home, s vault.Session, in renameIn) (conversationJSON, error) {
		x, err := h.history(ctx, s)
		if err != nil {
			return conversationJSON{}, err
		}
		c, err := x.Rename(ctx, in.ID, in.Title)
		return conversationOf(c), err
	}}
}

type renameIn struct {
	ID    vault.ID `json:"id"`
	Title string   `json:"title"`
}

// deleteHistory destroys a conversation and its key.
func deleteHistory() call[vault.ID, struct{}] {
	return call[vault.ID, struct{}]{"history/delete", func(ctx context.Context, h *home, s vault.Session, id vault.ID) (struct{}, error) {
		x, err := h.history(ctx, s)
		if err == nil {
			err = h.unread(ctx, s)
		}
		if err == nil {
			err = x.Delete(ctx, id)
		}
		return struct{}{}, err
	}}
}

// appendHistory adds to a conversation, or begins one where none is named. What
// was added is there for good once it answers.
func appendHistory() call[appendIn, vault.ID] {
	return call[appendIn, vault.ID]{"history/append", func(ctx context.Context, h *home, s vault.Session, in appendIn) (vault.ID, error) {
		x, err := h.history(ctx, s)
		if err != nil {
			return in.ID, err
		}
		var turns []history.Turn
		for _, t := range in.Turns {
			turns = append(turns, history.Turn(t))
		}
		if in.ID != (vault.ID{}) {
			if err := goesOn(ctx, x, in.ID, turns); err != nil {
				return in.ID, err
			}
			_, err = x.Append(ctx, in.ID, turns...)
			return in.ID, err
		}
		c, err := x.New(ctx, history.Start{Model: in.Model, Instruction: in.Instruction}, turns...)
		return c.ID, err
	}}
}

// goesOn marks answers that were made with an earlier one in sight that read
// documents: whoever sends them need not know of it.
func goesOn(ctx context.Context, x *history.History, id vault.ID, turns []history.Turn) error {
	if !slices.ContainsFunc(turns, func(t history.Turn) bool { return t.Role == history.Assistant && t.Read == nil }) {
		return nil
	}
	c, before, err := x.Show(ctx, id)
	if c.ID != id {
		return err
	}
	if !slices.ContainsFunc(before, func(t history.Turn) bool { return t.Read != nil }) {
		return nil
	}
	for i := range turns {
		if turns[i].Role == history.Assistant && turns[i].Read == nil {
			turns[i].Read = &history.Reading{}
		}
	}
	return nil
}

type appendIn struct {
	ID          vault.ID   `json:"id,omitzero"` // zero: a new one
	Model       string     `json:"model,omitempty"`
	Instruction string     `json:"instruction,omitempty"`
	Turns       []turnJSON `json:"turns"`
}

// exportHistory writes conversations in the clear, all where none is named.
func exportHistory() stream[exportIn] {
	return stream[exportIn]{"history/export", func(ctx context.Context, h *home, s vault.Session, in exportIn, w io.Writer) error {
		x, err := h.history(ctx, s)
		if err != nil {
			return err
		}
		if in.Format != formatMarkdown && in.Format != formatJSON {
			return told{errors.New("conversations are exported as markdown or json"), wrongUsage}
		}
		if err := x.Exportable(in.IDs...); err != nil { // while it can still be said
			return err
		}
		if err := h.people.Exported(ctx, s); err != nil {
			return err
		}
		switch {
		case in.Format == formatMarkdown:
			return x.ExportMarkdown(ctx, w, in.IDs...)
		case in.Vault:
			v, err := s.Vault()
			if err != nil {
				return err
			}
			l, err := h.libraries(ctx, s)
			if err != nil {
				return err
			}
			return x.ExportAll(ctx, w, func(w io.Writer) error {
				err := exportResponses(ctx, v, w)
				if _, damaged := errors.AsType[*vault.Damage](err); err != nil && !damaged {
					return err
				}
				return errors.Join(err, exportDocuments(ctx, l, w))
			})
		default:
			return x.ExportJSON(ctx, w, in.IDs...)
		}
	}}
}

// The forms that conversations are exported in.
const (
	formatMarkdown = "markdown"
	formatJSON     = "json"
)

type exportIn struct {
	Format string     `json:"format"`
	IDs    []vault.ID `json:"ids"`
	Vault  bool       `json:"vault,omitempty"` // all that is kept, as JSON
}
