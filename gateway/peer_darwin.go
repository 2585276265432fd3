package gateway

import (
	"net"

	"golang.org/x/sys/unix"
)

// credentials asks the kernel (LOCAL_PEERCRED and LOCAL_PEERPID, unix(4)).
func credentials(c *net.UnixConn) (credential, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return credential{}, err
	}
	var cred *unix.Xucred
	var pid int
	var failed error
	if err := raw.Control(func(fd uintptr) {
		if cred, failed = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); failed == nil {
			pid, failed = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		}
	}); err != nil {
		return credential{}, err
	}
	if failed != nil {
		return credential{}, failed
	}
	return credential{uid: int(cred.Uid), pid: pid}, nil
}
