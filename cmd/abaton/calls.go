package main

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"abaton.local/gateway"
	"abaton.local/vault"
)

// counter is where a running serve does the calls of desks.
type counter struct {
	home *home
	log  *slog.Logger
}

// mostCall bounds what a call is given, in bytes; a turn of a conversation is the largest.
const mostCall = 9 << 20

// route is a call as a running serve offers it, to whom may says.
func (c call[In, Out]) route(at counter, may gateway.Policy) gateway.Route {
	return gateway.Route{Method: http.MethodPost, Path: doPath + c.name, Policy: may,
		Serve: func(w http.ResponseWriter, r *http.Request, s vault.Session) {
			var in In
			err := readCall(r, &in)
			var out Out
			if err == nil {
				out, err = c.do(r.Context(), at.home, s, in)
			}
			if err != nil {
				at.refuse(w, tell(err))
				return
			}
			sayJSON(w, out)
		}}
}

// readCall reads what a call is given, strictly.
func readCall(r *http.Request, in any) error {
	if r.Header.Get("Content-Type") != "application/json" {
		return told{errors.New("a call is JSON: send the header Content-Type: application/json"), wrongUsage}
	}
	d := json.NewDecoder(io.LimitReader(r.Body, mostCall))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return told{errors.New("the call cannot be read: is this `abaton` of the same version as the running one?"), wrongUsage}
	}
	if _, err := d.Token(); err != io.EOF {
		return told{errors.New("the call cannot be read: something follows it"), wrongUsage}
	}
	return nil
}

// refusedCall is what a desk is told when a call fails: words for the person
// and the exit code of their verb.
type refusedCall struct {
	Error struct {
		Message string `json:"message"`
		Exit    int    `json:"exit"`
	} `json:"error"`
}

func (at counter) refuse(w http.ResponseWriter, err error) {
	var no refusedCall
	no.Error.Message, no.Error.Exit = words(err, at.log)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(w).Encode(no) // an error is the client's hanging up
}

// newCounter is everything that desks can have done here, and who may.
func newCounter(h *home, log *slog.Logger, door *gateway.Gateway) (*gateway.Table, error) {
	at := counter{h, log}
	routes := []gateway.Route{
		confirmRecovery().route(at, gateway.Unlocked),
		{Method: http.MethodGet, Path: auditPath, Policy: gateway.Auditor, Serve: at.auditFile},
	}
	return gateway.NewTable(door.Standing, routes...)
}

// auditPath is where witnesses and auditors read the audit log.
const auditPath = "/audit/"

// auditFile serves a file of the audit log: its checkpoint, tiles and key.
func (at counter) auditFile(w http.ResponseWriter, r *http.Request, _ vault.Session) {
	http.ServeFileFS(w, r, at.home.audit.Files(), r.PathValue("rest"))
}
