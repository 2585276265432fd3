package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// lockVerb is the first argument of a process that makes one act, locks itself
// down, and makes it again.
const lockVerb = "sandbox-lockdown"

// What such a process says.
const (
	sayControl = "control: "
	sayLocked  = "locked"
)

func onOneThread(calls <-chan func()) {
	runtime.LockOSThread()
	for call := range calls {
		call()
	}
}

// runLockAct is such a process. It never returns.
func runLockAct(name string, args []string) {
	defer os.Exit(1)
	m, off := mission{}, map[layer]bool{}
	for _, a := range args {
		if k, v, ok := strings.Cut(a, "="); ok {
			m[k] = v
		} else {
			off[layer(a)] = true
		}
	}
	acts := lockActs()
	a := acts[slices.IndexFunc(acts, func(a lockAct) bool { return a.name == name })]
	after, err := newScene(m)
	must0(err)
	kept := waysOut()
	before, err := newScene(m)
	must0(err)
	fmt.Println(sayControl, a.act(before))
	for _, fd := range waysOut() {
		if !slices.Contains(kept, fd) {
			_ = unix.Close(fd) // what the control opened would lead out
		}
	}
	must0(lockDown(off))
	fmt.Println(sayLocked)
	if err := a.act(after); err != nil {
		fmt.Println(sayRefused, err)
	} else {
		fmt.Println(saySucceeded)
	}
	os.Exit(0)
}

// waysOut lists the sockets and rings of this process.
func waysOut() (fds []int) {
	entries, err := os.ReadDir("/proc/self/fd")
	must0(err)
	for _, e := range entries {
		to, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if fd, err := strconv.Atoi(e.Name()); err == nil && (strings.HasPrefix(to, "socket:") || strings.Contains(to, "io_uring")) {
			fds = append(fds, fd)
		}
	}
	return fds
}

// lockOutcome is what such a process showed.
type lockOutcome struct {
	control, locked, refused, succeeded bool
	text                                string
}

// lock makes an act in a process of its own that leaves layers out.
func (w *world) lock(t *testing.T, a lockAct, off ...layer) (o lockOutcome) {
	t.Helper()
	v := <-w.victims
	defer func() { w.victims <- v }()
	tag := tags()
	file := filepath.Join(w.dir, "lock-"+tag)
	must(t, os.WriteFile(file, bytes.Repeat([]byte("M"), page), 0o600))
	defer os.Remove(file)
	args := []string{lockVerb, a.name}
	for _, l := range off {
		args = append(args, string(l))
		if l == lockPrivileges {
			args = append(args, string(lockFilter)) // an ordinary account gets none without
		}
	}
	for k, x := range w.mission(tag, places{model: file, run: w.dir, slots: w.dir, program: "/proc/self/exe"}, v) {
		args = append(args, k+"="+x)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Stdin = terminal(t)
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	o.text = fmt.Sprintf("%v %q", err, out)
	o.control = strings.Contains(string(out), sayControl+" <nil>\n")
	o.locked = strings.Contains(string(out), "\n"+sayLocked+"\n")
	o.succeeded = o.locked && strings.HasSuffix(string(out), "\n"+saySucceeded+"\n")
	killed := false
	if x, ok := errors.AsType[*exec.ExitError](err); ok {
		killed = x.Sys().(syscall.WaitStatus).Signal() == syscall.SIGSYS
	}
	o.refused = o.locked && !o.succeeded && (killed || strings.Contains(string(out), "\n"+sayRefused))
	return o
}

// TestLockDown makes every act before lock-down, where it must succeed, and
// after it, where it must not. And for every layer that stops it: not by this
// layer alone, and again once this one is gone too.
func TestLockDown(t *testing.T) {
	w := newWorld(t)
	acts := lockActs()
	plain := make([]lockOutcome, len(acts))
	w.each(t, len(acts), func(i int) { plain[i] = w.lock(t, acts[i]) })
	type try struct {
		a  lockAct
		by layer
	}
	var tries []try
	var mute []string
	shown := map[layer]bool{}
	for i, a := range acts {
		if !plain[i].locked || plain[i].succeeded || !plain[i].refused {
			t.Errorf("%q after lock-down: %s", a.name, plain[i].text)
		}
		if a.control == asRoot && os.Getuid() != 0 || a.control == withSetUID && w.setuid == "" || !plain[i].control {
			mute = append(mute, a.name)
			for _, l := range a.stops {
				shown[l] = shown[l] || false
			}
			continue
		}
		for _, l := range a.stops {
			tries = append(tries, try{a, l})
			shown[l] = true
		}
	}
	bare := map[string]func() lockOutcome{}
	for i, a := range acts {
		bare[a.name] = sync.OnceValue(func() lockOutcome { return w.lock(t, acts[i], acts[i].stops...) })
	}
	w.each(t, len(tries), func(i int) {
		x := tries[i]
		others := slices.DeleteFunc(slices.Clone(x.a.stops), func(l layer) bool { return l == x.by })
		if o := w.lock(t, x.a, others...); !o.refused {
			t.Errorf("%q is not refused by %q alone: %s", x.a.name, x.by, o.text)
		}
		if o := bare[x.a.name](); !o.succeeded {
			t.Errorf("%q is refused by something that it does not name: %s", x.a.name, o.text)
		}
	})
	want := []layer{lockCapabilities, lockPrivileges, lockImage, lockLoopback, lockFilter, lockThreads, filterArch, filterX32}
	for _, r := range lockRules {
		want = append(want, r.layer())
	}
	for _, l := range want {
		if _, ok := shown[l]; !ok {
			t.Errorf("nothing shows that %q is real", l)
		}
	}
	t.Logf("lock-down as uid %d: %d acts, %d with a control here, 0 succeed; %d showings; without a control: %q",
		os.Getuid(), len(acts), len(acts)-len(mute), len(tries), mute)
}

// TestLockDownOrdinary locks an ordinary account's process down.
func TestLockDownOrdinary(t *testing.T) {
	if os.Getuid() != 0 {
		return // they run so anyway
	}
	cmd := alone(t, nobody, "TestLockDown", "")
	setuid := cmd.Dir + "/setuid"
	must(t, os.WriteFile(setuid, tinyProgram(true), 0o600))
	must(t, os.Chmod(setuid, 0o755|os.ModeSetuid))
	cmd.Env = append(cmd.Env, "ABATON_ALONE="+setuid)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestLockDown") {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "lock-down as uid") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// TestLockedServer does, locked down, what a server must be able to do: accept
// and answer, reach a Unix socket by a short name, start jailed programs. And
// it holds the state that the kernel shows against the promise.
func TestLockedServer(t *testing.T) {
	if _, ok := os.LookupEnv("ABATON_ALONE"); !ok {
		for _, uid := range accounts() {
			t.Run(fmt.Sprint("uid ", uid), func(t *testing.T) { visit(t, uid) })
		}
		return
	}
	var ports, listeners []int
	for _, k := range kinds {
		fd, port, err := listenOn(k.family, k.protocol, 0)
		must(t, err)
		listeners, ports = append(listeners, fd), append(ports, port)
	}
	long := filepath.Join(t.TempDir(), "a folder with quite a long name", "engine.sock")
	must(t, os.Mkdir(filepath.Dir(long), 0o700))
	engine, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	must(t, unix.Bind(engine, &unix.SockaddrUnix{Name: long}))
	must(t, unix.Listen(engine, 4))
	run, err := unix.Open(filepath.Dir(long), unix.O_PATH|unix.O_CLOEXEC, 0)
	must(t, err)
	t.Chdir(t.TempDir())
	must(t, os.Symlink(fmt.Sprintf("/proc/self/fd/%d/engine.sock", run), "e1"))

	must(t, LockDown())
	filters := threadStatus(t, "Seccomp_filters")
	must(t, LockDown())
	if again := threadStatus(t, "Seccomp_filters"); !slices.Equal(filters, again) {
		t.Errorf("locking down again changed the filters: %q, then %q", filters, again)
	}
	later := make(chan func())
	go onOneThread(later)
	done := make(chan error)
	later <- func() { done <- newSocket(nil) }
	if err := <-done; !errors.Is(err, unix.EPERM) {
		t.Errorf("a thread made after lock-down makes a socket: %v", err)
	}
	for field, want := range map[string]string{"CapEff": "0000000000000000", "CapPrm": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2"} {
		if got := threadStatus(t, field); slices.ContainsFunc(got, func(v string) bool { return v != want }) {
			t.Errorf("%s of the threads is %q", field, got)
		}
	}

	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: long}); !errors.Is(err, unix.EPERM) {
		t.Errorf("connect by a long name: %v", err)
	}
	must(t, unix.Connect(client, &unix.SockaddrUnix{Name: "e1"}))

	j, err := Open(t.Context(), Config{StateDir: t.TempDir(), RuntimeDir: t.TempDir()})
	must(t, err)
	defer j.Close()
	got, err := runIn(t, j, own(t, j, Native, helloVerb))
	if err != nil || got.out != sayHello {
		t.Errorf("a jailed program said %q (%v)", got.out, err)
	}
	t.Log("jail:", j.Tier())

	fmt.Println("ports", ports)
	for _, fd := range listeners {
		c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		must(t, err)
		_, err = unix.Write(c, []byte("welcome"))
		must(t, err)
		must(t, unix.Close(c))
	}
}

// visit starts a locked-down server and is answered by each of its listeners.
func visit(t *testing.T, uid int) {
	cmd := alone(t, uid, "TestLockedServer", "")
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = t.Output()
	must(t, cmd.Start())
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(&said, lines.Text())
		list, ok := strings.CutPrefix(lines.Text(), "ports ")
		if !ok {
			continue
		}
		for i, p := range strings.Fields(strings.Trim(list, "[]")) {
			port, err := strconv.Atoi(p)
			must(t, err)
			fd, err := unix.Socket(kinds[i].family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			must(t, err)
			a := address(kinds[i].family, port)
			must(t, second(call(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a[0])), uintptr(len(a)))))
			b := make([]byte, 16)
			n, err := unix.Read(fd, b)
			if err != nil || string(b[:n]) != "welcome" {
				t.Errorf("%s answers %q (%v)", kinds[i].name, b[:n], err)
			}
			must(t, unix.Close(fd))
		}
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "--- PASS: TestLockedServer") {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// threadStatus gives one field of every thread's status.
func threadStatus(t *testing.T, field string) (values []string) {
	t.Helper()
	must(t, eachThread(func(status map[string]string) error {
		values = append(values, status[field])
		return nil
	}))
	slices.Sort(values)
	return slices.Compact(values)
}

// TestLockDownRefuses: a process that holds a way out already is not locked
// down, and says which.
func TestLockDownRefuses(t *testing.T) {
	holds := map[string]func() error{
		"0.0.0.0": func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			return errors.Join(err, unix.Bind(fd, &unix.SockaddrInet4{}), unix.Listen(fd, 1))
		},
		"::": func() error {
			return second(call(unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_DGRAM, 0))
		},
		"family 16": func() error {
			return second(call(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, 0))
		},
		"io_uring": func() error {
			_, err := openRing()
			return err
		},
	}
	if how, ok := os.LookupEnv("ABATON_ALONE"); ok {
		must(t, holds[how]())
		if err := LockDown(); err == nil || !strings.Contains(err.Error(), how) {
			t.Errorf("locked down: %v", err)
		}
		return
	}
	for how := range holds {
		if out, err := alone(t, os.Getuid(), "TestLockDownRefuses", how).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", how, err, out)
		}
	}
}
