package reader

import (
	"context"
	"errors"
	"time"

	"abaton.local/library/parse"
	"abaton.local/library/pdf"
	"abaton.local/sandbox"
)

// mostRecognised is how many pages of one document are recognised. What may be found
// on all of them is bounded as what any reader finds is.
const mostRecognised = 1000

// wantsRecognising tells whether pages of a PDF, or all of a file, are pictures.
func wantsRecognising(src parse.Source, doc parse.Document, err error) bool {
	refused, is := errors.AsType[*parse.RefusedError](err)
	switch {
	case err != nil && !is:
		return false
	case is && refused.Why == parse.Unsupported:
		return parse.IsPicture(src.Data)
	case is && refused.Why != parse.PicturesOnly || doc.Format != parse.PDF:
		return false
	}
	return is || doc.ScannedPages() > 0 || len(doc.Records) == 0 && doc.Pictures > 0
}

// recognise adds what is written in pictures to what was read of a document.
func (r *Reader) recognise(ctx context.Context, src parse.Source, doc parse.Document) (parse.Document, error) {
	t, ok := r.findTesseract()
	scanned := doc.ScannedPages()
	doc.Drop(parse.ScannedPage)
	switch {
	case !ok && len(doc.Records) == 0:
		return parse.Document{Result: doc.Result}, parse.Refuse(parse.NoTesseract)
	case !ok:
		for range scanned {
			doc.Note(parse.NoTesseract, 0)
		}
		return doc, nil
	case src.Quick:
		return parse.Document{}, parse.ErrLater
	}
	over, err := r.drawing.take(ctx)
	if err != nil {
		return parse.Document{}, err
	}
	defer over()
	s := &sight{r, t, recogniseWithin, most}
	if doc.Format != parse.PDF {
		return s.picture(ctx, src, doc)
	}
	return s.pages(ctx, src, doc, scanned)
}

// sight is how the pages of one document are recognised.
type sight struct {
	*Reader
	by   tesseract
	left time.Duration // that its pages may yet take
	room int           // for what may yet be found
}

// look recognises a page, once it has its turn, and puts what stands on it into a
// document. No more pages are wanted where that was too much, or took too long. An
// error ends it all.
func (s *sight) look(ctx context.Context, doc *parse.Document, x page) (more bool, err error) {
	over, err := s.recognising.take(ctx)
	if err != nil {
		return false, err
	}
	defer over()
	begun := time.Now()
	text, why, err := s.words(ctx, s.by, x, min(s.left, pagePatience*s.Patience))
	s.left -= time.Since(begun)
	switch {
	case err != nil:
		return false, err
	case why == parse.Forbidden:
		return false, parse.Refuse(why)
	case why != 0:
		doc.Note(why, x.number)
		return s.left > 0, nil
	}
	cost, words := doc.Recognise(x.number, text, s.room)
	switch s.room -= cost; {
	case s.room < 0:
		doc.Note(parse.TooMuchFound, x.number)
	case words:
		doc.Note(parse.Recognised, x.number)
	default:
		doc.Note(parse.NoWords, x.number)
	}
	return s.room >= 0 && s.left > 0, nil
}

// picture recognises the pages of a picture.
func (s *sight) picture(ctx context.Context, src parse.Source, doc parse.Document) (parse.Document, error) {
	count := parse.TIFFPages(src.Data, mostRecognised+1)
	for n := range min(count, mostRecognised) {
		x := page{picture: src.Data}
		if count > 1 {
			x.number, x.of = n+1, count
		}
		more, err := s.look(ctx, &doc, x)
		if refused, is := errors.AsType[*parse.RefusedError](err); is {
			return parse.Document{}, refused
		}
		if err != nil {
			return parse.Document{}, err
		}
		if !more && n+1 < count {
			s.broke(&doc)
			return found(doc)
		}
	}
	if count > mostRecognised {
		doc.Note(parse.TooManyPages, 0)
	}
	return found(doc)
}

// broke says why pages are left out, where that was not said of the last one.
func (s *sight) broke(doc *parse.Document) {
	if s.left <= 0 {
		doc.Note(parse.TookTooLong, 0)
	}
}

// pages has a child draw the pages that are pictures, and recognises each. What
// becomes of one says nothing of the others.
func (s *sight) pages(ctx context.Context, src parse.Source, doc parse.Document, scanned int) (parse.Document, error) {
	made, err := s.compiled(ctx)
	if err != nil {
		return parse.Document{}, err
	}
	c, err := s.start(ctx, sandbox.GoJIT, made.file, false, made.args(picturesVerb, src.Depth))
	if err != nil {
		return parse.Document{}, err
	}
	seen := 0
	err = c.draw(ctx, src, &s.left, func(p pdf.Picture) (bool, error) {
		more, err := s.look(ctx, &doc, page{picture(p), p.Page, 0, pdf.Dots})
		seen++
		return more && seen < mostRecognised, err
	})
	refused, is := errors.AsType[*parse.RefusedError](err)
	switch {
	case is:
		return parse.Document{}, refused
	case errors.Is(err, errSlow):
		doc.Note(parse.TookTooLong, 0)
	case errors.Is(err, errEnough):
		if seen == mostRecognised {
			doc.Note(parse.TooManyPages, 0)
		}
		s.broke(&doc)
	case errors.Is(err, errPicture):
		doc.Note(parse.Broke, 0)
	case err != nil:
		return parse.Document{}, err
	default:
		for range scanned - seen { // pages that pdfium could not draw
			doc.Note(parse.NoWords, 0)
		}
	}
	return found(doc)
}

// found is a document whose pages were recognised, or why it is none.
func found(doc parse.Document) (parse.Document, error) {
	if len(doc.Records) > 0 {
		return doc, nil
	}
	why := parse.NoWords
	if len(doc.Cuts) > 0 {
		why = doc.Cuts[0].Why
	}
	doc.Drop(why)
	return parse.Document{Result: doc.Result}, parse.Refuse(why)
}
