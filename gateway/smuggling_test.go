package gateway

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"abaton.local/vault"
)

// Where two readers could see the end of a request in two places, whatever one of them
// would take for a second request is never served: with a relay in front, it would
// be another person's.
func TestNoRequestIsSmuggled(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	h := open(t, Config{}, handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
		io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen[r.URL.Path] = true
	}))
	served := func(bytes string) bool {
		c, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(c, bytes)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c) // till it has done with everything
		mu.Lock()
		defer mu.Unlock()
		defer clear(seen)
		return seen["/smuggled"]
	}
	head := "POST /first HTTP/1.1\r\nHost: localhost\r\n" + bearer(h.token) + "\r\n"
	second := "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n" + bearer(h.token) + "\r\n\r\n"
	for name, rest := range map[string]string{
		"length and chunks":          "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
		"chunks and length":          "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + second,
		"two lengths":                "Content-Length: 0\r\nContent-Length: 90\r\n\r\n" + second,
		"two lengths in one":         "Content-Length: 0, 90\r\n\r\n" + second,
		"a length with a sign":       "Content-Length: +0\r\n\r\n" + second,
		"a length in hexadecimal":    "Content-Length: 0x0\r\n\r\n" + second,
		"an encoding of its own":     "Transfer-Encoding: xchunked\r\n\r\n" + second,
		"two encodings":              "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
		"an encoding in a list":      "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + second,
		"a blank before the colon":   "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + second,
		"a tab before the colon":     "Content-Length\t: 0\r\n\r\n" + second,
		"a NUL in a header":          "X: a\x00b\r\nContent-Length: 0\r\n\r\n" + second,
		"a line end inside a header": "X: a\rContent-Length: 90\r\n\r\n" + second,
		"a chunk that is too long":   "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" + second,
		"a chunk with a sign":        "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + second,
		"a chunk with a blank":       "Transfer-Encoding: chunked\r\n\r\n0 x\r\n\r\n" + second,
		"a chunk ended twice":        "Transfer-Encoding: chunked\r\n\r\n1\r\naX0\r\n\r\n" + second,
	} {
		if served(head+rest) || served("POST /first HTTP/1.1\r\nHost: localhost\r\n"+rest) || served("POST /first HTTP/1.1\r\nHost: other.example\r\n"+rest) {
			t.Errorf("%s: the second request was served", name)
		}
	}
	if !served(head + "Content-Length: 0\r\n\r\n" + second) {
		t.Error("two honest requests were not served, so nothing is proved")
	}
}
