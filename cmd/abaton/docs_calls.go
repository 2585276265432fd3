package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"abaton.local/audit"
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

// addDocument takes a file or a piece of one. With the last piece the document is
// read, and what became of it is the answer. The path is a name to know it by:
// nothing here opens it.
func addDocument() long[addIn, addOut] {
	return long[addIn, addOut]{"docs/add", func(ctx context.Context, h *home, s vault.Session, in addIn, _ progress) (out addOut, err error) {
		got, err := h.addDocument(ctx, s, in)
		if errors.Is(err, library.ErrLater) {
			return addOut{Later: true}, nil
		}
		if got != nil {
			out.Outcome = new(outcomeOf(*got))
		}
		return out, err
	}}
}

// addDocument does it. The outcome is nil while more is to come. What is read at once
// is read in one row, one after the other; what takes long, for it has pages that are
// pictures, comes to another, once that is known of it, and nothing waits for it. Who
// asks for what is quick is told, library.ErrLater, and sends it again.
func (h *home) addDocument(ctx context.Context, s vault.Session, in addIn) (out *library.Outcome, err error) {
	k, err := h.shelf(s)
	if err != nil {
		return nil, err
	}
	if err := h.readsDocuments(); err != nil {
		return nil, err
	}
	whole, err := h.arrive(k, in)
	if err != nil || whole == nil && in.Size > 0 {
		return nil, err
	}
	defer k.finished(in)
	x, err := h.libraries(ctx, s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := k.open(ctx)
	defer cancel()
	defer func() {
		if err != nil && k.locked.Err() != nil {
			err = vault.ErrLocked
		}
	}()
	f := library.File{Library: in.Library, Path: in.Path, Name: in.Name, Modified: in.Modified, Data: whole, Quick: true}
	got, err := addAt(ctx, k.reading, x, &f)
	if errors.Is(err, library.ErrLater) && !in.Quick {
		f.Quick, f.Waited = false, true
		got, err = addAt(ctx, k.recognising, x, &f)
	}
	if err != nil {
		return nil, err
	}
	if got.Verdict == library.Added || got.Verdict == library.Changed {
		k.arriving.Lock()
		k.added++
		k.arriving.Unlock()
	}
	return &got, nil
}

// addAt adds a file in its turn. Of one that comes again, what it is to replace is
// noted before anything else has its turn.
func addAt(ctx context.Context, turn chan struct{}, x *library.Libraries, f *library.File) (got library.Outcome, err error) {
	over, err := take(ctx, turn)
	if err != nil {
		return got, err
	}
	defer over()
	if got, err = x.Add(ctx, *f); errors.Is(err, library.ErrLater) {
		if at, no := x.From(f.Library, f.Path); no == nil {
			f.Over = at
		}
	}
	return got, err
}

type addIn struct {
	Library  string    `json:"library"`
	Path     string    `json:"path"`
	Name     string    `json:"name"`
	Modified time.Time `json:"modified,omitzero"`
	Size     int64     `json:"size"`
	Upload   string    `json:"upload,omitempty"` // drawn by the sender, for a file in pieces
	At       int64     `json:"at,omitempty"`     // where this piece begins
	Quick    bool      `json:"quick,omitempty"`  // what takes long is not begun: see addOut
	Data     []byte    `json:"data"`
}

type addOut struct {
	Outcome *outcomeJSON `json:"outcome,omitempty"` // none while more is to come
	Later   bool         `json:"later,omitempty"`   // it takes long: to be sent again, behind all others
}

// outcomeJSON is what became of a file.
type outcomeJSON struct {
	Verdict  library.Verdict `json:"verdict"`
	Why      string          `json:"why,omitempty"`
	Document documentJSON    `json:"document"`
	Within   []outcomeJSON   `json:"within,omitempty"`
}

func outcomeOf(o library.Outcome) outcomeJSON {
	out := outcomeJSON{Verdict: o.Verdict, Why: o.Why, Document: documentOf(o.Document)}
	for _, x := range o.Within {
		out.Within = append(out.Within, outcomeOf(x))
	}
	return out
}

// addedDocuments says that a verb has added all it wanted.
func addedDocuments() call[struct{}, struct{}] {
	return call[struct{}, struct{}]{"docs/added", func(_ context.Context, h *home, s vault.Session, _ struct{}) (struct{}, error) {
		k, err := h.shelf(s)
		if err == nil {
			err = h.counted(k, s.Person)
		}
		return struct{}{}, err
	}}
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

// removeDocuments destroys documents, or a library with all of its documents.
func removeDocuments() call[removeIn, int] {
	return call[removeIn, int]{"docs/remove", func(ctx context.Context, h *home, s vault.Session, in removeIn) (int, error) {
		x, err := h.libraries(ctx, s)
		if err != nil {
			return 0, err
		}
		if in.Followed {
			return h.removeFollowing(ctx, s, x, in.IDs)
		}
		if in.Library == "" {
			if err := h.recordDocuments(audit.DocumentsRemoved, s.Person, uint32(len(in.IDs))); err != nil {
				return 0, err
			}
			return x.Remove(ctx, in.IDs...)
		}
		l, err := x.Library(in.Library)
		if err != nil {
			return 0, err
		}
		return h.removeLibrary(ctx, s, l.ID)
	}}
}

// removeLibrary puts it on record, and then destroys a library.
func (h *home) removeLibrary(ctx context.Context, s vault.Session, id vault.ID) (int, error) {
	x, err := h.libraries(ctx, s)
	if err != nil {
		return 0, err
	}
	list, err := x.Documents(id)
	if err != nil {
		return 0, err
	}
	if err := h.recordDocuments(audit.LibraryRemoved, s.Person, uint32(len(list))); err != nil {
		return 0, err
	}
	return x.RemoveLibrary(ctx, id)
}

type removeIn struct {
	IDs     []vault.ID `json:"ids,omitempty"`
	Library string     `json:"library,omitempty"` // all of it, instead
	// Followed says that a watch follows deletions on somebody's disk: they are
	// counted with what it adds, or the audit log would tell when its person works.
	Followed bool `json:"followed,omitempty"`
}

// removeFollowing removes what a watch found deleted.
func (h *home) removeFollowing(ctx context.Context, s vault.Session, x *library.Libraries, ids []vault.ID) (int, error) {
	k, err := h.shelf(s)
	if err != nil {
		return 0, err
	}
	n, err := x.Remove(ctx, ids...)
	k.arriving.Lock()
	defer k.arriving.Unlock()
	k.removed += uint32(n)
	return n, err
}

// searchDocuments finds passages by words and meaning, the best first.
func searchDocuments() call[docsSearchIn, passagesOut] {
	return call[docsSearchIn, passagesOut]{"docs/search", func(ctx context.Context, h *home, s vault.Session, in docsSearchIn) (out passagesOut, err error) {
		x, err := h.libraries(ctx, s)
		if err != nil {
			return out, err
		}
		ids, err := scopeOf(x, in.Library)
		if err != nil {
			return out, err
		}
		found, err := x.Look(ctx, ids, in.Query, min(max(in.Most, 1), mostPassages))
		if err != nil && found.Passages == nil {
			return out, err
		}
		out = passagesOut{Passages: []passageJSON{}, WordsOnly: wordsAlone(found.WordsOnly), Damage: text(err)}
		for _, f := range found.Passages {
			out.Passages = append(out.Passages, passageOf(f))
		}
		return out, nil
	}}
}

// mostPassages bounds what one search gives.
const mostPassages = 200

type docsSearchIn struct {
	Query   string `json:"query"`
	Library string `json:"library,omitempty"`
	Most    int    `json:"most"`
}

type passagesOut struct {
	Passages  []passageJSON `json:"passages"`
	WordsOnly string        `json:"words_only,omitempty"` // why nothing was looked for by meaning
	Damage    string        `json:"damage,omitempty"`
}

// passageJSON is a passage, word for word, and where it stands.
type passageJSON struct {
	Document  vault.ID      `json:"document"`
	Name      string        `json:"name"`
	Library   string        `json:"library"`
	Passage   int           `json:"passage"` // its number in the document, from 0
	Heading   string        `json:"heading,omitempty"`
	Page      int           `json:"page,omitempty"`
	LastPage  int           `json:"last_page,omitempty"`
	Text      string        `json:"text"`
	SnippetAt [2]int        `json:"snippet"`            // bytes of the text, from and to: what to show on few lines
	Matches   [][2]int      `json:"matches"`            // bytes of the text, from and to
	FoundBy   []string      `json:"found_by,omitempty"` // "words", "meaning"
	Cosine    float64       `json:"cosine,omitempty"`   // how near it is in meaning
	Coverage  float64       `json:"coverage,omitempty"`
	Same      []passageJSON `json:"same,omitempty"` // that say the same, elsewhere
}

func passageOf(f library.Found) passageJSON {
	if f.Matches == nil {
		f.Matches = [][2]int{}
	}
	by := []string{}
	if f.Words {
		by = append(by, "words")
	}
	if f.Meaning {
		by = append(by, "meaning")
	}
	return passageJSON{FoundBy: by, Cosine: f.Cosine, Document: f.Document.ID, Name: f.Document.Name, Library: f.Library, Passage: f.Passage, Heading: f.Heading,
		Page: f.Page, LastPage: f.LastPage, Text: f.Text, SnippetAt: [2]int{f.Start, f.End}, Matches: f.Matches}
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
