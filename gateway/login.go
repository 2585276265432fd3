package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"abaton.local/vault"
)

const (
	tokenPrefix   = "abt_" // of access tokens
	sessionPrefix = "abs_" // of what the client of a session comes back with
)

// newGuest makes the one guest of this server's life: whoever comes by the
// socket without a session. The socket is this account's alone.
func newGuest() vault.Session { return vault.Guest() }

// settled reports whether people are set up here.
func (g *Gateway) settled() bool { return g.config.People != nil && !g.config.People.Empty() }

// Standing is what the person of a session may do. It is for [NewTable].
func (g *Gateway) Standing(s vault.Session) Standing {
	switch {
	case s.Person == "":
		return Standing{}
	case !g.settled():
		// A token that is told to anybody who holds the data folder opens and
		// manages nothing.
		return Standing{Role: RoleStranger}
	}
	return g.config.People.Standing(s)
}

// session tells who asks. A credential means the same at every door and in
// every form; without one the socket lets a guest in. Before anybody is set up
// each of the two doors of this machine has its own way.
func (d *desk) session(from peer, r *http.Request) (vault.Session, *refusal) {
	if from.local && (!from.known || from.uid != d.uid) {
		return vault.Session{}, wrongAccount()
	}
	if from.keyless {
		return d.keyless.act(from, r)
	}
	if !d.settled() {
		return d.stranger(from, r)
	}
	given, sent, no := credentialOf(from, r)
	if no == nil && !sent {
		given, sent, no = d.worn(from, r)
	}
	switch {
	case no != nil:
		return vault.Session{}, no
	case !sent && from.local:
		return d.guest, nil
	case !sent:
		return vault.Session{}, unknownPerson("No access token was sent.")
	}
	s, err := d.config.People.Who(r.Context(), given)
	switch {
	case err == nil && s.Person != "" && from.token != "" && !s.Audits():
		return s.Known(), nil
	case err == nil && s.Person != "":
		return s, nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return vault.Session{}, stopping()
	case err != nil && !errors.Is(err, vault.ErrToken) && !errors.Is(err, vault.ErrEnded):
		return vault.Session{}, d.broken(err)
	}
	return vault.Session{}, d.wrongCredential(given)
}

// stranger is the way in before anybody is set up: by the kernel's word at the
// socket, by the first start's token at the TCP door. Neither takes the other's
// credential, and none comes from another machine.
func (d *desk) stranger(from peer, r *http.Request) (vault.Session, *refusal) {
	switch {
	case from.local:
		return vault.Session{Person: vault.Owner}, nil
	case from.tls && d.tls.exposed:
		return vault.Session{}, &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "not_set_up",
			message: "Nobody is set up on this machine any more, so it answers no other machine. Run `abaton setup` there."}
	}
	given, sent, no := credentialOf(from, r)
	if no != nil {
		return vault.Session{}, no
	}
	if s, ok := d.tokens.Verify(given); sent && ok {
		return s, nil
	}
	// A token has 256 bits, so guessing needs no lock-out, and a lock-out would
	// serve whoever wants the owner kept out. The limit is on noise alone: the
	// right token is always taken.
	if sent && !d.wrong.take() {
		return vault.Session{}, tooManyTokens()
	}
	what := "No access token was sent."
	if sent {
		what = "This access token is wrong."
	}
	return vault.Session{}, &refusal{status: http.StatusUnauthorized, kind: invalidRequest, code: "invalid_api_key",
		message: what + " Send the header \"Authorization: Bearer abt_…\" with the token that `abaton serve` printed at its first start; in a client library it is the API key. " +
			"It is shown only once: to make a new one, stop `abaton serve`, delete token.json in its data folder and start it again."}
}

// credentialOf reads what a request shows. A header for it is the whole word:
// the cookie that a browser may send along does not count beside it, and two
// headers that say different things are no word at all. A token in the address
// comes from a program that can send none; what it sends in its place is nothing.
func credentialOf(from peer, r *http.Request) (given string, sent bool, no *refusal) {
	if from.token != "" {
		return from.token, true, nil
	}
	if keys := r.Header.Values("X-Api-Key"); len(keys) > 0 {
		bearer := r.Header.Values("Authorization")
		if len(keys) > 1 || len(bearer) > 1 || len(bearer) == 1 && bearer[0] != "Bearer "+keys[0] {
			return "", true, nil
		}
		return strings.TrimSpace(keys[0]), true, nil
	}
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		scheme, secret, _ := strings.Cut(headers[0], " ")
		if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
			return "", true, nil
		}
		return strings.TrimSpace(secret), true, nil
	}
	return "", false, nil
}

// wrongCredential refuses. How much of this is answered is limited for the
// noise alone: secrets of 256 bits cannot be guessed, and the right one is
// always taken.
func (d *desk) wrongCredential(given string) *refusal {
	switch {
	case !d.wrong.take():
		return tooManyTokens()
	case strings.HasPrefix(given, sessionPrefix):
		return unknownPerson("This session has ended.")
	}
	return unknownPerson("This access token is wrong, revoked or over.")
}

func wrongAccount() *refusal {
	return &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "wrong_account",
		message: "This socket serves only the account that runs Abaton. Run your program as that account, or use the TCP address with a token."}
}

func unknownPerson(what string) *refusal {
	return &refusal{status: http.StatusUnauthorized, kind: invalidRequest, code: "invalid_api_key",
		message: what + " Log in with `abaton login`, or send the header \"Authorization: Bearer abt_…\" with a token that `abaton keys create` made; in a client library it is the API key."}
}

func tooManyTokens() *refusal {
	return &refusal{status: http.StatusTooManyRequests, kind: rateLimit, code: "too_many_wrong_tokens", retry: 1,
		message: "Too many wrong tokens were sent. Wait a moment; the right token is still taken at once."}
}

func stopping() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, kind: serverError, code: "stopping", retry: 1, message: "Abaton is stopping. Start it again, then ask again."}
}
