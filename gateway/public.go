package gateway

import (
	"fmt"
	"net/http"
)

// Paths of the door's own pages.
const (
	pathHealth      = "/health"
	pathLogin       = "/abaton/login"
	pathJoin        = "/abaton/join"
	pathLock        = "/abaton/lock"
	pathSession     = "/abaton/session"
	pathCertificate = "/abaton/certificate"
	pathAuthority   = "/abaton/authority.crt"
)

// isPublic names the pages for which nobody must be known. No other room can
// have any: its routes need a policy, and none of these opens for everybody.
func isPublic(path string) bool {
	switch path {
	case pathHealth, pathLogin, pathJoin, pathCertificate, pathAuthority:
		return true
	}
	return false
}

// isEntrance names those of them where somebody shows a secret.
func isEntrance(path string) bool { return path == pathLogin || path == pathJoin }

// public serves them.
func (d *desk) public(w http.ResponseWriter, r *http.Request, from peer) *refusal {
	methods := "GET, HEAD"
	if isEntrance(r.URL.Path) {
		methods = "POST"
	}
	if reads := r.Method == http.MethodGet || r.Method == http.MethodHead; reads != (methods == "GET, HEAD") || !reads && r.Method != http.MethodPost {
		w.Header().Set("Allow", methods)
		return &refusal{status: http.StatusMethodNotAllowed, kind: invalidRequest, code: "method_not_allowed", message: "This address takes " + methods + " only."}
	}
	switch r.URL.Path {
	case pathHealth:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintln(w, `{"status":"ok"}`) // that we answer, and nothing else
		return nil
	case pathLogin:
		return d.login(w, r, from)
	case pathJoin:
		return d.join(w, r, from)
	case pathCertificate:
		return d.certificatePage(w)
	}
	return d.authorityFile(w)
}
