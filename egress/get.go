package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// patience bounds the fetching of one small document, retries included.
const patience = 2 * time.Minute

// Document is a small file from outside. Body is hostile input.
type Document struct {
	Body   []byte
	Header http.Header
	At     *url.URL // where it came from, after redirects, without credentials
}

// Get fetches a small document of at most max bytes.
func (d *Door) Get(ctx context.Context, address string, header http.Header, max int64) ([]byte, http.Header, error) {
	doc, err := d.Document(ctx, address, header, max)
	return doc.Body, doc.Header, err
}

// Document is Get that also tells where the document lay in the end, which is
// what its relative links are relative to.
func (d *Door) Document(ctx context.Context, address string, header http.Header, max int64) (doc Document, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for failed := 0; ; failed++ {
		doc, err = d.document(ctx, address, header, max)
		if err == nil || failed >= temporary(err) {
			return doc, err
		}
		if err := d.pause(ctx, failed, err); err != nil {
			return Document{}, err
		}
	}
}

func (d *Door) document(ctx context.Context, address string, header http.Header, max int64) (Document, error) {
	r, err := d.open(ctx, http.MethodGet, address, header, true)
	if err != nil {
		return Document{}, err
	}
	defer r.Close()
	if err := r.failure(); err != nil {
		return Document{}, err
	}
	body, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return Document{}, err
	}
	if int64(len(body)) > max {
		return Document{}, fmt.Errorf("%s sends more than the %d bytes such a document may have", r.at.Host, max)
	}
	return Document{Body: body, Header: r.Header, At: r.at}, nil
}

// Peek asks for the headers of address and follows no redirect. An answer that
// is neither 2xx nor 3xx is an *HTTPError.
func (d *Door) Peek(ctx context.Context, address string) (http.Header, error) {
	r, err := d.open(ctx, http.MethodHead, address, nil, false)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.StatusCode/100 != 3 {
		err = r.failure()
	}
	return r.Header, err
}

// pause waits before retry number failed (from 0): a doubling time, or what
// the server asked for.
func (d *Door) pause(ctx context.Context, failed int, err error) error {
	wait := min(d.config.Backoff<<min(failed, 10), 30*time.Second)
	if h, ok := errors.AsType[*HTTPError](err); ok {
		wait = max(wait, h.After)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
