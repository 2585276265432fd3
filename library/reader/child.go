package reader

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime/debug"
	"strconv"

	"abaton.local/library/parse"
	"abaton.local/library/pdf"
)

// The first argument of a child, and how it ends beside 0.
const (
	textVerb = "library-text" // a document that is no PDF: text DEPTH
	pdfVerb  = "library-pdf"  // a PDF: pdf DEPTH RUN NAME SIZE; its code is standard error's file
	codeVerb = "library-code" // no document: compiles pdfium: code RUN

	outOfMemory = 2 // of Go's runtime, which has no other way to say so
	failed      = 10
)

// maxInput is how large a document may be.
const maxInput = 200 << 20

// IsChild tells whether this process was started by a [Reader]. main and
// TestMain ask it first of all, and then call [Child].
func IsChild() bool {
	if len(os.Args) < 3 {
		return false
	}
	switch os.Args[1] {
	case textVerb, pdfVerb, picturesVerb, codeVerb:
		return true
	}
	return false
}

// Child reads a document from standard input and writes what it found to
// standard output, or it compiles what others read by. It never returns.
func Child() {
	debug.SetMemoryLimit(memory * 3 / 4) // where garbage is collected hard
	var err error
	switch args := os.Args[2:]; {
	case os.Args[1] == codeVerb:
		err = compile(args[0], os.Stdout)
	case os.Args[1] == textVerb:
		err = readText(args[0])
	case len(args) == 4:
		err = readPDF(os.Args[1], args[0], args[1], args[2], args[3])
	default:
		err = errors.New("there is no such child")
	}
	if err != nil {
		os.Exit(failed)
	}
	os.Exit(0)
}

func readText(depth string) error {
	src, err := readSource(os.Stdin, depth)
	if err != nil {
		return err
	}
	e := parse.NewEncoder(os.Stdout, most)
	res, err := parse.Parse(src, parse.Limits{}, e.Sink())
	return e.End(res, err)
}

// readPDF reads a PDF, or draws its pages, with code that was compiled before. It comes
// in an open file and is put where the library that runs it looks.
func readPDF(verb, depth, run, name, size string) error {
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path.Join(run, pdf.CodeFolder(), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, io.NewSectionReader(os.Stderr, 0, n)); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	src, err := readSource(os.Stdin, depth)
	if err != nil {
		return err
	}
	if verb == picturesVerb {
		return drawPictures(run, src, os.Stdout)
	}
	e := parse.NewEncoder(os.Stdout, most)
	res, err := pdf.Parse(context.Background(), run, src, parse.Limits{}, e.Sink(), e.Alive)
	return e.End(res, err)
}

// A document goes in as the length of its name, the name, its length, its bytes.
func writeSource(w io.Writer, src parse.Source) error {
	head := binary.AppendUvarint(nil, uint64(len(src.Name)))
	head = append(head, src.Name...)
	head = binary.AppendUvarint(head, uint64(len(src.Data)))
	_, err := w.Write(head)
	if err == nil {
		_, err = w.Write(src.Data)
	}
	return err
}

func readSource(r io.Reader, depth string) (src parse.Source, err error) {
	if src.Depth, err = strconv.Atoi(depth); err != nil {
		return src, err
	}
	name, err := readSized(r)
	if err != nil {
		return src, err
	}
	src.Name = string(name)
	src.Data, err = readSized(r)
	return src, err
}

func readSized(r io.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(oneByte{r})
	if err != nil {
		return nil, err
	}
	if n > maxInput {
		return nil, fmt.Errorf("%d bytes are too many", n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// oneByte reads no more than it is asked for.
type oneByte struct{ io.Reader }

func (r oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r, b[:])
	return b[0], err
}
