package main

import (
	"context"

	"abaton.local/library"
	"abaton.local/vault"
)

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
	Page      int           `json:"page,omitempty"` // or the sheet, or the slide
	LastPage  int           `json:"last_page,omitempty"`
	Place     string        `json:"place,omitempty"` // names it, "page 3", "sheet 2"
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
		Page: f.Page, LastPage: f.LastPage, Place: f.Document.Place(f.Page), Text: f.Text, SnippetAt: [2]int{f.Start, f.End}, Matches: f.Matches}
}
