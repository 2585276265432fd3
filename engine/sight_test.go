package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
	"abaton.local/models"
)

// seeing makes an engine for a tiny model that sees by a tiny projector, both of
// random weights, and a question about pictures.
func seeing(t *testing.T, change func(*Config)) (*Engine, func(Person, ...[]byte) Prompt, func(string, int) Prompt) {
	t.Helper()
	dir := t.TempDir()
	s, err := models.OpenShelf(filepath.Join(dir, "models"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	names := map[string]*ggufgen.File{"llama": ggufgen.TinyLlama(1), "eye": ggufgen.TinyEye(1, 128)}
	for name, f := range names {
		path := filepath.Join(dir, name+".gguf")
		if err := os.WriteFile(path, f.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		ref, err := models.ParseRef("file:" + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := models.NewPuller(s, nil, models.PullerConfig{}).Pull(t.Context(), ref, nil); err != nil {
			t.Fatal(err)
		}
	}
	p, err := s.Attach("llama", "eye")
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, func(c *Config) {
		c.Shelf = s
		if change != nil {
			change(c)
		}
	})
	// The pictures of these tests were encoded by us; decoding in the jail has tests of its own.
	e.decode = func(_ context.Context, raw []byte) (Image, error) {
		if !ourPNG(raw) {
			return Image{}, outOfRange("image", "it could not be decoded")
		}
		return Image{PNG: raw}, nil
	}
	about := func(text string, most int) Prompt {
		q := ask(text, most)
		q.Model = p.Digest
		return q
	}
	return e, func(who Person, pictures ...[]byte) Prompt {
		q := about("bababa", 8)
		q.Person = who
		for _, png := range pictures {
			q.Messages[0].Images = append(q.Messages[0].Images, Image{png})
		}
		return q
	}, about
}

// Different pictures are different questions, each of as many tokens as the
// projector makes, and the same picture is the same question.
func TestAModelWithEyesSees(t *testing.T) {
	e, about, _ := seeing(t, nil)
	one, other := encoded(t, "png", scene(40, 30)), encoded(t, "png", scene(30, 70))
	said := map[string]int{}
	blind := 0
	for _, pictures := range [][][]byte{nil, {one}, {other}, {one}, {one, other}, {other, one}} {
		p := about("anna", pictures...)
		text, last, err := collect(t.Context(), e, p)
		if err != nil {
			t.Fatal(err)
		}
		n, err := e.Count(t.Context(), p)
		if err != nil || n != last.Usage.PromptTokens {
			t.Errorf("%d pictures: counted %d, and the engine read %d: %v", len(pictures), n, last.Usage.PromptTokens, err)
		}
		if pictures == nil {
			blind = n
		} else if least := blind + ggufgen.EyeTokens*len(pictures); n < least || n > least+2*len(pictures) {
			t.Errorf("%d pictures make of %d tokens %d", len(pictures), blind, n)
		}
		said[text]++
	}
	if len(said) != 5 {
		t.Errorf("six questions, one of them twice, have %d answers: %v", len(said), said)
	}
}

// What is refused, and how.
func TestPicturesAreRefusedByName(t *testing.T) {
	png := encoded(t, "png", scene(20, 20))
	e, about, _ := seeing(t, nil)
	if f := faultOf(t, errOf(collect(t.Context(), e, about("anna", []byte("RIFFxxxxWEBPVP8 ")))), BadRequest); f.Detail != "messages[0].images" || !strings.Contains(f.What, "messages[0].images cannot be used: it could not be decoded") {
		t.Errorf("%+v", f)
	}
	p := about("anna", png)
	p.Messages[0].Role = System
	if f := faultOf(t, errOf(collect(t.Context(), e, p)), BadRequest); f.Detail != "messages[0].images" {
		t.Errorf("%+v", f)
	}
	many := make([][]byte, maxPictures)
	for i := range many {
		many[i] = png
	}
	// More than fits is refused with the engine's own numbers.
	p = about("anna", many...)
	p.Messages[0].Content = strings.Repeat("bababa", 320)
	if f := faultOf(t, errOf(collect(t.Context(), e, p)), TooLong); f.Tokens < f.Window || f.Window == 0 {
		t.Errorf("%+v", f)
	}
	blind, ask := startTiny(t, nil, nil)
	q := ask("bababa", 2)
	q.Messages[0].Images = []Image{{png}}
	if f := faultOf(t, errOf(collect(t.Context(), blind, q)), BadRequest); !strings.Contains(f.What, "cannot see") {
		t.Errorf("%+v", f)
	}
}

func errOf(_ string, _ Delta, err error) error { return err }

// A text that spells the engine's mark of a picture is text: no picture, and
// nobody's question fails of it.
func TestNobodySpellsAPicture(t *testing.T) {
	e, about, text := seeing(t, nil)
	if err := e.Warm(t.Context(), "anna", text("", 0).Model); err != nil {
		t.Fatal(err)
	}
	w := workerOf(t, e, text("", 0))
	properties, err := w.client.properties(t.Context())
	if err != nil || len(properties.Marker) < 16 {
		t.Fatal(properties.Marker, err)
	}
	for _, p := range []Prompt{text("a "+properties.Marker+" b", 4), about("anna", encoded(t, "png", scene(20, 20)))} {
		p.Messages[0].Content += properties.Marker
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Error(err)
		}
	}
}

// Nobody's picture crosses to somebody else: of the same question with the same
// picture nothing is known, under both policies, and the answer to another's is
// one's own.
func TestPicturesDoNotCross(t *testing.T) {
	for _, slots := range []int{0, 1} {
		e, about, _ := seeing(t, func(c *Config) { c.Slots = slots })
		h := &ours{e: e}
		h.tap.on(e)
		one, other := encoded(t, "png", scene(40, 30)), encoded(t, "png", scene(30, 70))
		known := func(p Prompt) (string, int) {
			text, _, err := collect(t.Context(), e, p)
			if err != nil {
				t.Fatal(err)
			}
			h.tap.mu.Lock()
			defer h.tap.mu.Unlock()
			return text, h.tap.last[p.Person].cached
		}
		mine, _ := known(about("anna", one))
		again, n := known(about("anna", one))
		if n < ggufgen.EyeTokens || again != mine {
			t.Errorf("control: of one's own picture %d tokens are known", n)
		}
		if text, n := known(about("bela", one)); n != 0 || text != mine {
			t.Errorf("%d slots: %d tokens are known to somebody else; %q, not %q", slots, n, text, mine)
		}
		if text, n := known(about("cili", other)); n != 0 || text == mine {
			t.Errorf("%d slots: %d tokens are known; %q", slots, n, text)
		}
	}
}

// A projector is checked by its digest each time, like a model, and one that is
// gone or was changed is no reason to answer blind.
func TestAChangedProjectorIsNotUsed(t *testing.T) {
	e, about, _ := seeing(t, nil)
	p, err := e.cfg.Shelf.Find("eye")
	if err != nil {
		t.Fatal(err)
	}
	path := e.cfg.Shelf.Path(p.Digest)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := errors.Join(os.Remove(path), os.WriteFile(path, b, 0o400)); err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(b) == [32]byte(p.Digest) || bytes.Equal(b, nil) {
		t.Fatal("it was not changed")
	}
	faultOf(t, errOf(collect(t.Context(), e, about("anna", encoded(t, "png", scene(20, 20))))), BadModel)
}
