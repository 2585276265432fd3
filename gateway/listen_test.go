package gateway

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOnlyLoopbackIsBound(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "127.0.0.5:0", "[::ffff:127.0.0.1]:0", "localhost:0"} {
		g, err := Listen(Config{Address: address})
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if got := g.Addr().(*net.TCPAddr); !got.IP.IsLoopback() {
			t.Errorf("%s: bound %v", address, got)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, address := range []string{
		"0.0.0.0:0", "[::]:0", ":0", "192.168.1.9:0", "10.0.0.1:8226", "198.51.100.1:80", "[2001:db8::1]:0", "[fe80::1%lo]:0", "[::1%lo]:0",
		"[::ffff:0.0.0.0]:0", "[::ffff:10.0.0.1]:0", "abaton.example:8226", "localhost.example:0", "*:8226", "128.0.0.1:0", "126.255.255.255:0",
	} {
		_, err := Listen(Config{Address: address})
		if err == nil || !strings.Contains(err.Error(), "other machines could reach it") || !strings.Contains(err.Error(), "127.0.0.1:") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"127.0.0.1", "8226", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:-1", "127.0.0.1:65536", "::1:8226"} {
		if _, err := Listen(Config{Address: address}); err == nil || !strings.Contains(err.Error(), "write it as") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := Listen(Config{}); err == nil {
		t.Error("listening on nothing is no error")
	}
}

func TestTakenPortNamesAnother(t *testing.T) {
	first, err := Listen(Config{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	path := filepath.Join(privateDir(t), "abaton.sock")
	_, err = Listen(Config{Address: first.Addr().String(), Socket: path})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "--address 127.0.0.1:") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
}

func TestSocketIsPrivate(t *testing.T) {
	dir := filepath.Join(privateDir(t), "run")
	path := filepath.Join(dir, "abaton.sock")
	old := syscall.Umask(0) // the modes are ours, not the umask's
	g, err := Listen(Config{Socket: path})
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	if g.Addr() != nil {
		t.Error("there is a TCP address")
	}
	for p, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, path: fs.ModeSocket | 0o600, path + ".lock": 0o600} {
		if info, err := os.Lstat(p); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestSocketRefusals(t *testing.T) {
	make := func(do func(dir, path string) error) func(t *testing.T) string {
		return func(t *testing.T) string {
			dir := filepath.Join(privateDir(t), "run")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "abaton.sock")
			if err := do(dir, path); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	for name, c := range map[string]struct {
		path func(t *testing.T) string
		want string
	}{
		"path too long":          {func(*testing.T) string { return "/tmp/" + strings.Repeat("a", longestSocket) }, "ABATON_RUNTIME_DIR"},
		"folder open to all":     {make(func(dir, _ string) error { return os.Chmod(dir, 0o755) }), "chmod 700"},
		"folder open to a group": {make(func(dir, _ string) error { return os.Chmod(dir, 0o710) }), "chmod 700"},
		"folder is a link": {make(func(dir, _ string) error {
			if err := os.Rename(dir, dir+"2"); err != nil {
				return err
			}
			return os.Symlink(dir+"2", dir)
		}), "no folder"},
		"a file in the way":   {make(func(_, path string) error { return os.WriteFile(path, nil, 0o600) }), "no socket"},
		"a folder in the way": {make(func(_, path string) error { return os.Mkdir(path, 0o700) }), "no socket"},
		"a link in the way":   {make(func(_, path string) error { return os.Symlink("/etc/passwd", path) }), "no socket"},
		"the lock is a link":  {make(func(_, path string) error { return os.Symlink("/etc/passwd", path+".lock") }), "locking"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := Listen(Config{Socket: c.path(t)})
			if err == nil {
				g.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if os.Geteuid() == 0 { // as another account there is no other's folder to try
		dir := privateDir(t)
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(Config{Socket: filepath.Join(dir, "s")}); err == nil || !strings.Contains(err.Error(), "another account") {
			t.Errorf("another's folder: %v", err)
		}
	}
}

func TestLongestPathIsBound(t *testing.T) {
	dir := privateDir(t)
	g, err := Listen(Config{Socket: filepath.Join(dir, strings.Repeat("a", longestSocket-len(dir)-1))})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestLivingServerKeepsItsSocket(t *testing.T) {
	h := open(t, Config{}, hello)
	for range 3 {
		if _, err := Listen(Config{Socket: h.socket}); !errors.Is(err, ErrRunning) {
			t.Fatalf("got %v", err)
		}
	}
	if a := raw(t, "unix", h.socket, request("GET", "/health", "localhost")); a.StatusCode != 200 {
		t.Errorf("the first server was disturbed: %s", a.Status)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	again, err := Listen(Config{Socket: h.socket})
	if err != nil {
		t.Fatalf("after it stopped: %v", err)
	}
	again.Close()
}

// What a killed server leaves: a socket on which nobody listens.
func TestDeadServersSocketIsReplaced(t *testing.T) {
	path := filepath.Join(privateDir(t), "abaton.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	h := open(t, Config{Socket: path}, hello)
	if a := raw(t, "unix", h.socket, request("GET", "/", "localhost")); a.StatusCode != 200 {
		t.Error(a.Status)
	}
}

func TestOnlyOneOfManyStartsWins(t *testing.T) {
	path := filepath.Join(privateDir(t), "abaton.sock")
	results := make(chan error, 16)
	won := make(chan *Gateway, 16)
	for range cap(results) {
		go func() {
			g, err := Listen(Config{Socket: path})
			if err == nil {
				won <- g
			} else if errors.Is(err, ErrRunning) {
				err = nil
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if len(won) != 1 {
		t.Errorf("%d servers took the socket", len(won))
	}
	(<-won).Close()
}

// Whoever is not the account that runs the server is turned away, and so is
// whoever the kernel does not name.
func TestAnotherAccountIsRefusedAtTheSocket(t *testing.T) {
	d := &desk{uid: os.Geteuid()}
	for name, from := range map[string]peer{
		"another account": {local: true, known: true, uid: os.Geteuid() + 1},
		"unknown":         {local: true, uid: os.Geteuid()},
	} {
		if _, no := d.session(from, nil); no == nil || no.status != 403 {
			t.Errorf("%s: %+v", name, no)
		}
	}
}
