package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/shaper"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
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

// joining is how people on other machines come in, at the name by which the
// operator calls this one, else at its bare address.
func joining(p *program, door *gateway.Gateway) (j web.Joining) {
	at, ok := door.TLSAddr().(*net.TCPAddr)
	if !ok {
		return j
	}
	name := at.IP.String()
	if len(p.cfg.LANNames) > 0 {
		name = strings.ToLower(strings.TrimSuffix(p.cfg.LANNames[0], "."))
	}
	j.Base = "https://" + net.JoinHostPort(name, strconv.Itoa(at.Port))
	j.Words, j.Digits = door.Fingerprint(), door.FingerprintDigits()
	if l, ok := door.LeafletAddr().(*net.TCPAddr); ok {
		j.Leaflet = "http://" + net.JoinHostPort(name, strconv.Itoa(l.Port)) + "/"
	}
	return j
}

// nearby asks this machine alone by what others could find it. Where it has no
// address in a private network, or no name that one could be called by, that is left out.
func nearby() (n web.Nearby) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return n
	}
	for _, a := range addresses {
		if at, ok := a.(*net.IPNet); ok && at.IP.IsPrivate() && at.IP.To4() != nil {
			n.Address = at.IP.String()
			break
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return n
	}
	host, _, _ = strings.Cut(strings.ToLower(host), ".")
	if hostLabel.MatchString(host) && host != "localhost" {
		n.Name = host + ".local"
	}
	return n
}

// hostLabel is one part of a name (RFC 1123, section 2.1).
var hostLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// newPages are the pages over the rooms behind them.
func newPages(p *program, h *home, r *rooms, s status, named nameplates, shapes shaper.Policy, door *gateway.Gateway, near web.Nearby) (*web.Pages, error) {
	return web.New(web.Config{
		Chat: chat.New(r.engine, named).WithDefaults(named.defaults), Shelf: named, People: h.people,
		History: h.history, Unread: h.unread, Documents: pageDocuments{h}, NoAdding: h.readsDocuments(),
		Manner: func(m models.Passport) (string, engine.Options) {
			how := mannerFor(p.cfg, m)
			return how.instruction, how.options
		},
		Machine: web.Machine{
			Version: s.Version, Address: s.Address, LAN: p.cfg.LAN, Walls: fmt.Sprintf("Each runs behind walls: %s", s.Tier),
			Store: h.places.Store(), Device: h.places.Device(), Joining: joining(p, door), Nearby: near,
		},
		Weigh: func(m models.Passport) (web.Weight, error) { return weigh(r, m) },
		Ready: func(ctx context.Context) bool {
			m, err := named.Default()
			return err == nil && m.Size > 0 && r.engine.Installed(ctx)
		},
		Fetching: r.fetching.Load, Building: r.building(p),
		Warm: func(s vault.Session) {
			if m, err := named.Default(); err == nil {
				go func() { _ = r.engine.Warm(r.exit, engine.Person(s.Person), m.Digest) }() // the first question meets the same error
			}
		},
		Pulls: r.shelf.Pulls, Budget: r.engine.Budget(),
		Shape: shapes, NoPasskeys: gateway.NoPasskeys,
		Words: func(err error) string { return pageWords(err, p.log) },
		Now:   time.Now, Log: p.log, CertificateEnds: door.CertificateEnds,
	})
}

// building tells pages how far an install of the engine is.
func (r *rooms) building(p *program) func() (web.Building, bool) {
	store, err := enginepack.Open(p.cfg.Folders.Engines)
	if err != nil {
		return nil // whoever needs the engine will say it
	}
	return func() (web.Building, bool) {
		x, at := store.Installing()
		return web.Building{Stage: string(x.Stage), Done: x.Done, Total: x.Total}, at
	}
}

// pageWords puts an error into words for whoever reads a page, who need not be the
// one who runs Abaton: where things lie on this machine is for its log.
func pageWords(err error, log *slog.Logger) string {
	inner := insides(err)
	if inner == nil {
		said, _ := words(tell(err), log)
		return sentence(said)
	}
	id := make([]byte, 4)
	rand.Read(id) // never fails
	log.Error("a page told of an internal error", "id", hex.EncodeToString(id), "type", fmt.Sprintf("%T", inner), "error", inner.Error())
	return fmt.Sprintf("Something went wrong on the machine that runs Abaton. Tell whoever runs it: the log has more under %s.", hex.EncodeToString(id))
}

// insides is the part of an error that names files, sockets or records; nil where
// there is none, or where better words are known.
func insides(err error) error {
	if _, ok := errors.AsType[*engine.Fault](err); ok || errors.Is(err, syscall.ENOSPC) || errors.Is(err, context.Canceled) {
		return nil
	}
	if e, ok := errors.AsType[*sqlite.Trouble](err); ok {
		return e
	}
	if e, ok := errors.AsType[*vault.Damage](err); ok {
		return e
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	return nil
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
