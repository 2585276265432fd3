package gateway

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// crowd counts requests at work. The zero counts are ready to use.
type crowd struct {
	most, mostEach int

	mu     sync.Mutex
	all    int            // guarded by mu
	each   map[string]int // by source, or by person once that is known; guarded by mu
	closed bool           // guarded by mu
	gone   chan struct{}  // made by empty, closed when all is 0; guarded by mu
}

// enter takes a place for a request from source; leave gives it back.
func (c *crowd) enter(source string) *refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return &refusal{status: http.StatusServiceUnavailable, kind: serverError, code: "stopping", retry: 1, message: "Abaton is stopping. Start it again, then ask again."}
	case c.all >= c.most:
		return &refusal{status: http.StatusServiceUnavailable, kind: serverError, code: "overloaded", retry: 1, message: "Too many requests are at work. Wait a moment and ask again."}
	case c.each[source] >= c.mostEach:
		return tooManyOfYours()
	}
	if c.each == nil {
		c.each = map[string]int{}
	}
	c.all++
	c.each[source]++
	return nil
}

// trade changes a place of a source for one of a person, of which they may have so
// many: whom somebody shares a source with is not for them to choose. Where it is
// refused the old place is kept.
func (c *crowd) trade(source, person string, most int) *refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.each[person] >= most {
		return tooManyOfYours()
	}
	if c.each[source]--; c.each[source] == 0 {
		delete(c.each, source)
	}
	c.each[person]++
	return nil
}

func tooManyOfYours() *refusal {
	return &refusal{status: http.StatusTooManyRequests, kind: rateLimit, code: "rate_limit_exceeded", retry: 1, message: "Too many of your requests are at work. Wait for one to end and ask again."}
}

func (c *crowd) leave(source string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.each[source]--; c.each[source] == 0 {
		delete(c.each, source)
	}
	if c.all == 0 && c.gone != nil {
		close(c.gone)
		c.gone = nil
	}
}

// empty lets nobody in any more and returns when all have left.
func (c *crowd) empty() {
	c.mu.Lock()
	c.closed = true
	if c.all == 0 {
		c.mu.Unlock()
		return
	}
	gone := make(chan struct{})
	c.gone = gone
	c.mu.Unlock()
	<-gone
}

// bucket allows size events at once and one more every so often. It is safe
// for concurrent use.
type bucket struct {
	size  int
	every time.Duration

	mu   sync.Mutex
	used int       // guarded by mu
	last time.Time // when used last went down; guarded by mu
}

func (b *bucket) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if back := int(now.Sub(b.last) / b.every); back > 0 {
		b.used = max(0, b.used-back)
		b.last = now
	}
	if b.used >= b.size {
		return false
	}
	b.used++
	return true
}

// within sets a deadline for the request's body, whoever reads it: where nobody
// does, net/http itself waits for its rest before it closes the connection.
func (g *Gateway) within(w http.ResponseWriter, r *http.Request, d time.Duration) error {
	if r.ContentLength == 0 {
		return nil
	}
	conn := http.NewResponseController(w)
	if _, already := r.Body.(*timedBody); !already {
		r.Body = &timedBody{r.Body, conn}
	}
	return conn.SetReadDeadline(time.Now().Add(d))
}

// timedBody lifts the deadline at the body's end, for after that net/http
// watches the connection for a client that hangs up, and a deadline would look
// like one. After any other error the deadline stays.
type timedBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// bounded caps the size of a request's body. One that says it is too large is
// refused before it is read.
func (g *Gateway) bounded(w http.ResponseWriter, r *http.Request) *refusal {
	most := g.config.MaxBody
	if r.ContentLength > most {
		return &refusal{status: http.StatusRequestEntityTooLarge, kind: invalidRequest, code: "request_too_large",
			message: fmt.Sprintf("The request has %d bytes, the most is %d. Send a shorter one.", r.ContentLength, most)}
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	return nil
}
