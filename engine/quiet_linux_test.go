package engine

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const ever = 1000 * time.Hour // what waits so long makes the test fail by its timeout

// pair gives a connection of ours and its other end.
func pair(t *testing.T) (*quietConn, net.Conn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := connect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	return near.(*quietConn), far
}

func say(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func heard(t *testing.T, c net.Conn, size int, want string) {
	t.Helper()
	b := make([]byte, size)
	if n, err := c.Read(b); err != nil || string(b[:n]) != want {
		t.Fatalf("read %q, %v; want %q", b[:n], err, want)
	}
}

// While it rests nothing is read, and what came is read together; but the end
// is not kept back.
func TestRestEndsAtTheEnd(t *testing.T) {
	near, far := pair(t)
	say(t, far, "a")
	heard(t, near, 100, "a")
	near.pace(ever)
	say(t, far, "b")
	say(t, far, "c")
	got := make(chan string)
	go func() {
		b, err := io.ReadAll(near)
		got <- string(b) + errText(err)
	}()
	say(t, far, "d")
	_ = far.Close()
	if s := <-got; s != "bcd" {
		t.Errorf("%q", s)
	}
}

// A rest is over some time, and a reader waits for what comes after it.
func TestRestEndsByItself(t *testing.T) {
	near, far := pair(t)
	say(t, far, "a")
	heard(t, near, 100, "a")
	near.pace(time.Millisecond)
	for _, s := range []string{"b", "c"} {
		say(t, far, s)
		heard(t, near, 100, s)
	}
	got := make(chan error)
	go func() {
		_, err := near.Read(make([]byte, 1))
		got <- err
	}()
	say(t, far, "d")
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// A fast engine is not slowed down: nobody rests where more has come already.
func TestNoRestWhereMoreIsThere(t *testing.T) {
	near, far := pair(t)
	near.pace(ever)
	say(t, far, "abcdef")
	for _, s := range []string{"ab", "cd", "ef"} {
		heard(t, near, 2, s)
	}
}

// Closing ends whoever waits: in a rest, for data, or for room.
func TestCloseEndsWaiting(t *testing.T) {
	for _, name := range []string{"rest", "data", "room"} {
		t.Run(name, func(t *testing.T) {
			near, far := pair(t)
			if name == "rest" {
				say(t, far, "a")
				heard(t, near, 100, "a")
				near.pace(ever)
			}
			ended := make(chan error)
			go func() {
				var err error
				if name == "room" {
					_, err = io.WriteString(near, strings.Repeat("a", 16<<20))
				} else {
					_, err = near.Read(make([]byte, 1))
				}
				ended <- err
			}()
			if name == "room" {
				heard(t, far, 1, "a") // it writes
			}
			if err := near.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// Nobody takes us in: that is an error, and not waited for.
func TestFullSocketIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := connect(t.Context(), path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		var c net.Conn
		if c, err = connect(t.Context(), path); err != nil {
			break
		}
		defer c.Close()
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Error(err)
	}
}
