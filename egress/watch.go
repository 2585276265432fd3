package egress

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// Watch hands a document in at address and gives what is answered as it comes,
// for whoever wants to know what passes on the way: seen gets every byte as it
// arrives, before TLS takes it apart, and must not keep it. A redirect is not
// followed and nothing is tried again. The caller closes the answer.
func (d *Door) Watch(ctx context.Context, address string, header http.Header, body []byte, seen func([]byte)) (io.ReadCloser, http.Header, error) {
	u, err := url.Parse(address)
	if err != nil || !isHostName(u.Hostname()) {
		return nil, nil, errors.New("the address cannot be read")
	}
	access := d.accessTo(u)
	if u.User != nil {
		access.User = u.User
	}
	access.tap = seen
	r, _, err := d.carry(ctx, http.MethodPost, u, header, bytes.NewReader(body), access, nowhere)
	if err != nil {
		return nil, nil, err
	}
	if err := r.failure(); err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r, r.Header, nil
}
