package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"abaton.local/vault"
)

// Keyless is a listener for programs that can send no key: whoever comes there
// acts as one named token, if the kernel says that its account stands for it. It
// opens no vault and leads to models alone.
type Keyless struct {
	Address string // loopback; 127.0.0.1:11434 is where many programs look
	Account int    // uid

	// Session is the token's: known, never unlocked. One that was revoked, or is
	// over, is vault.ErrToken.
	Session func(context.Context) (vault.Session, error)
}

// keyless is a bound Keyless.
type keyless struct {
	net.Listener
	*sorter
	account int
	session func(context.Context) (vault.Session, error)
}

func listenKeyless(k Keyless) (*keyless, error) {
	if k.Session == nil {
		return nil, errors.New("an address for programs without a key needs a token that they act as")
	}
	l, err := listenTCP(k.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program, perhaps Ollama itself: %w", k.Address, ErrTaken)
	}
	if err != nil {
		return nil, err
	}
	return &keyless{l, newSorter(l, accountsOf), k.Account, k.Session}, nil
}

// ErrTaken says that another program listens where programs without a key look.
var ErrTaken = errors.New("stop it, or do without")

// Accept gives connections of which it is known whose they are, if it can be.
func (k *keyless) Accept() (net.Conn, error) { return k.sorter.accept() }

// Close unbinds.
func (k *keyless) Close() error { return errors.Join(k.Listener.Close(), k.sorter.close()) }

// share is what connections of one account may have of so many seats. Those whom this
// address is not for share a sixteenth, for long enough to be told so.
func (k *keyless) share(c net.Conn, seats int) (from string, most int) {
	if u, ok := c.(unkeyed); ok && u.uid == k.account {
		return "the account", seats
	}
	return "all others", max(1, seats/16)
}

// onlyModels reports whether a path is none of the door's and the desks' own:
// what those do needs somebody who showed a credential by themselves.
func onlyModels(path string) bool {
	return !strings.HasPrefix(path, "/abaton/") && !strings.HasPrefix(path, "/audit/") && path != "/abaton" && path != "/audit" && path != "/metrics" && !isPage(path)
}

// act tells as whom somebody acts who came without a key, for a path of models.
func (k *keyless) act(from peer, r *http.Request) (vault.Session, *refusal) {
	// Not Sec-Fetch-Mode: Node's fetch sends it, and nothing else of these. A browser that sends it sends Sec-Fetch-Site, too.
	for _, browsers := range []string{"Origin", "Referer", "Cookie", "Sec-Fetch-Site", "Sec-Fetch-Dest"} {
		if len(r.Header.Values(browsers)) > 0 {
			return vault.Session{}, &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "foreign_origin",
				message: "This address serves programs, and this request comes from a browser. A page needs a key of its own at Abaton's own address."}
		}
	}
	if !from.known || from.uid != k.account {
		return vault.Session{}, &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "wrong_account",
			message: "This address acts for another account of this machine. Use Abaton's own address with a key of yours: `abaton keys create NAME`."}
	}
	s, err := k.session(r.Context())
	switch {
	case err == nil && s.Person != "" && !s.Unlocked():
		return s, nil
	case err != nil && !errors.Is(err, vault.ErrToken):
		return vault.Session{}, stopping()
	}
	return vault.Session{}, unknownPerson("The key that this address acts as was revoked, or is over.")
}

func notHere() *refusal {
	return &refusal{status: http.StatusNotFound, kind: invalidRequest, code: "unknown_url",
		message: "There is nothing at this address: without a header for the key, models are served and nothing else."}
}

// capability takes the token out of an address like /c/abt_…/v1/models, for
// programs that can be given an address and no key. The rest of the path is what
// the request is for. It is for this machine alone, and opens no vault whatever
// the token could: an address is written down in more places than a header.
func capability(r *http.Request, from *peer) *refusal {
	rest, ok := strings.CutPrefix(r.URL.Path, "/c/")
	if !ok {
		return nil
	}
	token, path, _ := strings.Cut(rest, "/")
	r.URL.Path, r.URL.RawPath, r.RequestURI = "/"+path, "", ""
	switch {
	case from.tls:
		return &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "no_capability_here",
			message: "A key in the address works on this machine alone. Send the header \"Authorization: Bearer abt_…\"."}
	case !onlyModels(r.URL.Path) || isPublic(r.URL.Path):
		return notHere()
	case token == "":
		return unknownPerson("The address has no key in it.")
	case strings.HasPrefix(token, sessionPrefix):
		return unknownPerson("A session's secret is no key, and belongs in no address.")
	}
	from.token = token
	return nil
}
