package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"abaton.local/library"
)

// adding is one `docs add`.
type adding struct {
	p       *program
	desk    *desk
	o       docsOptions
	meter   *meter
	todo    []string // files, as the system knows them
	seen    int      // files that have a verdict
	counts  map[library.Verdict]int
	within  int
	passed  int // names that begin with a dot
	results []outcomeJSON
	batch   []localFile
	held    int
	slow    []string                         // files with pages that are pictures, as the system knows them: they come last
	patient bool                             // it is their turn
	note    func(path string, x outcomeJSON) // told of every verdict, by path as text
}

func newAdding(p *program, d *desk, o docsOptions) *adding {
	return &adding{p: p, desk: d, o: o, meter: newMeter(p.screen, false), counts: map[library.Verdict]int{}, note: func(string, outcomeJSON) {}}
}

// localFile is one that was read, and waits to be asked about.
type localFile struct {
	from string // as the system knows it
	path string // whole, as text
	name string
	at   time.Time
	data []byte
}

// A batch of files is asked about at once: those that are there already need not
// be sent.
const (
	batchFiles = 64
	batchBytes = 16 << 20
)

// skipped is the verdict of what was never sent.
const skipped library.Verdict = "skipped"

func docsAdd(ctx context.Context, p *program, d *desk, args []string, o docsOptions) error {
	if o.library == "" {
		o.library = usualLibrary
	}
	if o.watch {
		return docsWatch(ctx, p, d, args, o)
	}
	a := newAdding(p, d, o)
	a.meter.begin("adding")
	err := a.all(ctx, args)
	a.meter.end()
	// What was added is counted whatever ended it.
	if kept := a.counts[library.Added] + a.counts[library.Changed]; kept > 0 {
		_, cerr := addedDocuments().at(context.WithoutCancel(ctx), d, struct{}{})
		err = errors.Join(err, cerr)
	}
	if o.json {
		if a.results == nil {
			a.results = []outcomeJSON{}
		}
		err = errors.Join(printJSON(p.screen.out, a.results), err)
	} else {
		p.screen.say(a.summary())
	}
	if err != nil {
		return err
	}
	if no := a.counts[library.Refused]; no > 0 {
		return told{fmt.Errorf("%s not added, for the reasons above; all else is kept", wasWere(no, "file")), failed}
	}
	return nil
}

func wasWere(n int, what string) string {
	if n == 1 {
		return "1 " + what + " was"
	}
	return fmt.Sprintf("%d %ss were", n, what)
}

func (a *adding) all(ctx context.Context, args []string) error {
	l, err := lookAt(ctx, args)
	if err != nil {
		return err
	}
	for _, r := range l.remarks {
		a.remark(r)
	}
	a.passed = l.passed
	a.todo = l.order
	return a.read(ctx)
}

// read adds what there is to do: first what is read at once, then what takes long.
func (a *adding) read(ctx context.Context) error {
	a.slow, a.patient = nil, false
	if err := a.files(ctx, a.todo); err != nil {
		return err
	}
	a.patient = true
	return a.files(ctx, a.slow)
}

func (a *adding) files(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := a.file(ctx, name); err != nil {
			return err
		}
	}
	return a.send(ctx)
}

func (a *adding) remark(r remark) { a.verdict(pathText(r.path), r.verdict, r.why) }

// whyNot is why a file cannot be read.
func whyNot(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it is not there, or not any more"
	case errors.Is(err, fs.ErrPermission):
		return "you may not read it"
	case errors.Is(err, syscall.ELOOP):
		return "it is a link that leads in a circle"
	case errors.Is(err, syscall.ENAMETOOLONG):
		return "its path is too long"
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return "it cannot be read"
}

// file reads one file with the rights of whoever runs the verb.
func (a *adding) file(ctx context.Context, path string) error {
	if ctx.Err() != nil {
		return errStopped
	}
	data, at, why := readStill(path)
	if why != "" {
		a.verdict(pathText(path), library.Refused, why)
		return nil
	}
	a.batch = append(a.batch, localFile{path, pathText(path), filepath.Base(path), at, data})
	a.held += len(data)
	if len(a.batch) >= batchFiles || a.held >= batchBytes {
		return a.send(ctx)
	}
	return nil
}

// readStill reads a file that does not change meanwhile.
func readStill(path string) (data []byte, at time.Time, why string) {
	// What is no ordinary file is not opened: that alone may do something.
	if info, err := os.Stat(path); err != nil {
		return nil, at, whyNot(err)
	} else if !info.Mode().IsRegular() {
		return nil, at, notOrdinary
	}
	for range 2 {
		// It may have become a pipe, and nobody may write to it.
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, at, whyNot(err)
		}
		data, at, why = readOpen(f)
		_ = f.Close() // it was only read
		if why != changing {
			return data, at, why
		}
	}
	return nil, at, why
}

const (
	notOrdinary = "it is no ordinary file"
	changing    = "it changes while it is read: add it again when it is at rest"
)

func readOpen(f *os.File) (data []byte, at time.Time, why string) {
	before, err := f.Stat()
	switch {
	case err != nil:
		return nil, at, whyNot(err)
	case !before.Mode().IsRegular():
		return nil, at, notOrdinary
	case before.Size() > largestDocument:
		return nil, at, "it is larger than 200 MB: split it"
	}
	data = make([]byte, 0, before.Size()+1)
	for len(data) < cap(data) {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, at, whyNot(err)
		}
	}
	after, err := f.Stat()
	if err != nil {
		return nil, at, whyNot(err)
	}
	if int64(len(data)) != before.Size() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return nil, at, changing
	}
	return data, before.ModTime(), ""
}

// pathText is a path as text that no other path has.
func pathText(path string) string {
	if utf8.ValidString(path) {
		return strings.ReplaceAll(path, `\`, `\\`)
	}
	var b strings.Builder
	for i := 0; i < len(path); {
		r, size := utf8.DecodeRuneInString(path[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, path[i])
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// send asks which files of the batch are there already, and hands the others
// over.
func (a *adding) send(ctx context.Context) error {
	batch := a.batch
	a.batch, a.held = nil, 0
	if len(batch) == 0 {
		return nil
	}
	in := knownIn{Library: a.o.library}
	for _, f := range batch {
		sum := sha256.Sum256(f.data)
		in.Paths, in.Sums = append(in.Paths, f.path), append(in.Sums, sum[:])
	}
	known, err := knownDocuments().at(ctx, a.desk, in)
	if err != nil {
		return err
	}
	if len(known) != len(batch) {
		return tell(errors.New("the running abaton serve answered with what cannot be read: is it of another version?"))
	}
	for i, f := range batch {
		if known[i] {
			a.verdict(f.path, library.Unchanged, "")
			continue
		}
		got, err := a.hand(ctx, f)
		if err != nil {
			return err
		}
		if got == nil {
			a.slow = append(a.slow, f.from)
			continue
		}
		a.outcome(f.path, *got)
	}
	return nil
}

// hand gives a file over, in pieces where it is large. Nothing comes of one that is
// to come again, behind others.
func (a *adding) hand(ctx context.Context, f localFile) (*outcomeJSON, error) {
	in := addIn{Library: a.o.library, Path: f.path, Name: f.name, Modified: f.at, Size: int64(len(f.data)), Quick: !a.patient}
	if !utf8.ValidString(in.Name) {
		in.Name = pathText(in.Name)
	}
	if len(f.data) > largestPiece {
		in.Upload = rand.Text()
	}
	for at := 0; ; at += largestPiece {
		in.At, in.Data = int64(at), f.data[at:min(at+largestPiece, len(f.data))]
		out, err := addDocument().at(ctx, a.p, a.desk, "reading", in)
		for at == 0 && err != nil && (strings.Contains(err.Error(), errBusy.Error()) || strings.Contains(err.Error(), errRoom.Error())) {
			// One that was broken off is still being read, or others add.
			select {
			case <-ctx.Done():
				return nil, errStopped
			case <-time.After(reportEvery):
			}
			out, err = addDocument().at(ctx, a.p, a.desk, "reading", in)
		}
		if err != nil {
			return nil, err
		}
		if out.Outcome != nil || out.Later {
			return out.Outcome, nil
		}
		if at+largestPiece >= len(f.data) {
			return nil, tell(errors.New("a file was handed over and nobody said what became of it: add it again"))
		}
	}
}

func (a *adding) verdict(path string, v library.Verdict, why string) {
	a.outcome(path, outcomeJSON{Verdict: v, Why: why, Document: documentJSON{Name: spelled(filepath.Base(path))}})
}

// outcome counts what became of a file, and says it where it is news.
func (a *adding) outcome(path string, x outcomeJSON) {
	a.seen++
	a.counts[x.Verdict]++
	a.note(path, x)
	if a.o.json {
		x.Document.Path = path
		a.results = append(a.results, x)
		return
	}
	if x.Verdict != library.Unchanged {
		a.line(x, spelled(path), "")
		for _, line := range x.Document.remarks() {
			a.say("    " + line)
		}
		a.inside(x, "  ")
	}
	if a.seen < len(a.todo) { // the last one is told by the summary
		a.meter.steps(a.seen, len(a.todo), "")
	}
}

func (a *adding) inside(x outcomeJSON, indent string) {
	for _, in := range x.Within {
		a.line(in, in.Document.Name, indent)
		if in.Verdict != library.Refused {
			a.within++
		}
		a.inside(in, indent+"  ")
	}
}

func (a *adding) line(x outcomeJSON, name, indent string) {
	line := fmt.Sprintf("%s%-8s %s", indent, x.Verdict, cleanLine(name))
	if x.Why != "" {
		line += ": " + cleanLine(x.Why)
	}
	a.say(line)
}

func (a *adding) say(line string) {
	a.meter.end()
	fmt.Fprintln(a.p.screen.out, line)
}

// spelled is a path with what cannot be seen in it spelled out, as names of
// documents are.
func spelled(path string) string {
	var b strings.Builder
	for _, r := range path {
		switch {
		case r == ' ' || unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && !unicode.Is(unicode.Variation_Selector, r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}

func (a *adding) summary() string {
	if len(a.counts) == 0 {
		return "There was no file to add."
	}
	var parts []string
	for _, v := range []library.Verdict{library.Added, library.Changed, library.Unchanged, library.Refused, skipped, removed} {
		if n := a.counts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	text := fmt.Sprintf("In the library “%s”: %s.", cleanLine(a.o.library), strings.Join(parts, ", "))
	if a.within > 0 {
		text += fmt.Sprintf(" In them lay %s: attachments, and files of archives.", counted(a.within, "more document"))
	}
	if a.passed > 0 {
		text += fmt.Sprintf(" Left out: %s with a name that begins with a dot.", counted(a.passed, "file or folder"))
	}
	return text
}
