package gateway

import (
	"net"

	"golang.org/x/sys/unix"
)

// credentials asks the kernel (SO_PEERCRED, unix(7)).
func credentials(c *net.UnixConn) (credential, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return credential{}, err
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return credential{}, err
	}
	if failed != nil {
		return credential{}, failed
	}
	return credential{uid: int(cred.Uid), pid: int(cred.Pid)}, nil
}
