package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"abaton.local/vault"
)

// A ceremony is what a browser and an authenticator are asked for, and by whom: its
// challenge is good once, for a few minutes, for the browser that asked, at the
// address where it asked, and for what it asked.
type ceremony struct {
	webauthn.SessionData
	what   string
	origin string
	uid    int           // the account of this machine at the plain door
	who    vault.Session // whose passkey it is to be; zero for who is not in yet
	name   string        // of who joins
	handle []byte        // of the passkey that is made
	source string
	until  time.Time
}

// Bounds of ceremonies.
const (
	ceremonyLife      = 5 * time.Minute
	browserWait       = ceremonyLife - 10*time.Second // what a browser is told that it has
	mostCeremonies    = 4096
	mostOfOneSource   = 64
	ceremonyCookie    = "__Host-abaton-passkey"
	plainCeremonyName = "abaton-passkey"
)

// ceremonies are those that have begun, by digest of the random name that its
// browser alone was given, as a cookie. They are safe for concurrent use.
type ceremonies struct {
	mu sync.Mutex
	of map[[sha256.Size]byte]ceremony // guarded by mu
}

// whose a ceremony is, as far as can be told: programs of this machine are one
// source, whatever account they run under.
type whose struct {
	source string
	uid    int
	person vault.PersonID
}

func (c ceremony) whose() whose { return whose{c.source, c.uid, c.who.Person} }

// begin keeps a ceremony and gives its name. Who begins many of them loses their own
// oldest. Where there are too many of all, whoever has most loses theirs; false where
// nobody has more than who begins.
func (cs *ceremonies) begin(c ceremony, now time.Time) (name string, ok bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	held, oldest := map[whose]int{}, map[whose][sha256.Size]byte{}
	for key, x := range cs.of {
		if now.After(x.until) {
			delete(cs.of, key)
			continue
		}
		of := x.whose()
		if held[of]++; held[of] == 1 || x.until.Before(cs.of[oldest[of]].until) {
			oldest[of] = key
		}
	}
	mine := c.whose()
	switch {
	case held[mine] >= mostOfOneSource:
		delete(cs.of, oldest[mine])
	case len(cs.of) >= mostCeremonies:
		most := mine
		for of, n := range held {
			if n > held[most] {
				most = of
			}
		}
		if held[most] <= held[mine]+1 { // they would be the next to lose one
			return "", false
		}
		delete(cs.of, oldest[most])
	}
	if cs.of == nil {
		cs.of = map[[sha256.Size]byte]ceremony{}
	}
	name = rand.Text() + rand.Text()
	c.until = now.Add(ceremonyLife)
	cs.of[sha256.Sum256([]byte(name))] = c
	return name, true
}

// take gives a ceremony and forgets it, whatever comes of it.
func (cs *ceremonies) take(name string, now time.Time) (ceremony, bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	key := sha256.Sum256([]byte(name))
	c, ok := cs.of[key]
	delete(cs.of, key)
	return c, ok && !now.After(c.until)
}

// offer has a browser keep the name of its ceremony, or forget it where name is empty.
func offerCeremony(w http.ResponseWriter, from peer, name string) {
	c := &http.Cookie{Name: plainCeremonyName, Value: name, Path: "/", MaxAge: int(ceremonyLife.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if from.tls {
		c.Name, c.Secure = ceremonyCookie, true
	}
	if name == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// shown gives the name of the ceremony that a browser comes back with.
func shown(from peer, r *http.Request) string {
	name := plainCeremonyName
	if from.tls {
		name = ceremonyCookie
	}
	if cookies := r.CookiesNamed(name); len(cookies) == 1 {
		return cookies[0].Value
	}
	return ""
}
