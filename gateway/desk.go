package gateway

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"abaton.local/vault"
)

// desk is where every request passes, in this order: host, origin, number and
// size, who, then the handler.
type desk struct {
	*Gateway
	tokens *vault.Tokens
	next   Handler
	uid    int // ours; the only account that the socket serves
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := "req_" + rand.Text()
	hardenHeader(w.Header(), id)
	out := &watched{ResponseWriter: w}
	defer d.recover(out, id)
	if d.hurry(w, r) != nil {
		panic(http.ErrAbortHandler) // the connection is gone
	}
	if no := d.admit(out, r); no != nil {
		if d.notable.take() {
			d.config.Log.Warn("refused a request", "reason", no.code, "status", no.status, "id", id)
		}
		no.write(out)
	}
}

// admit lets a request through, or says why not.
func (d *desk) admit(w *watched, r *http.Request) *refusal {
	if no := d.hosts.misdirected(r); no != nil {
		return no
	}
	if no := foreign(r); no != nil {
		return no
	}
	from := peerIn(r.Context())
	if no := d.crowd.enter(from.from); no != nil {
		return no
	}
	defer d.crowd.leave(from.from)
	if no := d.bounded(w.ResponseWriter, r); no != nil {
		return no
	}
	if r.URL.Path == "/health" {
		return health(w, r)
	}
	session, no := d.session(from, r)
	if no != nil {
		return no
	}
	d.next.ServeSession(w, r, session)
	return nil
}

// health is the one public page. It says that we answer, and nothing else.
func health(w http.ResponseWriter, r *http.Request) *refusal {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return &refusal{status: http.StatusMethodNotAllowed, kind: invalidRequest, code: "method_not_allowed", message: "/health can only be read: use GET."}
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(w, `{"status":"ok"}`)
	return nil
}

// session tells who asks: by the kernel's word at the socket, by a token at
// the TCP door. Neither door takes the other's credential.
func (d *desk) session(from peer, r *http.Request) (vault.Session, *refusal) {
	if from.local {
		if from.known && from.uid == d.uid {
			return vault.Session{Person: vault.Owner}, nil
		}
		return vault.Session{}, &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "wrong_account",
			message: "This socket serves only the account that runs Abaton. Run your program as that account, or use the TCP address with a token."}
	}
	given := r.Header.Values("Authorization")
	if len(given) == 1 {
		scheme, secret, _ := strings.Cut(given[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			if s, ok := d.tokens.Verify(strings.TrimSpace(secret)); ok {
				return s, nil
			}
		}
	}
	// A token has 256 bits, so guessing needs no lock-out, and a lock-out would
	// serve whoever wants the owner kept out. The limit is on noise alone: the
	// right token is always taken.
	if len(given) > 0 && !d.wrong.take() {
		return vault.Session{}, &refusal{status: http.StatusTooManyRequests, kind: rateLimit, code: "too_many_wrong_tokens", retry: true,
			message: "Too many wrong tokens were sent. Wait a moment; the right token is still taken at once."}
	}
	what := "No access token was sent."
	if len(given) > 0 {
		what = "This access token is wrong."
	}
	return vault.Session{}, &refusal{status: http.StatusUnauthorized, kind: invalidRequest, code: "invalid_api_key",
		message: what + " Send the header \"Authorization: Bearer abt_…\" with the token that `abaton serve` printed at its first start; in a client library it is the API key. " +
			"It is shown only once: to make a new one, stop `abaton serve`, delete token.json in its data folder and start it again."}
}

// recover turns a panic into an answer or, where one has begun, into a broken
// connection. Its value is not logged: it may hold content.
func (d *desk) recover(w *watched, id string) {
	v := recover()
	switch {
	case v == nil:
		return
	case v == http.ErrAbortHandler:
		panic(v)
	}
	d.config.Log.Error("a request ended in a panic", "id", id, "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	(&refusal{status: http.StatusInternalServerError, kind: serverError, code: "internal_error",
		message: "Something in Abaton broke. Its log has more under " + id + "."}).write(w)
}

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
