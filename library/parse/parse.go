// Package parse turns the bytes of a document into records: headings,
// paragraphs, tables and code, each with its page and without the characters
// that nobody sees. It is pure: it opens no file, starts nothing, keeps nothing
// and asks nobody, for its place is a jailed child that reads one file and ends.
//
// Every input is hostile. Whatever the bytes are, time and memory stay in
// proportion to them, and what a [Limits] or damage cut off is in the [Result]:
// a document that was read in part never looks whole. What looks hidden (by
// CSS, by Word's vanish, in a hidden sheet) is flagged, never left out: whoever
// builds the index decides. Nothing is run, fetched or resolved: no macro, no
// formula, no link, no entity, no DTD.
//
// A container (a mail with attachments, an archive) hands back what it holds as
// children, bytes with a name, for other processes to read.
package parse

import (
	"errors"
	"path"
	"strings"
	"unicode/utf8"
)

// Kind says what a record is.
type Kind uint8

// The kinds. A Table is a group of rows, cells parted by " | ", one row a line,
// the header row repeated in every group.
const (
	Para Kind = iota
	Heading
	Table
	Code
	Caption
)

var kindNames = [...]string{"para", "heading", "table", "code", "caption"}

func (k Kind) String() string { return kindNames[k] }

// Flags say more about a record.
type Flags uint8

const (
	Hidden Flags = 1 << iota // not seen by who opens the document with its own program
	List                     // an item of a list; Level is its depth
	Note                     // a footnote, a comment, a speaker's note
	Margin                   // a header or footer of pages
	Part                     // goes on where the record before it ended: it was too long for one

	flagCount = iota
)

// Record is a piece of a document.
type Record struct {
	Page  int // page, slide, sheet, chapter or message, from 1; 0 where the format has none
	Line  int // first line in the file, from 1; 0 where the format has none
	Kind  Kind
	Level int // of a heading, from 1; of a list item, its depth
	Flags Flags
	Text  string // normalised, see Normalise
	Raw   string // as it stands in the document: Map leads from Text to it
	Map   Map
}

// Child is a document that lies in another.
type Child struct {
	Name string // what its container calls it, normalised; never a path to open
	Data []byte
}

// Source is a document to read.
type Source struct {
	Name  string // the file's name: its extension must agree with the bytes
	Data  []byte
	Depth int // in how many containers it lies
	// Quick says not to do what takes minutes: [ErrLater] comes in its place.
	Quick bool
}

// Sink takes what is found, in the document's order. An error from it ends the
// reading and is what Parse returns.
type Sink struct {
	Record func(Record) error
	Child  func(Child) error
}

// Result says how a reading ended. Cuts is empty only if all was read.
type Result struct {
	Format   Format
	Records  int
	Children int
	Hidden   int // records flagged so
	Pictures int // in an office document or a book; what is written in them is not read
	Stripped Stripped
	Cuts     []Cut
	Expanded int64 // bytes that came out of compression and encodings
	Steps    int64 // work done, about one for each byte looked at
}

// maxText is how long a record's text may be before it goes on in another.
const maxText = 32 << 10

// Parse reads a document. An error is a *RefusedError, if nothing of it could be
// read, or came from the sink.
func Parse(src Source, lim Limits, sink Sink) (Result, error) {
	return parse(&job{lim: lim.orDefault(), sink: sink}, src)
}

func parse(j *job, src Source) (Result, error) {
	err := j.read(src)
	switch {
	case err == nil, errors.Is(err, errStop):
		err = nil
	case j.res.Records+j.res.Children > 0:
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			j.cut(refused.Why)
			err = nil
		}
	}
	if err == nil && j.res.Records+j.res.Children == 0 && len(j.res.Cuts) == 0 {
		err = refuse(Empty)
		if j.res.Pictures > 0 {
			err = refuse(PicturesOnly)
		}
	}
	return j.res, err
}

// job is one reading under way.
type job struct {
	lim     Limits
	sink    Sink
	name    string
	res     Result
	page    int
	chars   int
	parts   int
	allowed int64 // how many bytes may come out of compression
	pdf     func(*Pages, []byte) error
}

func (j *job) read(src Source) error {
	switch {
	case len(src.Data) > j.lim.Input:
		return refuse(TooBig)
	case src.Depth > j.lim.Depth:
		return refuse(TooDeep)
	}
	f, err := Sniff(src.Name, src.Data)
	j.res.Format = f
	j.name = src.Name
	if err != nil {
		return err
	}
	j.allowed = min(int64(j.lim.Expanded), max(int64(j.lim.Ratio)*int64(len(src.Data)), expandFloor))
	if f == PDF && j.pdf != nil {
		return j.pdf(&Pages{j}, src.Data)
	}
	return readerOf(f)(j, src.Data)
}

// emit normalises what was found and hands it on, in parts if it is long. Blank
// text is no record.
func (j *job) emit(r Record) error {
	if r.Page == 0 {
		r.Page = j.page
	}
	raw := r.Raw
	if r.Kind == Code {
		raw = strings.TrimLeft(strings.TrimRight(raw, " \t\r\n"), "\r\n")
	} else {
		raw = strings.TrimSpace(raw)
	}
	for first := true; raw != ""; first = false {
		piece := head(raw)
		raw = raw[len(piece):]
		if err := j.step(len(piece)); err != nil {
			return err
		}
		r.Raw = piece
		var gone Stripped
		r.Text, r.Map, gone = Normalise(piece)
		j.res.Stripped.add(gone)
		if strings.TrimSpace(r.Text) == "" {
			continue
		}
		if !first {
			r.Flags |= Part
		}
		if j.chars += utf8.RuneCountInString(r.Text); j.chars > j.lim.Characters {
			return j.stop(TooManyCharacters)
		}
		j.res.Records++
		if r.Flags&Hidden != 0 {
			j.res.Hidden++
		}
		if err := j.sink.Record(r); err != nil {
			return err
		}
	}
	return nil
}

// head is as much of s as one record takes: up to a line's or a word's end,
// where one is near.
func head(s string) string {
	if len(s) <= maxText {
		return s
	}
	at := strings.LastIndexByte(s[:maxText], '\n') + 1
	if at < maxText/2 {
		at = strings.LastIndexByte(s[:maxText], ' ') + 1
	}
	if at < maxText/2 {
		for at = maxText; at > maxText-utf8.UTFMax && !utf8.RuneStart(s[at]); at-- {
		}
	}
	return s[:at]
}

// child hands on what lies in the document.
func (j *job) child(name string, data []byte) error {
	if j.parts++; j.parts > j.lim.Parts {
		return j.stop(TooManyParts)
	}
	_, _, gone := Normalise(strings.ToValidUTF8(name, "\uFFFD"))
	j.res.Stripped.add(gone)
	j.res.Children++
	return j.sink.Child(Child{childName(name), data})
}

// childName is a name as a child may have it.
func childName(name string) string {
	clean, _, _ := Normalise(strings.ToValidUTF8(name, "\uFFFD"))
	clean = strings.ReplaceAll(strings.Join(strings.Fields(clean), " "), "\\", "/")
	clean = strings.TrimPrefix(path.Clean("/"+clean), "/")
	if len(clean) > maxName {
		clean = strings.ToValidUTF8(clean[len(clean)-maxName:], "") // its end holds the extension
	}
	return clean
}

const maxName = 512
