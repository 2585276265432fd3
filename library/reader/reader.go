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
//		doc, err := reader.New(jail).Parse(ctx, parse.Source{Name: name, Data: data})
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
	"abaton.local/sandbox"
)

// What one file may cost.
const (
	memory      = 1 << 30 // of its child, private
	most        = 192 << 20
	idleWithin  = 30 * time.Second // without a word
	totalWithin = 10 * time.Minute
)

// A Reader reads documents in a jail. It may be used by many at once; how many
// children there are at one time is for its user to decide.
type Reader struct {
	jail *sandbox.Jail
	idle time.Duration
}

// New makes a reader. The jail stays its caller's.
func New(jail *sandbox.Jail) *Reader { return &Reader{jail: jail, idle: idleWithin} }

// Parse reads a document. An error is a *parse.RefusedError if it is a verdict on
// this file; any other one is not the file's fault: the call was given up, or no
// child can be started here.
func (r *Reader) Parse(ctx context.Context, src parse.Source) (parse.Document, error) {
	if len(src.Data) > maxInput {
		return parse.Document{}, parse.Refuse(parse.TooBig)
	}
	policy, verb := sandbox.Go, textVerb
	if parse.IsPDF(src.Data) {
		policy, verb = sandbox.GoJIT, pdfVerb
	}
	c, err := r.start(ctx, policy, verb, strconv.Itoa(src.Depth))
	if err != nil {
		return parse.Document{}, err
	}
	return c.converse(ctx, func(w *os.File) error { return writeSource(w, src) })
}

// child is one that runs.
type child struct {
	*sandbox.Process
	feed, out *os.File
	idle      time.Duration
}

func (r *Reader) start(ctx context.Context, policy sandbox.Policy, args ...string) (*child, error) {
	fail := func(err error) (*child, error) {
		return nil, fmt.Errorf("a reader of documents cannot be started: %w", err)
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
	p, err := r.jail.Start(ctx, sandbox.Spec{
		Name: "reader", Program: program, Files: libraries, Policy: policy, Memory: memory, Stdin: in, Stdout: give,
		Args: func(func(string) string) []string { return args },
	})
	if err != nil {
		_ = feed.Close()
		_ = out.Close()
		return fail(err)
	}
	return &child{p, feed, out, r.idle}, nil
}

// converse feeds a child, takes what it says, and makes a verdict of how it ended.
func (c *child) converse(ctx context.Context, feed func(*os.File) error) (parse.Document, error) {
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
		_ = feed(c.feed) // an error means that it ended, which its exit says
		_ = c.feed.Close()
	})
	doc, err := parse.Decode(c.out, most, func() { patience.Reset(c.idle) })
	if _, verdict := errors.AsType[*parse.RefusedError](err); err != nil && !verdict {
		_ = c.Kill() // nothing it says counts any more
	}
	<-c.Done()
	fed.Wait()
	return doc, ended(ctx, c.Exit(), err)
}

var errSlow = errors.New("a reader took too long")

// ended says what a reading came to. What a child said counts only if it ended well.
func ended(ctx context.Context, exit sandbox.Exit, err error) error {
	_, garbled := errors.AsType[*parse.GarbledError](err)
	_, refused := errors.AsType[*parse.RefusedError](err)
	switch {
	case errors.Is(context.Cause(ctx), errSlow):
		return parse.Refuse(parse.TookTooLong)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case exit.PolicyHit:
		return parse.Refuse(parse.Forbidden)
	case exit.Code == outOfMemory, exit.Signal == syscall.SIGKILL && !exit.Killed:
		return parse.Refuse(parse.TookTooMuch)
	case garbled, exit.Code != 0:
		return parse.Refuse(parse.Broke)
	case err != nil && !refused:
		return fmt.Errorf("listening to a reader of documents: %w", err)
	}
	return err
}
