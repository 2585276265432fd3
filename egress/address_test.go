package egress

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func TestControl(t *testing.T) {
	for _, c := range []struct {
		rule    rule
		address string
		ok      bool
	}{
		{rule{}, "8.8.8.8:443", true},
		{rule{}, "127.0.0.1:443", true},
		{rule{}, "10.1.2.3:443", true},
		{rule{}, "169.254.169.254:80", false},
		{rule{}, "[::ffff:169.254.169.254]:80", false},
		{rule{}, "[fe80::1%eth0]:80", false},
		{rule{}, "0.0.0.0:80", false},
		{rule{}, "255.255.255.255:80", false},
		{rule{}, "[ff02::1]:80", false},
		{rule{}, "not an address", false},
		{rule{plain: true}, "127.9.9.9:80", true},
		{rule{plain: true}, "[::1]:80", true},
		{rule{plain: true}, "[::ffff:127.0.0.1]:80", true},
		{rule{plain: true}, "10.1.2.3:80", false},
		{rule{plain: true}, "8.8.8.8:80", false},
		{rule{nearest: public}, "8.8.8.8:443", true},
		{rule{nearest: public}, "10.1.2.3:443", false},
		{rule{nearest: public}, "100.64.0.1:443", false},
		{rule{nearest: public}, "[fd00::1]:443", false},
		{rule{nearest: public}, "[::ffff:10.1.2.3]:443", false},
		{rule{nearest: public}, "[::ffff:100.64.0.1]:443", false},
		{rule{nearest: public}, "[64:ff9b::7f00:1]:443", false},
		{rule{nearest: public}, "127.0.0.1:443", false},
		{rule{nearest: private}, "127.0.0.1:443", false},
		{rule{nearest: private}, "10.1.2.3:443", true},
		{rule{nearest: loopback}, "127.0.0.1:443", true},
		{rule{nearest: public, plain: true, proxied: true}, "127.0.0.1:3128", true},
	} {
		if err := c.rule.control("tcp", c.address, nil); (err == nil) != c.ok {
			t.Errorf("%+v %s: %v", c.rule, c.address, err)
		}
	}
}

// A redirect from outside to a service of this machine is refused when the
// connection is made (SSRF), though the same address may be asked for directly.
func TestRedirectInside(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDoor(DoorConfig{})
	if _, _, err := d.visit(t.Context(), http.MethodGet, u, nil, Access{}, public); err == nil || asked != 0 {
		t.Errorf("error %v, the service was asked %d times", err, asked)
	}
	r, near, err := d.visit(t.Context(), http.MethodGet, u, nil, Access{}, nowhere)
	if err != nil || near != loopback {
		t.Fatalf("control: %v, reach %d", err, near)
	}
	r.Close()
}

func TestNamesAllowed(t *testing.T) {
	d := NewDoor(DoorConfig{AllowHTTP: []string{"mirror.example", "other.example:8080"}, Proxy: "p", NoProxy: []string{".corp.example", "one"}})
	for address, want := range map[string]bool{
		"http://mirror.example/": true, "http://Mirror.Example:81/": true, "http://other.example:8080/": true,
		"http://other.example/": false, "http://a.mirror.example/": false, "http://mirror.example.evil/": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.mayPlain(u, Access{}); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	for host, want := range map[string]bool{"corp.example": true, "a.corp.example": true, "notcorp.example": false, "one": true, "a.one": true, "two": false} {
		if got := d.direct(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes 5-9/*", "bytes */10", "bytes 9-5/10", "bytes 0-10/10", "bytes -1-9/10", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if from, total, ok := contentRange(s); ok && (from < 0 || total != -1 && from >= total) {
			t.Errorf("%q: %d of %d", s, from, total)
		}
	})
}
