package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"abaton.local/audit"
	"abaton.local/chat/history"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// house is an installation of the built program in folders of its own, with
// people whose rooms a test may enter while nothing is serving.
type house struct {
	t        *testing.T
	root     string // everything lies below it
	dirs     folders
	bin      string
	uid, gid int  // that the program runs as
	direct   bool // it is started as that account, and not as root
}

// newHouse makes one without people. As root the program becomes the account
// abaton, and the folders change hands as they do for an administrator.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, root: storyRoot(t)}
	account := h.account()
	h.uid, h.gid = account.uid, account.gid
	home := copyHome(t, h.root, h.uid, h.gid) // a copy, for a test may look for what was written into it
	own := func(name string) string { return filepath.Join(h.root, "its", name) }
	h.dirs = folders{Config: own("config"), Data: own("data"), State: own("state"), Cache: own("cache"), Runtime: own("runtime"),
		Models: filepath.Join(home, "models"), Engines: filepath.Join(home, "engines")}
	for _, dir := range []string{h.dirs.Config, h.dirs.Data, h.dirs.State, h.dirs.Cache, h.dirs.Runtime, filepath.Dir(h.dirs.Device()), filepath.Join(h.root, "tmp")} {
		h.must(os.MkdirAll(dir, 0o755))
	}
	for _, dir := range append(h.dirs.own(), filepath.Dir(h.dirs.Device())) {
		h.must(os.Chmod(dir, 0o700))
	}
	built := os.Getenv("ABATON_BIN")
	if built == "" {
		t.Fatal("run `make check`, which builds the program")
	}
	h.bin = filepath.Join(h.root, "abaton")
	copyFile(t, built, h.bin, 0o755)
	settings := fmt.Sprintf("address = \"127.0.0.1:0\"\nthreads = 1\ntemperature = 0.0\n[folders]\nmodels = %q\nengines = %q\n", h.dirs.Models, h.dirs.Engines)
	h.must(os.WriteFile(filepath.Join(h.dirs.Config, "abaton.toml"), []byte(settings), 0o644))
	h.handOver(h.uid, h.gid)
	return h
}

// account is whom the program runs as.
func (h *house) account() account {
	h.t.Helper()
	if os.Getuid() != 0 {
		return account{uid: os.Getuid(), gid: os.Getgid()}
	}
	a, err := findAccount("abaton")
	if err != nil {
		h.t.Fatalf("%v: run `make check`, which makes the account", err)
	}
	return a
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// handOver gives all that the program owns to an account, the temporary folder too.
func (h *house) handOver(uid, gid int) {
	h.t.Helper()
	for _, dir := range append(h.dirs.own(), filepath.Dir(h.dirs.Device()), filepath.Join(h.root, "tmp")) {
		h.must(filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, uid, gid)
		}))
	}
}

// env is the environment of the house's program.
func (h *house) env() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.root, "TMPDIR=" + filepath.Join(h.root, "tmp"), "GOTRACEBACK=crash", "ABATON_USER=abaton"}
	for name, dir := range map[string]string{"CONFIG": h.dirs.Config, "DATA": h.dirs.Data, "STATE": h.dirs.State, "CACHE": h.dirs.Cache, "RUNTIME": h.dirs.Runtime} {
		env = append(env, "ABATON_"+name+"_DIR="+dir)
	}
	return env
}

// run runs a verb with a line of standard input, and gives what it said and
// its exit code.
func (h *house) run(line string, args ...string) (out, errs []byte, code int) {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), h.bin, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = h.env(), h.root, strings.NewReader(line+"\n")
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			h.t.Fatal(err)
		}
	}
	return o.Bytes(), e.Bytes(), cmd.ProcessState.ExitCode()
}

// door is a running serve of a house.
type door struct {
	h     *house
	cmd   *exec.Cmd
	url   string
	token string // of strangers, if it was shown
	claim string // if there is one
	pid   int

	mu   sync.Mutex
	said bytes.Buffer // guarded by mu
	done chan struct{}
}

// serve starts one, with core dumps allowed as far as this process may.
func (h *house) serve() *door {
	h.t.Helper()
	d := &door{h: h, done: make(chan struct{})}
	d.cmd = exec.Command("/bin/sh", "-c", `ulimit -c unlimited 2>/dev/null; exec "$0" serve`, h.bin)
	d.cmd.Env, d.cmd.Dir = h.env(), h.root
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if h.direct && os.Getuid() == 0 {
		d.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(h.uid), Gid: uint32(h.gid)}
	}
	r, w, err := os.Pipe()
	h.must(err)
	d.cmd.Stdout, d.cmd.Stderr = w, w
	h.must(d.cmd.Start())
	w.Close()
	ready := make(chan struct{})
	go func() {
		defer close(d.done)
		var once sync.Once
		word := regexp.MustCompile(`(?m)^  token +\S+.*\n`)
		for buf := make([]byte, 4096); ; {
			n, err := r.Read(buf)
			d.mu.Lock()
			d.said.Write(buf[:n])
			all := d.said.Bytes()
			d.mu.Unlock()
			if word.Match(all) {
				once.Do(func() { close(ready) })
			}
			if err != nil {
				break
			}
		}
		_ = d.cmd.Wait()
	}()
	h.t.Cleanup(func() { _ = d.cmd.Process.Kill(); <-d.done })
	select {
	case <-ready:
	case <-d.done:
		h.t.Fatalf("abaton serve ended:\n%s", d.output())
	}
	said := d.output()
	d.pid = d.cmd.Process.Pid
	d.url = regexp.MustCompile(`http://[^/\s]+`).FindString(said)
	d.token = regexp.MustCompile(`abt_\w{43}`).FindString(said)
	if claim, err := os.ReadFile(h.dirs.Claim()); err == nil {
		d.claim = strings.TrimSpace(string(claim))
	}
	if strings.Contains(said, "abc_") {
		h.t.Error("the claim is where a journal keeps it")
	}
	return d
}

func (d *door) output() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.String()
}

// end sends a signal and waits for the end.
func (d *door) end(sig syscall.Signal) {
	d.h.t.Helper()
	d.h.must(d.cmd.Process.Signal(sig))
	select {
	case <-d.done:
	case <-time.After(time.Minute):
		d.h.t.Fatalf("abaton serve did not end:\n%s", d.output())
	}
}

// ask makes one request and gives status and answer. A credential of "socket"
// comes by the socket as a program of the account, without any.
func (d *door) ask(method, path, credential, body string, header ...string) (int, []byte) {
	d.h.t.Helper()
	base, client := d.url, http.DefaultClient
	if credential == bySocket {
		base, client, credential = "http://localhost", d.h.socketClient(), ""
	}
	req, err := http.NewRequestWithContext(d.h.t.Context(), method, base+path, strings.NewReader(body))
	d.h.must(err)
	req.Header.Set("Content-Type", "application/json")
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil // the server ended meanwhile
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, b
	}
	return resp.StatusCode, b
}

// bySocket is the credential of a program of the account.
const bySocket = "socket"

// socketClient dials the socket as the program's account: the kernel tells the
// door who it was that connected.
func (h *house) socketClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if os.Getuid() == h.uid {
			return (&net.Dialer{}).DialContext(ctx, "unix", h.dirs.Socket())
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		be := func(uid int) error {
			// Of this thread alone, unlike what package syscall has.
			if _, _, no := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); no != 0 {
				return no
			}
			return nil
		}
		if err := be(h.uid); err != nil {
			return nil, err
		}
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", h.dirs.Socket())
		if back := be(0); back != nil {
			panic(back) // this thread would go on as somebody else
		}
		return c, err
	}}}
}

// login gives a session of somebody's.
func (d *door) login(name, passphrase string) string {
	d.h.t.Helper()
	code, b := d.ask("POST", "/abaton/login", "", asJSON(map[string]string{"name": name, "passphrase": passphrase}))
	var in admitted
	if err := json.Unmarshal(b, &in); code != 200 || err != nil || in.Session == "" {
		d.h.t.Fatalf("login: status %d, %v: %s", code, err, b)
	}
	return in.Session
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and maps of them
	}
	return string(b)
}

// rooms are what lies behind a house's program, opened in this process.
type openHouse struct {
	h      *house
	store  *sqlite.Store
	device *vault.Device
	log    *audit.Log
	people *vault.Directory
}

// enter opens the rooms while nothing is serving. leave gives them back.
func (h *house) enter(now func() time.Time) *openHouse {
	h.t.Helper()
	h.handOver(os.Getuid(), os.Getgid())
	ctx, o := h.t.Context(), &openHouse{h: h}
	var err error
	o.device, err = vault.MakeDevice(h.dirs.Device(), h.dirs.Data)
	h.must(err)
	o.store, err = sqlite.Open(ctx, h.dirs.Store())
	h.must(err)
	signing, pseudonyms := o.device.AuditKeys()
	o.log, err = audit.Open(filepath.Join(h.dirs.State, "audit"), audit.Keys{Seed: signing[:], Pseudonym: pseudonyms[:]}, now)
	h.must(err)
	o.people, err = vault.OpenDirectory(ctx, vault.Config{Store: o.store, Device: o.device, StateDir: h.dirs.State,
		Audit: recorder{o.log}, Now: now, Cost: vault.FloorCost()})
	h.must(err)
	return o
}

func (o *openHouse) leave() {
	o.h.t.Helper()
	o.h.must(errors.Join(o.people.Close(), o.log.Close(), o.store.Close()))
	o.device.Close()
	o.h.handOver(o.h.uid, o.h.gid)
}

// join makes a person. The first is made with the claim, others by the owner's
// invitation.
func (o *openHouse) join(owner vault.Session, role vault.Role, name, passphrase string) (s vault.Session, ticket string) {
	o.h.t.Helper()
	var once vault.Once
	var err error
	if owner.Person == "" {
		once, err = o.people.Claim()
	} else {
		once, _, err = o.people.Invite(o.h.t.Context(), owner, role)
	}
	o.h.must(err)
	ticket = string(once.Reveal())
	s, err = o.people.Join(o.h.t.Context(), vault.Newcomer{Ticket: []byte(ticket), Name: name, Passphrase: []byte(passphrase)})
	o.h.must(err)
	return s, ticket
}

// unlock opens somebody's vault.
func (o *openHouse) unlock(name, passphrase string) vault.Session {
	o.h.t.Helper()
	s, err := o.people.Unlock(o.h.t.Context(), vault.Attempt{Name: name, Way: vault.SlotPassphrase, Secret: []byte(passphrase)})
	o.h.must(err)
	return s
}

// history is what somebody said.
func (o *openHouse) history(s vault.Session) *history.History {
	o.h.t.Helper()
	v, err := s.Vault()
	o.h.must(err)
	x, err := history.Open(o.h.t.Context(), v, history.Config{})
	o.h.must(err)
	return x
}
