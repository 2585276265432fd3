package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"abaton.local/library"
	"abaton.local/vault"
)

// libraryJSON is a library, for programs and desks.
type libraryJSON struct {
	ID        vault.ID  `json:"id"`
	Name      string    `json:"name"`
	Created   time.Time `json:"created,omitzero"`
	Documents int       `json:"documents"`
	Passages  int       `json:"passages"`
	Meanings  int       `json:"meanings"` // passages that are found by what they mean, too
	Damaged   bool      `json:"damaged,omitempty"`
}

// documentJSON is a document without its text.
type documentJSON struct {
	ID         vault.ID  `json:"id,omitzero"`
	Library    vault.ID  `json:"library,omitzero"`
	Within     vault.ID  `json:"within,omitzero"` // the document that it lies in
	Name       string    `json:"name"`
	Path       string    `json:"path,omitempty"`
	Format     string    `json:"format,omitempty"`
	Size       int64     `json:"size"`
	Modified   time.Time `json:"modified,omitzero"`
	Added      time.Time `json:"added,omitzero"`
	Pages      int       `json:"pages,omitempty"`
	Passages   int       `json:"passages"`
	Characters int       `json:"characters"`
	Hidden     int       `json:"hidden,omitempty"`  // pieces that its own program does not show, left out
	Unseen     int       `json:"unseen,omitempty"`  // characters that nobody sees, taken out
	Missing    []string  `json:"missing,omitempty"` // what was not read
	Damaged    bool      `json:"damaged,omitempty"`
}

func documentOf(d library.Document) documentJSON {
	return documentJSON{d.ID, d.Library, d.Within, d.Name, d.Path, d.Format, d.Size, d.Modified, d.Added, d.Pages, d.Passages, d.Characters, d.Hidden, d.Unseen, d.Missing, d.Damaged}
}

// knownDocuments says of files whether they are in a library, byte by byte.
func knownDocuments() call[knownIn, []bool] {
	return call[knownIn, []bool]{"docs/known", func(ctx context.Context, h *home, s vault.Session, in knownIn) ([]bool, error) {
		x, err := h.libraries(ctx, s)
		if err != nil {
			return nil, err
		}
		sums := make([][32]byte, len(in.Sums))
		for i, sum := range in.Sums {
			if copy(sums[i][:], sum) != len(sums[i]) || len(in.Sums) != len(in.Paths) {
				return nil, told{errors.New("each path needs the SHA-256 of its file"), wrongUsage}
			}
		}
		return x.Known(in.Library, in.Paths, sums)
	}}
}

type knownIn struct {
	Library string   `json:"library"`
	Paths   []string `json:"paths"`
	Sums    [][]byte `json:"sums"`
}

// listDocuments gives the libraries, and the documents of one or of all.
func listDocuments() call[string, docsOut] {
	return call[string, docsOut]{"docs/list", func(ctx context.Context, h *home, s vault.Session, name string) (out docsOut, err error) {
		x, err := h.libraries(ctx, s)
		if err != nil {
			return out, err
		}
		ids, err := scopeOf(x, name)
		if err != nil {
			return out, err
		}
		libraries, err := x.List()
		if err != nil {
			return out, err
		}
		documents, err := x.Documents(ids.one())
		if err != nil {
			return out, err
		}
		_, none := h.embedders.now()
		out = docsOut{[]libraryJSON{}, []documentJSON{}, wordsAlone(none), text(x.Damage())}
		for _, l := range libraries {
			if name == "" || l.ID == ids.one() {
				out.Libraries = append(out.Libraries, libraryJSON(l))
			}
		}
		for _, d := range documents {
			out.Documents = append(out.Documents, documentOf(d))
		}
		return out, nil
	}}
}

type docsOut struct {
	Libraries []libraryJSON  `json:"libraries"`
	Documents []documentJSON `json:"documents"`
	WordsOnly string         `json:"words_only,omitempty"` // why nothing is embedded now
	Damage    string         `json:"damage,omitempty"`
}

// scope is the libraries that a person chose, none for all.
type scope []vault.ID

func (s scope) one() (id vault.ID) {
	if len(s) > 0 {
		id = s[0]
	}
	return id
}

func scopeOf(x *library.Libraries, name string) (scope, error) {
	if name == "" {
		return nil, nil
	}
	l, err := x.Library(name)
	return scope{l.ID}, err
}

// findDocument gives the document whose identifier begins so, or the one that has
// this name.
func findDocument() call[string, documentJSON] {
	return call[string, documentJSON]{"docs/find", func(ctx context.Context, h *home, s vault.Session, prefix string) (documentJSON, error) {
		x, err := h.libraries(ctx, s)
		if err != nil {
			return documentJSON{}, err
		}
		d, err := x.Find(prefix)
		if errors.Is(err, library.ErrUnknown) {
			d, err = documentNamed(x, prefix)
		}
		return documentOf(d), err
	}}
}

var errManyNamed = errors.New("several documents have this name: name one by the first digits of its identifier, which `abaton docs list` shows")

// documentNamed gives the one document that has a name.
func documentNamed(x *library.Libraries, name string) (found library.Document, err error) {
	list, err := x.Documents(vault.ID{})
	if err != nil {
		return found, err
	}
	for _, d := range list {
		if d.Name == "" || d.Name != name {
			continue
		}
		if found.Name != "" {
			return library.Document{}, errManyNamed
		}
		found = d
	}
	if found.Name == "" {
		return found, fmt.Errorf("a document is named by its name or by the first digits of its identifier: %w", library.ErrUnknown)
	}
	return found, nil
}

// showDocument gives a document with its text. It may be long, so it is a call
// that takes its time.
func showDocument() long[vault.ID, documentText] {
	return long[vault.ID, documentText]{"docs/show", func(ctx context.Context, h *home, s vault.Session, id vault.ID, _ progress) (out documentText, err error) {
		x, err := h.libraries(ctx, s)
		if err != nil {
			return out, err
		}
		k, err := h.shelf(s)
		if err != nil {
			return out, err
		}
		turn, err := take(ctx, k.showing)
		if err != nil {
			return out, err
		}
		defer turn()
		d, all, err := x.Text(ctx, id)
		if d.ID != id { // damage to single records leaves the rest to be shown
			return out, err
		}
		return documentText{documentOf(d), all, text(err)}, nil
	}}
}

type documentText struct {
	documentJSON
	Text   string `json:"text"`
	Damage string `json:"damage,omitempty"`
}

// exportDocuments adds all documents to an exported one, as one more member of
// it. The files themselves are not kept, only their text.
func exportDocuments(ctx context.Context, x *library.Libraries, w io.Writer) error {
	list, err := x.Documents(vault.ID{})
	if err != nil || len(list) == 0 {
		return err
	}
	var damage []error
	for i, d := range list {
		d, all, err := x.Text(ctx, d.ID)
		if errors.Is(err, library.ErrUnknown) {
			d = list[i] // removed meanwhile
		} else if d.ID != list[i].ID {
			return err
		} else if err != nil {
			damage = append(damage, err)
		}
		b, err := json.Marshal(documentText{documentOf(d), all, ""})
		if err != nil {
			return err
		}
		before := ",\n"
		if i == 0 {
			before = ",\"documents\":[\n"
		}
		if _, err := w.Write(append([]byte(before), b...)); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, "\n]"); err != nil {
		return err
	}
	return errors.Join(damage...)
}
