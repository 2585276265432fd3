package gateway

import (
	"net/http"
	"strings"

	"abaton.local/vault"
)

// Pages are what people see in browsers. They are served by TLS and at the
// address of this machine, to whoever has a cookie of an open vault; all else of
// them is where secrets are typed, and files that hold none.
type Pages interface {
	// Static serves a file that is the same for everybody, false where there is
	// none at this path.
	Static(w http.ResponseWriter, r *http.Request) bool

	// Entrance shows where somebody comes in.
	Entrance(w http.ResponseWriter, r *http.Request, at Doorway)

	// Welcome tells somebody who has just joined their recovery code, which may be
	// empty. It is wiped when Welcome returns.
	Welcome(w http.ResponseWriter, r *http.Request, s vault.Session, recovery []byte)

	// Refuse says why a request does not pass.
	Refuse(w http.ResponseWriter, r *http.Request, no Refusal)

	// ServeSession serves a page of somebody whose vault is open.
	ServeSession(w http.ResponseWriter, r *http.Request, s vault.Session)
}

// Doorway is what an entrance shows.
type Doorway struct {
	Join      bool   // with a claim or an invitation
	Claim     bool   // nobody is set up yet: the ticket is the claim
	Name      string // as it was typed before
	Ticket    string // of the link, or as it was typed before
	Message   string // why the last try did not let in; empty: there was none
	Accept    string // what the person may accept to come in, as the form sends it back
	Status    int    // of the response
	Elsewhere string // the address to come in at; empty: this one

	NoPasskeys string // why none can be used here; empty: they can
}

// Paths of pages that the door itself serves. What else lies below pathPages is
// for those who are in.
const (
	pathPages  = "/page/"
	pathStatic = pathPages + "static/"
	pathUnlock = pathPages + "unlock"
	pathEnter  = pathPages + "join"
	pathLeave  = pathPages + "lock"

	pathChannel = pathPages + "channel"
)

// isPage reports whether a path is of a page for people.
func isPage(path string) bool { return path == "/page" || strings.HasPrefix(path, pathPages) }

// isGate names the pages where somebody shows a secret.
func isGate(path string) bool { return path == pathUnlock || path == pathEnter || isKeyhole(path) }

// browses reports whether pages are served where a request came in.
func (d *desk) browses(from peer) bool {
	return d.config.Pages != nil && !from.local && !from.keyless && from.token == ""
}

// arrives tells a person who typed no path: programs ask for no HTML there.
func arrives(r *http.Request) bool {
	return r.URL.Path == "/" && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// page serves a browser. Among counts a request among those of its person.
func (d *desk) page(w http.ResponseWriter, r *http.Request, from peer, among func(vault.Session) *refusal) *refusal {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !reads && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, HEAD, POST")
		return &refusal{status: http.StatusMethodNotAllowed, kind: invalidRequest, code: "method_not_allowed", message: "Pages are read, and forms are sent. This was neither."}
	case !reads && !madeByOurs(r):
		return &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "foreign_origin", message: "This form was not sent by one of Abaton's own pages, as far as its browser tells."}
	case strings.HasPrefix(r.URL.Path, pathStatic):
		if !reads || !d.config.Pages.Static(w, r) {
			return nothingHere()
		}
		return nil
	case isKeyhole(r.URL.Path):
		return tellAccept(w, d.keyhole(w, r, from))
	case isGate(r.URL.Path):
		return d.gate(w, r, from)
	case !d.settled():
		return d.toEntrance(w, r, from)
	}
	if given, sent, _ := credentialOf(from, r); sent && given != "" {
		return &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "forbidden", message: "Pages are for people with browsers. A program asks at /v1 or /api."}
	}
	s, no := d.session(from, r)
	if no != nil && no.status != http.StatusUnauthorized && no.code != "wrong_account" {
		return no
	}
	if no != nil || !Unlocked.allows(d.Standing(s)) {
		return d.toEntrance(w, r, from)
	}
	if r.URL.Path == pathLeave {
		return d.leave(w, r, from, s)
	}
	if no := among(s); no != nil {
		return no
	}
	if !strings.HasPrefix(r.URL.Path, pathChannel) { // a cookie there would show that something was kept
		d.remind(w, r, from, s)
	}
	if strings.HasPrefix(r.URL.Path, pathPasskeys) {
		return d.addPasskey(w, r, from, s)
	}
	d.config.Pages.ServeSession(w, r, s)
	return nil
}

// toEntrance leads a browser to where its person comes in. A page's script is
// told instead, for it follows no such lead.
func (d *desk) toEntrance(w http.ResponseWriter, r *http.Request, from peer) *refusal {
	to := pathUnlock
	if !d.settled() {
		if from.tls && d.tls.exposed {
			return notSetUp()
		}
		to = pathEnter
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return &refusal{status: http.StatusUnauthorized, kind: invalidRequest, code: "locked", message: "Your vault is locked. Open this page anew to unlock it."}
	}
	seeOther(w, to)
	return nil
}

// seeOther leads on within our own pages: the address is never of the request's making.
func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// leave ends the session of this browser.
func (d *desk) leave(w http.ResponseWriter, r *http.Request, from peer, s vault.Session) *refusal {
	if r.Method != http.MethodPost {
		seeOther(w, pathPages)
		return nil
	}
	if _, err := d.config.People.Lock(s, false); err != nil {
		return d.broken(err)
	}
	d.wearers.drop(r) // who sends it wore it, or it would not have come here
	dropCookie(w, from)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	seeOther(w, pathUnlock)
	return nil
}

func nothingHere() *refusal {
	return &refusal{status: http.StatusNotFound, kind: invalidRequest, code: "unknown_url", message: "There is nothing at this address."}
}
