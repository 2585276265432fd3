package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/web"
)

// pageName is the name at which browsers come in on this machine. It is the
// door's: no other program is called by it.
const pageName = "abaton.localhost"

// pageLink is the address of the page for browsers of this machine.
func pageLink(door *gateway.Gateway) string {
	at := door.Addr()
	if at == nil || !door.Named() { // at another address the name leads elsewhere
		return ""
	}
	_, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return ""
	}
	return "http://" + net.JoinHostPort(pageName, port)
}

// newPages are the pages over the rooms behind them.
func newPages(p *program, h *home, r *rooms, s status, named nameplates, shapes shaper.Policy) (*web.Pages, error) {
	return web.New(web.Config{
		Chat: chat.New(r.engine, named).WithDefaults(named.defaults), Shelf: named, People: h.people,
		History: h.history, Unread: h.unread,
		Manner: func(m models.Passport) (string, engine.Options) {
			how := mannerFor(p.cfg, m)
			return how.instruction, how.options
		},
		Machine: web.Machine{
			Version: s.Version, Address: s.Address, LAN: p.cfg.LAN, Walls: fmt.Sprintf("Each runs behind walls: %s", s.Tier),
			Store: h.places.Store(), Device: h.places.Device(),
		},
		Weigh: func(m models.Passport) (web.Weight, error) { return weigh(r, m) },
		Pulls: r.shelf.Pulls, Budget: r.engine.Budget(),
		Shape: shapes,
		Words: func(err error) string { said, _ := words(tell(err), p.log); return sentence(said) },
		Now:   time.Now, Log: p.log,
	})
}

// weigh is what a model would need on this machine, by its header alone.
func weigh(r *rooms, m models.Passport) (w web.Weight, err error) {
	shape, err := r.shelf.Outline(m)
	if err != nil {
		return w, err
	}
	var sees int64
	if !m.Projector.IsZero() {
		eyes, err := r.shelf.Find(m.Projector.String())
		if err != nil {
			return w, err
		}
		sees = eyes.Size
	}
	w.Need, w.Context, w.Fits = r.engine.Weigh(m, shape, sees)
	return w, nil
}

// atDoor is the pages as the door asks for them. The door is bound before they
// can be made, and asks for nothing until it serves.
type atDoor struct{ *web.Pages }

// Entrance shows where somebody comes in.
func (a *atDoor) Entrance(w http.ResponseWriter, r *http.Request, at gateway.Doorway) {
	a.Pages.Entrance(w, r, web.Doorway(at))
}

// Refuse says why a request does not pass.
func (a *atDoor) Refuse(w http.ResponseWriter, r *http.Request, no gateway.Refusal) {
	a.Pages.Refuse(w, r, no.Status, no.Message)
}
