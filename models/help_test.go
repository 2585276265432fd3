package models

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"crypto/sha256"

	"abaton.local/egress"
	"abaton.local/internal/ggufgen"
)

// tiny is a small but complete model; no two seeds give the same bytes.
func tiny(seed uint64) []byte { return ggufgen.TinyLlama(seed).Bytes() }

func newShelf(t testing.TB) *Shelf {
	t.Helper()
	s, err := OpenShelf(filepath.Join(t.TempDir(), "models"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func ref(t testing.TB, s string) Ref {
	t.Helper()
	r, err := ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// outside is a TLS server and a Puller that trusts it.
type outside struct {
	*httptest.Server
	shelf  *Shelf
	puller *Puller
	ca     string
}

func serve(t *testing.T, h http.HandlerFunc) *outside {
	t.Helper()
	s := httptest.NewTLSServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	o := &outside{Server: s, shelf: newShelf(t), ca: ca}
	o.puller = NewPuller(o.shelf, door(ca), PullerConfig{Hub: s.URL, Version: "abaton test"})
	return o
}

func door(ca string) *egress.Door {
	return egress.NewDoor(egress.DoorConfig{CACerts: ca, Backoff: time.Millisecond, Stall: 2 * time.Second})
}

// pull is a pull that must succeed.
func (o *outside) pull(t *testing.T, text string) Passport {
	t.Helper()
	p, err := o.puller.Pull(t.Context(), ref(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// local is a puller that needs no network.
func local(s *Shelf) *Puller {
	return NewPuller(s, egress.NewDoor(egress.DoorConfig{}), PullerConfig{Version: "abaton test"})
}

// add puts a model on a shelf from a file.
func add(t testing.TB, s *Shelf, name string, content []byte) Passport {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := local(s).Pull(t.Context(), ref(t, "file:"+path), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// nothingLeft fails the test when the shelf lists something, or holds more
// than the parts that a resumed pull may need.
func nothingLeft(t *testing.T, s *Shelf, parts bool) {
	t.Helper()
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("the shelf lists %v, %v", list, err)
	}
	for _, pattern := range []string{"*.gguf", "sha256-*", "*.new", incoming + "/*"} {
		found, _ := filepath.Glob(filepath.Join(s.dir, pattern))
		for _, f := range found {
			if !parts || !strings.HasSuffix(f, ".part") {
				t.Errorf("left behind: %s", f)
			}
		}
	}
}

// changes is a context that does something at the nth question whether it has
// ended: so a test acts in the middle of a copy, without racing it.
type changes struct {
	context.Context
	asked, at int
	do        func()
}

func (c *changes) Err() error {
	if c.asked++; c.asked == c.at {
		c.do()
	}
	return c.Context.Err()
}

// rewrite changes a file's first byte in place, as its owner can.
func rewrite(t testing.TB, path string, at int64) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	os.Chmod(path, 0o600)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	f.ReadAt(b, at)
	b[0] ^= 1
	_, err = f.WriteAt(b, at)
	if err := errors.Join(err, f.Chmod(st.Mode()), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestOrdinaryAccount runs the tests that differ without root's rights once
// more as nobody, when root runs them.
func TestOrdinaryAccount(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "models.test")
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(program, b, 0o755), os.Chmod(program, 0o755), os.Mkdir(filepath.Join(dir, "tmp"), 0), os.Chmod(filepath.Join(dir, "tmp"), 0o777)); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	c := exec.CommandContext(t.Context(), program, "-test.timeout=120s",
		"-test.run=^Test(Shelf|ShelfFolder|Damage|BadPaths|Planted|Killed|AskPip|PullWeb)$")
	c.Dir = dir
	c.Env = append(os.Environ(), "TMPDIR="+filepath.Join(dir, "tmp"))
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// mustJSON encodes what can be encoded.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func digestOf(b []byte) Digest { return sha256.Sum256(b) }
