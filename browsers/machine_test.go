package browsers

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// openTerminal makes a pseudoterminal (pty(7)) of an account's.
func openTerminal(t *testing.T, uid int) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	ask := func(what uintptr, n *int32) {
		if _, _, no := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), what, uintptr(unsafe.Pointer(n))); no != 0 {
			t.Fatal(no)
		}
	}
	var n int32
	ask(syscall.TIOCSPTLCK, &n)
	ask(syscall.TIOCGPTN, &n)
	path := fmt.Sprintf("/dev/pts/%d", n)
	must(t, os.Chown(path, uid, -1))
	slave, err = os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	return master, slave
}

// Addresses of two machines with a cable between them.
const ours, theirs = "198.51.100.1", "198.51.100.2"

// apart is another machine: a network of its own, with a cable to ours.
type apart struct{ pid int }

// newApart lays the cable, which needs root; for others it is nil, and the server is
// on this machine.
func newApart(t *testing.T) *apart {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	hold := exec.Command("cat")
	hold.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := hold.StdinPipe()
	must(t, err)
	must(t, hold.Start())
	a := &apart{hold.Process.Pid}
	cable := fmt.Sprintf("ab%d", a.pid)
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "del", cable).Run() // gone with the other end
		in.Close()
		_ = hold.Wait()
	})
	for _, command := range []string{
		fmt.Sprintf("ip link add %s type veth peer name home netns %d", cable, a.pid),
		"ip addr add " + ours + "/24 dev " + cable, "ip link set " + cable + " up",
		fmt.Sprintf("nsenter -t %d -n ip link set lo up", a.pid),
		fmt.Sprintf("nsenter -t %d -n ip addr add %s/24 dev home", a.pid, theirs),
		fmt.Sprintf("nsenter -t %d -n ip link set home up", a.pid),
	} {
		fields := strings.Fields(command)
		if out, err := exec.Command(fields[0], fields[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", command, err, out)
		}
	}
	return a
}

// address is that of the server's machine as another one has it.
func (a *apart) address() string {
	if a == nil {
		return "127.0.0.2"
	}
	return theirs
}

// command is a program on that machine, of an account.
func (a *apart) command(uid, gid int, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"-t", strconv.Itoa(a.pid), "-n", "setpriv", "--reuid", strconv.Itoa(uid), "--regid", strconv.Itoa(gid), "--clear-groups", "--"}, args...)...)
}

// engines lists the engines that a server has at work.
func (s *server) engines() (pids []int) {
	dirs, _ := os.ReadDir("/proc")
	parent := map[int]int{}
	var engines []int
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + d.Name() + "/stat")
		if err != nil {
			continue // it ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		parent[pid], _ = strconv.Atoi(fields[1])
		if cmdline, _ := os.ReadFile("/proc/" + d.Name() + "/cmdline"); strings.HasPrefix(string(cmdline), "engine\x00") {
			engines = append(engines, pid)
		}
	}
	for _, pid := range engines {
		for p := pid; p > 1; p = parent[p] {
			if p == s.cmd.Process.Pid {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}
