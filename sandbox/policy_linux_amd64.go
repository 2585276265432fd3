package sandbox

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_X86_64
	hasX32    = true
)

// Calls that only this architecture has, or that have another name on others.
var (
	archNative = []uintptr{unix.SYS_NEWFSTATAT, unix.SYS_ARCH_PRCTL, unix.SYS_ACCESS, unix.SYS_POLL}
	archGo     = []uintptr{unix.SYS_NEWFSTATAT, unix.SYS_ARCH_PRCTL, unix.SYS_EPOLL_WAIT}
	archSoft   = []uintptr{unix.SYS_READLINK, unix.SYS_UNLINK}

	archCard       = []uintptr{unix.SYS_STAT}
	archCardSoft   = []uintptr{unix.SYS_CHMOD, unix.SYS_MKDIR, unix.SYS_MKNOD, unix.SYS_SYMLINK}
	archCardAbsent = []uintptr{unix.SYS_UNLINK}
)
