package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// maxAddress is the longest address for connect: one byte less than the
// smallest Internet address (sockaddr_in).
const maxAddress = unix.SizeofSockaddrInet4 - 1

// A lockRule is one thing that lock-down's filter refuses.
type lockRule struct {
	name string
	rule
	try [6]uintptr // arguments that meet the rule and that no kernel takes
}

// layer is the name by which a test takes the rule away.
func (r lockRule) layer() layer { return layer("lock-down " + r.name) }

const none = ^uintptr(0) // no descriptor, no process, no address, no command

// never is a rule for a call that nothing of ours makes.
func never(name string, nr uintptr) lockRule {
	return lockRule{name, rule{nr: nr, do: refuse(syscall.EPERM)}, [6]uintptr{none, none, none, none, none, none}}
}

// unless is a rule for a call whose use is refused under a condition.
func unless(name string, nr uintptr, c condition, try [6]uintptr) lockRule {
	return lockRule{name, rule{nr, []condition{c}, refuse(syscall.EPERM)}, try}
}

// lockRules are all that lock-down refuses; everything else is allowed, for the
// jails started later need it.
var lockRules = []lockRule{
	unless("socket", unix.SYS_SOCKET, argIsNot(0, unix.AF_UNIX), [6]uintptr{unix.AF_INET, none}),
	unless("socketpair", unix.SYS_SOCKETPAIR, argIsNot(0, unix.AF_UNIX), [6]uintptr{unix.AF_INET, none}),
	// A datagram needs no connect, and its address may be of any length. The bit
	// is that of SOCK_DGRAM and of SOCK_RAW, which AF_UNIX takes for the same.
	unless("datagram socket", unix.SYS_SOCKET, hasAny(1, unix.SOCK_DGRAM), [6]uintptr{unix.AF_UNIX, unix.SOCK_DGRAM, none}),
	unless("datagram socketpair", unix.SYS_SOCKETPAIR, hasAny(1, unix.SOCK_DGRAM), [6]uintptr{unix.AF_UNIX, unix.SOCK_DGRAM, none}),
	unless("connect", unix.SYS_CONNECT, isAbove(2, maxAddress), [6]uintptr{none, 0, maxAddress + 1}),
	unless("sendto", unix.SYS_SENDTO, hasAny(3, unix.MSG_FASTOPEN), [6]uintptr{none, 0, 0, unix.MSG_FASTOPEN}),
	unless("sendmsg", unix.SYS_SENDMSG, hasAny(2, unix.MSG_FASTOPEN), [6]uintptr{none, 0, unix.MSG_FASTOPEN}),
	unless("sendmmsg", unix.SYS_SENDMMSG, hasAny(3, unix.MSG_FASTOPEN), [6]uintptr{none, 0, 0, unix.MSG_FASTOPEN}),
	// What is typed into the terminal is done by the shell afterwards, which is
	// not locked down. The kernel reads the command as an int.
	unless("TIOCSTI", unix.SYS_IOCTL, intIs(1, unix.TIOCSTI), [6]uintptr{none, unix.TIOCSTI}),
	unless("TIOCLINUX", unix.SYS_IOCTL, intIs(1, tiocLinux), [6]uintptr{none, tiocLinux}),
	// These make system calls that no filter sees.
	never("io_uring_setup", unix.SYS_IO_URING_SETUP),
	never("io_uring_enter", unix.SYS_IO_URING_ENTER),
	never("io_uring_register", unix.SYS_IO_URING_REGISTER),
	// These reach into other processes, which are not locked down.
	never("ptrace", unix.SYS_PTRACE),
	never("process_vm_readv", unix.SYS_PROCESS_VM_READV),
	never("process_vm_writev", unix.SYS_PROCESS_VM_WRITEV),
	never("process_madvise", unix.SYS_PROCESS_MADVISE),
	never("pidfd_getfd", unix.SYS_PIDFD_GETFD),
	never("kcmp", unix.SYS_KCMP),
	never("setns", unix.SYS_SETNS),
	never("add_key", unix.SYS_ADD_KEY),
	never("request_key", unix.SYS_REQUEST_KEY),
	never("keyctl", unix.SYS_KEYCTL),
	// These are ways into the kernel, or past the rights on files.
	never("bpf", unix.SYS_BPF),
	never("perf_event_open", unix.SYS_PERF_EVENT_OPEN),
	never("userfaultfd", unix.SYS_USERFAULTFD),
	never("open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT),
	never("kexec_load", unix.SYS_KEXEC_LOAD),
	never("kexec_file_load", unix.SYS_KEXEC_FILE_LOAD),
	never("init_module", unix.SYS_INIT_MODULE),
	never("finit_module", unix.SYS_FINIT_MODULE),
	never("delete_module", unix.SYS_DELETE_MODULE),
}

// tiocLinux pastes into a console (TIOCLINUX in asm-generic/ioctls.h).
const tiocLinux = 0x541c
