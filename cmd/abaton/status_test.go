package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"abaton.local/gateway"
	"abaton.local/vault"
)

// Only who runs the machine is told what the server is: owners, and programs of
// its account. Whoever else asks is sent on.
func TestStatusIsForThoseWhoRunTheMachine(t *testing.T) {
	next := stranger{}
	roles := map[vault.PersonID]gateway.Role{
		"olga": gateway.RoleOwner, "guest": gateway.RoleGuest, vault.Owner: gateway.RoleStranger,
		"mia": gateway.RoleMember, "ari": gateway.RoleAuditor,
	}
	h := watched{
		next: &next, status: status{Address: "127.0.0.1:1", Tier: "x"},
		standing: func(s vault.Session) gateway.Standing { return gateway.Standing{Role: roles[s.Person]} },
	}
	for _, c := range []struct {
		method, path string
		person       vault.PersonID
		told         bool
	}{
		{http.MethodGet, statusPath, vault.Owner, true},
		{http.MethodGet, statusPath, "olga", true},
		{http.MethodGet, statusPath, "guest", true},
		{http.MethodGet, statusPath, "mia", false},
		{http.MethodGet, statusPath, "ari", false},
		{http.MethodPost, statusPath, vault.Owner, false},
		{http.MethodGet, statusPath, "somebody", false},
		{http.MethodGet, posturePath, "somebody", false},
		{http.MethodGet, "/v1/models", vault.Owner, false},
	} {
		before := next.asked
		w := httptest.NewRecorder()
		h.ServeSession(w, httptest.NewRequest(c.method, c.path, nil), vault.Session{Person: c.person})
		if told := strings.Contains(w.Body.String(), `"tier":"x"`); told != c.told || told == (next.asked > before) {
			t.Errorf("%s %s by %q: told %v, sent on %v", c.method, c.path, c.person, told, next.asked > before)
		}
	}
}

type stranger struct{ asked int }

func (s *stranger) ServeSession(http.ResponseWriter, *http.Request, vault.Session) { s.asked++ }
