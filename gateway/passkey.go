package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"abaton.local/vault"
)

// Paths of passkeys. Each takes the answer of an authenticator; with "/begin" behind
// it says what to ask the authenticator for.
const (
	pathPasskeys = pathPages + "passkey/"
	withPasskey  = pathPasskeys + "unlock"
	newPasskey   = pathPasskeys + "join"
	morePasskeys = pathPasskeys + "add"
	begins       = "/begin"
)

// isKeyhole names the paths where somebody who is not in yet comes with a passkey.
func isKeyhole(path string) bool {
	path = strings.TrimSuffix(path, begins)
	return path == withPasskey || path == newPasskey
}

// keyhole lets somebody in by a passkey. It is for a page's script alone.
func (d *desk) keyhole(w http.ResponseWriter, r *http.Request, from peer) *refusal {
	what, begin := strings.CutSuffix(r.URL.Path, begins)
	claim := !d.settled()
	switch {
	case r.Method != http.MethodPost:
		return nothingHere()
	case d.config.People == nil, claim && from.tls && d.tls.exposed, claim && what == withPasskey:
		return notSetUp()
	}
	uid, no := d.keeps(from, r)
	if no != nil {
		no.status = http.StatusForbidden
		return no
	}
	c := ceremony{what: what, uid: uid, source: from.from}
	if begin {
		return d.beginCeremony(w, r, from, c)
	}
	f, no := readForm(r, "credential", "secret", "name", "ticket", "accept")
	if no != nil {
		return no
	}
	defer f.wipe()
	p, no := d.endCeremony(w, r, from, &c)
	if no != nil {
		return no
	}
	secret, no := secretOf(f)
	if no != nil {
		return no
	}
	defer clear(secret)
	e := Entry{Accept: string(f.text("accept")), PasskeySecret: secret}
	if what == withPasskey {
		e.Passkey, no = unlocking(&c, p, f)
	} else {
		e.Name, e.Ticket = string(f.text("name")), bytes.TrimSpace(f.text("ticket"))
		if e.Name != c.name || len(e.Ticket) == 0 { // without a ticket it would be a guess at that name's passphrase
			return staleCeremony()
		}
		e.NewPasskey, no = making(&c, p, f)
	}
	if no != nil {
		return no
	}
	in, no := d.tryEntry(r, from, e)
	if no != nil {
		if no.code == "wrong_login" { // whatever it was
			no.message = "This passkey opens no vault here. It may have been removed, or belong to another machine: use your passphrase or your recovery code."
		}
		return no
	}
	defer in.Secret.Clear()
	defer in.Recovery.Clear()
	if no := d.letIn(w, r, from, uid, in); no != nil {
		return no
	}
	if what == newPasskey {
		d.config.Pages.Welcome(w, r, in.Session, in.Recovery.Reveal())
		return nil
	}
	return writeJSON(w, map[string]string{"to": pathPages})
}

// tellAccept tells a script what its person may accept.
func tellAccept(w http.ResponseWriter, no *refusal) *refusal {
	if no == nil || no.accept == "" {
		return no
	}
	b, err := json.Marshal(map[string]string{"problem": no.message, "accept": no.accept})
	if err != nil {
		return no
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.status)
	w.Write(append(b, '\n'))
	return nil
}

// addPasskey makes a passkey of somebody who is in another way into their vault.
func (d *desk) addPasskey(w http.ResponseWriter, r *http.Request, from peer, s vault.Session) *refusal {
	what, begin := strings.CutSuffix(r.URL.Path, begins)
	if r.Method != http.MethodPost || what != morePasskeys {
		return nothingHere()
	}
	uid, no := d.keeps(from, r)
	if no != nil {
		no.status = http.StatusForbidden
		return no
	}
	c := ceremony{what: what, uid: uid, who: s, source: from.from}
	if begin {
		return d.beginCeremony(w, r, from, c)
	}
	f, no := readForm(r, "credential", "secret")
	if no != nil {
		return no
	}
	defer f.wipe()
	p, no := d.endCeremony(w, r, from, &c)
	if no != nil {
		return no
	}
	secret, no := secretOf(f)
	if no != nil {
		return no
	}
	defer clear(secret)
	k, no := making(&c, p, f)
	if no != nil {
		return no
	}
	if err := d.config.People.AddPasskey(r.Context(), s, *k, secret); err != nil {
		return d.notMended(err)
	}
	return writeJSON(w, map[string]string{"to": pathPages + "security"})
}

// notMended says why something was not done that its person can mend.
func (d *desk) notMended(err error) *refusal {
	if m, is := errors.AsType[*Mistake](err); is {
		return &refusal{status: http.StatusUnprocessableEntity, kind: invalidRequest, code: m.Code, message: m.Message}
	}
	return d.broken(err)
}

// beginCeremony says what to ask the authenticator for.
func (d *desk) beginCeremony(w http.ResponseWriter, r *http.Request, from peer, c ceremony) *refusal {
	f, no := readForm(r, "name", "ticket")
	if no != nil {
		return no
	}
	defer f.wipe()
	p, origin, no := party(r)
	if no != nil {
		return no
	}
	d.ceremonies.take(shown(from, r), d.config.Now()) // one at a time
	c.origin = origin
	ask := evaluated(d.config.People.PasskeySalt())
	var options any
	var said *webauthn.SessionData
	var err error
	switch c.what {
	case withPasskey:
		options, said, err = p.BeginDiscoverableLogin(func(o *protocol.PublicKeyCredentialRequestOptions) error {
			o.Extensions, o.Timeout = ask, int(browserWait.Milliseconds())
			return nil
		})
	default:
		who := bearerOf{}
		if who, no = d.toBe(c, f); no != nil {
			return no
		}
		c.handle, c.name = who.handle, who.name
		options, said, err = p.BeginRegistration(who, func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Extensions, o.Timeout = ask, int(browserWait.Milliseconds())
			for _, k := range who.keys {
				o.CredentialExcludeList = append(o.CredentialExcludeList, k.Descriptor())
			}
			return nil
		})
	}
	if err != nil {
		return d.broken(err)
	}
	c.SessionData = *said
	name, ok := d.ceremonies.begin(c, d.config.Now())
	if !ok {
		return &refusal{status: http.StatusServiceUnavailable, kind: serverError, code: "overloaded", retry: 30, message: "Too many people are about to use a passkey. Wait a moment, or use your passphrase."}
	}
	offerCeremony(w, from, name)
	return writeJSON(w, options)
}

// toBe is whose passkey is about to be made.
func (d *desk) toBe(c ceremony, f *form) (bearerOf, *refusal) {
	who := bearerOf{name: string(f.text("name")), handle: make([]byte, 16)}
	rand.Read(who.handle) // never fails
	if c.what == newPasskey {
		if len(f.text("ticket")) == 0 || who.name == "" {
			return who, incomplete(Entry{Name: who.name, Ticket: f.text("ticket")}, true)
		}
		if err := d.config.People.Admits(bytes.TrimSpace(f.text("ticket")), who.name); err != nil {
			return who, d.notMended(err)
		}
		return who, nil
	}
	name, keys, err := d.config.People.Passkeys(c.who)
	if err != nil {
		return who, d.broken(err)
	}
	who.name = name
	for _, k := range keys {
		who.handle, who.keys = k.Handle, append(who.keys, record(k))
	}
	return who, nil
}

// endCeremony gives the ceremony that a browser comes back to: the one that it
// began, at this address, by this account, as this person, for this. From here on
// there is none.
func (d *desk) endCeremony(w http.ResponseWriter, r *http.Request, from peer, c *ceremony) (*webauthn.WebAuthn, *refusal) {
	p, origin, no := party(r)
	if no != nil {
		return nil, no
	}
	begun, ok := d.ceremonies.take(shown(from, r), d.config.Now())
	offerCeremony(w, from, "")
	if !ok || begun.what != c.what || begun.origin != origin || begun.uid != c.uid || begun.who != c.who {
		return nil, staleCeremony()
	}
	*c = begun
	return p, nil
}

func staleCeremony() *refusal {
	return &refusal{status: http.StatusConflict, kind: invalidRequest, code: "stale_passkey", message: "This use of a passkey was begun elsewhere, or too long ago, or is over. Press the button again."}
}

// unlocking reads an authenticator's answer. What is refused here is so whether or
// not anybody has this passkey.
func unlocking(c *ceremony, p *webauthn.WebAuthn, f *form) (*PasskeyProof, *refusal) {
	a, err := protocol.ParseCredentialRequestResponseBytes(f.text("credential"))
	if err != nil {
		return nil, unreadable()
	}
	if !a.Response.AuthenticatorData.Flags.HasUserVerified() {
		return nil, unverified()
	}
	return c.asserts(p, a), nil
}

// making reads what an authenticator has made.
func making(c *ceremony, p *webauthn.WebAuthn, f *form) (*vault.Passkey, *refusal) {
	a, err := protocol.ParseCredentialCreationResponseBytes(f.text("credential"))
	if err != nil {
		return nil, unreadable()
	}
	if !a.Response.AttestationObject.AuthData.Flags.HasUserVerified() {
		return nil, unverified()
	}
	k, ok := c.made(p, a)
	if !ok {
		return nil, unreadable()
	}
	return &k, nil
}

// secretOf decodes a passkey's secret, which the caller wipes.
func secretOf(f *form) ([]byte, *refusal) {
	text := f.text("secret")
	if len(text) == 0 {
		return nil, &refusal{status: http.StatusUnprocessableEntity, kind: invalidRequest, code: "no_prf",
			message: "This passkey, or this browser, cannot keep a secret for a page (the extension PRF), so it cannot open a vault. Take another device or a newer browser, or use a passphrase."}
	}
	secret := make([]byte, 32)
	if len(text) != base64.RawURLEncoding.EncodedLen(len(secret)) { // nor line ends, which the decoder skips
		return nil, unreadable()
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(secret, text); err != nil || n != len(secret) {
		clear(secret)
		return nil, unreadable()
	}
	return secret, nil
}

func unverified() *refusal {
	return &refusal{status: http.StatusUnprocessableEntity, kind: invalidRequest, code: "not_verified",
		message: "The passkey did not check that it is you, by fingerprint, face or PIN. Set one of these up on the device that has the passkey, and press the button again."}
}

func unreadable() *refusal {
	return &refusal{status: http.StatusBadRequest, kind: invalidRequest, code: "invalid_passkey", message: "What the passkey answered could not be read, or was no answer to what it was asked. Press the button again, or use your passphrase."}
}

// passkeyAccount is what guesses with one passkey are counted under: no name has a
// character like that.
func passkeyAccount(credential []byte) string {
	digest := vault.CredentialDigest(credential)
	return "\x00passkey " + string(digest[:])
}
