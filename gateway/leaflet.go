package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// leaflet is the one thing that other machines are told without TLS: how to trust
// this server, for who does not yet is warned off by their browser. It is the same
// for everybody and holds no secret, it is bound before lock-down, and while no
// invitation is open every connection is closed unread.
type leaflet struct {
	net.Listener
	invited func() bool
	hosts   hosts
	page    []byte
	file    []byte // the authority's certificate
}

// Bounds of the leaflet's door.
const (
	leafletSeats = 64
	leafletTime  = 10 * time.Second // for a request, and for its answer
	leafletHead  = 8 << 10
)

var errLeaflet = errors.New("the page that invited people read without TLS tells how to trust this server's own certificate: leave it out where the operator brought one, or where there is no door for other machines")

// listenLeaflet binds it beside the TLS door, at the same address of this machine
// and another port.
func listenLeaflet(c TLS, s *secure) (*leaflet, error) {
	at, err := oneAddress(c.Leaflet)
	if err != nil {
		return nil, err
	}
	door, err := netip.ParseAddrPort(s.Addr().String())
	if err != nil {
		return nil, err
	}
	if at.Addr() != door.Addr().Unmap() {
		return nil, fmt.Errorf("refusing to listen on %s: the page without TLS is for those who come in at %s, so its address is the same and its port another", at, door)
	}
	if s.fingerprint == "" || c.Invited == nil {
		return nil, errLeaflet
	}
	l := &leaflet{invited: c.Invited, hosts: s.hosts, file: s.certs.authority.pem()}
	name := door.Addr().Unmap().String()
	if len(s.certs.id.names) > 0 {
		name = s.certs.id.names[0]
	}
	enter := "https://" + net.JoinHostPort(name, strconv.Itoa(int(door.Port()))) + pathUnlock
	if l.page, err = trustPage(s, leafletFile, enter); err != nil {
		return nil, err
	}
	l.Listener, err = bindTCP(at)
	return l, err
}

// leafletFile is where the leaflet has the certificate.
const leafletFile = "/authority.crt"

// Accept gives connections while an invitation is open, and closes all others.
func (l *leaflet) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.invited() {
			return c, err
		}
		c.Close()
	}
}

// ServeHTTP reads no body and no credential, and answers in two ways.
func (l *leaflet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	hardenHeader(h, "req_"+rand.Text())
	h.Set("Connection", "close")
	switch {
	case !l.invited(): // the last one was used meanwhile
		panic(http.ErrAbortHandler)
	case l.hosts.misdirected(r) != nil:
		w.WriteHeader(http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.URL.Path == "/":
		h.Set("Content-Security-Policy", trustPolicy())
		sendWhole(w, "text/html; charset=utf-8", l.page)
	case r.URL.Path == leafletFile:
		sendAuthority(w, l.file)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// serve hands leaflets out until ctx ends.
func (l *leaflet) serve(ctx context.Context) error {
	room := newRoom(l, leafletSeats)
	room.mute, room.share = true, bySource
	defer room.wait()
	server := &http.Server{
		Handler: l, ReadHeaderTimeout: leafletTime, ReadTimeout: leafletTime, WriteTimeout: leafletTime, MaxHeaderBytes: leafletHead,
		DisableGeneralOptionsHandler: true, Protocols: new(http.Protocols), ErrorLog: log.New(io.Discard, "", 0),
	}
	server.Protocols.SetHTTP1(true)
	server.SetKeepAlivesEnabled(false)
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(room); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("listening on %s: %w", l.Addr(), err)
	}
	return nil
}

// LeafletAddr is where other machines are told, without TLS, how to trust this
// server; nil: nowhere.
func (g *Gateway) LeafletAddr() net.Addr {
	if g.leaflet == nil {
		return nil
	}
	return g.leaflet.Addr()
}

func sendWhole(w http.ResponseWriter, media string, body []byte) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}
