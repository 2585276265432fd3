package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// accountOf asks the kernel whose the other end of a loopback connection is: the
// account that made its socket, as /proc/net/tcp tells it (proc(5)). As long as
// ours is established no other connection can have the same two addresses, and of
// the others only an established one counts: what is left of a closed one belongs
// to root there. One that was reset is still accepted and still gives what it was
// sent, while its addresses are free for another account's: so ours is looked at
// last.
func accountOf(c net.Conn) (uid int, err error) {
	if uid, err = accountInTables(c); err == nil {
		err = stillThere(c)
	}
	if err != nil {
		return -1, err
	}
	return uid, nil
}

// stillThere is errNoSocket for a connection whose other end is gone.
func stillThere(c net.Conn) error {
	s, ok := c.(syscall.Conn)
	if !ok {
		return errNoSocket
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var info *unix.TCPInfo
	var failed error
	if err := raw.Control(func(fd uintptr) { info, failed = unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO) }); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("asking the kernel how a connection is: %w", failed)
	}
	const established = 1 // linux/tcp_states.h
	if info.State != established {
		return errNoSocket
	}
	return nil
}

func accountInTables(c net.Conn) (uid int, err error) {
	theirs, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return -1, err
	}
	ours, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return -1, err
	}
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		uid, err = accountInTable(file, theirs, ours)
		if err == nil || !errors.Is(err, errNoSocket) {
			return uid, err
		}
	}
	return -1, err
}

// errNoSocket says that the kernel knows no such connection here: it comes from
// another network namespace, or is closed.
var errNoSocket = errors.New("the kernel knows no such connection")

func accountInTable(file string, theirs, ours netip.AddrPort) (int, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, errNoSocket
	}
	if err != nil {
		return -1, fmt.Errorf("asking the kernel for a connection's account: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan() // the heading
	for lines.Scan() {
		// sl local rem st queues timer retransmit uid …
		fields := strings.Fields(lines.Text())
		const established = "01"
		if len(fields) < 8 || fields[3] != established || !isAt(fields[1], theirs) || !isAt(fields[2], ours) {
			continue
		}
		uid, err := strconv.Atoi(fields[7])
		if err != nil {
			return -1, fmt.Errorf("the kernel's table of connections reads otherwise than expected: %w", err)
		}
		return uid, nil
	}
	if err := lines.Err(); err != nil {
		return -1, fmt.Errorf("asking the kernel for a connection's account: %w", err)
	}
	return -1, errNoSocket
}

// isAt compares an address of the kernel's table with one of ours.
func isAt(entry string, at netip.AddrPort) bool {
	got, err := netip.ParseAddrPort(procAddress(entry))
	return err == nil && got.Port() == at.Port() && got.Addr().Unmap() == at.Addr().Unmap()
}
