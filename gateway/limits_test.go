package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/vault"
)

// reader reads the whole body and tells how that went.
var reader = handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
	n, err := io.Copy(io.Discard, r.Body)
	if tooBig, ok := errors.AsType[*http.MaxBytesError](err); ok {
		http.Error(w, fmt.Sprint("limit ", tooBig.Limit), http.StatusRequestEntityTooLarge)
		return
	}
	fmt.Fprintln(w, n, err)
})

// A body of 100 MB is refused while the client still sends: the kernel's
// buffers take some megabytes, we take none.
func TestHugeBodyIsNotRead(t *testing.T) {
	h := open(t, Config{}, reader)
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	const size = 100_000_000
	io.WriteString(c, strings.TrimSuffix(request("POST", "/v1/chat/completions", h.address, bearer(h.token), fmt.Sprint("Content-Length: ", size)), ""))
	sent := make(chan int64, 1)
	go func() {
		n, _ := io.CopyN(c, zeros{}, size) // fails once we are shown out
		sent <- n
	}()
	a, err := readAnswer(bufio.NewReader(c), "POST")
	if err != nil || a.StatusCode != 413 || !strings.Contains(a.body, "request_too_large") || !a.Close {
		t.Fatalf("%+v %v", a, err)
	}
	c.Close()
	if n := <-sent; n >= size/2 {
		t.Errorf("%d bytes were taken", n)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestBodyLimits(t *testing.T) {
	h := open(t, Config{MaxBody: 1000, BodyTimeout: 200 * time.Millisecond}, reader)
	post := func(length, body string) answer {
		return raw(t, "tcp", h.address, request("POST", "/", h.address, bearer(h.token), length)+body)
	}
	for name, c := range map[string]struct {
		answer
		want int
		body string
	}{
		"at the limit":          {post("Content-Length: 1000", strings.Repeat("a", 1000)), 200, "1000 <nil>"},
		"one over":              {post("Content-Length: 1001", strings.Repeat("a", 1001)), 413, "the most is 1000"},
		"not even sent":         {post("Content-Length: 100000000000", ""), 413, "the most is 1000"},
		"waiting for a go":      {post("Content-Length: 1001\r\nExpect: 100-continue", ""), 413, "the most is 1000"},
		"in pieces":             {post("Transfer-Encoding: chunked", "3e8\r\n"+strings.Repeat("a", 1000)+"\r\n0\r\n\r\n"), 200, "1000 <nil>"},
		"in pieces, one over":   {post("Transfer-Encoding: chunked", "3e9\r\n"+strings.Repeat("a", 1001)+"\r\n0\r\n\r\n"), 413, "limit 1000"},
		"a piece that is a lie": {post("Transfer-Encoding: chunked", "7fffffffffffffff\r\naaaa"), 200, "4 read"},
		"no number of bytes":    {post("Transfer-Encoding: chunked", "x\r\naaaa"), 200, "0 invalid"},
		"negative":              {post("Content-Length: -1", ""), 400, ""},
	} {
		if c.StatusCode != c.want || !strings.Contains(c.answer.body, c.body) {
			t.Errorf("%s: %s %s", name, c.Status, c.answer.body)
		}
	}
}

func TestHeaderLimit(t *testing.T) {
	h := open(t, Config{}, hello)
	if a := h.get(t, "/", bearer(h.token), "X: "+strings.Repeat("a", 20<<10)); a.StatusCode != 200 {
		t.Errorf("20 KiB: %s", a.Status)
	}
	if a := h.get(t, "/", bearer(h.token), "X: "+strings.Repeat("a", 64<<10)); a.StatusCode != 431 {
		t.Errorf("64 KiB: %s", a.Status)
	}
}

// A client that dawdles is let go, whatever it dawdles over.
func TestDawdlersAreLetGo(t *testing.T) {
	read := make(chan error, 1)
	h := open(t, Config{HeaderTimeout: 50 * time.Millisecond, BodyTimeout: 50 * time.Millisecond, IdleTimeout: 50 * time.Millisecond},
		handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
			_, err := io.ReadAll(r.Body)
			read <- err
		}))
	for name, start := range map[string]string{
		"says nothing":         "",
		"stops in the header":  "GET / HTTP/1.1\r\nHost: local",
		"stops after a header": "GET / HTTP/1.1\r\nHost: localhost\r\n",
		"stops in the body":    request("POST", "/", h.address, bearer(h.token), "Content-Length: 10") + "abc",
		"refused, then stops":  request("POST", "/", h.address, "Content-Length: 10") + "abc",
		"misdirected, stops":   request("POST", "/", "rebound.example", "Content-Length: 10"),
		"asks once":            request("GET", "/health", h.address),
	} {
		c, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, start)
		if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: the connection stayed open: %v", name, err)
		}
	}
	if err := <-read; err == nil {
		t.Error("half a body looked whole")
	}
}

// The body's deadline must not outlive the body: it would cancel long answers.
func TestBodyDeadlineEndsWithTheBody(t *testing.T) {
	h := open(t, Config{BodyTimeout: 100 * time.Millisecond}, handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		select {
		case <-r.Context().Done():
			t.Error("the request was cancelled while the client waited")
		case <-time.After(300 * time.Millisecond): // three times the deadline
		}
	}))
	if a := raw(t, "tcp", h.address, request("POST", "/", h.address, bearer(h.token), "Content-Length: 2")+"{}"); a.StatusCode != 200 {
		t.Error(a.Status)
	}
}

// 1,000 clients at once: as many as may are served, every other one is told so,
// and none hangs.
func TestAThousandClientsAtOnce(t *testing.T) {
	const clients, most = 1000, 100
	release := make(chan struct{})
	var at, peak atomic.Int32
	h := open(t, Config{MaxPerPerson: most}, handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
		if n := at.Add(1); n > peak.Load() {
			peak.Store(n)
		}
		defer at.Add(-1)
		<-release
	}))
	h.crowded(t, clients, most, release, http.StatusTooManyRequests)
	if peak.Load() > most {
		t.Errorf("%d at one time", peak.Load())
	}
	if a := h.get(t, "/", bearer(h.token)); a.StatusCode != 200 {
		t.Errorf("afterwards: %s", a.Status)
	}
}

func TestTooManyOfAllSources(t *testing.T) {
	release := make(chan struct{})
	h := open(t, Config{MaxRequests: 50, MaxPerPerson: 1000}, handlerFunc(func(http.ResponseWriter, *http.Request, vault.Session) { <-release }))
	h.crowded(t, 200, 50, release, http.StatusServiceUnavailable)
}

func TestTooManyConnections(t *testing.T) {
	release := make(chan struct{})
	h := open(t, Config{MaxConnections: 100, MaxPerPerson: 1000}, handlerFunc(func(http.ResponseWriter, *http.Request, vault.Session) { <-release }))
	h.crowded(t, 1000, 100, release, http.StatusServiceUnavailable)
	h.stop()
}

// crowded sends requests all at once, of which most are held until all others
// were refused with the status given.
func (h *house) crowded(t *testing.T, clients, most int, release chan struct{}, refusal int) {
	t.Helper()
	answers := make(chan answer, clients)
	failed := make(chan error, clients)
	for range clients {
		go func() {
			a, err := exchange("tcp", h.address, request("GET", "/", h.address, bearer(h.token)))
			if err != nil {
				failed <- err
				return
			}
			answers <- a
		}()
	}
	served := 0
	for i := range clients {
		if i == clients-most {
			close(release)
		}
		select {
		case err := <-failed:
			t.Errorf("client %d got no answer: %v", i, err)
		case a := <-answers:
			switch {
			case a.StatusCode == 200:
				served++
			case a.StatusCode != refusal || a.Header.Get("Retry-After") == "" || !strings.Contains(a.body, `"error"`):
				t.Errorf("client %d: %s %s", i, a.Status, a.body)
			}
		}
	}
	if served != most {
		t.Errorf("%d were served, want %d", served, most)
	}
}

// What somebody has at work by TCP leaves them their share by the socket.
func TestTheSocketHasItsOwnShare(t *testing.T) {
	release := make(chan struct{})
	in := make(chan struct{}, 1)
	h := open(t, Config{MaxPerPerson: 1}, handlerFunc(func(w http.ResponseWriter, r *http.Request, _ vault.Session) {
		if r.URL.Path == "/hold" {
			in <- struct{}{}
			<-release
		}
	}))
	var wg sync.WaitGroup
	wg.Go(func() { h.get(t, "/hold", bearer(h.token)) })
	<-in
	if a := h.get(t, "/", bearer(h.token)); a.StatusCode != 429 {
		t.Errorf("second by TCP: %s", a.Status)
	}
	if a := raw(t, "unix", h.socket, request("GET", "/", "localhost")); a.StatusCode != 200 {
		t.Errorf("first by the socket: %s", a.Status)
	}
	close(release)
	wg.Wait()
}

func TestBucketFillsUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bucket{size: 3, every: time.Second}
		takes := func() (n int) {
			for b.take() {
				n++
			}
			return n
		}
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 3}, {0, 0}, {999 * time.Millisecond, 0}, {time.Millisecond, 1}, {2 * time.Second, 2}, {time.Hour, 3}, {0, 0}} {
			time.Sleep(step.wait)
			if got := takes(); got != step.want {
				t.Errorf("after %v: %d, want %d", step.wait, got, step.want)
			}
		}
	})
}
