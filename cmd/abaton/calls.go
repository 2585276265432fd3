package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/mod/sumdb/note"

	"abaton.local/gateway"
	"abaton.local/vault"
)

// counter is where a running serve does the calls of desks.
type counter struct {
	home      *home
	log       *slog.Logger
	witnesses []note.Verifier // whose cosignatures are kept
}

// mostCall bounds what a call is given, in bytes, as the door does; a turn of a
// conversation is the largest.
const mostCall = 8 << 20

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

// route is a stream as a running serve offers it. A failure after the first
// byte breaks the connection off, so that nobody takes a part for the whole.
func (c stream[In]) route(at counter, may gateway.Policy) gateway.Route {
	return gateway.Route{Method: http.MethodPost, Path: doPath + c.name, Policy: may,
		Serve: func(w http.ResponseWriter, r *http.Request, s vault.Session) {
			out := &pouring{w: w, conn: http.NewResponseController(w)}
			var in In
			err := readCall(r, &in)
			if err == nil {
				err = out.patient()
			}
			if err == nil {
				err = c.do(r.Context(), at.home, s, in, out)
			}
			switch {
			case err != nil && out.begun:
				panic(http.ErrAbortHandler)
			case err != nil:
				at.refuse(w, tell(err))
			}
		}}
}

// pouring writes a large reply. Each piece has a deadline of its own.
type pouring struct {
	w     http.ResponseWriter
	conn  *http.ResponseController
	begun bool
}

// patient sets the deadline of the next piece; the first may need preparing.
func (p *pouring) patient() error {
	return p.conn.SetWriteDeadline(time.Now().Add(5 * time.Minute))
}

func (p *pouring) Write(b []byte) (int, error) {
	if !p.begun {
		p.begun = true
		p.w.Header().Set("Content-Type", "application/octet-stream")
	}
	if err := p.conn.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

// readCall reads what a call is given, strictly. It may hold a secret, so the
// one buffer that it is read into is wiped.
func readCall(r *http.Request, in any) error {
	if r.Header.Get("Content-Type") != "application/json" {
		return told{errors.New("a call is JSON: send the header Content-Type: application/json"), wrongUsage}
	}
	b := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0)+bytes.MinRead, mostCall)))
	_, err := b.ReadFrom(io.LimitReader(r.Body, mostCall+1))
	defer clear(b.Bytes())
	switch {
	case err != nil:
		return told{errors.New("the call did not arrive whole: try again"), wrongUsage}
	case b.Len() > mostCall:
		err = errTooLarge
	default:
		err = readStrictly(b.Bytes(), in)
	}
	if err != nil {
		return told{fmt.Errorf("the call cannot be read, for %w: is this `abaton` of the same version as the running one?", err), wrongUsage}
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
func newCounter(h *home, p *program, r *rooms, door *gateway.Gateway) (*gateway.Table, error) {
	witnesses, err := witnessKeys(p.cfg.Witnesses)
	if err != nil {
		return nil, err
	}
	at := counter{h, p.log, witnesses}
	routes := []gateway.Route{
		// The person's own.
		seeVault().route(at, gateway.Unlocked),
		listWays().route(at, gateway.Unlocked),
		takeWay().route(at, gateway.Unlocked),
		letEscrow().route(at, gateway.Unlocked),
		replacePassphrase().route(at, gateway.Unlocked),
		drawRecovery().route(at, gateway.Unlocked),
		confirmRecovery().route(at, gateway.Unlocked),
		rotate().route(at, gateway.Unlocked),
		verifyOwn().route(at, gateway.Unlocked),
		listActs().route(at, gateway.Unlocked),
		listTokens().route(at, gateway.Unlocked),
		makeToken().route(at, gateway.Unlocked),
		revokeToken().route(at, gateway.Unlocked),
		listHistory().route(at, gateway.Unlocked),
		findHistory().route(at, gateway.Unlocked),
		showHistory().route(at, gateway.Unlocked),
		searchHistory().route(at, gateway.Unlocked),
		renameHistory().route(at, gateway.Unlocked),
		deleteHistory().route(at, gateway.Unlocked),
		appendHistory().route(at, gateway.Unlocked),
		exportHistory().route(at, gateway.Unlocked),
		knownDocuments().route(at, gateway.Unlocked),
		addDocument().route(at, gateway.Unlocked),
		addedDocuments().route(at, gateway.Unlocked),
		listDocuments().route(at, gateway.Unlocked),
		findDocument().route(at, gateway.Unlocked),
		showDocument().route(at, gateway.Unlocked),
		removeDocuments().route(at, gateway.Unlocked),
		searchDocuments().route(at, gateway.Unlocked),
		askDocuments(askedOf(p, r)).route(at, gateway.Unlocked),
		// The house. None of these reads what anybody keeps.
		listPeople().route(at, gateway.Owner),
		findPerson().route(at, gateway.Unlocked),
		makeInvitation().route(at, gateway.Owner),
		listInvitations().route(at, gateway.Owner),
		withdraw().route(at, gateway.Owner),
		setRole().route(at, gateway.Owner),
		setDisabled().route(at, gateway.Owner),
		dismiss().route(at, gateway.Unlocked), // anybody themself, an owner others: the directory sees to it
		rename().route(at, gateway.Unlocked),  // likewise
		copyStore().route(at, gateway.Owner),
		metrics(r, ownVersion()),
		{Method: http.MethodGet, Path: auditPath, Policy: gateway.Auditor, Serve: at.auditFile},
		{Method: http.MethodPost, Path: auditPath + cosignatureName, Policy: gateway.Auditor, Serve: at.takeCosignature},
	}
	return gateway.NewTable(door.Standing, routes...)
}
