package parse

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// What a child that reads a document says to its parent is a row of messages:
// a letter, then what belongs to it, numbers as unsigned varints, texts with
// their length before them. 'r' is a record, 'c' a child, '.' a sign of life,
// 'e' the end, behind which nothing may come. A record goes as its raw text
// alone: the parent normalises by itself, so that no child, taken over or not,
// can hand it a text that was not, or a map that leads astray.
const wireHead = "abaton/parse/1\n"

// errFull ends a reading that found more than may be said.
var errFull = errors.New("more was found than may be said")

// Encoder writes a reading as [Decode] reads it.
type Encoder struct {
	w    *bufio.Writer
	left int64
	err  error
}

// cost is how much memory a record takes at who decodes it: a text that was
// normalised is held twice, and its map besides. Behind a heading comes what the
// path to it takes with every section.
func (r Record) cost() int {
	n := perMessage + len(r.Raw)
	if r.Map != nil {
		n += len(r.Text) + perSpan*len(r.Map)
	}
	if r.Kind == Heading {
		n += perHeading
	}
	return n
}

const (
	perMessage = 128
	perSpan    = 40
	perHeading = 8 << 10
)

// NewEncoder begins a row of messages that together take at most most bytes.
func NewEncoder(w io.Writer, most int64) *Encoder {
	e := &Encoder{w: bufio.NewWriterSize(w, 64<<10), left: most}
	e.bytes(wireHead)
	return e
}

// Sink is where a reading goes.
func (e *Encoder) Sink() Sink {
	return Sink{
		Record: func(r Record) error {
			if !e.room(r.cost()) {
				return errFull
			}
			e.bytes("r")
			e.numbers(r.Page, r.Line, int(r.Kind), r.Level, int(r.Flags))
			e.text(r.Raw)
			return e.err
		},
		Child: func(c Child) error {
			if !e.room(perMessage + len(c.Name) + len(c.Data)) {
				return errFull
			}
			e.bytes("c")
			e.text(c.Name)
			e.text(string(c.Data))
			return e.err
		},
	}
}

// Alive says that work goes on.
func (e *Encoder) Alive() error {
	e.bytes(".")
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
}

// End says how the reading ended, as [Parse] said it.
func (e *Encoder) End(res Result, err error) error {
	verdict := Reason(0)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		verdict = refused.Why
	} else if errors.Is(err, errFull) {
		res.Cuts = append(slices.Clone(res.Cuts), Cut{Why: TooMuchFound, Count: 1})
	} else if err != nil {
		return err
	}
	e.bytes("e")
	e.text(string(res.Format))
	e.numbers(int(verdict), res.Pictures, int(res.Expanded), int(res.Steps))
	s := res.Stripped
	e.numbers(s.Control, s.Unseen, s.Bidi, s.Tags, s.Private, len(res.Cuts))
	for _, c := range res.Cuts {
		e.numbers(int(c.Why), c.Page, c.Count)
	}
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
}

func (e *Encoder) room(n int) bool {
	e.left -= int64(n)
	return e.left >= 0
}

func (e *Encoder) bytes(s string) {
	if e.err == nil {
		_, e.err = e.w.WriteString(s)
	}
}

func (e *Encoder) text(s string) {
	e.numbers(len(s))
	e.bytes(s)
}

func (e *Encoder) numbers(all ...int) {
	for _, n := range all {
		if n < 0 && e.err == nil {
			e.err = fmt.Errorf("a number is negative: %d", n)
		}
		e.bytes(string(binary.AppendUvarint(nil, uint64(n))))
	}
}

// GarbledError says that what came from a child is no reading.
type GarbledError struct {
	What string
	Torn bool // it only ended too soon
}

func (e *GarbledError) Error() string { return "a reading is garbled: " + e.What }

// decoder reads what an Encoder wrote and trusts nothing in it.
type decoder struct {
	r    *bufio.Reader
	left int64
	d    Document
}

// Decode reads what an [Encoder] wrote with as much for most. seen
// is called for every message. An error is a *RefusedError, if that is what the
// reading came to, a *GarbledError, or that of the reader; with the latter two
// comes what was found until then, for [Document.Torn].
func Decode(r io.Reader, most int64, seen func()) (Document, error) {
	d := &decoder{r: bufio.NewReaderSize(r, 64<<10), left: most}
	if head, err := d.bytes(len(wireHead)); err != nil || string(head) != wireHead {
		return d.d, garbled(err, "it begins otherwise")
	}
	for {
		letter, err := d.r.ReadByte()
		if err != nil {
			return d.d, garbled(err, "it has no end")
		}
		seen()
		switch letter {
		case 'r':
			err = d.record()
		case 'c':
			err = d.child()
		case '.':
		case 'e':
			err := d.end()
			return d.d, err
		default:
			err = &GarbledError{What: "a message of no kind"}
		}
		if err != nil {
			return d.d, err
		}
	}
}

func garbled(err error, what string) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &GarbledError{What: what, Torn: err != nil}
	}
	return err
}

func (d *decoder) record() error {
	n, err := d.numbers(maxNumber, maxNumber, int64(len(kindNames)-1), maxNumber, int64(1<<flagCount-1))
	if err != nil {
		return err
	}
	raw, err := d.text(maxText)
	if err != nil {
		return err
	}
	r := Record{Page: n[0], Line: n[1], Kind: Kind(n[2]), Level: n[3], Flags: Flags(n[4]), Raw: raw}
	var gone Stripped
	r.Text, r.Map, gone = Normalise(raw)
	if strings.TrimSpace(r.Text) == "" {
		return &GarbledError{What: "a record is blank"}
	}
	if d.left -= int64(r.cost()); d.left < 0 {
		return &GarbledError{What: "it is too long"}
	}
	d.d.Stripped.add(gone)
	d.d.Result.Records++
	if r.Flags&Hidden != 0 {
		d.d.Hidden++
	}
	d.d.Records = append(d.d.Records, r)
	return nil
}

func (d *decoder) child() error {
	name, err := d.text(maxName)
	if err != nil {
		return err
	}
	data, err := d.long(maxChild)
	if err != nil {
		return err
	}
	if d.left -= int64(perMessage + len(name) + len(data)); d.left < 0 {
		return &GarbledError{What: "it is too long"}
	}
	d.d.Result.Children++
	d.d.Children = append(d.d.Children, Child{childName(name), data})
	return nil
}

func (d *decoder) end() error {
	format, err := d.text(16)
	if err != nil {
		return err
	}
	n, err := d.numbers(int64(len(reasons)-1), maxNumber, maxNumber, maxNumber)
	if err != nil {
		return err
	}
	s, err := d.numbers(maxNumber, maxNumber, maxNumber, maxNumber, maxNumber, int64(len(reasons)))
	if err != nil {
		return err
	}
	var cuts []Cut
	for range s[5] {
		c, err := d.numbers(int64(len(reasons)-1), maxNumber, maxNumber)
		if err != nil {
			return err
		}
		if c[0] == 0 || c[2] == 0 {
			return &GarbledError{What: "a cut"}
		}
		cuts = append(cuts, Cut{Reason(c[0]), c[1], c[2]})
	}
	if _, err := d.r.ReadByte(); !errors.Is(err, io.EOF) {
		return garbled(err, "more comes behind its end")
	}
	found := len(d.d.Records) + len(d.d.Children)
	switch {
	case !known(Format(format)):
		return &GarbledError{What: "its format"}
	case n[0] != 0 && found > 0:
		return &GarbledError{What: "it was refused and read"}
	case n[0] == 0 && found == 0 && len(cuts) == 0:
		return &GarbledError{What: "it holds nothing"}
	}
	d.d.Format, d.d.Cuts = Format(format), cuts
	d.d.Pictures, d.d.Expanded, d.d.Steps = n[1], int64(n[2]), int64(n[3])
	// What was stripped where nothing was left of a record only the child knows.
	d.d.Stripped = d.d.Stripped.atLeast(Stripped{s[0], s[1], s[2], s[3], s[4]})
	if n[0] != 0 {
		return refuse(Reason(n[0]))
	}
	return nil
}

func (s Stripped) atLeast(o Stripped) Stripped {
	return Stripped{max(s.Control, o.Control), max(s.Unseen, o.Unseen), max(s.Bidi, o.Bidi), max(s.Tags, o.Tags), max(s.Private, o.Private)}
}

// maxNumber is the largest number there can be in a reading.
const maxNumber = 1 << 40

func (d *decoder) numbers(most ...int64) ([]int, error) {
	all := make([]int, len(most))
	for i, m := range most {
		n, err := binary.ReadUvarint(d.r)
		if err != nil && err.Error() == "binary: varint overflows a 64-bit integer" || err == nil && n > uint64(m) {
			return nil, &GarbledError{What: "a number is too large"}
		}
		if err != nil {
			return nil, garbled(err, "it ends in a number")
		}
		all[i] = int(n)
	}
	return all, nil
}

func (d *decoder) text(most int) (string, error) {
	b, err := d.long(most)
	return string(b), err
}

func (d *decoder) long(most int) ([]byte, error) {
	n, err := d.numbers(int64(most))
	if err != nil {
		return nil, err
	}
	if int64(n[0]) > d.left {
		return nil, &GarbledError{What: "it is too long"}
	}
	return d.bytes(n[0])
}

// bytes reads n of them. Memory is taken as they come, never for a promise.
func (d *decoder) bytes(n int) ([]byte, error) {
	b := make([]byte, 0, min(n, 64<<10))
	for len(b) < n {
		b = slices.Grow(b, 1)
		k, err := io.ReadFull(d.r, b[len(b):min(n, cap(b))])
		b = b[:len(b)+k]
		if err != nil {
			return nil, garbled(err, "it ends in a text")
		}
	}
	return b, nil
}
