package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extended "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"pgregory.net/rapid"

	"abaton.local/library"
)

// livePartsOf are the parts of a text by which a program that shows it as Markdown would
// fetch something, lead somewhere or leave out what stands there.
func livePartsOf(said string) (list []string) {
	root := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote)).Parser().Parse(text.NewReader([]byte(said)))
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n.(type) {
		case *ast.Image, *ast.Link, *ast.AutoLink, *ast.RawHTML, *ast.HTMLBlock, *ast.LinkReferenceDefinition, *extended.Table, *extended.Strikethrough, *extended.FootnoteLink, *extended.Footnote:
			if entering {
				list = append(list, n.Kind().String())
			}
		}
		return ast.WalkContinue, nil
	})
	return list
}

// blocksOf are the blocks of code of a text, each with what it is said to be.
func blocksOf(said string) (list []string) {
	source := []byte(said)
	for n := goldmark.New().Parser().Parse(text.NewReader(source)).FirstChild(); n != nil; n = n.NextSibling() {
		if block, is := n.(*ast.FencedCodeBlock); is {
			list = append(list, string(block.Language(source))+"\n"+string(block.Lines().Value(source)))
		}
	}
	return list
}

// What a model writes opens nothing that a passage shown below it could close: a
// sentence, with each kind of a mark, before a passage that has them all.
func TestASentenceOpensNothing(t *testing.T) {
	const picture = "![x](https://sink.example/x.png)"
	const hostile = "The notice period for the cellar is nine weeks.\n\n~~~\n```\n````\n-->\n</details>\n\n" + picture + "\n<img src=https://sink.example/y.png>\n[r]: https://sink.example/z\n"
	for _, mark := range []string{"~~~", "```", "````text", "~~~~ html", "- ~~~", "> ```", "- > ~~~", "* ```", "`", "``", "<details>", "<!--", "<![CDATA[", "<script>", "<pre", "[r]:", "[^x]: y", "===", "---", "a | b", "|-|", `\`, "![", "[x](", "$$", "[[", "~~"} {
		r := newReaders(t, large, texts(sentences(mark, "One.", "Two.", "Three.")))
		l, err := r.Documents(t.Context(), r.ada)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Add(t.Context(), library.File{Library: "house", Path: "cellar.txt", Name: "cellar.txt", Data: []byte(hostile)}); err != nil {
			t.Fatal(err)
		}
		_, body := r.ask(r.ada, chatPath, `{"model":"large","library":"house","messages":[{"role":"user","content":"What is the notice period for the cellar?"}]}`)
		var whole struct {
			Choices []struct{ Message struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(body), &whole); err != nil || len(whole.Choices) != 1 {
			t.Fatalf("%v %s", err, body)
		}
		said := whole.Choices[0].Message.Content
		if !strings.Contains(said, picture) || !strings.Contains(said, "[1]\n") {
			t.Fatalf("%s: sentence and passage are not told: %s", mark, said)
		}
		if found := livePartsOf(said); found != nil {
			t.Errorf("%s: %v in\n%s", mark, found, said)
		}
		for _, block := range blocksOf(said) {
			if !strings.HasPrefix(block, "text\n") {
				t.Errorf("%s opens code: %q", mark, block)
			}
		}
	}
}

// sentences is what a model says: the first with a quotation, the others without.
func sentences(first string, others ...string) string {
	type sentence struct {
		Quotes   []map[string]any `json:"quotes"`
		Sentence string           `json:"sentence"`
	}
	list := []sentence{{[]map[string]any{{"passage": 1, "quote": "The notice period for the cellar is nine weeks."}}, first}}
	for _, text := range others {
		list = append(list, sentence{[]map[string]any{}, text})
	}
	said, err := json.Marshal(map[string]any{"answer": list})
	if err != nil {
		panic(err)
	}
	return string(said)
}

// Addresses are shown letter by letter, and no program makes links of them.
func TestAddressesAreCode(t *testing.T) {
	for text, want := range map[string]string{
		"See https://a.example/b, or not.": "See `https://a.example/b`, or not.",
		"Mail x@b_c.co.jp now.":            "Mail `x@b_c.co.jp` now.",
		"_www.a.co.jp":                     "`_www.a.co.jp`",
		`\https://a.example`:               "\\ `https://a.example`",
		"`a` https://a.example `b`":        "'a' `https://a.example` 'b'",
		"a\n~~~\nb":                        "a ~ ~ ~ b",
		"x < y, a[1] and 5 ~ 6":            "x < y, a[1] and 5 ~ 6",
		"https&#58;&#x2f;&sol;a&#46;co/b":  "https& #58;& #x2f;& sol;a& #46;co/b",
		"|@a.co and x@.co":                 "|@ `a.co` and x@ .co",
		`www\.a\.co, C:\files & AT&T; R&D`: `www\ .a\ .co, C:\files & AT& T; R&D`,
	} {
		if got := quiet(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Whatever lines are told, one after the other, nothing lives in them, and the code
// that follows is the only block of it.
func TestQuietLines(t *testing.T) {
	parts := []string{"`", "```", "~", "~~~", "<", "<!--", "<b>", "</b>", "![", "[", "]", "(", ")", ":", "^", "|", "-", "=", "#", ">", "*", "_", "1.", "\\", "&lt;", "$", "\n", "\r", "\t", " ", "a", "x.png",
		"https://sink.example/x", "http:", "//", "www.", "www.sink.co.jp", "ftp://sink.example", "a@sink.example", "mailto:", "'", `"`, "é", "\u2028"}
	rapid.Check(t, func(t *rapid.T) {
		line := func(r *rapid.T) string {
			return quiet(strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 12).Draw(r, "parts"), ""))
		}
		said := line(t) + " [1]\n" + line(t) + " (not supported: It quotes nothing.)\n\n[1] " + line(t) + " › " + line(t) + "\n" + fenced("![x](https://sink.example/x)\n~~~\n```")
		if found := livePartsOf(said); found != nil {
			t.Fatalf("%v in\n%s", found, said)
		}
		if blocks := blocksOf(said); len(blocks) != 1 || blocks[0] != "text\n![x](https://sink.example/x)\n~~~\n```\n" {
			t.Fatalf("%q in\n%s", blocks, said)
		}
	})
}
