package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"abaton.local/vault"
)

// Route is one line of a room's table. A path that ends in "/" also covers what
// follows it, which http.Request.PathValue("rest") gives.
type Route struct {
	Method, Path string
	Policy       Policy
	Serve        func(http.ResponseWriter, *http.Request, vault.Session)
}

// Table is a Handler that leads requests to routes. None of them can be in it
// without a policy, and none can be called without a session: there is nothing
// else to call it with.
type Table struct {
	standing func(vault.Session) Standing
	routes   []Route
}

// NewTable makes a table of all routes of all rooms. Standing is that of
// [People]. A route without policy, one that another one covers, or one that leads
// nowhere is an error of whoever wrote it.
func NewTable(standing func(vault.Session) Standing, routes ...Route) (*Table, error) {
	if standing == nil {
		return nil, fmt.Errorf("a table of routes must be told who may do what")
	}
	for i, r := range routes {
		twice := slices.ContainsFunc(routes[:i], func(o Route) bool {
			_, a := o.matches(r.Path)
			_, b := r.matches(o.Path)
			return o.Method == r.Method && (a || b || o.Path == r.Path)
		})
		switch {
		case !r.Policy.valid():
			return nil, fmt.Errorf("%s %s has no policy: say who may use it", r.Method, r.Path)
		case r.Method == "" || r.Serve == nil || !strings.HasPrefix(r.Path, "/"):
			return nil, fmt.Errorf("%s %s leads nowhere", r.Method, r.Path)
		case twice: // and perhaps under two policies
			return nil, fmt.Errorf("%s %s is covered twice", r.Method, r.Path)
		case isPublic(r.Path):
			return nil, fmt.Errorf("%s %s is the door's own and public", r.Method, r.Path)
		}
	}
	return &Table{standing, routes}, nil
}

// ServeSession answers one request of somebody whom the door knows.
func (t *Table) ServeSession(w http.ResponseWriter, r *http.Request, s vault.Session) {
	if no := t.lead(w, r, s); no != nil {
		no.write(w)
	}
}

// covers reports whether a path is in the table, under whatever method.
func (t *Table) covers(path string) bool {
	for _, rt := range t.routes {
		if _, ok := rt.matches(path); ok {
			return true
		}
	}
	return false
}

func (t *Table) lead(w http.ResponseWriter, r *http.Request, s vault.Session) *refusal {
	var allowed []string
	for _, rt := range t.routes {
		rest, ok := rt.matches(r.URL.Path)
		if !ok {
			continue
		}
		if rt.Method != r.Method {
			allowed = append(allowed, rt.Method)
			continue
		}
		if s.Person == "" {
			return Nobody.refuses(Standing{})
		}
		if at := t.standing(s); !rt.Policy.allows(at) {
			return rt.Policy.refuses(at)
		}
		r.SetPathValue("rest", rest)
		rt.Serve(w, r, s)
		return nil
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return &refusal{status: http.StatusMethodNotAllowed, kind: invalidRequest, code: "method_not_allowed",
			message: "This address takes " + strings.Join(allowed, ", ") + " only."}
	}
	return &refusal{status: http.StatusNotFound, kind: invalidRequest, code: "unknown_url", message: "There is nothing at this address."}
}

func (rt Route) matches(path string) (rest string, ok bool) {
	if !strings.HasSuffix(rt.Path, "/") {
		return "", path == rt.Path
	}
	rest, ok = strings.CutPrefix(path, rt.Path)
	return rest, ok && rest != ""
}
