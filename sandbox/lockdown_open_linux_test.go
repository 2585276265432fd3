package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Addresses of a machine with two networks, and of the other machine on both.
const (
	hereHome, thereHome = "192.0.2.9", "192.0.2.10"
	hereWork, thereWork = "198.51.100.9", "198.51.100.10"
)

// TestLockDownForOthers locks a server down that listens for other machines on
// one of two networks. A network namespace is the machine, another one below it
// the other machine, and two virtual cables lie between them.
func TestLockDownForOthers(t *testing.T) {
	switch how, _ := os.LookupEnv("ABATON_ALONE"); how {
	case "":
		cmd := alone(t, os.Getuid(), "TestLockDownForOthers", "here")
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNET
		if os.Getuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestLockDownForOthers") {
			t.Errorf("%v\n%s", err, out)
		}
	case "there":
		beTheOther(t)
	default:
		beTheServer(t)
	}
}

// other is the other machine: it does what is written to it, a line at a time.
type other struct {
	to   io.Writer
	from *bufio.Reader
}

func (o *other) do(t *testing.T, line string) string {
	t.Helper()
	_, err := fmt.Fprintln(o.to, line)
	must(t, err)
	for {
		said, err := o.from.ReadString('\n')
		must(t, err)
		if said, ok := strings.CutPrefix(said, "said "); ok {
			return strings.TrimSpace(said)
		}
	}
}

func beTheOther(t *testing.T) {
	lines := bufio.NewScanner(os.Stdin)
	var sink int
	for lines.Scan() {
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		said := "done"
		switch verb {
		case "ip":
			must(t, exec.Command("ip", strings.Fields(rest)...).Run())
		case "listen": // and tell what arrived since
			var at netip.AddrPort
			sink, at = listenHere(t, rest, "")
			must(t, unix.SetNonblock(sink, true))
			said = at.String()
		case "arrived":
			c, _, err := unix.Accept4(sink, unix.SOCK_CLOEXEC)
			if said = "nothing"; err == nil {
				must(t, unix.Close(c))
				said = "something"
			}
		case "dial":
			c, err := dialThere(rest)
			if said = "refused"; err == nil {
				b := make([]byte, 16)
				n, err := unix.Read(c, b)
				said = fmt.Sprintf("read %q %v", b[:max(n, 0)], err)
			}
			must(t, unix.Close(c))
		case "hold": // a connection that the server may do with what it likes
			_, err := dialThere(rest)
			must(t, err)
		}
		fmt.Println("said", said)
	}
}

func dialThere(address string) (fd int, err error) {
	at := netip.MustParseAddrPort(address)
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return fd, err
	}
	return fd, unix.Connect(fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())})
}

// listenHere makes a listener, tied to a device where one is named.
func listenHere(t *testing.T, at, device string) (int, netip.AddrPort) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	if device != "" {
		must(t, unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device))
	}
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(at).As4()}))
	must(t, unix.Listen(fd, 8))
	own, err := ownAddress(fd, unix.AF_INET)
	must(t, err)
	return fd, own
}

func beTheServer(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestLockDownForOthers$")
	cmd.Env = append(os.Environ(), "ABATON_ALONE=there")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Wait()
	defer in.Close()
	there := &other{in, bufio.NewReader(out)}
	ip := func(args string) {
		t.Helper()
		if said, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v %s", args, err, said)
		}
	}
	ip("link set lo up")
	for device, addrs := range map[string][2]string{"home": {hereHome, thereHome}, "work": {hereWork, thereWork}} {
		ip(fmt.Sprintf("link add %s type veth peer name %s netns %d", device, device, cmd.Process.Pid))
		ip("addr add " + addrs[0] + "/24 dev " + device)
		ip("link set " + device + " up")
		there.do(t, "ip addr add "+addrs[1]+"/24 dev "+device)
		there.do(t, "ip link set "+device+" up")
	}
	sink := there.do(t, "listen "+thereHome)

	accepted := func(fd int, at netip.AddrPort) int {
		t.Helper()
		there.do(t, "hold "+at.String())
		c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		must(t, err)
		return c
	}
	// anew makes a listener for every network out of an accepted descriptor.
	anew := func(fd int) string {
		t.Helper()
		must(t, disconnect(fd))
		must(t, unix.Bind(fd, &unix.SockaddrInet4{}))
		must(t, unix.Listen(fd, 8))
		own, err := ownAddress(fd, unix.AF_INET)
		must(t, err)
		return fmt.Sprint(own.Port())
	}
	// greet answers one caller.
	greet := func(fd int) {
		go func() {
			if c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC); err == nil {
				unix.Write(c, []byte("welcome"))
				unix.Close(c)
			}
		}()
	}

	// The control: without a tie a descriptor can be made to listen to everybody.
	loose, at := listenHere(t, hereHome, "")
	free := accepted(loose, at)
	port := anew(free)
	greet(free)
	if said := there.do(t, "dial "+hereWork+":"+port); !strings.Contains(said, "welcome") {
		t.Fatalf("control: %s", said)
	}
	must(t, unix.Close(free))
	if err := tieToDevices([]netip.AddrPort{at}); err == nil || !strings.Contains(err.Error(), "not tied") {
		t.Errorf("a listener without a tie: %v", err)
	}
	must(t, unix.Close(loose))

	door, at := listenHere(t, hereHome, "home")
	loop, _ := listenHere(t, "127.0.0.1", "")
	// What is not declared, or no listener, is a way out.
	for name, open := range map[string][]netip.AddrPort{
		"nothing declared": nil, "another port": {netip.AddrPortFrom(at.Addr(), at.Port()+1)}, "another network": {netip.MustParseAddrPort(hereWork + ":1")},
	} {
		if err := tieToDevices(open); err == nil {
			t.Errorf("%s: tied", name)
		}
	}
	way := accepted(door, at)
	if err := tieToDevices([]netip.AddrPort{at}); err == nil || !strings.Contains(err.Error(), "leads outside") {
		t.Errorf("a connection that is there already: %v", err)
	}
	must(t, unix.Close(way))

	must(t, LockDown(at))
	must(t, LockDown(at))
	for fd, want := range map[int]string{door: "home", loop: "lo"} {
		if device, err := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE); err != nil || device != want {
			t.Errorf("descriptor %d is tied to %q (%v), want %s", fd, device, err, want)
		}
	}
	// It serves, also while connections are open.
	fd := accepted(door, at)
	must(t, LockDown(at))
	if err := LockDown(); err == nil {
		t.Error("locked down for nobody while somebody is served")
	}
	if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, ""); !errors.Is(err, unix.EPERM) {
		t.Errorf("untie: %v", err)
	}
	if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "work"); !errors.Is(err, unix.EPERM) {
		t.Errorf("tie to another device: %v", err)
	}
	// It dials nobody.
	must(t, disconnect(fd))
	dst := netip.MustParseAddrPort(sink)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: dst.Addr().As4(), Port: int(dst.Port())}); !errors.Is(err, unix.EPERM) {
		t.Errorf("dial: %v", err)
	}
	if said := there.do(t, "arrived"); said != "nothing" {
		t.Errorf("%s arrived", said)
	}
	// It is heard by those only who could come in anyway.
	port = anew(fd)
	greet(fd)
	if said := there.do(t, "dial "+hereWork+":"+port); said != "refused" {
		t.Errorf("heard on the other network: %s", said)
	}
	if said := there.do(t, "dial "+hereHome+":"+port); !strings.Contains(said, "welcome") {
		t.Errorf("the look is blind: %s", said)
	}
	greet(door)
	if said := there.do(t, "dial "+at.String()); !strings.Contains(said, "welcome") {
		t.Errorf("the door: %s", said)
	}
}
