package reader

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"abaton.local/library/parse"
	"abaton.local/library/pdf"
	"abaton.local/sandbox"
)

// picturesVerb is the first argument of a child that draws those pages of a PDF that
// are pictures. What it says is a row of messages: 'p' with a page, its width, its
// height and its dots, '.' as a sign of life, 'e' as the end.
const picturesVerb = "library-pictures"

// drawPictures is the child's part.
func drawPictures(run string, src parse.Source, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	take := func(p pdf.Picture) error {
		b := append([]byte{'p'}, binary.AppendUvarint(nil, uint64(p.Page))...)
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(p.Width)), uint64(p.Height))
		if _, err := out.Write(append(b, p.Gray...)); err != nil {
			return err
		}
		return out.Flush()
	}
	alive := func() error {
		if err := out.WriteByte('.'); err != nil {
			return err
		}
		return out.Flush()
	}
	err := pdf.Pictures(context.Background(), run, src, parse.Limits{}, take, alive)
	if _, refused := errors.AsType[*parse.RefusedError](err); err != nil && !refused {
		return err
	}
	if err := out.WriteByte('e'); err != nil {
		return err
	}
	return out.Flush()
}

// picture is a page as text recognition takes it: PGM.
func picture(p pdf.Picture) []byte {
	return append(fmt.Appendf(nil, "P5\n%d %d\n255\n", p.Width, p.Height), p.Gray...)
}

// maxPage is the last page that is read of any document.
const maxPage = 20_000

var errPicture = errors.New("what draws pages says what cannot be")

// pictureAfter reads the next picture behind page last, io.EOF at the end. seen is
// called for every message.
func pictureAfter(last int, r *bufio.Reader, seen func()) (p pdf.Picture, err error) {
	for {
		letter, err := r.ReadByte()
		if err != nil {
			return p, errors.Join(errPicture, err)
		}
		seen()
		switch letter {
		case '.':
			continue
		case 'e':
			return p, io.EOF
		case 'p':
		default:
			return p, errPicture
		}
		var n [3]uint64
		for i := range n {
			if n[i], err = binary.ReadUvarint(r); err != nil || n[i] == 0 || n[i] > pdf.MostDots {
				return p, errPicture
			}
		}
		if n[0] <= uint64(last) || n[0] > maxPage || n[1]*n[2] > pdf.MostDots {
			return p, errPicture
		}
		p = pdf.Picture{Page: int(n[0]), Width: int(n[1]), Height: int(n[2]), Gray: make([]byte, n[1]*n[2])}
		_, err = io.ReadFull(r, p.Gray)
		return p, err
	}
}

// draw has a child draw pages, and each gets them one by one, as long as it wants
// more. What the child takes goes off left, and it ends where nothing is left. An
// error other than each's and the caller's own says that the child broke off, and how.
func (c *child) draw(ctx context.Context, src parse.Source, left *time.Duration, each func(pdf.Picture) (bool, error)) error {
	defer c.RunDir().Close()
	defer c.out.Close()
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	patience := time.AfterFunc(c.idle, func() { lost(errSlow) })
	defer patience.Stop()
	stop := context.AfterFunc(ctx, func() { _ = c.Kill() })
	defer stop()
	var fed sync.WaitGroup
	fed.Go(func() {
		_ = writeSource(c.feed, src)
		_ = c.feed.Close()
	})
	err := eachPicture(c.out, c.idle, each, patience, left)
	if err != nil {
		_ = c.Kill()
	}
	<-c.Done()
	fed.Wait()
	switch exit := c.Exit(); {
	case exit.PolicyHit:
		return parse.Refuse(parse.Forbidden)
	case errors.Is(context.Cause(ctx), errSlow):
		return errSlow
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && exit != sandbox.Exit{}:
		return errPicture
	}
	return err
}

// eachPicture hands on what a child draws. While one picture is looked at, nobody
// waits for the child. A sign of life gives it no more time than is left for all.
func eachPicture(out io.Reader, idle time.Duration, take func(pdf.Picture) (bool, error), patience *time.Timer, left *time.Duration) error {
	in := bufio.NewReaderSize(out, 64<<10)
	for last := 0; ; {
		begun := time.Now()
		p, err := pictureAfter(last, in, func() { patience.Reset(min(idle, *left-time.Since(begun))) })
		*left -= time.Since(begun)
		if errors.Is(err, io.EOF) && !errors.Is(err, errPicture) {
			return nil
		}
		if err != nil {
			return err
		}
		last = p.Page
		patience.Stop()
		more, err := take(p)
		patience.Reset(min(idle, *left))
		if err != nil {
			return err
		}
		if !more {
			return errEnough
		}
	}
}

// errEnough ends the drawing of pages.
var errEnough = errors.New("no more pages are wanted")
