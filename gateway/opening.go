package gateway

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"sync"
)

// opening leads a browser that this account starts to the first page with the
// claim filled in. What a program is started with can be read by every account of
// the machine, so the address holds a word instead of the claim. It is good until
// somebody is set up, and only on connections of our own account, which the kernel
// tells: that account can read the claim anyway.
type opening struct {
	mu    sync.Mutex
	word  string // guarded by mu
	claim []byte // guarded by mu
}

// Opening gives the path of the page to open where nobody is set up yet. It can be
// asked for before LayOut, and before this process is locked down: who comes too
// early waits until it serves.
func (g *Gateway) Opening() string {
	o := &g.opening
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.word == "" {
		o.word = rand.Text()
	}
	return pathEnter + "?open=" + o.word
}

// LayOut says which claim is filled in at the path that Opening gave.
func (g *Gateway) LayOut(claim []byte) {
	g.opening.mu.Lock()
	defer g.opening.mu.Unlock()
	g.opening.claim = bytes.Clone(claim)
}

// laidOut is the ticket for the entrance: the one in the address, or the claim where
// the address has the word for it.
func (d *desk) laidOut(r *http.Request, from peer, uid int) string {
	query := r.URL.Query()
	o := &d.opening
	o.mu.Lock()
	defer o.mu.Unlock()
	if d.settled() {
		clear(o.claim)
		o.word, o.claim = "", nil
	}
	word := query.Get("open")
	if from.tls || uid != d.uid || o.word == "" || subtle.ConstantTimeCompare([]byte(word), []byte(o.word)) != 1 {
		return cmp.Or(query.Get("ticket"), word) // which then is no ticket, and is told to be none
	}
	return string(o.claim)
}
