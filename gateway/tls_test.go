package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lan is a TLS door on loopback that is declared as a box's would be.
func lan(t testing.TB) *TLS {
	return &TLS{Address: "127.0.0.1:0", Names: []string{"abaton.example", "Box.Local."}, Dir: filepath.Join(privateDir(t), "tls")}
}

// The table of host and origin holds behind TLS too, with its own names only:
// loopback's are not in the certificate, so they are nobody's here.
func TestHostsAndOriginsByTLS(t *testing.T) {
	h := open(t, Config{TLS: lan(t)}, hello)
	_, port, _ := net.SplitHostPort(h.TLSAddr().String())
	for _, c := range []struct {
		name, host, header string
		want               int
	}{
		{"curl", "abaton.example:PORT", "", 200},
		{"own page", "abaton.example:PORT", "Origin: https://abaton.example:PORT; Sec-Fetch-Site: same-origin", 200},
		{"own page, declared with a dot and capitals", "box.local", "Origin: https://box.local", 200},
		{"trailing dot", "box.local.", "", 200},
		{"own address", "127.0.0.1:PORT", "", 200},
		{"v4-mapped", "[::ffff:127.0.0.1]:PORT", "", 200},
		{"without TLS by its origin", "abaton.example:PORT", "Origin: http://abaton.example:PORT; Sec-Fetch-Site: same-origin", 403},
		{"same-site sibling", "abaton.example:PORT", "Origin: https://other.example; Sec-Fetch-Site: same-site", 403},
		{"sibling port", "abaton.example:PORT", "Origin: https://abaton.example:1; Sec-Fetch-Site: same-site", 403},
		{"cross-site", "abaton.example:PORT", "Origin: https://foreign.example; Sec-Fetch-Site: cross-site", 403},
		{"cross-site without origin", "abaton.example:PORT", "Sec-Fetch-Site: cross-site", 403},
		{"foreign origin, old browser", "abaton.example:PORT", "Origin: https://foreign.example", 403},
		{"null origin", "abaton.example:PORT", "Origin: null", 403},
		{"rebinding", "rebound.example", "Origin: https://rebound.example; Sec-Fetch-Site: same-origin", 421},
		{"rebinding, no origin", "rebound.example:PORT", "", 421},
		{"empty host", ":PORT", "", 421},
		{"no host at all", "", "", 421},
		{"suffix trick", "box.local.rebound.example", "", 421},
		{"subdomain", "foreign.abaton.example", "", 421},
		{"foreign IP", "192.168.1.10", "", 421},
		{"unspecified IP", "0.0.0.0", "", 421},
		{"loopback's name", "localhost:PORT", "", 421},
		{"another loopback IP", "127.0.0.2", "", 421},
		{"IPv6 loopback", "[::1]:PORT", "", 421},
	} {
		fill := strings.NewReplacer("PORT", port)
		var header []string
		if c.header != "" {
			header = strings.Split(fill.Replace(c.header), "; ")
		}
		header = append(header, bearer(h.token))
		for _, path := range []string{"/v1/models", "/health", pathCertificate} {
			if a := h.secretly(t, request("GET", path, fill.Replace(c.host), header...)); a.StatusCode != c.want {
				t.Errorf("%s, %s: %s", c.name, path, a.Status)
			}
		}
		a := h.secretly(t, request("POST", "/v1/models", fill.Replace(c.host), header...))
		if a.StatusCode != c.want || (a.Header.Get("Reached") != "") != (c.want == 200) {
			t.Errorf("%s: %s", c.name, a.Status)
		}
		if a.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS on loopback", c.name)
		}
	}
	// The plain door is as it was: the TLS door's names are not its own.
	if a := raw(t, "tcp", h.address, request("GET", "/health", "abaton.example")); a.StatusCode != 421 {
		t.Errorf("a name of the TLS door at the plain one: %s", a.Status)
	}
}

// What is spoken, and what is not.
func TestOnlyTLS13IsSpoken(t *testing.T) {
	h := open(t, Config{TLS: lan(t)}, hello)
	at := h.TLSAddr().String()
	c, err := tls.Dial("tcp", at, h.trusting("box.local"))
	if err != nil {
		t.Fatal(err)
	}
	s := c.ConnectionState()
	if s.Version != tls.VersionTLS13 || s.CurveID != tls.X25519MLKEM768 {
		t.Errorf("version %x, key exchange %v", s.Version, s.CurveID)
	}
	c.Close()
	for _, newest := range []uint16{tls.VersionTLS12, tls.VersionTLS11} {
		conf := h.trusting("box.local")
		conf.MinVersion, conf.MaxVersion = tls.VersionTLS10, newest
		if c, err := tls.Dial("tcp", at, conf); err == nil {
			t.Errorf("%x was spoken", newest)
			c.Close()
		}
	}
	// Nothing is resumed, so no key outlives a connection.
	conf := h.trusting("box.local")
	conf.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	for range 2 {
		c, err := tls.Dial("tcp", at, conf)
		if err != nil {
			t.Fatal(err)
		}
		if a := over(t, c, request("GET", "/health", "box.local")); a.StatusCode != 200 {
			t.Error(a.Status)
		}
		if c.ConnectionState().DidResume {
			t.Error("a session was resumed")
		}
		c.Close()
	}
	if a := raw(t, "tcp", at, request("GET", "/health", "box.local")); a.StatusCode != 400 || a.Header.Get("Location") != "" {
		t.Errorf("plain HTTP at the TLS door: %s", a.Status)
	}
	conf = h.trusting("box.local")
	conf.NextProtos = []string{"h2"}
	if c, err := tls.Dial("tcp", at, conf); err == nil {
		t.Error("HTTP/2 was agreed on")
		c.Close()
	}
	if log := h.log.String(); strings.Contains(log, "remote error") || strings.Contains(log, "handshake") {
		t.Errorf("log: %s", log)
	}
}

// Whoever stands on the line says nothing, sends rubbish or half a handshake.
func TestDawdlersAtTheTLSDoor(t *testing.T) {
	h := open(t, Config{TLS: lan(t), HeaderTimeout: 50 * time.Millisecond}, hello)
	for name, start := range map[string]string{"nothing": "", "half a record": "\x16\x03\x01\x02\x00\x01", "rubbish": "\x80\x00\xff\xff"} {
		c, err := net.Dial("tcp", h.TLSAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, start)
		if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: the connection stayed open: %v", name, err)
		}
		c.Close()
	}
	if a := h.secretly(t, request("GET", "/health", "box.local")); a.StatusCode != 200 {
		t.Errorf("afterwards: %s", a.Status)
	}
}

// One source cannot take all seats.
func TestOneSourceHasAQuarterOfTheTLSDoor(t *testing.T) {
	h := open(t, Config{TLS: lan(t), MaxConnections: 8}, hello)
	var held []*tls.Conn
	for range 2 {
		c, err := tls.Dial("tcp", h.TLSAddr().String(), h.trusting("box.local"))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	if c, err := tls.Dial("tcp", h.TLSAddr().String(), h.trusting("box.local")); err == nil {
		t.Error("a third was let in")
		c.Close()
	}
	if a := h.get(t, "/health"); a.StatusCode != 200 {
		t.Errorf("the plain door: %s", a.Status)
	}
	held[0].Close()
	for { // until the server has seen it
		c, err := tls.Dial("tcp", h.TLSAddr().String(), h.trusting("box.local"))
		if err == nil {
			c.Close()
			break
		}
	}
	held[1].Close()
}

func TestNoDoorForOthersWithoutTLSAndPeople(t *testing.T) {
	if _, err := Listen(Config{Address: "192.0.2.9:8226"}); !errors.Is(err, ErrNoTLS) || !strings.Contains(err.Error(), "use 127.0.0.1:8226") {
		t.Errorf("without TLS: %v", err)
	}
	dir := filepath.Join(privateDir(t), "tls")
	empty := Directory(newDirectory(t, newClock()))
	for name, people := range map[string]People{"none": nil, "nobody yet": empty} {
		_, err := Listen(Config{TLS: &TLS{Address: "192.0.2.9:8443", Dir: dir}, People: people})
		if !errors.Is(err, ErrNoAccount) || !strings.Contains(err.Error(), "abaton setup") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("an authority was made for nothing")
	}
	for _, address := range []string{"0.0.0.0:1", "[::]:1", "224.0.0.1:1", "255.255.255.255:1", "[ff02::1]:1", "[fe80::1%eth0]:1", "[::ffff:0.0.0.0]:1", "box.local:1", "*:1", ":1", "192.0.2.9", "192.0.2.9:x", "192.0.2.9:65536"} {
		if g, err := Listen(Config{TLS: &TLS{Address: address, Dir: dir}, People: empty}); err == nil || errors.Is(err, ErrNoAccount) {
			t.Errorf("%s: %v", address, err)
			if g != nil {
				g.Close()
			}
		}
	}
}

// A stranger's token opens nothing from another machine, even if everybody has
// left since the start.
func TestStrangersStayOnThisMachine(t *testing.T) {
	h := open(t, Config{TLS: lan(t)}, hello)
	if a := h.secretly(t, request("GET", "/", "box.local", bearer(h.token))); a.StatusCode != 200 {
		t.Errorf("on loopback: %s", a.Status)
	}
	d := &desk{Gateway: &Gateway{tls: &secure{exposed: true}}, uid: os.Geteuid()}
	if s, no := d.session(peer{tls: true, from: "192.0.2.1"}, nil); no == nil || no.code != "not_set_up" || s.Person != "" {
		t.Errorf("from another machine: %+v", no)
	}
}

// curl, and the OpenSSL inside it, are other people's judgement.
func TestCurlTrustsTheAuthority(t *testing.T) {
	h := open(t, Config{TLS: lan(t)}, hello)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	host, port, _ := net.SplitHostPort(h.TLSAddr().String())
	fetched := h.secretly(t, request("GET", pathAuthority, "box.local"))
	if fetched.StatusCode != 200 || fetched.Header.Get("Content-Type") != "application/x-x509-ca-cert" {
		t.Fatal(fetched.Status)
	}
	if err := os.WriteFile(ca, []byte(fetched.body), 0o600); err != nil {
		t.Fatal(err)
	}
	curl := func(args ...string) (string, error) {
		cmd := exec.Command("curl", append([]string{"-q", "-sS", "--noproxy", "*", "--max-time", "20", "--resolve", fmt.Sprintf("box.local:%s:%s", port, host)}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, url := range []string{"https://box.local:" + port, "https://" + host + ":" + port} {
		if out, err := curl("--cacert", ca, url+"/health"); err != nil || !strings.Contains(out, "ok") {
			t.Errorf("%s: %s %v", url, out, err)
		}
	}
	if out, err := curl("https://box.local:" + port + "/health"); err == nil {
		t.Errorf("trusted without the authority: %s", out)
	}
	if out, err := curl("--cacert", ca, "--tls-max", "1.2", "https://box.local:"+port+"/health"); err == nil {
		t.Errorf("TLS 1.2: %s", out)
	}
}

// Who stole the key of the authority serves as a bank: curl turns away, though
// it would believe an authority that is not constrained.
func TestCurlBelievesNoForgedBank(t *testing.T) {
	now := time.Now()
	own, err := newAuthority(box(), now)
	if err != nil {
		t.Fatal(err)
	}
	loose, err := newAuthority(identity{names: []string{"example"}}, now)
	if err != nil {
		t.Fatal(err)
	}
	for want, a := range map[bool]*authority{false: own, true: loose} {
		leaf, err := a.leaf(identity{names: []string{"bank.example"}}, now)
		if err != nil {
			t.Fatal(err)
		}
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*leaf}})
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0)}
		done := make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		ca := filepath.Join(t.TempDir(), "ca.crt")
		if err := os.WriteFile(ca, a.pem(), 0o600); err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		out, err := exec.Command("curl", "-q", "-sS", "--noproxy", "*", "--max-time", "20", "--cacert", ca, "--resolve", "bank.example:"+port+":127.0.0.1", "https://bank.example:"+port).CombinedOutput()
		if (err == nil) != want || !want && !strings.Contains(string(out), "permitted") {
			t.Errorf("believed: %v, want %v: %s", err == nil, want, out)
		}
		server.Close()
		<-done
	}
}

func TestTrustPage(t *testing.T) {
	words := func(sum [32]byte) string { return "larch <b>otter</b> quartz" }
	c := lan(t)
	c.Words = words
	h := open(t, Config{TLS: c}, hello)
	a := h.secretly(t, request("GET", pathCertificate, "box.local"))
	if a.StatusCode != 200 || !strings.Contains(a.body, "larch &lt;b&gt;otter&lt;/b&gt; quartz") || !strings.Contains(a.body, "box.local") {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if h.Fingerprint() != "larch <b>otter</b> quartz" {
		t.Error(h.Fingerprint())
	}
	// The digits are of the very file that is handed out.
	file, _ := pem.Decode([]byte(h.secretly(t, request("GET", pathAuthority, "box.local")).body))
	if file == nil {
		t.Fatal("no certificate")
	}
	sum := sha256.Sum256(file.Bytes)
	digits := h.FingerprintDigits()
	if strings.ToLower(strings.ReplaceAll(digits, ":", "")) != hex.EncodeToString(sum[:]) || len(digits) != 95 || !strings.Contains(a.body, digits) {
		t.Errorf("the digits are %s", digits)
	}
	policy := a.Header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "style-src 'sha256-") || strings.Contains(a.body, "<script") {
		t.Errorf("CSP %q", policy)
	}
	for _, c := range []struct{ method, path, allow string }{{"POST", pathCertificate, "GET, HEAD"}, {"DELETE", pathAuthority, "GET, HEAD"}, {"GET", pathLogin, "POST"}, {"PUT", pathJoin, "POST"}} {
		if a := h.secretly(t, request(c.method, c.path, "box.local")); a.StatusCode != 405 || a.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %s, %s", c.method, c.path, a.Status, a.Header.Get("Allow"))
		}
	}
	plain := open(t, Config{}, hello)
	for _, path := range []string{pathCertificate, pathAuthority} {
		if a := plain.get(t, path); a.StatusCode != 404 {
			t.Errorf("%s without TLS: %s", path, a.Status)
		}
	}
}
