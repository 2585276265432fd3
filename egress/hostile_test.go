package egress_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"

	"abaton.local/egress"
)

// A server that is reached through a proxy may not send us to a service of
// this machine: nobody sees how near that server is, so it counts as far.
func TestProxiedRedirectInside(t *testing.T) {
	asked := 0
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		io.WriteString(w, "secret")
	}))
	t.Cleanup(inside.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL+"/delete?all=1", http.StatusFound)
	}))
	t.Cleanup(proxy.Close)
	door := egress.NewDoor(egress.DoorConfig{Proxy: proxy.URL, AllowHTTP: []string{"mirror.example"}, Backoff: time.Millisecond})
	if b, _, err := door.Get(t.Context(), "http://mirror.example/", nil, 10); err == nil || asked != 0 {
		t.Errorf("%q, %v: the service inside was asked %d times", b, err, asked)
	}
	if b, _, err := door.Get(t.Context(), inside.URL, nil, 10); err != nil || string(b) != "secret" {
		t.Errorf("control: %q, %v", b, err)
	}
}

// What strangers write into a connection's failure reaches a terminal. None of
// it may be a command to that terminal.
func TestEscapes(t *testing.T) {
	const evil = "\x1b]0;owned\x07\u009b31m\u202e"
	// Whoever sits in the network can show any certificate: names are compared
	// before its signature is.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: evil}, DNSNames: []string{"\x1b]0;owned\x07.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.Config.ErrorLog = serve(t, nil).Config.ErrorLog
	s.StartTLS()
	t.Cleanup(s.Close)
	proxy := raw(t, "HTTP/1.1 407 "+evil+"\r\n\r\n")
	far := raw(t, "HTTP/1.1 302 Found\r\nLocation: http://%C2%9B31m.example/"+"\r\nContent-Length: 0\r\n\r\n")

	door := egress.NewDoor(config(t, s, new(bytes.Buffer)))
	proxied := egress.NewDoor(egress.DoorConfig{Proxy: "http://" + proxy, Backoff: time.Millisecond})
	for name, get := range map[string]func() error{
		"certificate": func() error { _, _, err := door.Get(t.Context(), s.URL, nil, 10); return err },
		"proxy":       func() error { _, _, err := proxied.Get(t.Context(), "https://example.com/", nil, 10); return err },
		"redirect":    func() error { _, _, err := door.Get(t.Context(), "http://"+far, nil, 10); return err },
		"address":     func() error { _, _, err := door.Get(t.Context(), "https://%C2%9B31m.example/", nil, 10); return err },
	} {
		err := get()
		if err == nil || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: %+q", name, err)
		}
	}
}

// raw answers every connection with the same bytes.
func raw(t *testing.T, answer string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, answer)
			c.Close()
		}
	}()
	return l.Addr().String()
}
