package sandbox

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a program may do with a file or with all that lies in a folder
// (landlock(7)). To read is not to execute, and never the other way round.
const (
	mayRead    = unix.LANDLOCK_ACCESS_FS_READ_FILE
	mayExecute = unix.LANDLOCK_ACCESS_FS_EXECUTE | mayRead
	mayList    = unix.LANDLOCK_ACCESS_FS_READ_DIR
	mayServe   = unix.LANDLOCK_ACCESS_FS_MAKE_SOCK
	mayKeep    = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_MAKE_REG
	mayReplace = unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
)

// A grant is one exception from "nothing": what may be done below what fd
// (opened with O_PATH) names. It holds for the inode, whatever path leads there.
type grant struct {
	fd  int
	may uint64
}

// The parts of Landlock by the version of its interface in which they came.
// What a newer kernel adds and this table does not know stays with the other
// layers.
var landlockFileRights = []uint64{
	1: 1<<13 - 1, // EXECUTE to MAKE_SYM
	2: unix.LANDLOCK_ACCESS_FS_REFER,
	3: unix.LANDLOCK_ACCESS_FS_TRUNCATE,
	5: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV,
	9: unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX,
}

const (
	landlockHasNet    = 4 // TCP connect and bind
	landlockHasScopes = 6 // abstract Unix sockets and signals
	landlockHasUDP    = 10
)

// landlock shuts the calling thread in, and with it what it executes: nothing
// of the file system but the grants, no TCP or UDP, no abstract Unix socket and
// no signal to outside. no_new_privs must be set. An error means that the
// kernel has no Landlock, or not this way; then nothing was changed.
func landlock(grants []grant, without map[layer]bool) error {
	abi, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return fmt.Errorf("landlock: %w", e)
	}
	var attr unix.LandlockRulesetAttr
	if !without[landlockFiles] {
		for v, rights := range landlockFileRights {
			if v <= int(abi) {
				attr.Handled_access_fs |= rights
			}
		}
	}
	size := unsafe.Sizeof(attr.Handled_access_fs)
	if abi >= landlockHasNet {
		size += unsafe.Sizeof(attr.Handled_access_net)
		if !without[landlockNet] {
			attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
			if abi >= landlockHasUDP {
				attr.Handled_access_net |= unix.LANDLOCK_ACCESS_NET_BIND_UDP | unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP
			}
		}
	}
	if abi >= landlockHasScopes {
		size += unsafe.Sizeof(attr.Scoped)
		if !without[landlockScope] {
			attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		}
	}
	if attr.Handled_access_fs|attr.Handled_access_net|attr.Scoped == 0 {
		return nil // only tests come here: an empty set of rules is refused
	}
	set, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if e != 0 {
		return fmt.Errorf("landlock: make a set of rules: %w", e)
	}
	defer unix.Close(int(set))
	for _, g := range grants {
		below := unix.LandlockPathBeneathAttr{Allowed_access: g.may & attr.Handled_access_fs, Parent_fd: int32(g.fd)}
		if below.Allowed_access == 0 {
			continue
		}
		_, _, e := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, set, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&below)), 0, 0, 0)
		if e != 0 {
			return fmt.Errorf("landlock: add a rule: %w", e)
		}
	}
	if _, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); e != 0 {
		return fmt.Errorf("landlock: shut in: %w", e)
	}
	return nil
}
