package gateway

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
)

// gate shows where secrets are typed, and takes them. Who is let in gets a
// cookie; whoever is not is shown the same page again, with the reason.
func (d *desk) gate(w http.ResponseWriter, r *http.Request, from peer) *refusal {
	at := Doorway{Join: r.URL.Path == pathEnter, Claim: !d.settled(), Status: http.StatusOK, NoPasskeys: NoPasskeys(r)}
	switch {
	case d.config.People == nil || at.Claim && from.tls && d.tls.exposed:
		return notSetUp()
	case at.Claim && !at.Join:
		seeOther(w, pathEnter)
		return nil
	}
	uid, no := d.keeps(from, r)
	if no != nil {
		at.Message, at.Status = no.message, no.status
		if no.code == "other_name" && d.Named() {
			at.Elsewhere = "http://" + ownName + port(d.tcp.Addr()) + r.URL.RequestURI()
		}
		d.config.Pages.Entrance(w, r, at)
		return nil
	}
	if r.Method != http.MethodPost {
		at.Ticket = d.laidOut(r, from, uid)
		d.config.Pages.Entrance(w, r, at)
		return nil
	}
	f, no := readWebForm(r, "name", "passphrase", "recovery_code", "ticket", "accept")
	if no != nil {
		return no
	}
	defer f.wipe()
	e := Entry{Name: string(f.text("name")), Passphrase: f.text("passphrase"), Recovery: f.text("recovery_code"), Accept: string(f.text("accept"))}
	if at.Join {
		e.Ticket = bytes.TrimSpace(f.text("ticket"))
	}
	if no := incomplete(e, at.Join); no != nil {
		return d.again(w, r, at, e, no)
	}
	in, no := d.tryEntry(r, from, e)
	if no != nil {
		return d.again(w, r, at, e, no)
	}
	defer in.Secret.Clear()
	defer in.Recovery.Clear()
	if no := d.letIn(w, r, from, uid, in); no != nil {
		return no
	}
	if at.Join {
		d.config.Pages.Welcome(w, r, in.Session, in.Recovery.Reveal())
	} else {
		seeOther(w, pathPages)
	}
	return nil
}

// letIn gives a browser the cookie of a session.
func (d *desk) letIn(w http.ResponseWriter, r *http.Request, from peer, uid int, in Entered) *refusal {
	if err := d.relieve(from, r); err != nil {
		return d.broken(err)
	}
	secret := sessionPrefix + string(in.Secret.Reveal())
	if from.tls {
		http.SetCookie(w, sessionCookie(secret, 0))
	} else {
		http.SetCookie(w, plainCookie(d.wearers.give(secret, uid, in.Session.Until(), d.config.Now()), 0))
	}
	return nil
}

// relieve ends the session that this browser has: its cookie is about to be
// replaced, and then nobody could lock it. It would hold a vault open, their own too,
// after its person locked what they see.
func (d *desk) relieve(from peer, r *http.Request) error {
	given, sent, no := d.worn(from, r)
	if no != nil || !sent || given == "" {
		return nil
	}
	defer d.wearers.drop(r)
	old, err := d.config.People.Who(r.Context(), given)
	if err != nil || old.Person == "" {
		return nil // it has ended
	}
	_, err = d.config.People.Lock(old, false)
	return err
}

// again shows the entrance once more.
func (d *desk) again(w http.ResponseWriter, r *http.Request, at Doorway, e Entry, no *refusal) *refusal {
	at.Name, at.Ticket, at.Message, at.Accept, at.Status = e.Name, string(e.Ticket), no.message, no.accept, no.status
	if no.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(no.retry))
	}
	d.config.Pages.Entrance(w, r, at)
	return nil
}

// keeps tells whether a browser can be given a cookie where it came in, and at
// the plain door to which account of this machine.
func (d *desk) keeps(from peer, r *http.Request) (uid int, no *refusal) {
	if from.tls {
		return -1, nil
	}
	if !d.ours(r.Host) && !d.Named() {
		return -1, &refusal{status: http.StatusOK, code: "no_name",
			message: "No name leads to this address alone, so your browser could show another program your session. Set `address` to 127.0.0.1 and a port, and start Abaton again."}
	}
	if !d.ours(r.Host) {
		return -1, &refusal{status: http.StatusOK, code: "other_name",
			message: "Other programs on this machine answer at this name too, and your browser would show them your session. Abaton has a name of its own."}
	}
	uid, err := accountIn(r.Context())
	if err != nil {
		return -1, &refusal{status: http.StatusForbidden, code: "wrong_account",
			message: "This system does not tell Abaton whose browser this is, so it can give it no session without TLS. Use the terminal, or set `lan_address` and come by TLS."}
	}
	return uid, nil
}

// incomplete says what a form lacks.
func incomplete(e Entry, join bool) *refusal {
	what := ""
	switch {
	case e.Name == "":
		what = "Type your name."
	case join && len(e.Ticket) == 0:
		what = "Type the claim or the invitation that you were given."
	case join && len(e.Passphrase) == 0:
		what = "Choose a passphrase."
	case !join && len(e.Passphrase) == 0 && len(e.Recovery) == 0:
		what = "Type your passphrase, or your recovery code."
	case !join && len(e.Passphrase) > 0 && len(e.Recovery) > 0:
		what = "Type your passphrase or your recovery code, not both."
	default:
		return nil
	}
	return &refusal{status: http.StatusUnprocessableEntity, kind: invalidRequest, code: "missing_field", message: what}
}

// port is that of an address, as it stands behind a name.
func port(at net.Addr) string {
	_, n, err := net.SplitHostPort(at.String())
	if err != nil {
		return ""
	}
	return ":" + n
}
