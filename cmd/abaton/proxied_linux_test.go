package main

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"github.com/rogpeppe/go-internal/testscript"
)

// gathering is how much a proxy of ours lets come together: eight frames.
const gathering = 4096

// proxied WHAT: a proxy stands before the server, at PROXIED. It gathers what comes
// of an answer, takes away the headers it does not know, or breaks answers off.
func proxied(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: proxied gathers|strips|breaks")
	}
	to, err := url.Parse(ts.Getenv("URL"))
	ts.Check(err)
	change := map[string]func(*http.Response) error{
		"gathers": func(r *http.Response) error { r.Body = &gatherer{r.Body, gathering}; return nil },
		"strips":  func(r *http.Response) error { r.Header.Del("X-Abaton-Shape"); return nil },
		"breaks":  func(r *http.Response) error { r.Body = &breaker{r.Body}; return nil },
	}[args[0]]
	if change == nil {
		ts.Fatalf("no proxy %s", args[0])
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: change, FlushInterval: -1, // what it has is sent on at once
		ErrorLog: log.New(io.Discard, "", 0), // it is to break
	})
	ts.Defer(proxy.Close)
	ts.Setenv("PROXIED", proxy.URL)
}

// gatherer gives what comes in pieces of a size, as a buffer does.
type gatherer struct {
	io.ReadCloser
	size int
}

func (g *gatherer) Read(p []byte) (int, error) {
	n, err := io.ReadAtLeast(g.ReadCloser, p, min(g.size, len(p)))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// breaker gives the beginning, and then fails.
type breaker struct{ io.ReadCloser }

func (b *breaker) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		return n, err
	}
	return n, errors.New("broken off")
}
