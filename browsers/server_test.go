// Package browsers holds the built program against Chromium, as people use it.
// It has tests only, and a module of its own, so that what drives a browser stays
// out of the product's.
package browsers

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// model is asked. It is very small.
const model = "smollm2-135m"

// server is a running `abaton serve` with a home of its own.
type server struct {
	work, home string // folders: of the test, and of the program
	env        []string
	uid, gid   int

	sits  bool   // somebody, at the terminal where it is started
	apart *apart // the machine it runs on; nil: this one

	cmd   *exec.Cmd
	page  string // http://abaton.localhost:PORT
	claim string

	mu   sync.Mutex
	said bytes.Buffer // guarded by mu
	done chan struct{}
}

// newServer lays a home out, with the prepared engine and model.
func newServer(t *testing.T) *server {
	t.Helper()
	home := os.Getenv("ABATON_CHECK_HOME")
	if os.Getenv("ABATON_BIN") == "" || home == "" {
		t.Fatal("run `make check`, which builds the program and prepares engine and model")
	}
	work, err := os.MkdirTemp("", "abaton-browsers-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(work) })
	must(t, os.Chmod(work, 0o755))
	s := &server{work: work, home: filepath.Join(work, "its"), uid: os.Getuid(), gid: os.Getgid()}
	if s.uid == 0 { // the program becomes an account of its own, which must own what it runs
		u, err := user.Lookup("abaton")
		must(t, err)
		s.uid, _ = strconv.Atoi(u.Uid)
		s.gid, _ = strconv.Atoi(u.Gid)
	}
	must(t, os.Mkdir(s.home, 0o700))
	out, err := exec.Command("cp", "-a", filepath.Join(home, "engines"), filepath.Join(home, "models"), s.home).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.env = os.Environ()
	for _, name := range []string{"config", "data", "state", "cache", "runtime"} {
		s.env = append(s.env, "ABATON_"+strings.ToUpper(name)+"_DIR="+filepath.Join(s.home, name))
		must(t, os.Mkdir(filepath.Join(s.home, name), 0o700))
	}
	conf := fmt.Sprintf("model = %q\nthreads = 1\n[folders]\nmodels = %q\nengines = %q\n", model, filepath.Join(s.home, "models"), filepath.Join(s.home, "engines"))
	must(t, os.WriteFile(filepath.Join(s.home, "config", "abaton.toml"), []byte(conf), 0o644))
	must(t, filepath.WalkDir(s.home, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, s.uid, s.gid)
	}))
	return s
}

var (
	pageLine = regexp.MustCompile(`(?m)^  page +(http://[^/\s]+)`)
	lastLine = regexp.MustCompile(`(?m)^  token +\S+.*\n`)
)

// start starts it at an address, and waits until it serves.
func (s *server) start(t *testing.T, address string) {
	t.Helper()
	s.startWith(t, "--address", address)
}

// startWith starts it with what the command line says.
func (s *server) startWith(t *testing.T, args ...string) {
	t.Helper()
	s.cmd = exec.Command(os.Getenv("ABATON_BIN"), append([]string{"serve"}, args...)...)
	if s.apart != nil {
		s.cmd = s.apart.command(s.uid, s.gid, s.cmd.Args...)
	}
	s.cmd.Env, s.cmd.Dir = s.env, "/"
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 && s.apart == nil {
		s.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(s.uid), Gid: uint32(s.gid)}
	}
	r, w, err := os.Pipe()
	must(t, err)
	if s.sits {
		r.Close()
		w.Close()
		r, w = openTerminal(t, s.uid)
		s.cmd.Stdin = w
		s.cmd.SysProcAttr.Setsid, s.cmd.SysProcAttr.Setctty = true, true
	}
	s.mu.Lock()
	s.said.Reset()
	s.mu.Unlock()
	s.cmd.Stdout, s.cmd.Stderr = w, w
	must(t, s.cmd.Start())
	w.Close()
	ready, done := make(chan struct{}), make(chan struct{})
	s.done = done
	go func() {
		defer close(done)
		var once sync.Once
		for buf := make([]byte, 4096); ; {
			n, err := r.Read(buf)
			s.mu.Lock()
			s.said.Write(buf[:n])
			all := s.said.String()
			s.mu.Unlock()
			if lastLine.MatchString(all) {
				once.Do(func() { close(ready) })
			}
			if err != nil {
				break
			}
		}
		_ = s.cmd.Wait()
	}()
	t.Cleanup(s.kill)
	select {
	case <-ready:
	case <-done:
		t.Fatalf("abaton serve ended:\n%s", s.output())
	}
	at := pageLine.FindStringSubmatch(s.output())
	if at == nil {
		t.Fatalf("abaton serve names no page:\n%s", s.output())
	}
	s.page = at[1]
	if claim, err := os.ReadFile(filepath.Join(s.home, "config", "device", "claim")); err == nil {
		s.claim = strings.TrimSpace(string(claim))
	}
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// stop ends it as an operator does: what it remembers is written.
func (s *server) stop(t *testing.T) {
	t.Helper()
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said.Reset() // the next start prints its address anew
}

func (s *server) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holds tells whether a file of a folder holds one of some words, and which.
func holds(t *testing.T, folder string, words ...string) (found []string) {
	t.Helper()
	must(t, filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // gone meanwhile, or a socket
		}
		f, err := os.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		must(t, err)
		for _, word := range words {
			wide := make([]byte, 0, 2*len(word)) // as Chromium keeps some texts
			for i := range len(word) {
				wide = append(wide, word[i], 0)
			}
			if bytes.Contains(b, []byte(word)) || bytes.Contains(b, wide) {
				found = append(found, path+": "+word)
			}
		}
		return nil
	}))
	return found
}
