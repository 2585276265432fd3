package parse

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits bound one reading. A zero field stands for its default.
type Limits struct {
	Input      int // bytes of the document: 200 MB
	Expanded   int // bytes out of compression and encodings: 512 MB
	Ratio      int // of these to the document's: 100, above a floor of 4 MB
	Nesting    int // of elements, groups, quotations: 256
	Depth      int // of containers in each other: 4
	Parts      int // files in a container: 20,000
	MailParts  int // of one mail: 200, nested 16 deep
	Pages      int // 20,000
	Characters int // handed on: 50 million
	Steps      int64
}

const (
	expandFloor = 4 << 20
	mailNesting = 16
	maxToken    = 16 << 20 // of a single piece of markup, and of what is held at once
	maxChild    = 200 << 20
)

func (l Limits) orDefault() Limits {
	return Limits{
		Input:      cmp.Or(l.Input, 200<<20),
		Expanded:   cmp.Or(l.Expanded, 512<<20),
		Ratio:      cmp.Or(l.Ratio, 100),
		Nesting:    cmp.Or(l.Nesting, 256),
		Depth:      cmp.Or(l.Depth, 4),
		Parts:      cmp.Or(l.Parts, 20_000),
		MailParts:  cmp.Or(l.MailParts, 200),
		Pages:      cmp.Or(l.Pages, 20_000),
		Characters: cmp.Or(l.Characters, 50_000_000),
		Steps:      cmp.Or(l.Steps, 1<<34),
	}
}

// errStop ends a reading whose reason is among the cuts.
var errStop = errors.New("stopped")

// stop ends the reading for good, cut notes that something was left out.
func (j *job) stop(why Reason) error {
	j.cut(why)
	return errStop
}

func (j *job) cut(why Reason) {
	for i := range j.res.Cuts {
		if c := &j.res.Cuts[i]; c.Why == why {
			c.Count++
			return
		}
	}
	j.res.Cuts = append(j.res.Cuts, Cut{Why: why, Page: j.page, Count: 1})
}

// builder gathers a piece of text up to what one may be long; take says when
// there was more.
type builder struct {
	strings.Builder
	over bool
}

const maxHeld = 4 << 20

func (b *builder) WriteString(s string) (int, error) {
	if b.Len()+len(s) > maxHeld {
		b.over = true
		return 0, nil
	}
	return b.Builder.WriteString(s)
}

// take empties a builder.
func (j *job) take(b *builder) string {
	if b.over {
		j.cut(TokenTooLong)
	}
	s := b.String()
	*b = builder{}
	return s
}

// step counts work. It is what keeps a slow document from being an endless one.
func (j *job) step(n int) error {
	if j.res.Steps += int64(n) + 1; j.res.Steps > j.lim.Steps {
		return j.stop(TooMuchWork)
	}
	return nil
}

// turn begins a page.
func (j *job) turn(page int) error {
	if page > j.lim.Pages {
		return j.stop(TooManyPages)
	}
	j.page = page
	return nil
}

// expand counts what comes out of r against the budget of the whole reading.
func (j *job) expand(r io.Reader) io.Reader { return &expanding{j, r} }

type expanding struct {
	j *job
	r io.Reader
}

func (e *expanding) Read(p []byte) (int, error) {
	n, err := e.r.Read(p[:min(len(p), 64<<10)])
	if e.j.res.Expanded += int64(n); e.j.res.Expanded > e.j.allowed {
		return 0, e.j.stop(TooMuchExpanded)
	}
	if stop := e.j.step(n); stop != nil {
		return 0, stop
	}
	return n, err
}

// Cut says what is missing from what was read.
type Cut struct {
	Why   Reason
	Page  int // where it first happened; 0 where the format has no pages
	Count int
}

func (c Cut) String() string {
	s := c.Why.String()
	if c.Page > 0 {
		s = fmt.Sprintf("%s (at page %d)", s, c.Page)
	}
	if c.Count > 1 {
		s = fmt.Sprintf("%s, %d times", s, c.Count)
	}
	return s
}

// Reason says why something was not read.
type Reason uint8

// The reasons.
const (
	Empty Reason = iota + 1
	Unknown
	Mismatch
	Unsupported
	Encrypted
	Damaged
	Doctype
	TooBig
	TooDeep
	TooNested
	TooManyParts
	TooManyPages
	TooManyCharacters
	TooMuchExpanded
	TooMuchWork
	TokenTooLong
	NotAFile
	Repeated
	UnknownCharset
	BadEncoding
	BadHeader
	PicturesOnly
	Forbidden
	TookTooLong
	TookTooMuch
	Broke
	TooMuchFound
	ScannedPage
	NoTesseract
	NoWords
	Recognised
	PhonePicture
	OtherPicture
	OldText
	OldSheet
	OldSlides
	OldOther
	OutlookMail
	AppleText
	AppleSheet
	AppleSlides
	SoundOrFilm
	NoDocument
	OtherArchive
	LockedEntry
)

var reasons = [...]string{
	Empty:             "it holds no text",
	Unknown:           "its bytes are of no format that is read here; text, office documents, HTML, EPUB, RTF, mail and archives are",
	Mismatch:          "its bytes are of another format than its name says: give it the extension of what it is",
	Unsupported:       "this format is known but not read here; save it as text, an office document or HTML",
	Encrypted:         "it is protected by a password: save it without one",
	Damaged:           "it is damaged or cut short: open it with its own program and save it again",
	Doctype:           "it declares a document type, which no office program writes: open it with its own program and save it again",
	TooBig:            "it is larger than 200 MB: split it",
	TooDeep:           "it lies in too many containers inside each other: unpack them",
	TooNested:         "parts of it are nested too deeply",
	TooManyParts:      "it holds too many files",
	TooManyPages:      "it has too many pages",
	TooManyCharacters: "it has more text than one document may have: split it",
	TooMuchExpanded:   "it unpacks to more than is safe",
	TooMuchWork:       "it takes too much work to read",
	TokenTooLong:      "a single piece of it is too long",
	NotAFile:          "an entry is a link or a device, not a file",
	Repeated:          "rows or cells are repeated more often than is shown",
	UnknownCharset:    "a part is in a character set that is not known here; it was read as Western European",
	BadEncoding:       "a part is badly encoded; what could be decoded was kept",
	PicturesOnly:      "it holds pictures only: what is written in them needs text recognition",
	BadHeader:         "lines of a mail's header are malformed",
	Forbidden:         "its reader tried something that its jail forbids, and was ended: do not trust this file, nor where it came from",
	TookTooLong:       "it took too long to read",
	TookTooMuch:       "it took too much memory to read",
	Broke:             "its reader failed on it: open it with its own program and save it again",
	TooMuchFound:      "there is more in it than one document may hold: split it",
	ScannedPage:       "a page is a picture: what is written on it needs text recognition",
	NoTesseract:       "it is a picture, and tesseract, which would read what is written in it, is not installed here: install it (on Debian and Ubuntu tesseract-ocr, and tesseract-ocr-fra for French), then add this file again",
	NoWords:           "it is a picture, and no words were recognised in it",
	Recognised:        "letter by letter, but recognised in a picture, so some of it may be wrong",
	PhonePicture:      "it is a picture in HEIC, HEIF or AVIF, as telephones take them: save it as JPEG or PNG; with tesseract installed, what is written in it is read then",
	OtherPicture:      "it is a picture of a kind that is not read: save it as JPEG or PNG; with tesseract installed, what is written in it is read then",
	OldText:           "it is a text of Word before 2007: save it as DOCX",
	OldSheet:          "it is a spreadsheet of Excel before 2007: save it as XLSX",
	OldSlides:         "it is a talk of PowerPoint before 2007: save it as PPTX",
	OldOther:          "it is of an office program before 2007: save it as DOCX, XLSX, PPTX or PDF",
	OutlookMail:       "it is a mail as Outlook keeps it: save it as .eml, or as PDF",
	AppleText:         "it is a document of Pages, Numbers or Keynote: export it as DOCX, XLSX, PPTX or PDF",
	AppleSheet:        "it is a spreadsheet of Numbers: export it as XLSX, CSV or PDF",
	AppleSlides:       "it is a talk of Keynote: export it as PPTX or PDF",
	SoundOrFilm:       "it is sound or film, of which nothing is read: add what is said in it as text; subtitles (.srt, .vtt) are text",
	NoDocument:        "it is a program, not a document",
	OtherArchive:      "it is an archive of a kind that is not unpacked here: unpack it and add what it holds, or pack that as ZIP",
	LockedEntry:       "a file in it is protected by a password: unpack it with the password, then add what it holds",
}

func (r Reason) String() string { return reasons[r] }

// RefusedError says why nothing of a document was read.
type RefusedError struct{ Why Reason }

func (e *RefusedError) Error() string { return "the document was not read: " + e.Why.String() }

func refuse(why Reason) error { return &RefusedError{why} }
