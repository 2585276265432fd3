package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"abaton.local/vault"
)

// schema numbers the payloads (docs/formats/history.md). What needs nothing of a
// later one is written in an earlier, which older programs read.
const schema = 3

// NewerError says that a record was written by a later version.
type NewerError struct{ Schema int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("a record of the history has schema %d and this program reads %d: a newer version of Abaton wrote it; use that version or a later one", e.Schema, schema)
}

var errPayload = errors.New("a record of the history makes no sense; restore a backup")

// A payload is one line of JSON, then the text as it is: no text is too strange
// for it, and none grows by being quoted.
type conversationHead struct {
	Schema  int    `json:"schema"`
	Title   string `json:"title,omitempty"`
	Named   bool   `json:"named,omitempty"`
	Model   string `json:"model,omitempty"`
	Created int64  `json:"created"` // milliseconds since 1970
	Pinned  bool   `json:"pinned,omitempty"`
	mannerHead
	// Libraries are of the third schema, and always there in it.
	Libraries []vault.ID `json:"libraries,omitempty"`
}

// mannerHead is a Manner as it is kept and exported.
type mannerHead struct {
	Temperature *float64 `json:"temperature,omitempty"`
	TopP        *float64 `json:"top_p,omitempty"`
	MaxTokens   int      `json:"max_tokens,omitempty"`
	Seed        *int64   `json:"seed,omitempty"`
	Context     int      `json:"context,omitempty"`
}

type turnHead struct {
	Schema       int    `json:"schema"`
	Role         Role   `json:"role"`
	Model        string `json:"model,omitempty"`
	Finish       string `json:"finish,omitempty"`
	PromptTokens int    `json:"prompt_tokens,omitempty"`
	AnswerTokens int    `json:"answer_tokens,omitempty"`
	Time         int64  `json:"time"` // milliseconds since 1970
	// After is of the second schema, and always there in it; Read of the third.
	After vault.ID `json:"after,omitzero"`
	Read  *Reading `json:"read,omitempty"`
}

func encode(head any, text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b) // ends with a newline, and writes none before
	e.SetEscapeHTML(false)
	if err := e.Encode(head); err != nil {
		panic("history: " + err.Error()) // structs of strings and numbers
	}
	b.WriteString(text)
	return b.Bytes()
}

// decode reads the head strictly and gives the text.
func decode(b []byte, head any) (text string, err error) {
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok || !utf8.Valid(b) {
		return "", errPayload
	}
	var version struct {
		Schema int `json:"schema"`
	}
	if json.Unmarshal(line, &version) != nil || version.Schema < 1 {
		return "", errPayload
	}
	if version.Schema > schema {
		return "", &NewerError{version.Schema}
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if d.Decode(head) != nil {
		return "", errPayload
	}
	if _, err := d.Token(); err != io.EOF {
		return "", errPayload
	}
	return string(rest), nil
}

func (c *Conversation) payload() []byte {
	return encode(conversationHead{c.schema(), c.Title, c.Named, c.Model, c.Created.UnixMilli(), c.Pinned, mannerHead(c.Manner), c.Libraries}, c.Instruction)
}

// schema is the oldest one that has what c has.
func (c *Conversation) schema() int {
	if len(c.Libraries) > 0 {
		return 3
	}
	if c.Pinned || c.Manner != (Manner{}) {
		return 2
	}
	return 1
}

func parseConversation(b []byte) (c Conversation, err error) {
	var head conversationHead
	c.Instruction, err = decode(b, &head)
	c.Title, c.Named, c.Model, c.Created = head.Title, head.Named, head.Model, moment(head.Created)
	c.Pinned, c.Manner, c.Libraries = head.Pinned, Manner(head.mannerHead), head.Libraries
	if err == nil && (c.Title != oneLine(c.Title, MaxTitle) || head.Schema != c.schema() || !c.Manner.Valid() || !librariesValid(c.Libraries)) {
		err = errPayload
	}
	return c, err
}

func (t *Turn) payload() []byte {
	return encode(turnHead{t.schema(), t.Role, t.Model, t.Finish, t.PromptTokens, t.AnswerTokens, t.Time.UnixMilli(), t.After, t.Read}, t.Text)
}

func (t *Turn) schema() int {
	if t.Read != nil {
		return 3
	}
	if t.After != (vault.ID{}) {
		return 2
	}
	return 1
}

func parseTurn(b []byte) (t Turn, err error) {
	var head turnHead
	t.Text, err = decode(b, &head)
	t.Role, t.Model, t.Finish, t.PromptTokens, t.AnswerTokens, t.Time = head.Role, head.Model, head.Finish, head.PromptTokens, head.AnswerTokens, moment(head.Time)
	t.After, t.Read = head.After, head.Read
	if err == nil && (t.Role != User && t.Role != Assistant || t.PromptTokens < 0 || t.AnswerTokens < 0 || head.Schema != t.schema() || !t.Read.valid()) {
		err = errPayload
	}
	return t, err
}

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
