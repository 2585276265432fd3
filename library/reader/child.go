package reader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"

	"abaton.local/library/parse"
)

// The first argument of a child, and how it ends beside 0.
const (
	textVerb = "library-text"
	pdfVerb  = "library-pdf"

	outOfMemory = 2 // of Go's runtime, which has no other way to say so
	failed      = 10
)

// maxInput is how large a document may be.
const maxInput = 200 << 20

// softMemory is where a child begins to collect its garbage hard.
const softMemory = memory * 3 / 4

// IsChild tells whether this process was started by a [Reader]. main and
// TestMain ask it first of all, and then call [Child].
func IsChild() bool {
	return len(os.Args) == 3 && (os.Args[1] == textVerb || os.Args[1] == pdfVerb)
}

// Child reads a document from standard input and writes what it found to
// standard output. It never returns.
func Child() {
	debug.SetMemoryLimit(softMemory)
	if err := read(os.Args[1], os.Args[2]); err != nil {
		os.Exit(failed)
	}
	os.Exit(0)
}

func read(verb, depth string) error {
	src, err := readSource(os.Stdin)
	if err != nil {
		return err
	}
	if src.Depth, err = strconv.Atoi(depth); err != nil {
		return err
	}
	e := parse.NewEncoder(os.Stdout, most)
	res, err := parse.Parse(src, parse.Limits{}, e.Sink())
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

func readSource(r io.Reader) (src parse.Source, err error) {
	one := oneByte{r}
	n, err := binary.ReadUvarint(one)
	if err != nil || n > maxInput {
		return src, errors.Join(err, fmt.Errorf("a name of %d bytes", n))
	}
	name := make([]byte, n)
	if _, err := io.ReadFull(r, name); err != nil {
		return src, err
	}
	if n, err = binary.ReadUvarint(one); err != nil || n > maxInput {
		return src, errors.Join(err, fmt.Errorf("a document of %d bytes", n))
	}
	src = parse.Source{Name: string(name), Data: make([]byte, n)}
	_, err = io.ReadFull(r, src.Data)
	return src, err
}

// oneByte reads no more than it is asked for.
type oneByte struct{ io.Reader }

func (r oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r, b[:])
	return b[0], err
}
