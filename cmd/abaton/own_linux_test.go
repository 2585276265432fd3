package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// occupied is a socket at path that counts who connects, and how much they say.
func occupied(t *testing.T, path string) (l *net.UnixListener, heard chan int) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	heard = make(chan int, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := c.Read(make([]byte, 4096))
			heard <- n
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return l, heard
}

// listenAs has the listener listen as another account: the kernel remembers who
// called listen last. Its thread is that account's from then on, and ends.
func listenAs(t *testing.T, l *net.UnixListener, uid int) {
	t.Helper()
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- errors.Join(raw.Control(func(fd uintptr) {
			if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
				err = e
			} else if _, _, e := unix.RawSyscall(unix.SYS_LISTEN, fd, 8, 0); e != 0 {
				err = e
			}
		}), err)
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A server of another account in the place of ours is told nothing.
func TestNothingIsSaidToAForeignServer(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "own")
	_, heard := occupied(t, own)
	if c, err := connect(t.Context(), own); c == nil || err != nil {
		t.Fatalf("the control: our own socket: %v", err)
	}
	<-heard
	link := filepath.Join(dir, "link")
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.Symlink(own, link), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	foreign := map[string]string{link: "is no socket", file: "is no socket"}
	if os.Geteuid() == 0 { // whoever is not root cannot be two accounts
		theirs, served := filepath.Join(dir, "theirs"), filepath.Join(dir, "served")
		occupied(t, theirs)
		if err := os.Chown(theirs, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		foreign[theirs] = "belongs to another account"
		l, said := occupied(t, served)
		listenAs(t, l, 65534)
		foreign[served] = "is served by another account (number 65534)"
		defer func() {
			for range 3 {
				if n := <-said; n != 0 {
					t.Errorf("the other account was told %d bytes", n)
				}
			}
		}()
	}
	for path, want := range foreign {
		if c, err := connect(t.Context(), path); c != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		c := newClient(path)
		c.credential = "abs_a-secret"
		err := c.call(t.Context(), "vault/status", struct{}{}, nil)
		if text, code := words(err, slog.New(slog.DiscardHandler)); code != failed || !strings.Contains(text, want) || strings.Contains(text, "secret") {
			t.Errorf("%s: %d %q", path, code, text)
		}
		if _, err := c.enter(context.Background(), "/abaton/login", map[string]string{}, "passphrase", &secretText{}); err == nil {
			t.Errorf("%s: a login went there", path)
		}
	}
	if resp, err := newClient(own).http.Get("http://localhost/"); err == nil {
		resp.Body.Close()
		t.Error("a server that only hangs up answered")
	} else if n := <-heard; n == 0 {
		t.Error("the control: our own server heard nothing")
	}
}

// A session's secret goes into a file of its own, through no link, and comes out
// of one only.
func TestSessionsFollowNoLink(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("as it was"), 0o644); err != nil {
		t.Fatal(err)
	}
	temp, kept := filepath.Join(dir, sessionFile+".new"), filepath.Join(dir, sessionFile)
	for name, plant := range map[string]func() error{
		"a link in the way":          func() error { return os.Symlink(outside, temp) },
		"a second name of a file":    func() error { return os.Link(outside, temp) },
		"a login that was cut short": func() error { return os.WriteFile(temp, []byte("half"), 0o644) },
		"a link at the end":          func() error { return os.Symlink(outside, kept) },
		"nothing":                    func() error { return nil },
	} {
		if err := errors.Join(os.RemoveAll(kept), os.RemoveAll(temp), plant()); err != nil {
			t.Fatal(err)
		}
		if err := keepSession(dir, []byte("abs_x")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(outside); err != nil || string(b) != "as it was" {
			t.Errorf("%s: the secret went to %q", name, b)
		}
		info, err := os.Lstat(kept)
		if s, err2 := keptSession(dir); err != nil || err2 != nil || s != "abs_x" || info.Mode() != 0o600 {
			t.Errorf("%s: kept %q, %v %v", name, s, info, errors.Join(err, err2))
		}
	}
	// What is not ours is not sent anywhere as a secret, either.
	for name, plant := range map[string]func() error{
		"a link":           func() error { return os.Symlink(outside, kept) },
		"a pipe":           func() error { return unix.Mkfifo(kept, 0o600) },
		"a folder":         func() error { return os.Mkdir(kept, 0o700) },
		"something larger": func() error { return os.WriteFile(kept, make([]byte, 1<<20), 0o600) },
	} {
		if err := errors.Join(os.RemoveAll(kept), plant()); err != nil {
			t.Fatal(err)
		}
		if s, err := keptSession(dir); err == nil || s != "" {
			t.Errorf("%s: read %q", name, s)
		}
	}
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(temp, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keepSession(dir, []byte("abs_x")); err == nil {
		t.Error("a folder in the way is no error")
	}
}
