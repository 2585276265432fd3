// Package reader reads documents where their bytes can do no harm: one file in
// one child, this very program started again in the jail of room sandbox, with
// a memory, a time and an answer of its own. The bytes go in by a pipe, what
// was found comes back by another, and every way in which that may fail is a
// verdict on that file.
//
//	func main() {
//		if reader.IsChild() {
//			reader.Child()
//		}
//		...
//		r := reader.New(jail)
//		defer r.Close()
//		doc, err := r.Parse(ctx, parse.Source{Name: name, Data: data})
package reader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"abaton.local/library/parse"
	"abaton.local/library/pdf"
	"abaton.local/sandbox"
)

// What one file may cost.
const (
	memory      = 1 << 30          // of its child, private
	most        = 192 << 20        // bytes of what it finds
	idleWithin  = 30 * time.Second // without a word
	totalWithin = 10 * time.Minute
)

// How much is done at one time; what comes after it waits, in the order of coming.
// Pages are recognised apart from all else, for that takes minutes: no text file
// stands behind a scan. Each waits for its turn by itself, so that of two scans one
// does not stand behind all of the other.
const (
	readAtOnce       = 2 // documents that are read
	readAgainAtOnce  = 2 // documents that are read again, now with time for their pages: they take no turn of others
	recognisedAtOnce = 1 // pages
	drawnAtOnce      = 4 // documents of which pages are recognised: each has a child that draws them
)

// A Reader reads documents in a jail. It may be used by many at once.
type Reader struct {
	// Patience is how long a child may be silent: 30 seconds, if nobody says otherwise.
	Patience time.Duration
	// Tesseract is where the program that recognises text may lie.
	Tesseract []string

	jail  *sandbox.Jail
	build func(context.Context) (code, error)

	reading, again, drawing, recognising turns

	mu     sync.Mutex
	making chan struct{} // closed when what PDF is read by is compiled
	code   code
	failed error
	closed bool
}

// New makes a reader. The jail stays its caller's.
func New(jail *sandbox.Jail) *Reader {
	r := &Reader{
		jail: jail, Patience: idleWithin, Tesseract: usualTesseract(),
		reading: make(turns, readAtOnce), again: make(turns, readAgainAtOnce), drawing: make(turns, drawnAtOnce), recognising: make(turns, recognisedAtOnce),
	}
	r.build = r.compile
	return r
}

var errClosed = errors.New("the reader of documents is closed")

// Close lets go of what PDF is read by. Documents under way are read to their end.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	if r.code.file == nil {
		return nil
	}
	return r.code.file.Close()
}

// turns holds one for each that has its turn.
type turns chan struct{}

// take waits for a turn.
func (t turns) take(ctx context.Context) (over func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Parse reads a document. An error is a *parse.RefusedError if it is a verdict on
// this file, and parse.ErrLater where one that was to be read quickly cannot; any
// other one is not the file's fault: the call was given up, or no child can be
// started here.
func (r *Reader) Parse(ctx context.Context, src parse.Source) (parse.Document, error) {
	if len(src.Data) > maxInput || len(src.Name) > maxInput {
		return parse.Document{}, parse.Refuse(parse.TooBig)
	}
	doc, err := r.read(ctx, src)
	if wantsRecognising(src, doc, err) {
		return r.recognise(ctx, src, doc)
	}
	return doc, err
}

// read is Parse without what is written in pictures.
func (r *Reader) read(ctx context.Context, src parse.Source) (parse.Document, error) {
	turn := r.reading
	if !src.Quick {
		turn = r.again
	}
	over, err := turn.take(ctx)
	if err != nil {
		return parse.Document{}, err
	}
	defer over()
	policy := sandbox.Go
	var with *os.File
	args := func(func(string) string) []string { return []string{textVerb, strconv.Itoa(src.Depth)} }
	if parse.IsPDF(src.Data) {
		made, err := r.compiled(ctx)
		if err != nil {
			return parse.Document{}, err
		}
		policy, with, args = sandbox.GoJIT, made.file, made.args(pdfVerb, src.Depth)
	}
	c, err := r.start(ctx, policy, with, false, args)
	if err != nil {
		return parse.Document{}, err
	}
	return c.converse(ctx, src)
}

// ErrUnjailed says that there is no jail for documents. One that does without walls was agreed
// to for an engine.
var ErrUnjailed = errors.New("no document is read without a jail, and this system gives none")

// child is one that runs.
type child struct {
	*sandbox.Process
	feed, out *os.File
	idle      time.Duration
}

// jailed is an error where the jail does not hold whoever reads a document. All that
// is started here asks it.
func (r *Reader) jailed() error {
	switch r.jail.Tier() {
	case sandbox.TierA, sandbox.TierB, sandbox.TierC:
		return nil
	}
	return ErrUnjailed
}

// start starts a child. with is the file that it finds at its standard error; one that
// compiles may put files into place in the folder that all have for code.
func (r *Reader) start(ctx context.Context, policy sandbox.Policy, with *os.File, compiles bool, args func(func(string) string) []string) (*child, error) {
	fail := func(err error) (*child, error) {
		return nil, fmt.Errorf("a reader of documents cannot be started: %w", err)
	}
	if err := r.jailed(); err != nil {
		return fail(err)
	}
	program, libraries, err := r.jail.OwnProgram()
	if err != nil {
		return fail(err)
	}
	defer program.Opened.Close()
	in, feed, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	defer in.Close()
	out, give, err := os.Pipe()
	if err != nil {
		_ = feed.Close()
		return fail(err)
	}
	defer give.Close()
	spec := sandbox.Spec{
		Name: "reader", Program: program, Files: libraries, Policy: policy, Memory: memory, Stdin: in, Stdout: give, Stderr: with,
		Args: args, Renames: compiles, ListDirs: compiles,
	}
	if policy == sandbox.GoJIT {
		spec.RunDirs, spec.RunSize, spec.FileSize = []string{pdf.CodeFolder()}, maxCode+1<<20, maxCode
	}
	p, err := r.jail.Start(ctx, spec)
	if err != nil {
		_ = feed.Close()
		_ = out.Close()
		return fail(err)
	}
	return &child{p, feed, out, r.Patience}, nil
}

// converse feeds a child, takes what it says, and makes a verdict of how it ended.
func (c *child) converse(ctx context.Context, src parse.Source) (parse.Document, error) {
	defer c.RunDir().Close()
	defer c.out.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, totalWithin, errSlow)
	defer cancel()
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	patience := time.AfterFunc(c.idle, func() { lost(errSlow) })
	defer patience.Stop()
	stop := context.AfterFunc(ctx, func() { _ = c.Kill() })
	defer stop()
	var fed sync.WaitGroup
	fed.Go(func() {
		_ = writeSource(c.feed, src) // an error means that it ended, which its exit says
		_ = c.feed.Close()
	})
	doc, err := parse.Decode(c.out, most, func() { patience.Reset(c.idle) })
	if garbled, ok := errors.AsType[*parse.GarbledError](err); ok && !garbled.Torn {
		_ = c.Kill() // nothing it says counts any more; one that ended says by itself how
	}
	<-c.Done()
	fed.Wait()
	return ended(ctx, c.Exit(), doc, err)
}

var errSlow = errors.New("a reader took too long")

// ended says what a reading came to. One that broke off gives what was found before,
// unless its child tried what it may not.
func ended(ctx context.Context, exit sandbox.Exit, doc parse.Document, err error) (parse.Document, error) {
	_, garbled := errors.AsType[*parse.GarbledError](err)
	_, refused := errors.AsType[*parse.RefusedError](err)
	switch {
	case exit.PolicyHit:
		return parse.Document{}, parse.Refuse(parse.Forbidden)
	case errors.Is(context.Cause(ctx), errSlow):
		return doc.Torn(parse.TookTooLong)
	case ctx.Err() != nil:
		return parse.Document{}, context.Cause(ctx)
	case exit.Code == outOfMemory, exit.Signal == syscall.SIGKILL && !exit.Killed:
		return doc.Torn(parse.TookTooMuch)
	case garbled, exit.Code != 0:
		return doc.Torn(parse.Broke)
	case refused:
		return parse.Document{Result: doc.Result}, err
	case err != nil:
		return parse.Document{}, fmt.Errorf("listening to a reader of documents: %w", err)
	}
	return doc, nil
}
