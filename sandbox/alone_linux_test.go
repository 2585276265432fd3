package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// nobody is an ordinary account.
const nobody = 65534

// everyonesBinary is a copy of this test binary that every account may start;
// go test builds it where only its own account can look.
func everyonesBinary(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	path := filepath.Join(everyonesFolder(t), "sandbox.test")
	must(t, os.WriteFile(path, text, 0o755))
	return path
}

// everyonesFolder is a folder that every account may enter.
func everyonesFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "abaton-everyone-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// alone runs one test function of this binary in a process of its own, which
// can do to itself what cannot be undone. It is told by $ABATON_ALONE that it
// is that process, and how it is to be.
func alone(t *testing.T, uid int, test, how string) *exec.Cmd {
	t.Helper()
	path, temp := everyonesBinary(t), everyonesFolder(t)
	must(t, os.Chown(temp, uid, -1))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, "-test.run=^"+test+"$", "-test.v")
	cmd.Dir = temp
	cmd.Env = append(os.Environ(), "ABATON_ALONE="+how, "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if uid != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	return cmd
}

// accounts are those under which this test process can start another.
func accounts() []int {
	if os.Getuid() != 0 {
		return []int{os.Getuid()}
	}
	return []int{0, nobody}
}

// TestOrdinaryAccount runs the tests of the jail once more without root.
func TestOrdinaryAccount(t *testing.T) {
	if os.Getuid() != 0 {
		return // they run so anyway
	}
	out, err := alone(t, nobody, "(TestGreeting|TestWork|TestMadeCode|TestNothingInherited|TestExit|TestIdentity|TestCancelled|TestClosed)", "").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestExit") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestEngineOrdinaryAccount lets the real engine answer without root.
func TestEngineOrdinaryAccount(t *testing.T) {
	if os.Getuid() != 0 {
		return // TestEngine runs so anyway
	}
	server, model := prepared(t)
	home := everyonesFolder(t)
	for _, f := range []string{server, model} {
		text, err := os.ReadFile(f)
		must(t, err)
		name := filepath.Join(home, filepath.Base(f))
		must(t, os.WriteFile(name, text, 0o500))
		must(t, os.Chown(name, nobody, nobody))
	}
	cmd := alone(t, nobody, "TestEngine", "")
	cmd.Env = append(cmd.Env, "ABATON_CHECK_HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestEngine/B") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The conditions that take tiers away are those that machines have.
const (
	noUserns   = "no user namespaces" // as with user.max_user_namespaces=0
	noLandlock = "no landlock"        // as with a kernel built without it
)

// TestTierFound finds the tier that each kind of machine gives.
func TestTierFound(t *testing.T) {
	if how, ok := os.LookupEnv("ABATON_ALONE"); ok {
		findTierAlone(t, how)
		return
	}
	for _, uid := range accounts() {
		for how, want := range map[string]Tier{
			"": TierA, noUserns: TierB, noLandlock: TierC, noUserns + "," + noLandlock: TierD,
		} {
			t.Run(fmt.Sprintf("uid %d %s", uid, want), func(t *testing.T) {
				cmd := alone(t, uid, "TestTierFound", how)
				if strings.Contains(how, noUserns) {
					cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
					cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
					cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
					// To write its own limit; it keeps nothing else.
					cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_RESOURCE}
				}
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), "found "+want.String()) {
					t.Errorf("want %s: %v\n%s", want, err, out)
				}
			})
		}
	}
}

func findTierAlone(t *testing.T, how string) {
	if strings.Contains(how, noUserns) {
		must(t, os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0))
	}
	if strings.Contains(how, noLandlock) {
		must(t, installFor(filter{otherwise: allow, rules: []rule{{nr: unix.SYS_LANDLOCK_CREATE_RULESET, do: refuse(unix.ENOSYS)}}}))
	}
	cfg := Config{StateDir: t.TempDir(), RuntimeDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	j, err := Open(t.Context(), cfg)
	if none, ok := errors.AsType[*NoJail](err); ok {
		if len(none.Missing) != 3 {
			t.Errorf("it does not say what is missing: %v", err)
		}
		cfg.AcceptUnjailed = true
		j, err = Open(t.Context(), cfg)
	}
	must(t, err)
	defer j.Close()
	p, err := j.Start(t.Context(), own(t, j, Go, helloVerb))
	must(t, err)
	<-p.Done()
	must(t, p.RunDir().Close())
	if p.Exit() != (Exit{}) {
		t.Errorf("the program %s", p.Exit())
	}
	t.Log("found", j.Tier())
}

// installFor puts a filter on all threads of this process.
func installFor(f filter) error {
	prog, err := f.assemble()
	if err != nil {
		return err
	}
	if err := allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return err
	}
	_, err = install(prog, unix.SECCOMP_FILTER_FLAG_TSYNC)
	return err
}

func allThreads(nr, a, b uintptr) error {
	if _, _, e := syscall.AllThreadsSyscall6(nr, a, b, 0, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// TestLockedDown starts programs from a process that gave up what a server
// gives up.
func TestLockedDown(t *testing.T) {
	if _, ok := os.LookupEnv("ABATON_ALONE"); !ok {
		for _, uid := range accounts() {
			out, err := alone(t, uid, "TestLockedDown", "locked").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestLockedDown") {
				t.Errorf("uid %d: %v\n%s", uid, err, out)
			}
		}
		return
	}
	must(t, LockDown())
	j, err := Open(t.Context(), Config{StateDir: t.TempDir(), RuntimeDir: t.TempDir()})
	must(t, err)
	defer j.Close()
	// The number of root can be mapped only by one who has CAP_SETFCAP
	// (user_namespaces(7)), so for root without capabilities it is tier B.
	if want := map[bool]Tier{true: TierB, false: TierA}[os.Getuid() == 0]; j.Tier() != want {
		t.Errorf("found %s", j.Tier())
	}
}

// TestParentKilled: when a server is killed, so is what it jailed, and the next
// one clears up.
func TestParentKilled(t *testing.T) {
	if how, ok := os.LookupEnv("ABATON_ALONE"); ok {
		tier, dir, _ := strings.Cut(how, " ")
		j := jailAt(t, Tier(tier))
		j.cfg.RuntimeDir = dir
		for range 3 {
			fmt.Printf("started %d\n", linger(t, j).PID())
		}
		fmt.Println("started all")
		select {}
	}
	for _, tier := range allTiers {
		for _, uid := range accounts() {
			t.Run(fmt.Sprintf("%s %d", tier, uid), func(t *testing.T) { killParent(t, tier, uid) })
		}
	}
}

func killParent(t *testing.T, tier Tier, uid int) {
	dir, err := os.MkdirTemp("", "abaton-run-")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chown(dir, uid, -1))
	before := mounts(t)
	cmd := alone(t, uid, "TestParentKilled", string(tier)+" "+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var text strings.Builder
	for b := make([]byte, 256); !strings.Contains(text.String(), "started all"); {
		n, err := out.Read(b)
		text.Write(b[:n])
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
	}
	var fds []int
	for line := range strings.Lines(text.String()) {
		if pid, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "started ")); err == nil {
			fd, err := unix.PidfdOpen(pid, 0)
			must(t, err)
			defer unix.Close(fd)
			fds = append(fds, fd)
		}
	}
	if len(fds) != 3 {
		t.Fatalf("no three processes in %s", text.String())
	}
	j := jailAt(t, tier)
	j.cfg.RuntimeDir = dir
	if !tier.namespaces() {
		// While it lives, nobody takes its folders.
		must(t, j.sweep())
		if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
			t.Errorf("of the folders of a living server there are %d (%v)", len(left), err)
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	for _, fd := range fds {
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 20_000); err != nil || n != 1 {
			t.Errorf("a jailed program outlived its server (%v)", err)
		}
	}
	must(t, j.sweep())
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	if now := mounts(t); now != before {
		t.Errorf("mounts before:\n%s\nand after:\n%s", before, now)
	}
}

func mounts(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	return string(b)
}

// TestNothingLeft starts and ends many programs, well and badly, and finds
// descriptors, children, mounts and folders as they were.
func TestNothingLeft(t *testing.T) {
	for _, tier := range allTiers {
		t.Run(string(tier), func(t *testing.T) {
			j := jailAt(t, tier)
			round := func() {
				mustRun(t, j, own(t, j, Native, helloVerb))
				bad := own(t, j, Native, helloVerb)
				bad.Program.Opened.Close()
				bad.Program.Opened = nil
				bad.Program.Path = "/nowhere"
				if _, err := runIn(t, j, bad); err == nil {
					t.Error("a program that is not there was started")
				}
			}
			round() // what is opened once for good: the poller
			before := state(t, j)
			for range 5 {
				round()
			}
			if now := state(t, j); !slices.Equal(now, before) {
				t.Errorf("before: %q\nafter: %q", before, now)
			}
		})
	}
}

// state lists what a leak would add to.
func state(t *testing.T, j *Jail) []string {
	t.Helper()
	var s []string
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	kinds := map[string]int{}
	for _, fd := range fds {
		link, err := os.Readlink("/proc/self/fd/" + fd.Name())
		kind, _, _ := strings.Cut(link, ":")
		if err == nil && link != os.Args[0] { // own keeps this binary open until the test ends
			kinds[kind]++
		}
	}
	exe, _ := os.Executable()
	delete(kinds, exe)
	for kind, n := range kinds {
		s = append(s, fmt.Sprint(kind, " ", n))
	}
	slices.Sort(s)
	folders, err := os.ReadDir(j.cfg.RuntimeDir)
	must(t, err)
	var info unix.Siginfo
	children := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return append(s, fmt.Sprint("folders ", len(folders)), fmt.Sprint("children ", children), mounts(t))
}
