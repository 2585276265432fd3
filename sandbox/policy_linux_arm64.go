package sandbox

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_AARCH64
	hasX32    = false
)

// Calls that only this architecture has, or that have another name on others.
var (
	archNative = []uintptr{unix.SYS_FSTATAT}
	archGo     = []uintptr{unix.SYS_FSTATAT}
	archSoft   []uintptr

	archCard, archCardSoft, archCardAbsent []uintptr // no card was tried here, so none is given
)
