package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"abaton.local/internal/pdfgen"
	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// openLibraries opens somebody's documents. What this test adds itself is its
// own and is read in this process.
func (o *openHouse) openLibraries(s vault.Session) *library.Libraries {
	o.h.t.Helper()
	return o.openEmbedding(s, nil)
}

// openEmbedding does with what makes vectors.
func (o *openHouse) openEmbedding(s vault.Session, e library.Embedder) *library.Libraries {
	o.h.t.Helper()
	v, err := s.Vault()
	o.h.must(err)
	here := func(_ context.Context, src parse.Source) (d parse.Document, err error) {
		d.Result, err = parse.Parse(src, parse.Limits{}, d.Collect())
		return d, err
	}
	x, err := library.Open(o.h.t.Context(), v, library.Config{Parse: here, SealEvery: 6, Embed: e, SealVectors: 6})
	o.h.must(err)
	return x
}

// spelling is an embedder whose vectors, as they are kept, are a word: another one
// for texts that have a mark.
type spelling struct{ usual, mark, marked string }

func (s spelling) Model(context.Context) (library.Model, error) {
	return library.Model{Dims: len(s.usual) + 1}, nil
}

func (s spelling) Embed(_ context.Context, _ library.Model, texts []string, _ bool) (list [][]float32, err error) {
	for _, text := range texts {
		word := s.usual
		if strings.Contains(text, s.mark) {
			word = s.marked
		}
		var v []float32
		for _, b := range []byte(word + "\x7f") {
			v = append(v, float32(b))
		}
		list = append(list, v)
	}
	return list, nil
}

// fillLibrary gives somebody documents: names, folders, headings, words and vectors
// are canaries, and so is the name of their library.
func (s *swept) fillLibrary(o *openHouse, who vault.Session, p *sweptPerson) {
	s.t.Helper()
	vectors := spelling{usual: s.put("vector of a passage"), mark: "9 more", marked: s.put("vector of a removed passage")}
	ctx, x := s.t.Context(), o.openEmbedding(who, vectors)
	p.library = s.put("name of a library")
	add := func(n int) sweptDocument {
		folder, name := s.put("folder of a document"), s.put("name of a document")
		d := sweptDocument{path: "/home/" + folder + "/" + name + ".md", words: []string{folder, name}}
		heading := s.put("heading of a document")
		var text strings.Builder
		text.WriteString("# About " + heading + "\n\n")
		d.words, d.text = append(d.words, heading), append(d.text, heading)
		for range 3 {
			word := s.put("word of a document")
			d.words, d.text = append(d.words, word), append(d.text, word)
			fmt.Fprintf(&text, "So %s it is, and %d more.\n\n", word, n)
		}
		_, err := x.Add(ctx, library.File{Library: p.library, Path: d.path, Name: filepath.Base(d.path), Data: []byte(text.String())})
		s.must(err)
		return d
	}
	for n := range 4 {
		p.documents = append(p.documents, add(n))
	}
	removed := add(9)
	for more := true; more; {
		var err error
		more, err = x.Embed(ctx)
		s.must(err)
	}
	list, err := x.Documents(vault.ID{})
	s.must(err)
	at := slices.IndexFunc(list, func(d library.Document) bool { return d.Path == removed.path })
	// What will be gone can be seen before: in what the keys open.
	p.removed = map[string]string{vectors.marked: "vector of a removed passage"}
	for _, word := range removed.words {
		p.removed[word] = "word, name or folder of a removed document"
	}
	if n := hitsIn(newSieve(p.removed), payloadsOf(s.t, who)); len(n) != 2 {
		s.t.Errorf("control: before a document is removed, of it is found: %v", n)
	}
	_, err = x.Remove(ctx, list[at].ID)
	s.must(err)
	s.must(x.Close(ctx))
}

// papers is a folder of files with canaries in their names and words. It lies
// where the program can read and does not write, and is gone when it was added.
type papers struct {
	s     *swept
	dir   string
	names []string
}

func (s *swept) papers() *papers {
	s.t.Helper()
	top, err := os.MkdirTemp("", "ab")
	s.must(err)
	s.must(os.Chmod(top, 0o755))
	p := &papers{s: s, names: []string{s.put("folder of a document")}}
	p.dir = filepath.Join(top, p.names[0])
	s.must(os.Mkdir(p.dir, 0o755))
	return p
}

func (p *papers) file(end, text string) {
	p.s.t.Helper()
	name := p.s.put("name of a document")
	p.names = append(p.names, name)
	p.s.must(os.WriteFile(filepath.Join(p.dir, name+end), []byte(text), 0o644))
}

func (p *papers) burn() { p.s.must(os.RemoveAll(filepath.Dir(p.dir))) }

// unnamed is what a verb said, without the names that it shows to whoever typed
// them.
func (p *papers) unnamed(b []byte) []byte {
	for _, name := range p.names {
		b = bytes.ReplaceAll(b, []byte(name), nil)
	}
	return b
}

// addDocuments has the built program read documents in its jail, sound ones and
// such as nobody can read.
func (s *swept) addDocuments() {
	s.t.Helper()
	p := s.papers()
	defer p.burn()
	for range 4 {
		p.file(".txt", "A document speaks of "+s.put("word of a document")+".")
		p.file(".html", "<p>seen</p><p style='display:none'>"+s.put("hidden word of a document")+"</p>")
		p.file(".docx", "PK\x03\x04 and "+s.put("word of a broken document"))
		p.file(".zip", "PK\x03\x04 and "+s.put("word of a broken document"))
		p.file(".pdf", string(pdfgen.Pages("", nil, pdfgen.Line("F1", 10, 72, 740, "A page speaks of "+s.put("word of a document")+"."))))
		p.file(".eml", "Subject: "+s.put("subject of a document")+"\n\n"+s.put("word of a document")+"\n")
	}
	out, errs, code := s.run("", "docs", "add", p.dir)
	if code != failed || bytes.Count(out, []byte("added ")) != 16 || bytes.Count(out, []byte("refused ")) != 8 {
		s.t.Fatalf("docs add: %d: %s%s", code, p.unnamed(out), p.unnamed(errs))
	}
	s.outputs["docs add"] = p.unnamed(slices.Concat(out, errs))
	out, errs, code = s.run("", "docs", "search", s.put("word that is looked for"))
	if code != 0 {
		s.t.Errorf("docs search: %d: %s", code, errs)
	}
	s.outputs["docs search"] = slices.Concat(out, errs)
}

// killWhileReading ends the server while documents come in.
func (s *swept) killWhileReading(d *door) {
	s.t.Helper()
	who := s.people[4]
	if _, errs, code := s.run(who.passphrase, "login", "--person", who.name); code != 0 {
		s.t.Fatalf("login: %d: %s", code, errs)
	}
	defer func() { s.must(os.Remove(filepath.Join(s.dirs.Runtime, sessionFile))) }() // as `abaton lock` does
	p := s.papers()
	defer p.burn()
	for n := range 12 {
		p.file(fmt.Sprint(n, ".txt"), strings.Repeat("Much is said of "+s.put("word of a document in a crash")+". ", 2000))
	}
	p.names = append(p.names, s.put("name of a library"))
	cmd := exec.CommandContext(s.t.Context(), s.bin, "docs", "add", p.dir, "--library", p.names[len(p.names)-1])
	cmd.Env, cmd.Dir = s.env(), s.root
	said, err := cmd.StdoutPipe()
	s.must(err)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	s.must(cmd.Start())
	if _, err := said.Read(make([]byte, 1)); err != nil { // it has begun
		s.t.Fatalf("docs add said nothing: %v: %s", err, p.unnamed(errs.Bytes()))
	}
	d.end(syscall.SIGKILL)
	if cmd.Wait() == nil {
		s.t.Error("docs add did not notice that the server was killed")
	}
	s.outputs["docs add in a crash"] = p.unnamed(errs.Bytes())
}

// killWhileRemoving ends the server while it removes somebody's library. It is there
// or it is gone, and of what is gone nothing is left.
func (s *swept) killWhileRemoving(d *door) {
	s.t.Helper()
	who := &s.people[5]
	if _, errs, code := s.run(who.passphrase, "login", "--person", who.name); code != 0 {
		s.t.Fatalf("login: %d: %s", code, errs)
	}
	defer func() { s.must(os.Remove(filepath.Join(s.dirs.Runtime, sessionFile))) }()
	if out, errs, code := s.run("", "docs"); code != 0 || !bytes.Contains(out, []byte(who.library)) { // it is open
		s.t.Fatalf("docs: %d: %s", code, errs)
	}
	cmd := exec.CommandContext(s.t.Context(), s.bin, "docs", "rm", "--library", who.library, "--yes")
	cmd.Env, cmd.Dir = s.env(), s.root
	var errs bytes.Buffer
	cmd.Stderr = &errs
	s.must(cmd.Start())
	<-time.After(time.Duration(rand.IntN(200)) * time.Millisecond) // where it is by then is for chance
	d.end(syscall.SIGKILL)
	_ = cmd.Wait() // it was told, or it was not
	s.outputs["docs rm in a crash"] = bytes.ReplaceAll(errs.Bytes(), []byte(who.library), nil)
	who.torn = true
}

// recoverLibrary finds all documents of somebody.
func (s *swept) recoverLibrary(o *openHouse, who vault.Session, p sweptPerson, check func(bool, string)) {
	s.t.Helper()
	x := o.openLibraries(who)
	s.must(x.Damage())
	l, err := x.Library(p.library)
	if p.torn && errors.Is(err, library.ErrNoLibrary) {
		p.removed[p.library] = "name of a removed library"
		for _, d := range p.documents {
			for _, word := range d.words {
				p.removed[word] = "word, name or folder of a removed document"
			}
		}
		p.documents = nil
		l, err = library.Library{Passages: 1, Meanings: 1}, nil
	}
	check(err == nil && l.Documents == len(p.documents), "a library")
	check(l.Passages > 0 && l.Meanings == l.Passages, "a library's vectors")
	for _, d := range p.documents {
		for _, word := range d.text {
			hits, err := x.Search(s.t.Context(), []vault.ID{l.ID}, word, 3)
			s.must(err)
			check(len(hits) > 0 && hits[0].Document.Path == d.path, "a document")
		}
	}
	s.must(x.Close(s.t.Context()))
	// Of what was removed nothing is there, for whoever has the keys either.
	kept := map[string]string{}
	for _, d := range p.documents {
		for _, word := range d.words {
			kept[word] = "kept"
		}
	}
	all := payloadsOf(s.t, who)
	if len(kept) > 0 && hitsIn(newSieve(kept), all)["kept"] < len(kept) {
		s.t.Error("control: what is kept is not found in what the keys open")
	}
	for what, n := range hitsIn(newSieve(p.removed), all) {
		s.t.Errorf("%d hits of a %s in what the keys open", n, what)
	}
}
