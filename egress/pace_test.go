package egress_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"abaton.local/egress"
)

// clock goes on by step whenever somebody looks at it, and says so.
func clock(step time.Duration, looked func()) func() time.Time {
	var n atomic.Int64
	return func() time.Time {
		if looked != nil {
			looked()
		}
		return time.Unix(0, 0).Add(time.Duration(n.Add(1)) * step)
	}
}

// drip lets a server's bytes through one by one, the next when the clock was
// looked at; after the first `at once` bytes, and never more than `most`.
type drip struct {
	atOnce, most int
	tick         chan struct{}
}

func (d *drip) looked() {
	select {
	case d.tick <- struct{}{}:
	default:
	}
}

// before gives the address of a relay to target.
func (d *drip) before(t *testing.T, target string) string {
	t.Helper()
	d.tick = make(chan struct{}, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done, stop := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); l.Close(); <-done })
	go func() {
		defer close(done)
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer far.Close()
		go io.Copy(far, near)
		if _, err := io.CopyN(near, far, int64(d.atOnce)); err != nil {
			return
		}
		b := make([]byte, 1)
		for range d.most {
			if _, err := far.Read(b); err != nil {
				return
			}
			if _, err := near.Write(b); err != nil {
				return
			}
			select {
			case <-d.tick:
			case <-stop:
				return
			}
		}
	}()
	return l.Addr().String()
}

// The attack: a mirror sends one byte just before each stall, in its headers,
// its body or an encrypted record, so that a pull never ends and never fails.
// The promise: it is given up, and what came is kept for the next mirror.
func TestDrip(t *testing.T) {
	want := data(1, 200_000)
	f := &files{content: want, etag: `"a"`}
	s := serve(t, f.ServeHTTP)
	handshake := 4 << 10 // bytes, at least as many as TLS and the headers have, far fewer than all
	for name, c := range map[string]struct {
		drip   drip
		secure bool
		step   time.Duration
		slow   bool
	}{
		"header":                 {drip{atOnce: 10, most: 1000}, false, 10 * time.Second, true},
		"body":                   {drip{atOnce: 100_000, most: 1000}, false, 10 * time.Second, true},
		"record":                 {drip{atOnce: handshake, most: 1000}, true, 10 * time.Second, true},
		"control: a still clock": {drip{atOnce: 199_900, most: 1000}, false, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := plain(t, f.ServeHTTP)
			config := config(t, s.Server, new(bytes.Buffer))
			config.Stall = time.Minute
			scheme := "http://"
			if c.secure {
				server, scheme = s.Listener.Addr().String(), "https://"
			}
			relay := c.drip.before(t, server)
			config.Now = clock(c.step, c.drip.looked)
			part := newPart(t, nil)
			err := egress.NewDoor(config).Fetch(t.Context(), scheme+relay, part, sha256.Sum256(want), int64(len(want)), nil)
			if !c.slow {
				if err != nil {
					t.Fatal(err)
				}
				holds(t, part, want)
				return
			}
			if !errors.Is(err, egress.ErrSlow) || !strings.Contains(err.Error(), "127.0.0.1") || !strings.Contains(err.Error(), "another mirror") {
				t.Fatalf("error %v", err)
			}
			// Another mirror goes on where this one was left.
			st, err := part.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if name == "body" && st.Size() < 90_000 {
				t.Errorf("%d bytes were kept", st.Size())
			}
			if err := s.door.Fetch(t.Context(), s.URL, part, sha256.Sum256(want), int64(len(want)), nil); err != nil {
				t.Fatal(err)
			}
			holds(t, part, want)
		})
	}
}

// plain is a server without TLS.
func plain(t *testing.T, h http.HandlerFunc) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, done := &http.Server{Handler: h}, make(chan struct{})
	t.Cleanup(func() { server.Close(); <-done })
	go func() { defer close(done); server.Serve(l) }()
	return l.Addr().String()
}

// A server that hangs up after each byte makes progress each time, and is given
// up all the same when that takes long; when it is fast, it is followed.
func TestHangUps(t *testing.T) {
	want := data(1, 300)
	for _, c := range []struct {
		step time.Duration
		most int
		ok   bool
	}{{time.Second, 5, false}, {0, 300, true}} {
		f := &files{content: want, cut: func(int, int) int { return 1 }}
		s := serve(t, f.ServeHTTP)
		config := config(t, s.Server, new(bytes.Buffer))
		config.Now = clock(c.step, nil)
		err := egress.NewDoor(config).Fetch(t.Context(), s.URL, newPart(t, nil), sha256.Sum256(want), int64(len(want)), nil)
		if (err == nil) != c.ok || !c.ok && !errors.Is(err, io.ErrUnexpectedEOF) || f.count() > c.most {
			t.Errorf("step %v: %d requests, %v", c.step, f.count(), err)
		}
	}
}
