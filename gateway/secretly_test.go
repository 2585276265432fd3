package gateway

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// trusting is the configuration of a client that trusts the house's authority.
func (h *house) trusting(name string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(h.tls.certs.authority.cert)
	return &tls.Config{RootCAs: roots, ServerName: name, Time: h.config.Now}
}

// secretly sends bytes through the TLS door and reads one response.
func (h *house) secretly(t testing.TB, request string) answer {
	t.Helper()
	c, err := tls.Dial("tcp", h.TLSAddr().String(), h.trusting("abaton.example"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return over(t, c, request)
}

func over(t testing.TB, c net.Conn, request string) answer {
	t.Helper()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	a, err := readAnswer(bufio.NewReader(c), method)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
