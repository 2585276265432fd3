package leak

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// talk is a server that answers each connection with f, over TLS 1.3.
func talk(t *testing.T, f func(c *tls.Conn)) (address string, config *tls.Config) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := &tls.Config{MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true, SessionTicketsDisabled: true,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := listen.Accept()
			if err != nil {
				return
			}
			work.Go(func() { defer c.Close(); f(tls.Server(c, own)) })
		}
	})
	t.Cleanup(func() { listen.Close(); work.Wait() })
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return listen.Addr().String(), &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13, ServerName: "127.0.0.1"}
}

// TestRelaySees every record with its size, in both directions, and who ended.
func TestRelaySees(t *testing.T) {
	sizes := []int{1, 512, 90, 4000, 512}
	address, config := talk(t, func(c *tls.Conn) {
		ask := make([]byte, 300)
		if _, err := io.ReadFull(c, ask); err != nil {
			return
		}
		for _, n := range sizes {
			if _, err := c.Write(bytes.Repeat([]byte{'x'}, n)); err != nil {
				return
			}
		}
		c.Close()
	})
	got := make(chan Trace, 20)
	relay, err := Watch(address, func(t Trace) { got <- t })
	if err != nil {
		t.Fatal(err)
	}
	const clients = 10
	var work sync.WaitGroup
	for range clients {
		work.Go(func() {
			raw, err := net.Dial("tcp", relay.Addr())
			if err != nil {
				t.Error(err)
				return
			}
			defer raw.Close()
			c := tls.Client(raw, config)
			if _, err := c.Write(make([]byte, 300)); err != nil {
				t.Error(err)
			}
			all, err := io.ReadAll(c)
			if err != nil || len(all) != 1+512+90+4000+512 {
				t.Errorf("%d bytes came through, %v", len(all), err)
			}
			wait(raw.(*net.TCPConn)) // else it would be chance who ends first after the server's goodbye
		})
	}
	work.Wait()
	if err := relay.Close(); err != nil {
		t.Fatal(err)
	}
	close(got)
	n := 0
	for tr := range got {
		n++
		if reason := tr.check(); reason != "" {
			t.Error(reason)
		}
		want := []int{1 + 22, 512 + 22, 90 + 22, 4000 + 22, 512 + 22, 24} // the last is the goodbye
		if len(tr.Sizes) < len(want) || !slices.Equal(tr.Sizes[len(tr.Sizes)-len(want):], want) {
			t.Errorf("down came %v, want it to end with %v", tr.Sizes, want)
		}
		if !slices.Contains(tr.UpSizes, 300+22) {
			t.Errorf("up went %v", tr.UpSizes)
		}
		if tr.CloseKind != ServerFin || tr.CloseTime < sum(tr.Gaps)-1e-6 {
			t.Errorf("it ended by %s at %v, after %v", tr.CloseKind, tr.CloseTime, sum(tr.Gaps))
		}
	}
	if n != clients {
		t.Errorf("%d traces of %d connections", n, clients)
	}
}

// TestRelayCloses: each way of ending is told from the others, and passed on.
func TestRelayCloses(t *testing.T) {
	for name, c := range map[string]struct {
		client func(c *net.TCPConn)
		server func(c *net.TCPConn)
		want   string
	}{
		"client ends":    {func(c *net.TCPConn) { c.Close() }, wait, ClientFin},
		"server ends":    {wait, func(c *net.TCPConn) { c.Close() }, ServerFin},
		"client resets":  {reset, wait, ClientRst},
		"server resets":  {wait, reset, ServerRst},
		"client half":    {func(c *net.TCPConn) { c.CloseWrite(); wait(c) }, func(c *net.TCPConn) { wait(c); c.Close() }, ClientFin},
		"server is gone": {wait, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			listen, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var work sync.WaitGroup
			if c.server == nil {
				listen.Close()
			} else {
				work.Go(func() {
					conn, err := listen.Accept()
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
						t.Error(err)
					}
					if _, err := conn.Write([]byte("hello")); err != nil {
						t.Error(err)
					}
					c.server(conn.(*net.TCPConn))
				})
			}
			got := make(chan Trace, 1)
			relay, err := Watch(listen.Addr().String(), func(t Trace) { got <- t })
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", relay.Addr())
			if err != nil {
				t.Fatal(err)
			}
			if c.server != nil {
				if _, err := conn.Write([]byte("hello")); err != nil {
					t.Error(err)
				}
				if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
					t.Error(err)
				}
			}
			c.client(conn.(*net.TCPConn))
			conn.Close()
			work.Wait()
			listen.Close()
			if c.want == "" {
				relay.Close()
				if len(got) != 0 {
					t.Error("there is a trace of a connection that never was")
				}
				return
			}
			tr := <-got
			relay.Close()
			if tr.CloseKind != c.want || !slices.Equal(tr.Sizes, []int{5}) || !slices.Equal(tr.UpSizes, []int{5}) {
				t.Errorf("seen as %s with %v up and %v down, want %s", tr.CloseKind, tr.UpSizes, tr.Sizes, c.want)
			}
		})
	}
}

// wait reads to the end, whatever kind of end it is.
func wait(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	c.Close()
}

// TestRelayStaysHere refuses every target that is not this machine.
func TestRelayStaysHere(t *testing.T) {
	for _, target := range []string{"192.0.2.1:443", "example.org:443", "[2001:db8::1]:443", "0.0.0.0:80", "127.0.0.1", "localhost:80", ":80", "[::ffff:192.0.2.1]:443", ""} {
		if r, err := Watch(target, func(Trace) {}); err == nil {
			r.Close()
			t.Errorf("%q was taken for this machine", target)
		} else if _, is := errors.AsType[*NotLoopbackError](err); !is {
			t.Errorf("%q: %v", target, err)
		}
	}
}

// TestWatcherPieces: however the bytes of records are cut into reads, the same
// records are seen.
func TestWatcherPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var stream []byte
	var want []int
	for i := range 40 {
		n := r.IntN(600)
		kind := byte(tlsContent)
		if i < 3 {
			kind = tlsHandshake
		} else {
			want = append(want, n+tlsHeader)
		}
		stream = append(append(stream, kind, 3, 3, byte(n>>8), byte(n)), make([]byte, n)...)
	}
	for most := 1; most < 2000; most = most*3/2 + 1 {
		w, rest := &Watcher{}, stream
		var got []int
		for len(rest) > 0 {
			n := min(len(rest), 1+r.IntN(most))
			for _, record := range w.Saw(0, rest[:n]) {
				got = append(got, record.Size)
			}
			rest = rest[n:]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("in pieces of at most %d: %v, want %v", most, got, want)
		}
	}
	w := &Watcher{}
	var got []int
	for _, text := range []string{"HTTP/1.1 200 OK\r\n", "data"} {
		for _, record := range w.Saw(0, []byte(text)) {
			got = append(got, record.Size)
		}
	}
	if !slices.Equal(got, []int{17, 4}) {
		t.Errorf("plain text is seen as %v", got)
	}
}
