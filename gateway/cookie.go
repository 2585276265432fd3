package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Cookies of sessions. By TLS the name begins with a word that browsers obey: no
// other host, no page without TLS and no path can set or get it.
//
// Without TLS, on this machine's own address, whatever other program serves at
// the same name is sent the same cookie, for cookies know no ports. So there one
// is given only at a name that is Abaton's alone, and it is good only for the
// account of this machine that it was given to: the kernel tells whose each
// connection is. Where it cannot be told, there are none. And its value is not the
// session's secret, but stands for it here alone: whoever else has it can send it
// in no other header and at no other door.
const (
	cookieName = "__Host-abaton"
	plainName  = "abaton-session"
)

// ownName is the name of the plain door which no other program is called by.
// Browsers take every name below localhost for this machine, and ask nobody.
const ownName = "abaton.localhost"

// sessionCookie is as strict as cookies can be. One without seconds ends with
// the browser.
func sessionCookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

func plainCookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: plainName, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

// dropCookie has a browser forget its session.
func dropCookie(w http.ResponseWriter, from peer) {
	switch {
	case from.tls:
		http.SetCookie(w, sessionCookie("", -1))
	case !from.local:
		http.SetCookie(w, plainCookie("", -1))
	}
}

// worn reads the cookie of a request that has no other credential.
func (d *desk) worn(from peer, r *http.Request) (given string, sent bool, no *refusal) {
	name := plainName
	switch {
	case from.tls:
		name = cookieName
	case from.local || from.keyless || !d.ours(r.Host):
		return "", false, nil
	}
	cookies := r.CookiesNamed(name)
	if len(cookies) == 0 {
		return "", false, nil
	}
	if len(cookies) > 1 || !strings.HasPrefix(cookies[0].Value, sessionPrefix) {
		return "", true, nil
	}
	// A browser sends it with whatever request some page makes. The guard at the
	// door refused what it could see to be foreign; what is not seen to be ours
	// may change nothing.
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !madeByOurs(r) {
		return "", true, &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "foreign_origin",
			message: "This request came with a cookie, but its browser does not say that one of Abaton's own pages made it."}
	}
	if given = cookies[0].Value; from.tls {
		return given, true, nil
	}
	uid, err := accountIn(r.Context())
	secret, ok := d.wearers.secret(given, uid)
	if err != nil || !ok {
		return "", true, &refusal{status: http.StatusForbidden, kind: invalidRequest, code: "wrong_account",
			message: "This session's cookie was given to another account of this machine. Log in yourself."}
	}
	return secret, true, nil
}

// madeByOurs tells a request which its browser says one of our pages made: the
// guard has refused every other origin.
func madeByOurs(r *http.Request) bool {
	return len(r.Header.Values("Origin")) > 0 || r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// ours tells a Host header of the plain door that no other program is called by:
// not localhost, and no address. Our own name leads to two addresses alone, and
// where neither is ours another program may be called by it.
func (d *desk) ours(host string) bool {
	name, ok := splitHost(host)
	if !ok {
		return false
	}
	_, err := netip.ParseAddr(name)
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return err != nil && name != "localhost" && (name != ownName || d.Named())
}

// Named tells whether the names below localhost lead to the plain door, and to
// nobody else.
func (g *Gateway) Named() bool {
	if g.tcp == nil {
		return false
	}
	_, named := twinOf(g.tcp.Addr())
	return named
}

// wearers remember to which account of this machine each cookie was given at the
// plain door, and for which session. They are safe for concurrent use.
type wearers struct {
	mu sync.Mutex
	of map[[sha256.Size]byte]wearer // by digest of the cookie's value; guarded by mu
}

type wearer struct {
	uid    int
	secret string    // of the session
	until  time.Time // when the session ends whatever happens
}

// give makes the value of a cookie for a session.
func (w *wearers) give(secret string, uid int, until, now time.Time) (value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, x := range w.of {
		if now.After(x.until) {
			delete(w.of, key)
		}
	}
	if w.of == nil {
		w.of = map[[sha256.Size]byte]wearer{}
	}
	value = sessionPrefix + rand.Text() + rand.Text()
	w.of[sha256.Sum256([]byte(value))] = wearer{uid, secret, until}
	return value
}

// secret is that of the session for which an account was given a cookie. To every
// other account it is nobody's.
func (w *wearers) secret(value string, uid int) (secret string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x, ok := w.of[sha256.Sum256([]byte(value))]
	if !ok || uid < 0 || x.uid != uid {
		return "", false
	}
	return x.secret, true
}

// drop forgets a cookie whose session was ended.
func (w *wearers) drop(r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range r.CookiesNamed(plainName) {
		delete(w.of, sha256.Sum256([]byte(c.Value)))
	}
}
