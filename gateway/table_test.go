package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"abaton.local/vault"
)

// The whole of who may do what.
func TestPolicies(t *testing.T) {
	standings := []Standing{{}, {Role: "king", Unlocked: true}, {Unlocked: true}}
	for _, role := range []Role{RoleGuest, RoleStranger, RoleMember, RoleAuditor, RoleOwner} {
		standings = append(standings, Standing{Role: role}, Standing{Role: role, Unlocked: true})
	}
	for policy, want := range map[Policy]string{
		Nobody: "", -1: "", Owner + 1: "",
		Guest:    "guest guest+ stranger stranger+ member member+ auditor auditor+ owner owner+",
		Known:    "member member+ auditor auditor+ owner owner+",
		Unlocked: "member+ auditor+ owner+",
		Auditor:  "auditor+ owner+",
		Owner:    "owner+",
	} {
		var got []string
		for _, s := range standings {
			name := string(s.Role)
			if s.Unlocked {
				name += "+"
			}
			if policy.allows(s) {
				got = append(got, name)
			} else if no := policy.refuses(s); no.status != 403 || no.message == "" {
				t.Errorf("policy %d refuses %s with %+v", policy, name, no)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("policy %d lets in %q, want %q", policy, got, want)
		}
	}
}

func ownerStanding(vault.Session) Standing { return Standing{Role: RoleOwner, Unlocked: true} }

func TestRoutesCannotBeRegisteredWithoutThinking(t *testing.T) {
	ok := echo("GET", "/a", Guest)
	for name, routes := range map[string][]Route{
		"no policy":              {echo("GET", "/a", Nobody)},
		"a policy of one's own":  {echo("GET", "/a", Owner+1)},
		"below nobody":           {echo("GET", "/a", -1)},
		"no method":              {echo("", "/a", Guest)},
		"no path":                {echo("GET", "", Guest)},
		"a path from nowhere":    {echo("GET", "a", Guest)},
		"nobody serves":          {{Method: "GET", Path: "/a", Policy: Guest}},
		"twice":                  {ok, ok},
		"twice, another policy":  {ok, echo("GET", "/a", Owner)},
		"below another":          {echo("GET", "/a/", Owner), echo("GET", "/a/b", Guest)},
		"above another":          {echo("GET", "/a/b", Owner), echo("GET", "/a/", Guest)},
		"a public page":          {echo("GET", pathHealth, Guest)},
		"a public page, by POST": {echo("POST", pathLogin, Guest)},
	} {
		if _, err := NewTable(ownerStanding, routes...); err == nil {
			t.Errorf("%s: registered", name)
		}
	}
	if _, err := NewTable(nil, ok); err == nil {
		t.Error("without anybody who knows standings")
	}
	if _, err := NewTable(ownerStanding, ok, echo("POST", "/a", Owner), echo("GET", "/ab", Known), echo("GET", "/b/", Known)); err != nil {
		t.Error(err)
	}
}

func TestTableLeads(t *testing.T) {
	rest := ""
	table, err := NewTable(ownerStanding, echo("GET", "/a", Guest), echo("POST", "/a", Guest), Route{"GET", "/b/", Guest, func(_ http.ResponseWriter, r *http.Request, _ vault.Session) {
		rest = r.PathValue("rest")
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		person       vault.PersonID
		want         int
	}{
		{"GET", "/a", "p", 200}, {"POST", "/a", "p", 200}, {"PUT", "/a", "p", 405}, {"GET", "/a/", "p", 404}, {"GET", "/A", "p", 404},
		{"GET", "/b/x/y", "p", 200}, {"GET", "/b/", "p", 404}, {"GET", "/b", "p", 404}, {"GET", "/", "p", 404},
		{"GET", "/a", "", 403}, {"GET", "/b/x", "", 403},
	} {
		w := httptest.NewRecorder()
		table.ServeSession(w, httptest.NewRequest(c.method, c.path, nil), vault.Session{Person: c.person})
		if w.Code != c.want || (w.Header().Get("Reached") != "") != (w.Code == 200 && c.path == "/a") {
			t.Errorf("%s %s as %q: %d", c.method, c.path, c.person, w.Code)
		}
		if w.Code == 405 && w.Header().Get("Allow") != "GET, POST" {
			t.Errorf("Allow: %q", w.Header().Get("Allow"))
		}
	}
	if rest != "x/y" {
		t.Errorf("rest is %q", rest)
	}
}
