package reader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"time"

	"abaton.local/library/pdf"
	"abaton.local/sandbox"
)

// To compile pdfium takes seconds and much memory, and the code is the same for all
// documents: so it is made once for each process that reads, by a child that no
// document is given to, and kept in memory that has no name. No disk sees it.
const (
	maxCode       = 64 << 20
	compileWithin = 5 * time.Minute
)

// code is pdfium as this machine runs it.
type code struct {
	name string // of the file as the library that runs it looks for it
	file *os.File
	size int64
}

// compiled gives the code, and makes it if nobody did. Who waits for it may give up;
// the work goes on for those who come later.
func (r *Reader) compiled(ctx context.Context) (code, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return code{}, errClosed
	}
	if r.making == nil {
		r.making = make(chan struct{})
		go r.make(context.WithoutCancel(ctx), r.making)
	}
	done := r.making
	r.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return code{}, context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return code{}, errClosed
	}
	return r.code, r.failed
}

func (r *Reader) make(ctx context.Context, done chan struct{}) {
	made, err := r.build(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.code, r.failed = made, err
	if err != nil {
		r.making = nil // whoever comes next tries again
	} else if r.closed {
		_ = made.file.Close()
	}
	close(done)
}

// Warm compiles what PDF is read by, so that the first one does not wait for it.
func (r *Reader) Warm(ctx context.Context) error {
	_, err := r.compiled(ctx)
	return err
}

func (r *Reader) compile(ctx context.Context) (code, error) {
	ctx, cancel := context.WithTimeout(ctx, compileWithin)
	defer cancel()
	c, err := r.start(ctx, sandbox.GoJIT, nil, true, func(at func(string) string) []string { return []string{codeVerb, at("/run")} })
	if err != nil {
		return code{}, err
	}
	defer c.RunDir().Close()
	defer c.out.Close()
	_ = c.feed.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Kill() })
	defer stop()
	made, err := keepCode(c.out)
	if err != nil {
		_ = c.Kill()
	}
	<-c.Done()
	if exit := c.Exit(); err == nil && exit != (sandbox.Exit{}) {
		_ = made.file.Close()
		err = errors.New(exit.String())
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return code{}, fmt.Errorf("the reader of PDF could not be compiled: %w", err)
	}
	return made, nil
}

// keepCode takes what [compile] wrote.
func keepCode(r io.Reader) (code, error) {
	name := make([]byte, nameLength)
	if _, err := io.ReadFull(r, name); err != nil {
		return code{}, err
	}
	for _, c := range name {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return code{}, errors.New("its name is none")
		}
	}
	f, n, err := unnamed(io.LimitReader(r, maxCode+1))
	if err == nil && (n == 0 || n > maxCode) {
		_ = f.Close()
		err = fmt.Errorf("%d bytes of code cannot be", n)
	}
	return code{string(name), f, n}, err
}

// nameLength is that of a SHA-256 in hexadecimal.
const nameLength = 64

// compile is the child's part: the name of the one file that came of it, then
// what is in it.
func compile(run string, w io.Writer) error {
	if err := pdf.Compile(context.Background(), run); err != nil {
		return err
	}
	dir := path.Join(run, pdf.CodeFolder())
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) != 1 || len(entries[0].Name()) != nameLength {
		return fs.ErrNotExist
	}
	f, err := os.Open(path.Join(dir, entries[0].Name()))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.WriteString(w, entries[0].Name()); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// args are those of a child that reads a PDF with this code.
func (c code) args(verb string, depth int) func(func(string) string) []string {
	return func(at func(string) string) []string {
		return []string{verb, strconv.Itoa(depth), at("/run"), c.name, strconv.FormatInt(c.size, 10)}
	}
}
