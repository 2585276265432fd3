package gateway

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"

	"abaton.local/vault"
)

// desk is where every request passes, in this order: host, origin, number and
// size, what is public, who, then the routes.
type desk struct {
	*Gateway
	tokens *vault.Tokens
	own    *Table // the door's own pages
	next   Handler
	uid    int // ours; the only account that the socket serves
	guest  vault.Session
}

func newDesk(g *Gateway, tokens *vault.Tokens, h Handler) (*desk, error) {
	d := &desk{Gateway: g, tokens: tokens, next: h, uid: os.Geteuid(), guest: newGuest()}
	var err error
	d.own, err = NewTable(g.Standing, d.pages()...)
	return d, err
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := "req_" + rand.Text()
	from := peerIn(r.Context())
	hardenHeader(w.Header(), id)
	if from.tls && d.tls.exposed {
		// Not on loopback, whose names other programs serve without TLS.
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
	}
	if len(r.TransferEncoding) > 0 {
		// It may have had a length as well, which net/http has thrown away. A relay
		// that went by that one sees the end of this request elsewhere, so nothing
		// that follows on this connection is taken for another one.
		w.Header().Set("Connection", "close")
	}
	out := &watched{ResponseWriter: w}
	defer d.recover(out, r, id)
	if d.within(w, r, d.config.BodyTimeout) != nil {
		panic(http.ErrAbortHandler) // the connection is gone
	}
	if no := d.admit(out, r, from); no != nil {
		if d.notable.take() {
			d.config.Log.Warn("refused a request", "reason", no.code, "status", no.status, "id", id)
		}
		d.write(out, r, no, id)
	}
}

// write sends a refusal in the words that the client of that address expects.
func (d *desk) write(w http.ResponseWriter, r *http.Request, no *refusal, id string) {
	if isPage(r.URL.Path) && d.browses(peerIn(r.Context())) {
		d.config.Pages.Refuse(w, r, Refusal{no.status, no.code, no.message, no.retry > 0})
		return
	}
	if d.config.Words == nil || !onlyModels(r.URL.Path) || isPublic(r.URL.Path) {
		no.write(w)
		return
	}
	no.send(w, d.config.Words(r, Refusal{no.status, no.code, no.message, no.retry > 0}, id))
}

// admit lets a request through, or says why not.
func (d *desk) admit(w *watched, r *http.Request, from peer) *refusal {
	names := d.hosts
	if from.tls {
		names = d.tls.hosts
	}
	if no := names.misdirected(r); no != nil {
		return no
	}
	if no := foreign(r); no != nil {
		return no
	}
	if no := capability(r, &from); no != nil {
		return no
	}
	if from.keyless && !onlyModels(r.URL.Path) {
		return notHere() // not the public pages either: nobody types a passphrase there
	}
	crowd := &d.crowd
	if isEntrance(r.URL.Path) || isGate(r.URL.Path) {
		// Anybody may send a login, and slowly: it must not take the place of
		// somebody whom we know, nor the other way round.
		crowd = &d.arrive
		if d.within(w, r, d.config.LoginTimeout) != nil {
			panic(http.ErrAbortHandler) // the connection is gone
		}
	}
	if no := crowd.enter(from.from); no != nil {
		// Without this net/http would read the whole body before it answers.
		w.Header().Set("Connection", "close")
		if d.within(w, r, goodbye) != nil {
			panic(http.ErrAbortHandler)
		}
		return no
	}
	place := from.from
	defer func() { crowd.leave(place) }()
	if no := d.bounded(w.ResponseWriter, r); no != nil {
		return no
	}
	if isPublic(r.URL.Path) {
		return d.public(w, r, from)
	}
	among := func(s vault.Session) *refusal {
		mine := placeOf(s, from)
		if no := crowd.trade(place, mine, d.config.MaxPerPerson); no != nil {
			w.Header().Set("Connection", "close") // as above
			if d.within(w, r, goodbye) != nil {
				panic(http.ErrAbortHandler)
			}
			return no
		}
		place = mine
		return nil
	}
	if d.browses(from) {
		switch {
		case isPage(r.URL.Path):
			return d.page(w, r, from, among)
		case arrives(r):
			seeOther(w, pathPages)
			return nil
		}
	}
	session, no := d.session(from, r)
	if no != nil {
		return no
	}
	if d.own.covers(r.URL.Path) {
		return d.own.lead(w, r, session)
	}
	// Not those of the door's own pages: who has too much at work can still lock.
	if no := among(session); no != nil {
		return no
	}
	if session.Way() == vault.SlotToken {
		// Its vault locks a minute after the last request, and with it go the
		// engines. An answer takes longer than that on many a machine.
		defer session.Busy()()
	}
	d.next.ServeSession(w, r, session)
	return nil
}

// placeOf names whose requests one counts among. By the socket each has a share of
// their own, so that a program of theirs does not keep them from their terminal.
func placeOf(s vault.Session, from peer) string {
	if from.local {
		return "person by socket " + string(s.Person)
	}
	return "person " + string(s.Person)
}

// recover turns a panic into an answer or, where one has begun, into a broken
// connection. Its value is not logged: it may hold content.
func (d *desk) recover(w *watched, r *http.Request, id string) {
	v := recover()
	switch {
	case v == nil:
		return
	case v == http.ErrAbortHandler:
		panic(v)
	}
	d.config.Log.Error("a request ended in a panic", "id", id, "type", typeOf(v), "stack", string(debug.Stack()))
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	d.write(w, r, &refusal{status: http.StatusInternalServerError, kind: serverError, code: "internal_error",
		message: "Something in Abaton broke. Its log has more under " + id + "."}, id)
}

// typeOf is all that the log is told of a value that may hold content.
func typeOf(v any) string { return fmt.Sprintf("%T", v) }

// watched knows whether a response has begun.
type watched struct {
	http.ResponseWriter
	begun bool
}

func (w *watched) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
