// Package api serves models to programs in the dialects they already speak. It
// has a table of routes and one handler for questions; what bytes mean is the
// dialects' business (packages api/openai, api/ollama, api/anthropic), and who
// asks was settled at the door.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// Shelf lists models. An unknown name is a *models.UnknownError.
type Shelf interface {
	List() ([]models.Passport, error)
	Find(name string) (models.Passport, error)
	Shape(models.Passport) (models.Shape, error)
}

// Meaning gives numbers for texts. *engine.Engine does.
type Meaning interface {
	Embed(context.Context, engine.Meaning) (engine.Vectors, error)
	Rank(context.Context, engine.Meaning) (engine.Ranks, error)
	Count(context.Context, engine.Prompt) (int, error)
}

// Workers are those of the engine, as a person may have them got ready, let go
// and shown. *engine.Engine has them.
type Workers interface {
	Load(context.Context, engine.Prompt) error
	Unload(engine.Person, models.Digest)
	Workers() []engine.WorkerInfo
}

// Responses keep what a person asked to be kept, sealed in their vault.
type Responses interface {
	// Ready is nil where this person's vault is open and has room; else
	// vault.ErrLocked or ErrFull.
	Ready(s vault.Session) error

	// Keep writes a response down before its client is told that it is complete.
	// A locked vault is vault.ErrLocked, a full one ErrFull.
	Keep(ctx context.Context, s vault.Session, id string, stored []byte) error

	// Find gives it back; ErrNoResponse where this person has none of that id.
	Find(ctx context.Context, s vault.Session, id string) ([]byte, error)

	// Remove deletes it.
	Remove(ctx context.Context, s vault.Session, id string) error
}

// Config names the rooms behind this one.
type Config struct {
	Chat      *chat.Answerer
	Shelf     Shelf
	Meaning   Meaning   // nil: no embeddings, ranks and counts
	Workers   Workers   // nil: nothing is loaded but by asking
	Responses Responses // nil: none is kept

	// Documents are those of a session's person; nil: none are read.
	Documents func(context.Context, vault.Session) (*library.Libraries, error)

	Forged       func(s vault.Session) // told of a request that named an engine's cache or slot; may be nil
	Shape        shaper.Policy         // how much of answers is hidden from whoever watches the network
	Lowered      func(s vault.Session) // told of a request for a shape that is none or that hides less than is set; may be nil
	System       func() [32]byte       // digest of program and engine, zero while there is no engine; nil tells nobody what answered
	WriteTimeout time.Duration         // for one piece of an answer to be taken by the client (20 s)
	Silence      time.Duration         // after which a stream without a shape gives a sign of life (15 s)
	Log          *slog.Logger          // nil discards
}

// API is safe for concurrent use.
type API struct {
	Config
	now func() time.Time
}

// New makes an API.
func New(c Config) *API {
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 20 * time.Second
	}
	if c.Silence == 0 {
		c.Silence = 15 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Forged == nil {
		c.Forged = func(vault.Session) {}
	}
	if c.Lowered == nil {
		c.Lowered = func(vault.Session) {}
	}
	return &API{c, time.Now}
}

// exchange is one request of a person.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	session vault.Session
	words   dialect
	id      string // as the door named it; read once, for headers are one goroutine's
	name    string // what follows a path that ends in "/"
	opened  bool   // the session's vault was open when the request came
	bare    bool   // what is said tells of no answer, so whoever asks may hear it in any case

	shape        shaper.Mode
	model        string    // that answers, where anything is shaped
	asked, begin time.Time // when the question had arrived; when the response begins, where it is paced
}

// ServeSession answers one request of a person whom the door knows.
func (a *API) ServeSession(w http.ResponseWriter, r *http.Request, s vault.Session) {
	x := exchange{w: w, r: r, session: s, words: dialectOf(r), id: w.Header().Get("X-Request-Id"), opened: s.Unlocked()}
	x.shape = a.floor(x)
	var allowed []string
	for _, rt := range routes {
		name, ok := rt.matches(r.URL.Path)
		if !ok || !rt.speaks(x.words) {
			continue
		}
		if rt.method != r.Method {
			allowed = append(allowed, rt.method)
			continue
		}
		if s.Person == "" {
			a.say(x, wire.Problem{Status: http.StatusForbidden, Code: "forbidden", Message: "You may not use this address."})
			return
		}
		x.name = name
		rt.serve(a, x)
		return
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		a.say(x, wire.Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address takes " + strings.Join(allowed, ", ") + " only."})
		return
	}
	a.say(x, x.words.nowhere(r.URL.Path))
}

// barred is why whoever asks may not hear what was not sent yet: their vault was open
// and is not any more, or what let them in was taken back. nil: they may. It is asked
// for each piece of an answer, and waits for nothing.
func (x exchange) barred() error {
	switch {
	case x.bare:
		return nil
	case x.opened && !x.session.Unlocked():
		return vault.ErrLocked
	case x.opened || x.session.Stands():
		return nil
	case x.session.Token() != "":
		return vault.ErrToken
	}
	return vault.ErrEnded
}
