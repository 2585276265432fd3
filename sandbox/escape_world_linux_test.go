package sandbox

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
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

// A world is what lies outside the jail for the attempts to reach: a file with
// a secret, another process of the same account, sockets that listen. All of it
// lives in the test's own folders and ends with the test.
type world struct {
	dir      string // everything below is in here
	model    string // the file that the jail shows read-only
	secret   string
	tool     string   // a program
	terminal *os.File // one end of a pseudo-terminal
	port     [2]int   // of the TCP listeners by IPv4 and IPv6
	datagram string
	stream   string
	abstract string
	queue    int
	handle   string
	program  Spec
	setuid   string // a program with set-user-ID; empty without root
	victims  chan victim
}

// victim is a process of the same account that does nothing.
type victim struct {
	pid              int
	address, scratch uint64
}

// The sizes that the jail is given in these tests, in bytes.
const (
	jailMemory = 512 << 20
	jailSpace  = 1 << 20
	jailFile   = 256 << 10
	jailFiles  = 256
)

const victimVerb = "sandbox-victim"

// runVictim is the other process: it says where its secret lies, and waits for
// its standard input to end.
func runVictim() {
	if os.Geteuid() == 0 && len(os.Args) == 2 {
		// Root's victim keeps no capabilities: then only the jail's walls stop
		// what is done to it, not that it may do more.
		runtime.LockOSThread() // they are this thread's, and the one that execs passes its own on
		must0(unix.Prctl(unix.PR_SET_SECUREBITS, 1<<0|1<<2, 0, 0, 0))
		must0(syscall.Exec("/proc/self/exe", []string{os.Args[0], victimVerb, "again"}, []string{"VICTIM=yes"}))
	}
	secret := [2]uint64{0x5345435245543031, 0}
	fmt.Printf("%d %d\n", uintptr(unsafe.Pointer(&secret[0])), uintptr(unsafe.Pointer(&secret[1])))
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(int(secret[1] & 1))
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "abaton-escape-") // short, and reachable by the ordinary account
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	w := &world{dir: dir, model: dir + "/model", secret: dir + "/secret", tool: dir + "/tool", datagram: dir + "/datagram", stream: dir + "/stream",
		abstract: "@abaton-" + filepath.Base(dir), setuid: os.Getenv("ABATON_ALONE")}
	must(t, os.WriteFile(w.model, bytes.Repeat([]byte("M"), 64<<10), 0o600))
	must(t, os.WriteFile(w.secret, []byte("SECRET"), 0o600))
	must(t, os.WriteFile(w.tool, tinyProgram(false), 0o755))
	w.port[0] = listen(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	w.port[1] = listen(t, unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Addr: [16]byte{15: 1}})
	listen(t, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: w.stream})
	listen(t, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: w.abstract})
	listen(t, unix.AF_UNIX, unix.SOCK_DGRAM, &unix.SockaddrUnix{Name: w.datagram})
	w.terminal = terminal(t)

	w.queue = int(time.Now().UnixNano() & 0x7fffffff)
	q, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(w.queue), 0o600|unix.IPC_CREAT|unix.IPC_EXCL, 0)
	mustNot(t, errno)
	t.Cleanup(func() { _, _, _ = unix.Syscall(unix.SYS_MSGCTL, q, unix.IPC_RMID, 0) })

	if h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, w.secret, 0); err == nil {
		raw := make([]byte, 8, 8+len(h.Bytes()))
		*(*uint32)(unsafe.Pointer(&raw[0])) = uint32(len(h.Bytes()))
		*(*int32)(unsafe.Pointer(&raw[4])) = h.Type()
		w.handle = hex.EncodeToString(append(raw, h.Bytes()...))
	}
	// A descriptor that every child inherits, unless somebody closes it.
	left, err := unix.Open(w.secret, unix.O_RDONLY, 0)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(left) })

	j := newJail(Config{})
	t.Cleanup(func() { _ = j.Close() })
	w.program = own(t, j, Native)
	w.program.Memory, w.program.RunSize, w.program.FileSize = jailMemory, jailSpace, jailFile
	w.program.RunDirs, w.program.Stdin = []string{"slots"}, w.terminal
	w.victims = make(chan victim, wide)
	for range wide {
		w.victims <- newVictim(t)
	}
	return w
}

// wide is how many children run at a time.
const wide = 4

func newVictim(t *testing.T) (v victim) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", victimVerb)
	cmd.Env = []string{"VICTIM=yes"}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	_, err = fmt.Fscan(out, &v.address, &v.scratch)
	must(t, err)
	v.pid = cmd.Process.Pid
	return v
}

// listen makes a socket that others can reach, and gives its port if it has one.
func listen(t *testing.T, family, kind int, at unix.Sockaddr) int {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	must(t, unix.Bind(fd, at))
	if kind == unix.SOCK_STREAM {
		// A filter that lets Fast Open through must find it switched on.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16)
		must(t, unix.Listen(fd, 4096))
	}
	a, err := unix.Getsockname(fd)
	must(t, err)
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return a.Port
	case *unix.SockaddrInet6:
		return a.Port
	}
	return 0
}

// terminal opens a pseudo-terminal and gives the end that a program would have.
func terminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	mustNot(t, errno)
	f := os.NewFile(slave, "terminal")
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// places says under which paths a process sees what an attempt may touch.
type places struct{ model, run, slots, program string }

// mission tells one process about this world.
func (w *world) mission(tag string, p places, v victim) mission {
	host, _ := os.Hostname()
	m := mission{"tag": tag, "model": p.model, "run": p.run, "slots": p.slots, "program": p.program, "beside": p.slots,
		"dir": w.dir, "tool": w.tool, "secret": w.secret, "stream": w.stream, "datagram": w.datagram, "abstract": w.abstract, "handle": w.handle,
		"setuid": w.setuid, "host": host, "queue": strconv.Itoa(w.queue), "port4": strconv.Itoa(w.port[0]), "port6": strconv.Itoa(w.port[1]),
		"pid": strconv.Itoa(v.pid), "address": fmt.Sprint(v.address), "scratch": fmt.Sprint(v.scratch),
		"memory": fmt.Sprint(jailMemory), "space": fmt.Sprint(jailSpace), "file": fmt.Sprint(jailFile), "files": fmt.Sprint(jailFiles)}
	for _, kind := range []string{"cgroup", "user"} {
		m[kind], _ = os.Readlink("/proc/self/ns/" + kind)
	}
	return m
}

// outcome is what one child showed.
type outcome struct {
	begun, succeeded bool
	refused, killed  bool   // killed: refused by the filter's signal
	why              string // the refusal, or how the child died
}

func (o outcome) String() string {
	switch {
	case !o.begun:
		return "never began: " + o.why
	case o.succeeded:
		return "SUCCEEDED"
	case o.refused:
		return "refused: " + o.why
	}
	return "UNCLEAR: " + o.why
}

// read turns what a child said, and how it ended, into an outcome. After it has
// begun, only its own word or the filter's signal counts as a refusal.
func read(said, complaint, end string, bySIGSYS bool) outcome {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := lines[len(lines)-1]
	o := outcome{begun: lines[0] == sayBegun, why: fmt.Sprintf("%s %q %.400q", end, said, complaint)}
	o.succeeded = o.begun && last == saySucceeded
	why, said1 := strings.CutPrefix(last+" ", sayRefused)
	switch {
	case !o.begun || o.succeeded:
	case said1:
		o.refused, o.why = true, why
	case bySIGSYS:
		o.refused, o.killed, o.why = true, true, "killed by the filter"
	}
	return o
}

var tags = func() func() string { // unique names for what children create
	var mu sync.Mutex
	n := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fmt.Sprintf("%d-%d", os.Getpid(), n)
	}
}()

// outside makes an attempt without any jail: its control.
func (w *world) outside(t *testing.T, a attempt) outcome {
	t.Helper()
	v := <-w.victims
	defer func() { w.victims <- v }()
	tag := tags()
	run := filepath.Join(w.dir, "outside-"+tag)
	must(t, os.MkdirAll(run+"/slots", 0o700))
	defer os.RemoveAll(run)
	must(t, os.WriteFile(run+"/model", bytes.Repeat([]byte("M"), 64<<10), 0o600))
	p := places{model: run + "/model", run: run, slots: run + "/slots", program: "/proc/self/exe"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", attemptArgs(a, w.mission(tag, p, v))...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = w.terminal, &out, &complaint
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	switch a.control {
	case asOwner:
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	case asRoot:
		if os.Geteuid() != 0 {
			return outcome{why: "needs root"}
		}
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
	case withSetUID:
		if w.setuid == "" {
			return outcome{why: "needs a program that root made"}
		}
	}
	err := cmd.Run()
	return read(out.String(), complaint.String(), fmt.Sprint(err), false)
}

// inside makes an attempt in a jail that may lack layers.
func (w *world) inside(t *testing.T, tier Tier, policy Policy, a attempt, off ...layer) outcome {
	t.Helper()
	v := <-w.victims
	defer func() { w.victims <- v }()
	tag := tags()
	home := filepath.Join(w.dir, "jail-"+tag)
	must(t, os.MkdirAll(home, 0o700))
	defer os.RemoveAll(home)
	model := home + "/model"
	must(t, os.WriteFile(model, bytes.Repeat([]byte("M"), 64<<10), 0o600))
	j := newJail(Config{RuntimeDir: home, Log: slog.New(slog.DiscardHandler)})
	defer j.Close()
	j.tier, j.without = tier, map[layer]bool{}
	for _, l := range off {
		j.without[l] = true
		j.knobs = append(j.knobs, string(l))
	}
	s := w.program
	if s.Policy = policy; policy == NativeGPU {
		s.devices = zeroDevice
	}
	s.Files = append(slices.Clone(s.Files), File{Path: model, Inside: "/model"})
	s.Args = func(at func(string) string) []string {
		p := places{model: at("/model"), run: at("/run"), slots: at("/run/slots"), program: at("/probe")}
		return attemptArgs(a, w.mission(tag, p, v))
	}
	said, exit, err := j.output(t.Context(), s, tier)
	if err != nil {
		return outcome{why: err.Error()}
	}
	return read(said, "", exit.String(), exit.PolicyHit)
}

func must0(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustNot(t *testing.T, errno syscall.Errno) {
	t.Helper()
	if errno != 0 {
		t.Fatal(errno)
	}
}
