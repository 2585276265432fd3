package gateway

import (
	"net/http"
	"strings"
	"time"

	"abaton.local/vault"
)

// What a browser remembers of the vaults that were opened in it, so that one which
// was put back to an earlier day is told to its person: a sealed text for each, which
// says nothing to whoever looks into the browser. It stays when the session ends. At
// the plain door other programs of this machine are sent it; they can take it away,
// and make none.
const (
	seenName  = "__Host-abaton-seen-"
	plainSeen = "abaton-seen-"
	seenLife  = 400 * 24 * time.Hour // browsers keep no cookie for longer
	mostSeen  = 32
	longSeen  = 512 // bytes of one
)

// seenBy gives what a browser remembers.
func seenBy(from peer, r *http.Request) (texts []string) {
	name := plainSeen
	if from.tls {
		name = seenName
	}
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, name) && len(c.Value) <= longSeen && len(texts) < mostSeen {
			texts = append(texts, c.Value)
		}
	}
	return texts
}

// remind has a browser remember how far a vault has got, where it does not.
func (d *desk) remind(w http.ResponseWriter, r *http.Request, from peer, s vault.Session) {
	label, text := d.config.People.Seen(s, seenBy(from, r))
	if label == "" {
		return
	}
	c := &http.Cookie{Name: plainSeen + label, Value: text, Path: "/", MaxAge: int(seenLife.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if from.tls {
		c.Name, c.Secure = seenName+label, true
	}
	http.SetCookie(w, c)
}
