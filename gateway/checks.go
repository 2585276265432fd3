package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"abaton.local/posture"
)

// Live is a gateway that serves, in this process or another one.
type Live struct {
	Address string // where it listens by TCP; empty if it does not
	Socket  string // its Unix socket; empty if it has none
	PID     int    // of its process; 0 asks the socket

	TLS      string // where it listens by TLS; empty if it does not
	Accounts bool   // somebody is set up who could come in there
	Leaflet  string // where others are told without TLS how to trust the certificate; empty if nowhere
}

// Checks are the questions about this gateway while it serves.
func (g *Gateway) Checks() []posture.Check {
	live := Live{Socket: g.config.Socket, PID: os.Getpid()}
	if g.tcp != nil {
		live.Address = g.tcp.Addr().String()
	}
	if g.tls != nil {
		live.TLS, live.Accounts = g.tls.Addr().String(), g.settled()
	}
	if g.leaflet != nil {
		live.Leaflet = g.leaflet.Addr().String()
	}
	return Checks(live)
}

// Checks are the questions about a live gateway: NET-01 and WEB-02. WEB-02
// dials, so it cannot be measured by a process that is locked down.
func Checks(l Live) []posture.Check {
	return []posture.Check{
		{ID: "NET-01", Title: "Only the declared listeners; for other machines none without TLS and accounts", Maps: []string{"PA102-R13", "PA102-R26", "PA102-R28", "PA102-R33"}, Level: posture.Observed, Run: l.listeners},
		{ID: "WEB-02", Title: "Foreign hosts and web pages are turned away at the door", Maps: []string{"PA102-R26", "PA102-R33"}, Level: posture.Probed, Run: l.rebinding},
	}
}

// listeners looks for every socket on which any process of the server's tree
// can be spoken to. Its control is the declared listeners: a look that does not
// find those is blind.
func (l Live) listeners(ctx context.Context) posture.Finding {
	f := posture.Finding{Recheck: "sudo ss -lntuxp | grep abaton", Fix: "start `abaton serve`, then ask again, as the account that runs it"}
	if runtime.GOOS != "linux" {
		return unknown(f, "Listeners can be looked up on Linux only.", nil)
	}
	pid := l.PID
	if pid == 0 {
		var err error
		if pid, err = l.askPID(ctx); err != nil {
			return unknown(f, "No running server was found.", err)
		}
	}
	tree, err := processTree("/proc", pid)
	if err != nil {
		return unknown(f, "The server's processes could not be listed.", err)
	}
	var seen []heard
	for _, p := range tree {
		own, err := listening("/proc", p, pid)
		if errors.Is(err, os.ErrNotExist) && p != pid {
			continue // it ended meanwhile
		}
		if errors.Is(err, errBlind) {
			f.Fix = "ask as root, or let the server look at itself"
		}
		if err != nil {
			return unknown(f, "Not every socket of the server could be attributed.", err)
		}
		seen = append(seen, own...)
	}
	return l.judge(f, len(tree), seen)
}

// twin tells the address that is bound beside the declared one.
func (l Live) twin(address string) bool {
	at, err := netip.ParseAddrPort(l.Address)
	if err != nil {
		return false
	}
	other, ok := twinOf(net.TCPAddrFromAddrPort(at))
	return ok && address == other.String()
}

func (l Live) judge(f posture.Finding, processes int, seen []heard) posture.Finding {
	var lines, wrong []string
	found := map[string]bool{}
	for _, h := range seen {
		lines = append(lines, h.String())
		switch {
		case h.network == "tcp" && h.address == l.Address, h.network == "unix" && h.address == l.Socket:
			found[h.network] = true
		case h.network == "tcp" && h.address == l.TLS:
			found["tls"] = true
		case h.network == "tcp" && h.address == l.Leaflet:
			found["leaflet"] = true
		case h.network == "tcp" && l.twin(h.address):
			// Where names lead beside it.
		case h.network == "unix" && h.apart && strings.HasPrefix(h.address, "/"):
			// A jailed engine's own door, which exists in its jail alone.
		default:
			wrong = append(wrong, h.String())
		}
	}
	f.Evidence = fmt.Sprintf("%d processes; %s", processes, strings.Join(lines, "; "))
	f.Control = "the declared listeners were found by the same look"
	if (l.Address != "" && !found["tcp"]) || (l.Socket != "" && !found["unix"]) || (l.TLS != "" && !found["tls"]) || (l.Leaflet != "" && !found["leaflet"]) || len(found) == 0 {
		f.Control = "a declared listener was not found: the look is blind, or nothing is served"
		return unknown(f, "The declared listeners were not all found.", nil)
	}
	if l.Address != "" {
		if _, err := loopback(l.Address); err != nil {
			wrong = append(wrong, "tcp "+l.Address+" is no loopback address")
		}
	}
	only := "on this machine alone"
	if at, err := netip.ParseAddrPort(l.TLS); l.TLS != "" && (err != nil || !at.Addr().IsLoopback()) {
		only = "for other machines at " + l.TLS + " alone, by TLS and for people who are set up"
		if !l.Accounts {
			wrong = append(wrong, "tcp "+l.TLS+" is open to other machines, and nobody is set up")
		}
	}
	if l.Leaflet != "" {
		only += ", but for the page without TLS at " + l.Leaflet + " that tells whoever is invited how to trust the certificate"
		if l.TLS == "" {
			wrong = append(wrong, "tcp "+l.Leaflet+" speaks no TLS, and there is none to tell about")
		}
	}
	if l.Socket != "" {
		if open := openToOthers(l.Socket); open != "" {
			wrong = append(wrong, open)
		}
	}
	if len(wrong) > 0 {
		f.Status, f.Summary = posture.Fail, "The server can be spoken to where it should not: "+strings.Join(wrong, "; ")+"."
		f.Fix = "stop `abaton serve` and start it again; where this stays, report it"
		return f
	}
	f.Status, f.Summary, f.Fix = posture.Pass, "The server listens "+only+", and nowhere undeclared.", ""
	return f
}

func openToOthers(socket string) string {
	for path, want := range map[string]os.FileMode{socket: 0o600 | os.ModeSocket, filepath.Dir(socket): 0o700 | os.ModeDir} {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&(os.ModeType|0o777) != want {
			return fmt.Sprintf("%s is not %v", path, want)
		}
	}
	return ""
}

// askPID learns the server's process from the kernel.
func (l Live) askPID(ctx context.Context) (int, error) {
	if l.Socket == "" {
		return 0, errors.New("no socket to ask at")
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", l.Socket)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	cred, err := credentials(c.(*net.UnixConn))
	if err == nil && cred.pid == 0 {
		err = errors.New("the server is in another process namespace")
	}
	return cred.pid, err
}

// probe is a request as a hostile web page could make a browser send it.
type probe struct{ name, request string }

// probes are sent as they stand; HOST stands for the listener's own address.
var probes = []probe{
	{"rebound name, GET", "GET /v1/models HTTP/1.1\r\nHost: rebound.example:8226\r\n\r\n"},
	{"rebound name, same-origin POST", "POST /v1/chat/completions HTTP/1.1\r\nHost: rebound.example\r\nOrigin: http://rebound.example\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
	{"rebound name, public page", "GET /health HTTP/1.1\r\nHost: rebound.example\r\n\r\n"},
	{"suffix trick", "GET /v1/models HTTP/1.1\r\nHost: localhost.rebound.example\r\n\r\n"},
	{"prefix trick", "GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1.rebound.example\r\n\r\n"},
	{"empty host", "GET /v1/models HTTP/1.1\r\nHost: :8226\r\n\r\n"},
	{"foreign address", "GET /v1/models HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"},
	{"unspecified address", "GET /v1/models HTTP/1.1\r\nHost: 0.0.0.0:8226\r\n\r\n"},
	{"foreign origin, POST", "POST /v1/chat/completions HTTP/1.1\r\nHost: HOST\r\nOrigin: https://foreign.example\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
	{"foreign origin, simple POST", "POST /v1/chat/completions HTTP/1.1\r\nHost: HOST\r\nOrigin: https://foreign.example\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"},
	{"null origin", "POST /v1/chat/completions HTTP/1.1\r\nHost: HOST\r\nOrigin: null\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
	{"cross-site, no origin", "POST /v1/chat/completions HTTP/1.1\r\nHost: HOST\r\nSec-Fetch-Site: cross-site\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"},
	{"foreign origin, preflight", "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: HOST\r\nOrigin: https://foreign.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"},
	{"foreign origin, web socket", "GET /v1/models HTTP/1.1\r\nHost: HOST\r\nOrigin: https://foreign.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"},
}

// rebinding sends each probe to the live listener. Its control is that a proper
// request passes these guards: the public page answers, and another one asks
// for a token.
func (l Live) rebinding(ctx context.Context) posture.Finding {
	f := posture.Finding{
		Recheck: "curl -i -H 'Host: rebound.example' http://" + l.Address + "/health",
		Fix:     "start `abaton serve`, then ask again from a process that is not locked down",
	}
	if l.Address == "" {
		f.Status, f.Summary, f.Fix = posture.NA, "The server listens on its Unix socket only, which no browser can reach (NET-01).", ""
		return f
	}
	var codes []string
	for path, want := range map[string]int{"/health": http.StatusOK, "/v1/models": http.StatusUnauthorized} {
		got, err := l.send(ctx, "GET "+path+" HTTP/1.1\r\nHost: HOST\r\n\r\n")
		if err != nil {
			return unknown(f, "The listener could not be asked.", err)
		}
		codes = append(codes, fmt.Sprintf("%s answers %d", path, got.StatusCode))
		if got.StatusCode != want {
			f.Control = strings.Join(codes, ", ")
			return unknown(f, fmt.Sprintf("A proper request for %s was answered with %d, not %d.", path, got.StatusCode, want), nil)
		}
	}
	slices.Sort(codes)
	f.Control = "proper requests pass: " + strings.Join(codes, ", ")
	var evidence, wrong []string
	for _, p := range probes {
		got, err := l.send(ctx, p.request)
		if err != nil {
			return unknown(f, "The listener could not be asked.", err)
		}
		evidence = append(evidence, fmt.Sprintf("%s: %d", p.name, got.StatusCode))
		refused := got.StatusCode == http.StatusMisdirectedRequest || got.StatusCode == http.StatusForbidden
		for name := range got.Header {
			refused = refused && !strings.HasPrefix(name, "Access-Control-")
		}
		if !refused {
			wrong = append(wrong, p.name)
		}
	}
	f.Evidence = strings.Join(evidence, "; ")
	if len(wrong) > 0 {
		f.Status, f.Summary = posture.Fail, "A web page could talk to the server: "+strings.Join(wrong, ", ")+"."
		f.Fix = "stop `abaton serve` and report this"
		return f
	}
	f.Status, f.Summary, f.Fix = posture.Pass, fmt.Sprintf("%d requests of hostile web pages were refused before anything read them.", len(probes)), ""
	return f
}

// send makes one request over a connection of its own. The body is not kept.
func (l Live) send(ctx context.Context, request string) (*http.Response, error) {
	var d net.Dialer
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", l.Address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if _, err := io.WriteString(c, strings.ReplaceAll(request, "HOST", l.Address)); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err
	}
	return resp, resp.Body.Close()
}

func unknown(f posture.Finding, summary string, err error) posture.Finding {
	f.Status, f.Summary = posture.Unknown, summary
	if err != nil {
		f.Evidence = err.Error()
	}
	return f
}
