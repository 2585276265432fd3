// Package api serves chat to programs in the dialects they already speak. It
// has a table of routes and one handler for questions; what bytes mean is the
// dialect's business (package api/openai), and who asks was settled at the door.
package api

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/models"
	"abaton.local/vault"
)

// Shelf lists models. An unknown name is a *models.UnknownError.
type Shelf interface {
	List() ([]models.Passport, error)
	Find(name string) (models.Passport, error)
}

// Config names the rooms behind this one.
type Config struct {
	Chat         *chat.Answerer
	Shelf        Shelf
	WriteTimeout time.Duration // for one piece of an answer to be taken by the client (20 s)
	Log          *slog.Logger  // nil discards
}

// API is safe for concurrent use.
type API struct {
	chat         *chat.Answerer
	shelf        Shelf
	writeTimeout time.Duration
	log          *slog.Logger
}

// New makes an API.
func New(c Config) *API {
	a := &API{chat: c.Chat, shelf: c.Shelf, writeTimeout: c.WriteTimeout, log: c.Log}
	if a.writeTimeout == 0 {
		a.writeTimeout = 20 * time.Second
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a
}

// policy says who may use a route. The zero policy lets nobody in, so a route
// that was registered without thinking is closed.
type policy int

const (
	nobody policy = iota
	person        // whoever has a session
)

func (p policy) allows(s vault.Session) bool { return p == person && s.Person != "" }

// route is one line of the table. A path that ends in "/" also covers what
// follows it: one name.
type route struct {
	method, path string
	policy       policy
	serve        func(*API, exchange)
}

// routes is everything that can be asked. Base addresses are used with and
// without /v1.
var routes = []route{
	{http.MethodPost, "/v1/chat/completions", person, (*API).answer},
	{http.MethodPost, "/chat/completions", person, (*API).answer},
	{http.MethodGet, "/v1/models", person, (*API).models},
	{http.MethodGet, "/models", person, (*API).models},
	{http.MethodGet, "/v1/models/", person, (*API).model},
	{http.MethodGet, "/models/", person, (*API).model},
}

// exchange is one request of a person.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	session vault.Session
	name    string // what follows a path that ends in "/"
}

// ServeSession answers one request of a person whom the door knows.
func (a *API) ServeSession(w http.ResponseWriter, r *http.Request, s vault.Session) {
	var allowed []string
	for _, rt := range routes {
		name, ok := rt.matches(r.URL.Path)
		if !ok {
			continue
		}
		if rt.method != r.Method {
			allowed = append(allowed, rt.method)
			continue
		}
		if !rt.policy.allows(s) {
			writeProblem(w, wire.Problem{Status: http.StatusForbidden, Code: "forbidden", Message: "You may not use this address."})
			return
		}
		rt.serve(a, exchange{w, r, s, name})
		return
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, wire.Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Message: "This address takes " + strings.Join(allowed, ", ") + " only."})
		return
	}
	writeProblem(w, wire.Problem{Status: http.StatusNotFound, Code: "unknown_url",
		Message: "There is nothing at this address. Abaton serves POST /v1/chat/completions, GET /v1/models and GET /v1/models/{name}."})
}

func (rt route) matches(path string) (name string, ok bool) {
	if !strings.HasSuffix(rt.path, "/") {
		return "", path == rt.path
	}
	name, ok = strings.CutPrefix(path, rt.path)
	return name, ok && name != ""
}
