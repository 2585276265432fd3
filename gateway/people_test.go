package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

// recorder takes every event and keeps none.
type recorder struct{}

func (recorder) Record(vault.Event) error { return nil }

func (recorder) Bind([32]byte, ...time.Time) error           { return nil }
func (recorder) Bound(...[32]byte) (at time.Time, which int) { return at, -1 }

// town is a house with people in it, over the real vault.
type town struct {
	*house
	clock *clock
	vault *vault.Directory
	pass  map[string]string
}

const (
	olga = "Olga Owner"
	mia  = "Mia Member"
	ari  = "Ari Auditor"
)

// newDirectory is an empty directory whose clock is set by hand.
func newDirectory(t testing.TB, c *clock) *vault.Directory {
	t.Helper()
	return newDirectoryOf(t, c, recorder{})
}

func newDirectoryOf(t testing.TB, c *clock, record vault.Recorder) *vault.Directory {
	t.Helper()
	d, err := directoryIn(t.Context(), t.TempDir(), c.now, record)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func directoryIn(ctx context.Context, dir string, now func() time.Time, record vault.Recorder) (*vault.Directory, error) {
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	device, err := vault.MakeDevice(filepath.Join(dir, "config", "device"), data)
	if err != nil {
		return nil, err
	}
	return vault.OpenDirectory(ctx, vault.Config{
		Store: vaulttest.NewMemory(), Device: device, StateDir: filepath.Join(dir, "state"), Audit: record, Now: now, Cost: vault.FloorCost(),
	})
}

// settle opens a house in which an owner, a member and an auditor live.
func settle(t testing.TB, c Config, h Handler) *town {
	t.Helper()
	w := &town{clock: newClock(), pass: map[string]string{}}
	w.vault = newDirectory(t, w.clock)
	c.Now, c.People = w.clock.now, Directory(w.vault)
	claim, err := w.vault.Claim()
	if err != nil {
		t.Fatal(err)
	}
	owner := w.settler(t, olga, claim)
	for name, role := range map[string]vault.Role{mia: vault.RoleMember, ari: vault.RoleAuditor} {
		invitation, _, err := w.vault.Invite(t.Context(), owner, role)
		if err != nil {
			t.Fatal(err)
		}
		w.settler(t, name, invitation)
	}
	w.house = open(t, c, h)
	return w
}

func (w *town) settler(t testing.TB, name string, ticket vault.Once) vault.Session {
	t.Helper()
	w.pass[name] = "the secret words of " + name
	s, err := w.vault.Join(t.Context(), vault.Newcomer{Ticket: ticket.Reveal(), Name: name, Passphrase: []byte(w.pass[name])})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post sends a form to a page, by the socket.
func (h *house) post(t testing.TB, path, body string, header ...string) answer {
	t.Helper()
	return raw(t, "unix", h.socket, posted(path, "localhost", body, header...))
}

func posted(path, host, body string, header ...string) string {
	return request("POST", path, host, append(header, "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)))...) + body
}

func (w *town) credentials(name string) string {
	return fmt.Sprintf(`{"name":%q,"passphrase":%q}`, name, w.pass[name])
}

// login gives a session's secret.
func (w *town) login(t testing.TB, name string) string {
	t.Helper()
	a := w.post(t, pathLogin, w.credentials(name))
	var said entered
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.StatusCode != 200 || !strings.HasPrefix(said.Session, sessionPrefix) {
		t.Fatalf("%s logs in: %s %v", name, a.Status, err)
	}
	return said.Session
}

func (w *town) token(t testing.TB, name string, scope vault.Scope) string {
	t.Helper()
	s, err := w.vault.Unlock(t.Context(), vault.Attempt{Name: name, Way: vault.SlotPassphrase, Secret: []byte(w.pass[name])})
	if err != nil {
		t.Fatal(err)
	}
	defer s.End()
	token, _, err := w.vault.MakeToken(t.Context(), s, "a program", scope, w.clock.now().Add(30*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

// relay is a Handler that is told later who answers.
type relay struct{ to Handler }

func (r *relay) ServeSession(w http.ResponseWriter, q *http.Request, s vault.Session) {
	r.to.ServeSession(w, q, s)
}

// echo is a route that proves it was reached, and by whom.
func echo(method, path string, p Policy) Route {
	return Route{method, path, p, func(w http.ResponseWriter, _ *http.Request, s vault.Session) {
		w.Header().Set("Reached", string(s.Person))
	}}
}

// Every form of credential at every door, on a route of every policy.
func TestCredentialsRoutesAndPolicies(t *testing.T) {
	next := new(relay)
	w := settle(t, Config{TLS: &TLS{Address: "127.0.0.1:0", Names: []string{"abaton.example"}, Dir: filepath.Join(privateDir(t), "tls")}}, next)
	policies := map[string]Policy{"/guest": Guest, "/known": Known, "/unlocked": Unlocked, "/auditor": Auditor, "/owner": Owner}
	var routes []Route
	for path, p := range policies {
		routes = append(routes, echo("GET", path, p), echo("POST", path, p))
	}
	table, err := NewTable(w.Standing, routes...)
	if err != nil {
		t.Fatal(err)
	}
	next.to = table
	id := map[string]string{}
	for name := range w.pass {
		var me whoAmI
		if err := json.Unmarshal([]byte(w.get(t, pathSession, bearer(w.login(t, name))).body), &me); err != nil {
			t.Fatal(err)
		}
		id[name] = string(me.Person)
	}
	idle := w.login(t, olga)
	w.clock.advance(20 * time.Minute) // its keys are gone, its person is known
	locked := w.login(t, mia)
	if a := w.post(t, pathLock, `{}`, bearer(locked)); a.StatusCode != 200 {
		t.Fatal(a.Status, a.body)
	}
	revoked := w.token(t, mia, vault.ScopeAll)
	s, err := w.vault.Unlock(t.Context(), vault.Attempt{Name: mia, Way: vault.SlotPassphrase, Secret: []byte(w.pass[mia])})
	if err != nil {
		t.Fatal(err)
	}
	infos, err := w.vault.TokensOf(t.Context(), s)
	if err != nil || len(infos) != 1 || w.vault.RevokeToken(t.Context(), s, infos[0].ID) != nil {
		t.Fatal(infos, err)
	}
	live := w.login(t, mia)
	cookie := func(s string) []string { return []string{"Cookie: " + cookieName + "=" + s} }
	all := []string{"/guest", "/known", "/unlocked", "/auditor", "/owner"}
	none := []string{}
	for name, c := range map[string]struct {
		header []string
		person string
		opens  []string
		by     string // "all" doors, or one
	}{
		"owner's session":           {[]string{bearer(w.login(t, olga))}, olga, all, "all"},
		"owner's idle session":      {[]string{bearer(idle)}, olga, all[:2], "all"},
		"owner's token to ask":      {[]string{bearer(w.token(t, olga, vault.ScopeAsk))}, olga, all[:2], "all"},
		"owner's token to all":      {[]string{bearer(w.token(t, olga, vault.ScopeAll))}, olga, all[:3], "all"},
		"auditor's session":         {[]string{bearer(w.login(t, ari))}, ari, all[:4], "all"},
		"auditor's token to ask":    {[]string{bearer(w.token(t, ari, vault.ScopeAsk))}, ari, all[:2], "all"},
		"member's session":          {[]string{bearer(live)}, mia, all[:3], "all"},
		"member's token to all":     {[]string{bearer(w.token(t, mia, vault.ScopeAll))}, mia, all[:3], "all"},
		"member's cookie":           {append(cookie(live), "Sec-Fetch-Site: same-origin"), mia, all[:3], "tls"},
		"a cookie beside a session": {append(cookie(w.login(t, olga)), "Sec-Fetch-Site: same-origin", bearer(live)), mia, all[:3], "all"},
		"a cookie beside nonsense":  {append(cookie(live), "Sec-Fetch-Site: same-origin", bearer("abt_x")), mia, none, "all"},
		"a token in a cookie":       {append(cookie(w.token(t, mia, vault.ScopeAll)), "Sec-Fetch-Site: same-origin"), mia, none, "tls"},
		"two cookies":               {append(cookie(live), "Cookie: "+cookieName+"="+live, "Sec-Fetch-Site: same-origin"), mia, none, "tls"},
		"locked session":            {[]string{bearer(locked)}, mia, none, "all"},
		"revoked token":             {[]string{bearer(revoked)}, mia, none, "all"},
		"first start's token":       {[]string{bearer(w.house.token)}, "", none, "all"},
		"forged session":            {[]string{bearer(sessionPrefix + strings.Repeat("A", 43))}, "", none, "all"},
		"session without its mark":  {[]string{bearer(strings.TrimPrefix(live, sessionPrefix))}, "", none, "all"},
		"session cut short":         {[]string{bearer(live[:len(live)-1])}, "", none, "all"},
		"forged token":              {[]string{bearer("abt_" + strings.Repeat("A", 43))}, "", none, "all"},
		"a session twice":           {[]string{bearer(live), bearer(live)}, "", none, "all"},
		"another scheme":            {[]string{"Authorization: Basic " + live}, "", none, "all"},
		"an empty header":           {[]string{"Authorization:"}, "", none, "all"},
		"a header that claims":      {[]string{"X-Person: owner", "X-Forwarded-User: owner"}, "", all[:1], "unix"},
		"nothing":                   {nil, "", all[:1], "unix"},
		"nothing elsewhere":         {nil, "", none, "tcp"},
		"nothing by TLS":            {nil, "", none, "tls"},
	} {
		for door, send := range map[string]func(string) answer{
			"unix": func(r string) answer { return raw(t, "unix", w.socket, r) },
			"tcp":  func(r string) answer { return raw(t, "tcp", w.address, r) },
			"tls":  func(r string) answer { return w.secretly(t, r) },
		} {
			if c.by != "all" && c.by != door {
				continue
			}
			for i, path := range all {
				host := map[string]string{"unix": "localhost", "tcp": w.address, "tls": "abaton.example"}[door]
				for _, method := range []string{"GET", "POST"} {
					a := send(request(method, path, host, c.header...))
					may := i < len(c.opens)
					reached := a.Header.Get("Reached")
					if may != (a.StatusCode == 200) || may != (reached != "") || !may && a.StatusCode != 401 && a.StatusCode != 403 && a.StatusCode != 429 {
						t.Errorf("%s, %s %s at %s: %s %s", name, method, path, door, a.Status, a.body)
					}
					if c.person != "" && may && reached != id[c.person] {
						t.Errorf("%s, %s at %s: taken for another", name, path, door)
					}
					if c.person == "" && may && !strings.HasPrefix(reached, "guest-") {
						t.Errorf("%s, %s at %s: taken for %s", name, path, door, reached)
					}
				}
			}
		}
	}
}

// Sessions of two people, used at one time by all doors, never meet.
func TestTwoPeopleNeverCross(t *testing.T) {
	w := settle(t, Config{}, hello)
	var wg sync.WaitGroup
	for _, name := range []string{olga, mia} {
		secret := w.login(t, name)
		var me whoAmI
		if err := json.Unmarshal([]byte(w.get(t, pathSession, bearer(secret)).body), &me); err != nil || me.Person == "" {
			t.Fatal(err)
		}
		for range 4 {
			wg.Go(func() {
				for range 50 {
					for _, a := range []answer{
						raw(t, "tcp", w.address, request("GET", "/", w.address, bearer(secret))),
						raw(t, "unix", w.socket, request("GET", "/", "localhost", bearer(secret))),
					} {
						if got := a.Header.Get("Reached"); got != string(me.Person) {
							t.Errorf("%s was taken for %q: %s", name, got, a.Status)
						}
					}
				}
			})
		}
	}
	wg.Wait()
}

// The promise of a witness's token: it reads the audit log as long as its person
// may, and opens nothing else at any door.
func TestAWitnessReadsTheLogAlone(t *testing.T) {
	next := new(relay)
	w := settle(t, Config{}, next)
	var routes []Route
	for path, p := range map[string]Policy{"/guest": Guest, "/known": Known, "/unlocked": Unlocked, "/auditor": Auditor, "/owner": Owner} {
		routes = append(routes, echo("GET", path, p))
	}
	table, err := NewTable(w.Standing, routes...)
	if err != nil {
		t.Fatal(err)
	}
	next.to = table
	token := w.token(t, ari, vault.ScopeAudit)
	reach := func() (opened []string) {
		for _, path := range []string{"/guest", "/known", "/unlocked", "/auditor", "/owner", pathSession} {
			if w.get(t, path, bearer(token)).StatusCode == 200 {
				opened = append(opened, path)
			}
		}
		return opened
	}
	if opened := reach(); !slices.Equal(opened, []string{"/auditor"}) {
		t.Errorf("a witness opens %q", opened)
	}
	s, err := w.vault.UnlockToken(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.vault.SetRole(t.Context(), mustUnlock(t, w, olga), s.Person, vault.RoleMember); err != nil {
		t.Fatal(err)
	}
	if opened := reach(); len(opened) != 0 {
		t.Errorf("no auditor any more, and the token opens %q", opened)
	}
	if _, _, err := w.vault.MakeToken(t.Context(), mustUnlock(t, w, mia), "mine", vault.ScopeAudit, w.clock.now().Add(time.Hour)); !errors.Is(err, vault.ErrNotAuditor) {
		t.Errorf("a member makes such a token: %v", err)
	}
}

func mustUnlock(t testing.TB, w *town, name string) vault.Session {
	t.Helper()
	s, err := w.vault.Unlock(t.Context(), vault.Attempt{Name: name, Way: vault.SlotPassphrase, Secret: []byte(w.pass[name])})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
