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

// accountsOf asks the kernel whose the other ends of loopback connections are: the
// accounts that made their sockets, as /proc/net/tcp tells it (proc(5)); nobody where
// it does not. As long as ours is established no other connection can have the same
// two addresses, and of the others only an established one counts: what is left of a
// closed one belongs to root there. One that was reset is still accepted and still
// gives what it was sent, while its addresses are free for another account's: so ours
// is looked at last. The tables are read once for all, for each has a line for every
// connection of this machine.
func accountsOf(conns []net.Conn) []int {
	accounts := make([]int, len(conns))
	wanted := map[ends]int{}
	for i, c := range conns {
		accounts[i] = nobody
		if e, ok := endsOf(c); ok {
			wanted[e] = i
		}
	}
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		if len(wanted) > 0 && accountsIn(file, wanted, accounts) != nil {
			break // what is known is known
		}
	}
	for i, c := range conns {
		if accounts[i] != nobody && stillThere(c) != nil {
			accounts[i] = nobody
		}
	}
	return accounts
}

// ends are the two addresses of a connection, as its other end sees them.
type ends struct{ theirs, ours netip.AddrPort }

func endsOf(c net.Conn) (ends, bool) {
	theirs, err := netip.ParseAddrPort(c.RemoteAddr().String())
	ours, err2 := netip.ParseAddrPort(c.LocalAddr().String())
	return ends{plain(theirs), plain(ours)}, err == nil && err2 == nil
}

func plain(at netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
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

// errNoSocket says that the kernel knows no such connection here: it comes from
// another network namespace, or is closed.
var errNoSocket = errors.New("the kernel knows no such connection")

// accountsIn sets the accounts of those wanted that are in a table, and wants them no
// more.
func accountsIn(file string, wanted map[ends]int, accounts []int) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan() // the heading
	for lines.Scan() && len(wanted) > 0 {
		// sl local rem st queues timer retransmit uid …
		fields := strings.Fields(lines.Text())
		const established = "01"
		if len(fields) < 8 || fields[3] != established {
			continue
		}
		theirs, err := netip.ParseAddrPort(procAddress(fields[1]))
		ours, err2 := netip.ParseAddrPort(procAddress(fields[2]))
		if err != nil || err2 != nil {
			continue
		}
		e := ends{plain(theirs), plain(ours)}
		i, ok := wanted[e]
		if !ok {
			continue
		}
		if accounts[i], err = strconv.Atoi(fields[7]); err != nil {
			accounts[i] = nobody
			return fmt.Errorf("the kernel's table of connections reads otherwise than expected: %w", err)
		}
		delete(wanted, e)
	}
	return lines.Err()
}
