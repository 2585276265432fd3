package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"abaton.local/gateway"
	"abaton.local/vault"
)

// status is what a running serve tells this account's other programs of
// itself. It is asked for over the socket and never kept in a file: a server
// that was killed cannot take a file along, and the next one may have another
// tier.
type status struct {
	Address string `json:"address"`
	Tier    string `json:"tier"`
	Version string `json:"version"`

	// What is hidden of answers from whoever watches the network.
	Shape    string `json:"shape"`
	LANShape string `json:"lan_shape,omitempty"` // empty: no other machine may come in
}

// Where serve tells it, and what it saw of itself.
const (
	statusPath  = "/abaton/status"
	posturePath = "/abaton/posture"
)

// watched is the handler of serve: questions go on to next, and this account's
// own programs may ask what the server is and how it is locked. Its sockets only the server can
// look at: since it is locked down, no other process of the account may.
type watched struct {
	next     gateway.Handler
	desks    *gateway.Table // of what lies below doPath
	standing func(vault.Session) gateway.Standing
	status   status
	look     func(context.Context) (postureJSON, error)
}

func (h watched) ServeSession(w http.ResponseWriter, r *http.Request, s vault.Session) {
	if strings.HasPrefix(r.URL.Path, doPath) || strings.HasPrefix(r.URL.Path, auditPath) || r.URL.Path == metricsPath {
		h.desks.ServeSession(w, r, s)
		return
	}
	if s.Audits() { // what is open to whoever has a session is not open to it
		http.Error(w, `{"error":{"message":"This token reads the audit log and nothing else.","type":"invalid_request_error","code":"forbidden"}}`, http.StatusForbidden)
		return
	}
	if r.Method != http.MethodGet || !h.mayLook(s) {
		h.next.ServeSession(w, r, s)
		return
	}
	switch r.URL.Path {
	case statusPath:
		sayJSON(w, h.status)
	case posturePath:
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longestAudit)); err != nil {
			http.Error(w, "no time for checks", http.StatusInternalServerError)
			return
		}
		seen, err := h.look(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		sayJSON(w, seen)
	default:
		h.next.ServeSession(w, r, s)
	}
}

// mayLook is for those who run the machine: programs of its account, and owners.
func (h watched) mayLook(s vault.Session) bool {
	switch h.standing(s).Role {
	case gateway.RoleGuest, gateway.RoleStranger, gateway.RoleOwner:
		return true
	}
	return false
}

func sayJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // an error is the client's hanging up: nobody is left to be told
}

// statusWithin is long for a server that has only to say who it is. One that
// just starts keeps the question waiting until it listens.
const statusWithin = 10 * time.Second

// status asks a running serve what it is.
func (c *client) status(ctx context.Context) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	var s status
	err := c.ask(ctx, statusPath, &s)
	return s, err
}

// posture asks a running serve what it saw of itself.
func (c *client) posture(ctx context.Context) (postureJSON, error) {
	var seen postureJSON
	err := c.ask(ctx, posturePath, &seen)
	return seen, err
}

// ask gets what a running serve says of itself at path.
func (c *client) ask(ctx context.Context, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("the running abaton serve cannot be asked: %w; end it and start it again if it stays so", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, largestEvent))
	if err != nil {
		return fmt.Errorf("the running abaton serve cannot be asked: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the running abaton serve refuses to be looked at (HTTP status %d): %s", resp.StatusCode, cleanLine(string(body)))
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("the running abaton serve said of itself what cannot be read (is it of another version?): %w", err)
	}
	return nil
}
