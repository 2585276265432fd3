package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"abaton.local/library/parse"
)

// Read gives what reads a PDF in this machine, for [parse.ParsePDF]. alive is
// called after every page.
func (m *Machine) Read(alive func() error) func(*parse.Pages, []byte) error {
	return m.reads(alive, nil)
}

// reads is Read, or with take draws the pages that are pictures.
func (m *Machine) reads(alive func() error, take func(Picture) error) func(*parse.Pages, []byte) error {
	return func(p *parse.Pages, b []byte) error {
		r := &reading{Machine: m, pages: p, sizes: map[int]int{}, take: take}
		err := r.read(b, alive)
		if _, trap := errors.AsType[*TrapError](err); trap {
			// What was found before stands; what pdfium says now would not.
			return p.Stop(parse.Broke)
		}
		return err
	}
}

// reading is one document under way.
type reading struct {
	*Machine
	pages    *parse.Pages
	document uint64
	sizes    map[int]int // of letters, in half points: how many there are
	scanned  []int       // pages that are pictures
	take     func(Picture) error
}

// maxMissing is how many pages in a row may be missing before no more are looked for.
const maxMissing = 64

// What FPDF_GetLastError says.
const (
	errPassword = 4
	errSecurity = 5
)

func (r *reading) read(b []byte, alive func() error) error {
	if err := r.open(b); err != nil {
		return err
	}
	count, err := r.call("FPDF_GetPageCount", r.document)
	if err != nil {
		return err
	}
	missing := 0
	for n := range int(int32(count)) {
		if err := r.pages.Turn(n + 1); err != nil {
			return err
		}
		there, err := r.page(n)
		if err != nil {
			return err
		}
		if there {
			missing = 0
		} else if missing++; missing == maxMissing {
			break
		}
		if err := alive(); err != nil {
			return err
		}
	}
	r.end()
	return nil
}

// open gives the bytes to pdfium, which keeps them.
func (r *reading) open(b []byte) error {
	at, err := r.alloc(uint64(len(b)))
	if err != nil {
		return r.pages.Stop(parse.TookTooMuch)
	}
	if !r.memory.Write(at, b) {
		return fmt.Errorf("pdfium has no %d bytes at %d", len(b), at)
	}
	r.document, err = r.call("FPDF_LoadMemDocument", uint64(at), uint64(len(b)), 0)
	if err != nil {
		return err
	}
	if r.document == 0 {
		why, err := r.call("FPDF_GetLastError")
		switch {
		case err != nil:
			return err
		case uint32(why) == errPassword, uint32(why) == errSecurity:
			return parse.Refuse(parse.Encrypted)
		}
		return parse.Refuse(parse.Damaged)
	}
	sound, err := r.call("FPDF_DocumentHasValidCrossReferenceTable", r.document)
	if err == nil && (uint32(sound) == 0 || torn(b)) {
		r.pages.Cut(parse.Damaged) // put together again from what was left
	}
	return err
}

// torn tells whether a file does not end where it says: it was cut short, be it in
// what was added to it later.
func torn(b []byte) bool {
	at := bytes.LastIndex(b, []byte("%%EOF"))
	return at < 0 || len(bytes.Trim(b[at+5:], "\x00\t\n\f\r ")) > maxTail
}

// maxTail is how much may stand behind a file's end: some programs leave a little.
const maxTail = 16

// end says which pages are pictures. A document of nothing else is refused as such.
func (r *reading) end() {
	if r.pages.Records() > 0 {
		for _, n := range r.scanned {
			r.pages.CutAt(parse.ScannedPage, n)
		}
	}
}

// page reads one, and tells whether it is there.
func (r *reading) page(n int) (bool, error) {
	page, err := r.call("FPDF_LoadPage", r.document, uint64(n))
	if err != nil {
		return false, err
	}
	if page == 0 {
		r.pages.Cut(parse.Damaged)
		return false, nil
	}
	text, err := r.call("FPDFText_LoadPage", page)
	if err != nil {
		return false, err
	}
	if text == 0 {
		r.pages.Cut(parse.Damaged)
	} else {
		if err := r.words(page, text, n); err != nil {
			return false, err
		}
		if _, err := r.call("FPDFText_ClosePage", text); err != nil {
			return false, err
		}
	}
	_, err = r.call("FPDF_ClosePage", page)
	return true, err
}

// words hands on what stands on a page.
func (r *reading) words(page, text uint64, n int) error {
	g, err := r.ground(page)
	if err != nil {
		return err
	}
	lines, seen, err := r.lines(text, g)
	if err != nil {
		return err
	}
	if g.pictured > 0 {
		r.pages.Picture()
	}
	if seen < fewLetters && g.pictured > g.area/2 {
		r.scanned = append(r.scanned, n+1)
		if r.take != nil {
			if err := r.draw(page, n); err != nil {
				return err
			}
		}
	}
	return r.paragraphs(lines)
}

// fewLetters is what a page has at most that is only a picture: a number, a stamp.
const fewLetters = 40

// Memory is what one needs for a document of that many bytes.
func Memory(bytes int) uint64 { return 256<<20 + uint64(bytes+1<<16)&^(1<<16-1) }

// Parse reads a document with a machine of its own, whose compiled code lies in dir.
func Parse(ctx context.Context, dir string, src parse.Source, lim parse.Limits, sink parse.Sink, alive func() error) (parse.Result, error) {
	m, err := Open(ctx, dir, Memory(len(src.Data)))
	if err != nil {
		return parse.Result{}, err
	}
	defer m.Close(ctx)
	return parse.ParsePDF(m.Read(alive), src, lim, sink)
}
