// Package web is the page: what people see in browsers. It makes whole pages of
// HTML, with small scripts of its own that add what pages cannot do by
// themselves, and shows what models wrote as package web/markup has it: nothing
// on a page can fetch, run or send anything that is not this server's.
//
// Who is asking was settled at the door, which is package gateway; everything
// here gets a session of somebody whose vault is open, but for the files that
// are the same for everybody and the page where secrets are typed.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"abaton.local/chat"
	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// Shelf lists models.
type Shelf interface {
	List() ([]models.Passport, error)
	Find(name string) (models.Passport, error)
	Default() (models.Passport, error)
}

// Config names the rooms behind this one.
type Config struct {
	Chat   *chat.Answerer
	Shelf  Shelf
	People *vault.Directory

	// History is the conversations of a session's person.
	History func(context.Context, vault.Session) (*history.History, error)
	// Unread sees to it that no engine's snapshot keeps what is about to be deleted.
	Unread func(context.Context, vault.Session) error
	// Documents are what people asked to be read; nil: nothing is kept of that kind.
	Documents Documents
	NoAdding  error // why no document can be added; nil: they can
	// Manner is how a model is asked where the person says nothing else.
	Manner func(models.Passport) (instruction string, options engine.Options)

	Weigh    func(models.Passport) (Weight, error) // what a model would need here; nil: not known
	Pulls    func() ([]models.Pull, error)         // that are at work; nil: not known
	Ready    func(context.Context) bool            // an engine and a model are here; nil: they are
	Fetching func() bool                           // a pull that began with this server is at work; nil: there was none
	Building func() (far Building, at bool)        // how far the engine is that is being installed; nil: not known
	Warm     func(vault.Session)                   // gets the engine of somebody ready who will soon ask; nil: does not
	Budget   int64                                 // bytes of memory that engines may take

	// NoPasskeys says why none can be made where a request came in; empty: they can.
	NoPasskeys func(*http.Request) string

	// CertificateEnds is when what devices trust to be this server ends; zero: there is
	// no TLS. Nil: the same.
	CertificateEnds func() time.Time

	Machine Machine
	Shape   shaper.Policy
	Words   func(error) string // puts an error into words for the person
	Now     func() time.Time   // nil is this machine's clock
	Log     *slog.Logger       // nil discards
}

// Machine is what the page says of the server that it comes from.
type Machine struct {
	Version string
	Address string // of programs on this machine
	LAN     string // of programs elsewhere; empty: none come in
	Joining Joining
	Nearby  Nearby
	Walls   string // how an engine is shut in
	Store   string // the file of the vaults
	Device  string // the file of the device secret
}

// Pages is safe for concurrent use.
type Pages struct {
	Config
	base   context.Context
	stop   context.CancelFunc
	files  files
	views  views
	routes []route

	parcels  parcels
	briefs   briefs
	channels channels
	mu       sync.Mutex
	answers  map[vault.ID]*answer  // that are being written, by conversation; guarded by mu
	looks    map[models.Digest]int // tokens that models look at here; guarded by mu
	working  sync.WaitGroup
}

// New makes the pages. Close ends what they have at work.
func New(c Config) (*Pages, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &Pages{Config: c, routes: routes, answers: map[vault.ID]*answer{}, looks: map[models.Digest]int{}}
	var err error
	if p.files, err = openFiles(); err != nil {
		return nil, err
	}
	if p.views, err = openViews(); err != nil {
		return nil, err
	}
	p.briefs.gone, p.briefs.every = p.dropAnswer, 2*time.Second
	p.base, p.stop = context.WithCancel(context.Background())
	return p, nil
}

// Close stops the answers that are being written and waits until what there is
// of them is kept.
func (p *Pages) Close() {
	p.stop()
	p.working.Wait()
	p.briefs.clear()
}

// visit is one request of a person.
type visit struct {
	w    http.ResponseWriter
	r    *http.Request
	s    vault.Session
	rest string // what follows a path that ends in "/"

	own    settings
	unread bool // they were not read, or could not be

	channel bool // it came over one
}

// route is one line of the table. A path that ends in "/" covers what follows it.
type route struct {
	method, path string
	serve        func(*Pages, visit)
}

// routes is every page of somebody who is in, below /page/.
var routes = []route{
	{http.MethodGet, "", (*Pages).begin},
	{http.MethodGet, "all", (*Pages).all},
	{http.MethodGet, "all/", (*Pages).all},
	{http.MethodPost, "search", (*Pages).search},
	{http.MethodGet, "found/", (*Pages).found},
	{http.MethodPost, "ask", (*Pages).askFirst},
	{http.MethodGet, "c/", (*Pages).show},
	{http.MethodPost, "ask/", (*Pages).askNext},
	{http.MethodPost, "again/", (*Pages).again},
	{http.MethodGet, "edit/", (*Pages).edit},
	{http.MethodPost, "edit/", (*Pages).edited},
	{http.MethodPost, "on/", (*Pages).goOn},
	{http.MethodPost, "drop/", (*Pages).drop},
	{http.MethodGet, "manner/", (*Pages).manner},
	{http.MethodPost, "manner/", (*Pages).mannerSaid},
	{http.MethodPost, "pin/", (*Pages).pin},
	{http.MethodPost, "export/", (*Pages).export},
	{http.MethodPost, "stop/", (*Pages).halt},
	{http.MethodGet, "live/", (*Pages).live},
	{http.MethodGet, "links/", (*Pages).links},
	{http.MethodPost, "rename/", (*Pages).rename},
	{http.MethodPost, "delete/", (*Pages).remove},
	{http.MethodGet, "documents", (*Pages).documents},
	{http.MethodPost, "documents/add", (*Pages).addForm},
	{http.MethodGet, "documents/added/", (*Pages).addedForm},
	{http.MethodPost, "documents/piece", (*Pages).addPiece},
	{http.MethodPost, "documents/added", (*Pages).added},
	{http.MethodPost, "documents/search", (*Pages).searchDocuments},
	{http.MethodGet, "documents/found/", (*Pages).foundDocuments},
	{http.MethodGet, "documents/remove/", (*Pages).removeDocument},
	{http.MethodPost, "documents/remove/", (*Pages).removeDocument},
	{http.MethodGet, "documents/", (*Pages).view},
	{http.MethodPost, "library", (*Pages).makeLibrary},
	{http.MethodPost, "library/rename/", (*Pages).renameLibrary},
	{http.MethodGet, "library/remove/", (*Pages).removeLibrary},
	{http.MethodPost, "library/remove/", (*Pages).removeLibrary},
	{http.MethodGet, "library/", (*Pages).oneLibrary},
	{http.MethodGet, "ready", (*Pages).tellReady},
	{http.MethodGet, "channel", (*Pages).channel},
	{http.MethodPost, "channel/", (*Pages).hear},
	{http.MethodGet, "models", (*Pages).models},
	{http.MethodGet, "people", (*Pages).people},
	{http.MethodGet, "people/", (*Pages).invited},
	{http.MethodPost, "invite", (*Pages).invite},
	{http.MethodPost, "withdraw", (*Pages).withdraw},
	{http.MethodPost, "person", (*Pages).changePerson},
	{http.MethodGet, "keys", (*Pages).keys},
	{http.MethodGet, "keys/", (*Pages).madeKey},
	{http.MethodPost, "keys", (*Pages).makeKey},
	{http.MethodPost, "revoke", (*Pages).revokeKey},
	{http.MethodGet, "security", (*Pages).security},
	{http.MethodGet, "acts", (*Pages).acts},
	{http.MethodGet, "settings", (*Pages).settings},
	{http.MethodPost, "settings", (*Pages).settingsSaid},
	{http.MethodGet, "keyboard", (*Pages).keyboard},
	{http.MethodGet, "recovery", (*Pages).recovery},
	{http.MethodGet, "recovery/", (*Pages).welcomed},
	{http.MethodPost, "recovery", (*Pages).confirmRecovery},
	{http.MethodPost, "passkeys/remove", (*Pages).removePasskey},
}

// ServeSession serves a page of somebody whose vault is open.
func (p *Pages) ServeSession(w http.ResponseWriter, r *http.Request, s vault.Session) {
	p.serve(w, r, s, false)
}

// serve serves it, also where it was asked over a channel.
func (p *Pages) serve(w http.ResponseWriter, r *http.Request, s vault.Session, channel bool) {
	v := visit{w: w, r: r, s: s, channel: channel}
	if !s.Unlocked() || s.Guest() {
		p.problem(v, http.StatusForbidden, "Your vault is locked. Open this page anew to unlock it.")
		return
	}
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/page"), "/")
	v.unread = true
	if !steady(path) {
		own, err := settingsOf(r.Context(), s)
		v.own, v.unread = own, err != nil
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	other := false
	for _, rt := range p.routes {
		rest, ok := rt.matches(path)
		if !ok {
			continue
		}
		if rt.method != method {
			other = true
			continue
		}
		v.rest = rest
		rt.serve(p, v)
		return
	}
	if other {
		p.problem(v, http.StatusMethodNotAllowed, "This address takes another kind of request.")
		return
	}
	p.problem(v, http.StatusNotFound, "There is no such page.")
}

func (rt route) matches(path string) (rest string, ok bool) {
	if !strings.HasSuffix(rt.path, "/") {
		return "", path == rt.path
	}
	rest, ok = strings.CutPrefix(path, rt.path)
	return rest, ok && rest != ""
}
