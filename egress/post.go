package egress

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// Post hands a small document in at address, once: a redirect is not followed,
// and nothing is tried again. What is answered is thrown away; an answer that is
// not 2xx is an *HTTPError, which says what came with it.
func (d *Door) Post(ctx context.Context, address string, header http.Header, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || !isHostName(u.Hostname()) {
		return errors.New("the address cannot be read")
	}
	access := d.accessTo(u)
	if u.User != nil {
		access.User = u.User
	}
	r, _, err := d.carry(ctx, http.MethodPost, u, header, bytes.NewReader(body), access, nowhere)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.failure(); err != nil {
		if e, ok := errors.AsType[*HTTPError](err); ok {
			const reason = 4 << 10
			e.Answer, _ = io.ReadAll(io.LimitReader(r, reason)) // without a reason it is a failure all the same
		}
		return err
	}
	const courtesy = 64 << 10 // bytes of an answer that are waited for
	_, err = io.Copy(io.Discard, io.LimitReader(r, courtesy))
	return err
}
