package clients

import (
	"bytes"
	"io"
	"net/http"
)

// padded fills every question with spaces, as docs/shaping.md shows it.
type padded struct{ next http.RoundTripper }

func (p padded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		size := 4096
		for ; size < len(body) && size < 1<<20; size *= 4 {
		}
		if size = min(size, 1<<20); size < len(body) {
			size = (len(body) + size - 1) / size * size
		}
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(body), bytes.NewReader(bytes.Repeat([]byte{' '}, size-len(body))))), int64(size)
	}
	return p.next.RoundTrip(r)
}
