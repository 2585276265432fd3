package engine

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// links makes short names for sockets. A locked-down process may connect only
// to addresses of at most 15 bytes, of which family and end take 3; so each
// connection gets a link in the working directory that leads through the
// descriptor of the jail's /run, and that is gone once it was used: what is
// killed in between leaves nothing that another process could follow, for
// /proc/self is another place there.
type links struct{ made atomic.Uint64 }

const maxLink = 12 // bytes of a name

// dial connects to the socket called name in dir.
func (l *links) dial(ctx context.Context, dir *os.File, name string) (net.Conn, error) {
	// 36^5 is above every process number, and above every number of dials at one time.
	link := "e" + strconv.FormatUint(uint64(os.Getpid()), 36) + "." + strconv.FormatUint(l.made.Add(1)%(36*36*36*36*36), 36)
	if len(link) > maxLink {
		return nil, fmt.Errorf("the link %s is too long for an address", link)
	}
	raw, err := dir.SyscallConn()
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	// Within Control the descriptor stays open, so its number means this folder.
	cerr := raw.Control(func(fd uintptr) {
		_ = os.Remove(link) // of a dead process that had our number
		if err = os.Symlink(fmt.Sprintf("/proc/self/fd/%d/%s", fd, name), link); err != nil {
			err = fmt.Errorf("linking to the engine's socket in the working directory: %w", err)
			return
		}
		defer os.Remove(link)
		conn, err = connect(ctx, link)
	})
	if cerr != nil {
		return nil, cerr
	}
	return conn, err
}
