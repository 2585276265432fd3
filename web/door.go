package web

import (
	"encoding/json"
	"net/http"
	"strings"

	"abaton.local/vault"
)

// Doorway is what the page shows where somebody comes in.
type Doorway struct {
	Join      bool
	Claim     bool
	Name      string
	Ticket    string
	Message   string
	Accept    string
	Status    int
	Elsewhere string

	NoPasskeys string
}

// entrance is a doorway with a passphrase that may be taken.
type entrance struct {
	Doorway
	Offer  string
	Coming *arrival
	Void   bool // the ticket was used, has expired or was withdrawn
}

// Entrance shows where secrets are typed.
func (p *Pages) Entrance(w http.ResponseWriter, r *http.Request, at Doorway) {
	x := entrance{Doorway: at}
	if at.Join && at.Elsewhere == "" && at.Ticket != "" {
		if err := p.People.Usable([]byte(at.Ticket)); err != nil {
			x.Void, at.Status = true, http.StatusGone
		}
	}
	if at.Claim { // afterwards it is nobody's who is not in
		x.Coming = p.arrival(r.Context())
	}
	if at.Join && !x.Void {
		offer := vault.NewPhrase()
		x.Offer = string(offer.Reveal())
		offer.Clear()
	}
	p.render(w, r, at.Status, "entrance", page{Where: "entrance", Content: x})
}

// Welcome tells somebody who has just joined their recovery code. A page's script,
// which is how somebody joins with a passkey, is told where to read it.
func (p *Pages) Welcome(w http.ResponseWriter, r *http.Request, s vault.Session, recovery []byte) {
	x := welcome{Code: string(recovery), Passkey: s.Way() == vault.SlotPasskey, Coming: p.arrival(r.Context())}
	if !script(r) {
		p.render(w, r, http.StatusOK, "welcome", page{Where: "entrance", Content: x})
		return
	}
	harden(w.Header())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"to": "/page/recovery/" + p.parcels.put(s, x, p.Now())}) // an error is the client's hanging up
}

// welcomed shows a recovery code to somebody who joined with a passkey, once.
func (p *Pages) welcomed(v visit) {
	x, ok := p.parcels.take(v.s, v.rest, v.r.Method == http.MethodGet, p.Now()).(welcome)
	if !ok {
		p.lead(v, "/page/recovery")
		return
	}
	p.render(v.w, v.r, http.StatusOK, "welcome", page{Where: "entrance", Content: x})
}

type welcome struct {
	Code, Message string
	Passkey       bool // there is no passphrase: the code opens the vault already
	Coming        *arrival
}

// Refuse says why a request does not pass, on a page or to a script.
func (p *Pages) Refuse(w http.ResponseWriter, r *http.Request, status int, words string) {
	p.tell(w, r, status, words)
}

func (p *Pages) tell(w http.ResponseWriter, r *http.Request, status int, words string) {
	if script(r) {
		harden(w.Header())
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"problem": words}) // an error is the client's hanging up
		return
	}
	p.render(w, r, status, "problem", page{Where: "problem", Content: words})
}

// script tells a request of a page's script from one of the browser itself.
func script(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "json") }

// confirmRecovery takes the recovery code that was typed back: from then on it
// opens the vault.
func (p *Pages) confirmRecovery(v visit) {
	code := []byte(field(v.r, "code"))
	err := p.People.ConfirmRecovery(v.r.Context(), v.s, code)
	clear(code)
	if err != nil {
		p.lead(v, "/page/recovery")
		return
	}
	if p.Warm != nil { // they will ask next
		p.Warm(v.s)
	}
	p.lead(v, "/page/")
}

// recovery asks for the code once more: what was typed is in no answer to a form,
// for browsers keep those.
func (p *Pages) recovery(v visit) {
	p.render(v.w, v.r, http.StatusOK, "welcome", page{Where: "entrance", Content: welcome{Passkey: v.s.Way() == vault.SlotPasskey, Message: "This is not the code that was just shown. Type that one; if it is gone, `abaton vault recovery` makes another."}})
}

// lead sends a browser on, within our own pages.
func (p *Pages) lead(v visit, to string) {
	harden(v.w.Header())
	v.w.Header().Set("Location", to)
	v.w.WriteHeader(http.StatusSeeOther)
}

// fail tells of an error.
func (p *Pages) fail(v visit, err error) { p.problem(v, http.StatusUnprocessableEntity, p.Words(err)) }
