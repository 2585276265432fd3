package egress_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"abaton.local/egress"
)

// CVE-2025-51471: a token followed a challenge to another host. Nothing that
// could be a credential goes to a second origin, not even another port.
func TestCredentialsStay(t *testing.T) {
	var seen http.Header
	other := serve(t, func(w http.ResponseWriter, r *http.Request) { seen = r.Header.Clone(); w.Write([]byte("ok")) })
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, pw, _ := r.BasicAuth(); pw != "hunter2" {
			t.Errorf("the first host did not get its own credentials")
		}
		if r.URL.Path == "/" {
			http.SetCookie(w, &http.Cookie{Name: "id", Value: "x"})
			http.Redirect(w, r, "/same", http.StatusFound)
			return
		}
		http.Redirect(w, r, strings.Replace(other.URL, "https://", "https://a:b@", 1)+"/x", http.StatusFound)
	})
	if err := first.door.Admit(first.URL, egress.Access{User: url.UserPassword("me", "hunter2")}); err != nil {
		t.Fatal(err)
	}
	body, _, err := first.door.Get(t.Context(), first.URL+"/?key=hunter2", http.Header{
		"Accept": {"text/plain"}, "X-Api-Key": {"hunter2"}, "Authorization": {"Bearer hunter2"},
	}, 10)
	if err != nil || string(body) != "ok" {
		t.Fatalf("%q, %v", body, err)
	}
	for name := range seen {
		switch name {
		case "Accept", "User-Agent", "Accept-Encoding", "Connection":
		default:
			t.Errorf("the second host got %s", name)
		}
	}
	if strings.Contains(first.log.String(), "hunter2") {
		t.Error("the log holds a credential")
	}
}

func TestRedirects(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	hops := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/down":
			http.Redirect(w, r, plain.URL, http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/nowhere":
			w.WriteHeader(http.StatusFound)
		case "/loop":
			hops++
			http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
		case "/10", "/9", "/8", "/7", "/6", "/5", "/4", "/3", "/2":
			http.Redirect(w, r, "/"+string(r.URL.Path[len(r.URL.Path)-1]-1), http.StatusFound)
		default:
			w.Write([]byte("there"))
		}
	})
	for path, want := range map[string]string{"/down": "https to http", "/file": "https to file", "/nowhere": "cannot be read", "/loop": "more than 10 times"} {
		if _, _, err := s.door.Get(t.Context(), s.URL+path, nil, 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	if hops != 11 {
		t.Errorf("%d requests in a loop of redirects, want 11", hops)
	}
	if b, _, err := s.door.Get(t.Context(), s.URL+"/9", nil, 10); err != nil || string(b) != "there" {
		t.Errorf("nine redirects: %q, %v", b, err)
	}
}

// What leads to this machine is decided by address, whatever the spelling;
// plain http leaves it never.
func TestPlainHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) }))
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	door := egress.NewDoor(egress.DoorConfig{Backoff: 1})
	for _, host := range []string{"127.0.0.1", "[::ffff:127.0.0.1]", "localhost"} {
		if b, _, err := door.Get(t.Context(), "http://"+host+":"+port, nil, 10); err != nil || string(b) != "ok" {
			t.Errorf("%s: %q, %v", host, b, err)
		}
	}
	for _, address := range []string{
		"http://192.0.2.1/", "http://[2001:db8::1]/", "http://[::ffff:192.0.2.1]/", "http://10.0.0.1/",
		"https://169.254.169.254/", "http://169.254.169.254/", "https://[fe80::1]/", "https://0.0.0.0:" + port, "https://[::]/",
		"https://[64:ff9b::a9fe:a9fe]/", "https://224.0.0.1/", "ftp://192.0.2.1/", "https:///x", "gopher://127.0.0.1/",
	} {
		_, _, err := door.Get(t.Context(), address, nil, 10)
		if _, ok := errors.AsType[*egress.RefusedError](err); !ok {
			t.Errorf("%s: error %v", address, err)
		}
	}
}

func TestStrangers(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) })
	var log bytes.Buffer
	c := config(t, s.Server, &log)
	c.CACerts = ""
	_, _, err := egress.NewDoor(c).Get(t.Context(), s.URL, nil, 10)
	if err == nil || !strings.Contains(err.Error(), "cannot prove who it is") || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("error %v, log %s", err, &log)
	}
	c.CACerts = "/nowhere.pem"
	if _, _, err := egress.NewDoor(c).Get(t.Context(), s.URL, nil, 10); err == nil {
		t.Error("authorities that are not there are no error")
	}
}

func TestCaps(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/head":
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
		}
		io.WriteString(w, strings.Repeat("x", 1000))
	})
	for path, want := range map[string]string{"/head": "exceeded", "/gzip": "compressed", "/body": "more than the 999 bytes"} {
		if _, _, err := s.door.Get(t.Context(), s.URL+path, nil, 999); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	if b, _, err := s.door.Get(t.Context(), s.URL, nil, 1000); err != nil || len(b) != 1000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// The name in the request is resolved by the proxy alone, and the proxy sees no
// more than a name.
func TestProxy(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("inside")) })
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host)
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		up, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			return
		}
		defer up.Close()
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(up, c); up.Close() }()
		io.Copy(c, bufio.NewReader(up))
	}))
	t.Cleanup(proxy.Close)
	c := config(t, s.Server, new(bytes.Buffer))
	c.Proxy, c.NoProxy = proxy.URL, []string{".invalid"}
	door := egress.NewDoor(c)
	if b, _, err := door.Get(t.Context(), "https://example.com/model?key=1", nil, 10); err != nil || string(b) != "inside" {
		t.Fatalf("%q, %v", b, err)
	}
	if b, _, err := door.Get(t.Context(), s.URL, nil, 10); err != nil || string(b) != "inside" {
		t.Fatalf("loopback: %q, %v", b, err)
	}
	if _, _, err := door.Get(t.Context(), "https://not.invalid/", nil, 10); err == nil {
		t.Error("a host that needs no proxy was found nevertheless")
	}
	if len(asked) != 1 || asked[0] != "CONNECT example.com:443" {
		t.Errorf("the proxy was asked %q", asked)
	}
}

func TestPeek(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("%s", r.Method)
		}
		w.Header().Set("X-Linked-Size", "7")
		http.Redirect(w, r, "https://192.0.2.1/", http.StatusFound)
	})
	if h, err := s.door.Peek(t.Context(), s.URL); err != nil || h.Get("X-Linked-Size") != "7" {
		t.Errorf("%v, %v", h, err)
	}
}
