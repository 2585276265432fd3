package library

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// schema numbers the payloads (docs/formats/documents.md).
const schema = 1

// NewerError says that a record was written by a later version.
type NewerError struct{ Schema int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("a record of a document has schema %d and this program reads %d: a newer version of Abaton wrote it; use that version or a later one", e.Schema, schema)
}

var errPayload = errors.New("a record of a document makes no sense; restore a backup, or remove the document and add it again")

// A payload is one line of JSON, then text as it is: none is too strange for it,
// and none grows by being quoted.
type libraryHead struct {
	Schema  int    `json:"schema"`
	Name    string `json:"name"`
	Created int64  `json:"created"` // milliseconds since 1970
}

type documentHead struct {
	Schema     int      `json:"schema"`
	Library    vault.ID `json:"library"`
	Within     vault.ID `json:"within,omitzero"`
	Name       string   `json:"name"`
	Format     string   `json:"format"`
	Sum        string   `json:"sha256"`
	Size       int64    `json:"size"`
	Modified   int64    `json:"modified,omitempty"`
	Added      int64    `json:"added"`
	Pages      int      `json:"pages,omitempty"`
	Passages   int      `json:"passages"`
	Characters int      `json:"characters"`
	Hidden     int      `json:"hidden,omitempty"`
	Unseen     int      `json:"unseen,omitempty"`
	Missing    []string `json:"missing,omitempty"`
}

// leaf is a stretch of a document's text and the passages that begin in it.
type leaf struct {
	First    int // number of its first passage
	Base     int // where the text begins in that of the document
	Text     string
	Passages []passage
}

// passage is where one lies and what it is.
type passage struct {
	Start    int    `json:"start"` // bytes of the leaf's text
	End      int    `json:"end"`
	Page     int    `json:"page,omitempty"`
	LastPage int    `json:"last,omitempty"`
	Kind     int    `json:"kind,omitempty"`
	Heading  string `json:"heading,omitempty"` // those above it
	Lead     string `json:"lead,omitempty"`    // what it is found by, beside its text
}

type leafHead struct {
	Schema   int       `json:"schema"`
	First    int       `json:"first"`
	Base     int       `json:"base"`
	Passages []passage `json:"passages"`
}

func encode(head any, text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b) // ends with a newline, and writes none before
	e.SetEscapeHTML(false)
	if err := e.Encode(head); err != nil {
		panic("library: " + err.Error()) // structs of strings and numbers
	}
	b.WriteString(text)
	return b.Bytes()
}

// ours is how every head begins that encode wrote.
var ours = fmt.Appendf(nil, `{"schema":%d,`, schema)

// decode reads the head strictly and gives the text.
func decode(b []byte, head any) (text string, err error) {
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok || !utf8.Valid(b) {
		return "", errPayload
	}
	if !bytes.HasPrefix(line, ours) { // which is not read twice to see it
		var version struct {
			Schema int `json:"schema"`
		}
		if json.Unmarshal(line, &version) != nil || version.Schema < 1 {
			return "", errPayload
		}
		if version.Schema > schema {
			return "", &NewerError{version.Schema}
		}
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

func (l *Library) payload() []byte {
	return encode(libraryHead{schema, l.Name, millis(l.Created)}, "")
}

func parseLibrary(b []byte) (l Library, err error) {
	var head libraryHead
	rest, err := decode(b, &head)
	if err != nil {
		return l, err
	}
	name, err := libraryName(head.Name)
	if err != nil || name != head.Name || rest != "" {
		return l, errPayload
	}
	return Library{Name: name, Created: moment(head.Created)}, nil
}

// payload of a document ends with its path, which may be any bytes that are
// UTF-8.
func (d *Document) payload() []byte {
	return encode(documentHead{schema, d.Library, d.Within, d.Name, d.Format, hex.EncodeToString(d.Sum[:]), d.Size, millis(d.Modified), millis(d.Added),
		d.Pages, d.Passages, d.Characters, d.Hidden, d.Unseen, d.Missing}, d.Path)
}

func parseDocument(b []byte) (d Document, err error) {
	var head documentHead
	path, err := decode(b, &head)
	if err != nil {
		return d, err
	}
	sum, err := hex.DecodeString(head.Sum)
	if err != nil || len(sum) != len(d.Sum) || head.Library == (vault.ID{}) || head.Name != shown(head.Name) ||
		head.Passages < 0 || head.Pages < 0 || head.Size < 0 || head.Characters < 0 || head.Hidden < 0 || head.Unseen < 0 {
		return d, errPayload
	}
	return Document{Library: head.Library, Within: head.Within, Name: head.Name, Path: path, Format: head.Format, Sum: [32]byte(sum), Size: head.Size,
		Modified: moment(head.Modified), Added: moment(head.Added), Pages: head.Pages, Passages: head.Passages, Characters: head.Characters,
		Hidden: head.Hidden, Unseen: head.Unseen, Missing: head.Missing}, nil
}

func (l *leaf) payload() []byte {
	return encode(leafHead{schema, l.First, l.Base, l.Passages}, l.Text)
}

func parseLeaf(b []byte) (l leaf, err error) {
	var head leafHead
	text, err := decode(b, &head)
	if err != nil {
		return l, err
	}
	if head.First < 0 || head.Base < 0 {
		return l, errPayload
	}
	for _, p := range head.Passages {
		if p.Start < 0 || p.End < p.Start || p.End > len(text) || !boundary(text, p.Start) || !boundary(text, p.End) {
			return l, errPayload
		}
	}
	return leaf{head.First, head.Base, text, head.Passages}, nil
}

func boundary(s string, at int) bool { return at == len(s) || utf8.RuneStart(s[at]) }

// searchable is what a passage is found by.
func (l *leaf) searchable(p passage) string {
	if p.Lead == "" {
		return l.Text[p.Start:p.End]
	}
	return p.Lead + "\n" + l.Text[p.Start:p.End]
}

// A segment's record is the form's number, the library and the segment.
const segmentForm = 1

func segmentPayload(library vault.ID, s *bm25.Segment) []byte {
	b := make([]byte, 0, 1+len(library)+len(s.Encoded()))
	return append(append(append(b, segmentForm), library[:]...), s.Encoded()...)
}

func parseSegment(b []byte) (library vault.ID, s *bm25.Segment, err error) {
	if len(b) < 1+len(library) || b[0] != segmentForm {
		return library, nil, errPayload
	}
	copy(library[:], b[1:])
	s, err = bm25.Decode(b[1+len(library):])
	return library, s, err
}
