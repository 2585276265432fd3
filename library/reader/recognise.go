package reader

import (
	"context"
	"errors"
	"strings"

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
	}
	ctx, cancel := context.WithTimeoutCause(ctx, recogniseWithin, errSlow)
	defer cancel()
	if doc.Format != parse.PDF {
		return r.recognisePicture(ctx, t, src, doc)
	}
	return r.recognisePages(ctx, t, src, doc, scanned)
}

func (r *Reader) recognisePicture(ctx context.Context, t tesseract, src parse.Source, doc parse.Document) (parse.Document, error) {
	text, why, err := r.words(ctx, t, src.Data, 0)
	if err != nil {
		return parse.Document{}, err
	}
	if why == 0 {
		why = parse.NoWords
		pages := strings.Split(strings.TrimSuffix(text, "\f"), "\f")
		for i, page := range pages {
			if i == mostRecognised {
				doc.Note(parse.TooManyPages, i)
				break
			}
			n := i + 1
			if len(pages) == 1 {
				n = 0
			}
			if _, words := doc.Recognise(n, page, most); words {
				doc.Note(parse.Recognised, n)
				why = 0
			}
		}
	}
	if why != 0 {
		return parse.Document{Result: doc.Result}, parse.Refuse(why)
	}
	return doc, nil
}

// recognisePages has a child draw the pages that are pictures, and tesseract read
// each. What becomes of one says nothing of the others.
func (r *Reader) recognisePages(ctx context.Context, t tesseract, src parse.Source, doc parse.Document, scanned int) (parse.Document, error) {
	made, err := r.compiled(ctx)
	if err != nil {
		return parse.Document{}, err
	}
	c, err := r.start(ctx, sandbox.GoJIT, made.file, false, made.args(picturesVerb, src.Depth))
	if err != nil {
		return parse.Document{}, err
	}
	seen, left := 0, most
	err = c.draw(ctx, src, func(p pdf.Picture) (bool, error) {
		text, why, err := r.words(ctx, t, picture(p), pdf.Dots)
		if err != nil {
			return false, err
		}
		seen++
		switch {
		case why == parse.Forbidden:
			return false, parse.Refuse(why)
		case why != 0:
			doc.Note(why, p.Page)
			return seen < mostRecognised, nil
		}
		cost, words := doc.Recognise(p.Page, text, left)
		left -= cost
		switch {
		case left < 0:
			doc.Note(parse.TooMuchFound, p.Page)
		case words:
			doc.Note(parse.Recognised, p.Page)
		default:
			doc.Note(parse.NoWords, p.Page)
		}
		return seen < mostRecognised && left >= 0, nil
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
	case errors.Is(err, errPicture):
		doc.Note(parse.Broke, 0)
	case err != nil:
		return parse.Document{}, err
	default:
		for range scanned - seen { // pages that pdfium could not draw
			doc.Note(parse.NoWords, 0)
		}
	}
	if len(doc.Records) == 0 {
		why := parse.NoWords
		if len(doc.Cuts) > 0 {
			why = doc.Cuts[0].Why
		}
		doc.Drop(why)
		return parse.Document{Result: doc.Result}, parse.Refuse(why)
	}
	return doc, nil
}
