package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"abaton.local/vault"
)

// pages are the door's own routes for people whom it knows already.
func (d *desk) pages() []Route {
	return []Route{
		{http.MethodPost, pathLock, Known, d.lock},
		{http.MethodGet, pathSession, Guest, d.whoAmI},
	}
}

// login answers {"name", "passphrase" or "recovery_code"}. With "cookie": true
// the session is kept by the browser, out of reach of every script.
func (d *desk) login(w http.ResponseWriter, r *http.Request, from peer) *refusal {
	f, no := readForm(r, "name", "passphrase", "recovery_code", "accept", "cookie")
	if no != nil {
		return no
	}
	defer f.wipe()
	if !d.settled() {
		return notSetUp()
	}
	if len(f.text("name")) == 0 || (len(f.text("passphrase")) == 0) == (len(f.text("recovery_code")) == 0) {
		return &refusal{status: http.StatusBadRequest, kind: invalidRequest, code: "missing_field",
			message: "A login needs a name, and either a passphrase or a recovery code."}
	}
	e := Entry{Name: string(f.text("name")), Passphrase: f.text("passphrase"), Recovery: f.text("recovery_code"), Accept: string(f.text("accept"))}
	return d.enter(w, r, from, e, f.truth("cookie"))
}

// join answers {"invitation", "name", "passphrase"}; with the "recovery_code" of
// a vault that came from another machine, that vault is taken up.
func (d *desk) join(w http.ResponseWriter, r *http.Request, from peer) *refusal {
	f, no := readForm(r, "invitation", "name", "passphrase", "recovery_code", "accept", "cookie")
	if no != nil {
		return no
	}
	defer f.wipe()
	if d.config.People == nil {
		return notSetUp()
	}
	if len(f.text("invitation")) == 0 || len(f.text("name")) == 0 || len(f.text("passphrase")) == 0 {
		return &refusal{status: http.StatusBadRequest, kind: invalidRequest, code: "missing_field",
			message: "Joining needs an invitation, or the claim of a new installation, and a name and a passphrase of your own."}
	}
	e := Entry{Name: string(f.text("name")), Passphrase: f.text("passphrase"), Recovery: f.text("recovery_code"), Ticket: f.text("invitation"), Accept: string(f.text("accept"))}
	return d.enter(w, r, from, e, f.truth("cookie"))
}

func notSetUp() *refusal {
	return &refusal{status: http.StatusConflict, kind: invalidRequest, code: "not_set_up", message: "Nobody is set up on this machine yet. Run `abaton setup` there."}
}

// enter lets a program in, or a page's script.
func (d *desk) enter(w http.ResponseWriter, r *http.Request, from peer, e Entry, cookie bool) *refusal {
	if cookie && !from.tls {
		return &refusal{status: http.StatusBadRequest, kind: invalidRequest, code: "no_cookie_here",
			message: "Without TLS a browser would send the cookie to every other program that serves on this machine. Keep the session in the page and send it as a bearer token."}
	}
	in, no := d.tryEntry(r, from, e)
	if no != nil {
		return no
	}
	defer in.Secret.Clear()
	defer in.Recovery.Clear()
	secret := sessionPrefix + string(in.Secret.Reveal())
	said := entered{whoAmI: d.describe(in.Session), Recovery: string(in.Recovery.Reveal())}
	if cookie {
		http.SetCookie(w, sessionCookie(secret, int(time.Until(said.Until).Seconds())))
	} else {
		said.Session = secret
	}
	return writeJSON(w, said)
}

// tryEntry is where secrets are tried. Only so many are at it at one time: the
// rest is told to come back, for each costs much memory and time. The caller
// clears what it gives.
func (d *desk) tryEntry(r *http.Request, from peer, e Entry) (Entered, *refusal) {
	if from.local && (!from.known || from.uid != d.uid) {
		return Entered{}, wrongAccount()
	}
	if no := d.logins.enter(from.from); no != nil {
		no.retry = 2 // a few seconds for each who waits
		return Entered{}, no
	}
	defer d.logins.leave(from.from)
	// Who joins has no account yet. Their ticket cannot be guessed, and a wrong
	// one counts as noise of its source.
	g := guess{source: from.from}
	switch {
	case e.Passkey != nil:
		g.account = passkeyAccount(e.Passkey.Credential)
	case len(e.Ticket) == 0:
		g.account = accountKey([]byte(e.Name))
	}
	e.Seen = seenBy(from, r)
	attempt, wait := d.tries.enter(g)
	if wait > 0 {
		return Entered{}, tooSoon(wait)
	}
	in, err := d.config.People.Enter(r.Context(), e)
	if err != nil {
		return Entered{}, d.notEntered(attempt, err)
	}
	attempt.right()
	return in, nil
}

// notEntered says why somebody did not come in. A wrong secret and an unknown
// name are told in the same words.
func (d *desk) notEntered(a *attempt, err error) *refusal {
	if soon, is := errors.AsType[*vault.TooSoon](err); is {
		a.unjudged()
		return tooSoon(soon.Wait)
	}
	if m, is := errors.AsType[*Mistake](err); is {
		if m.Code != "invalid_invitation" {
			a.unjudged()
		}
		return &refusal{status: http.StatusUnprocessableEntity, kind: invalidRequest, code: m.Code, message: m.Message, accept: m.Accept}
	}
	switch {
	case errors.Is(err, vault.ErrWrong):
		return &refusal{status: http.StatusUnauthorized, kind: invalidRequest, code: "wrong_login", message: sentence(vault.ErrWrong)}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Hanging up is no way to guess for nothing: the try stays counted.
		return stopping()
	}
	a.unjudged()
	return d.broken(err)
}

func tooSoon(wait time.Duration) *refusal {
	seconds := int((wait + time.Second - 1) / time.Second)
	return &refusal{status: http.StatusTooManyRequests, kind: rateLimit, code: "too_many_logins", retry: seconds,
		message: "Too many logins failed. Wait as long as Retry-After says; nobody is locked out for good."}
}

// broken is what has no words. Its type goes to the log, its text may hold a
// name.
func (d *desk) broken(err error) *refusal {
	d.config.Log.Error("who is at the door could not be told", "type", typeOf(err))
	return &refusal{status: http.StatusInternalServerError, kind: serverError, code: "internal_error", message: "Something in Abaton broke. Its log has more."}
}

// lock ends this session, or with {"all": true} every one of its person, and
// says how many others keep the vault open.
func (d *desk) lock(w http.ResponseWriter, r *http.Request, s vault.Session) {
	f, no := readForm(r, "all")
	if no != nil {
		no.write(w)
		return
	}
	defer f.wipe()
	if f.truth("all") && s.Way() == vault.SlotToken {
		(&refusal{status: http.StatusForbidden, kind: invalidRequest, code: "forbidden",
			message: "A token ends its own use only. To end every session: `abaton login`, then `abaton lock --all`."}).write(w)
		return
	}
	others, err := d.config.People.Lock(s, f.truth("all"))
	if err != nil {
		d.broken(err).write(w)
		return
	}
	dropCookie(w, peerIn(r.Context()))
	if no := writeJSON(w, map[string]any{"locked": true, "other_sessions": others}); no != nil {
		no.write(w)
	}
}

// whoAmI is what somebody is told about themselves.
type whoAmI struct {
	Person   vault.PersonID `json:"person"`
	Role     Role           `json:"role"`
	Unlocked bool           `json:"unlocked"`
	Until    time.Time      `json:"until,omitzero"`
}

type entered struct {
	whoAmI
	Session  string `json:"session,omitempty"`
	Recovery string `json:"recovery_code,omitempty"`
}

func (d *desk) describe(s vault.Session) whoAmI {
	at := d.Standing(s)
	return whoAmI{Person: s.Person, Role: at.Role, Unlocked: at.Unlocked, Until: at.Until}
}

func (d *desk) whoAmI(w http.ResponseWriter, _ *http.Request, s vault.Session) {
	if no := writeJSON(w, d.describe(s)); no != nil {
		no.write(w)
	}
}

func writeJSON(w http.ResponseWriter, v any) *refusal {
	b, err := json.Marshal(v)
	if err != nil {
		return &refusal{status: http.StatusInternalServerError, kind: serverError, code: "internal_error", message: "Something in Abaton broke."}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(b, '\n'))
	clear(b)
	return nil
}
