package sandbox

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// moveMemory makes the act of process_vm_readv or process_vm_writev.
func moveMemory(nr uintptr) func(mission) error {
	return func(m mission) error {
		b := make([]byte, 8)
		here := unix.Iovec{Base: &b[0], Len: 8}
		there := unix.RemoteIovec{Base: m.number("address"), Len: 8}
		if nr == unix.SYS_PROCESS_VM_WRITEV {
			there.Base = m.number("scratch")
		}
		return second(call(nr, m.number("pid"), uintptr(unsafe.Pointer(&here)), 1, uintptr(unsafe.Pointer(&there)), 1, 0))
	}
}

// steals takes an open descriptor out of another process.
func steals(m mission) error {
	p, err := call(unix.SYS_PIDFD_OPEN, m.number("pid"), 0)
	if err != nil {
		return err
	}
	return second(call(unix.SYS_PIDFD_GETFD, p, 0, 0))
}

// entersNamespace joins a namespace of another process.
func entersNamespace(m mission) error {
	p, err := call(unix.SYS_PIDFD_OPEN, m.number("pid"), 0)
	if err != nil {
		return err
	}
	return second(call(unix.SYS_SETNS, p, unix.CLONE_NEWUTS))
}

// branches makes the act of becoming two processes; the second ends at once.
func branches(nr uintptr, a ...uintptr) func(mission) error {
	return func(mission) error {
		pid, err := call(nr, a...)
		if err == nil && pid == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return err
	}
}

// clone3 is branches for a call that takes its flags in memory.
func clone3(mission) error {
	args := struct{ flags, pidfd, childTid, parentTid, exit, stack, size, tls uint64 }{exit: uint64(unix.SIGCHLD)}
	pid, err := call(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args))
	if err == nil && pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return err
}

// limits changes another process's limit to what it is already.
func limitsOther(m mission) error {
	var old unix.Rlimit
	pid := m.number("pid")
	if _, err := call(unix.SYS_PRLIMIT64, pid, unix.RLIMIT_NOFILE, 0, uintptr(unsafe.Pointer(&old))); err != nil {
		return err
	}
	return second(call(unix.SYS_PRLIMIT64, pid, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&old)), 0))
}

// hostName tells whether the machine's name can be learnt.
func hostName(m mission) error {
	var u unix.Utsname
	if _, err := call(unix.SYS_UNAME, uintptr(unsafe.Pointer(&u))); err != nil {
		return err
	}
	if unix.ByteSliceToString(u.Nodename[:]) != m["host"] {
		return errors.New("another name")
	}
	return nil
}

// sharesNamespace tells whether a namespace is the one outside, by its inode.
func sharesNamespace(kind string) func(mission) error {
	return func(m mission) error {
		b := make([]byte, 64)
		n, err := call(unix.SYS_READLINKAT, atCWD, uintptr(unsafe.Pointer(cstring("/proc/self/ns/"+kind))), uintptr(unsafe.Pointer(&b[0])), 64)
		if err != nil {
			return err
		}
		if string(b[:n]) != m[kind] {
			return errors.New("another namespace")
		}
		return nil
	}
}

var processAttempts = []attempt{
	{name: "learn the machine's name", stops: []layer{filterOtherwise, utsns}, gpu: []layer{utsns}, act: hostName},
	{name: "fork by clone", stops: []layer{argument("clone")}, act: branches(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)},
	{name: "fork by clone3", stops: []layer{filterOtherwise}, act: clone3},
	{name: "clone into a new user namespace", stops: []layer{argument("clone")}, act: branches(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD), 0, 0, 0, 0)},
	{name: "unshare the file table", stops: []layer{filterOtherwise}, act: func(mission) error { return second(call(unix.SYS_UNSHARE, unix.CLONE_FILES)) }},
	{name: "signal another process by kill", stops: []layer{filterOtherwise, pidns, landlockScope}, act: func(m mission) error { return second(call(unix.SYS_KILL, m.number("pid"), 0)) }},
	{name: "signal another process by tgkill", stops: []layer{argument("tgkill"), pidns, landlockScope}, act: func(m mission) error {
		return second(call(unix.SYS_TGKILL, m.number("pid"), m.number("pid"), 0))
	}},
	{name: "signal another process by tkill", stops: []layer{filterOtherwise, pidns, landlockScope}, act: func(m mission) error { return second(call(unix.SYS_TKILL, m.number("pid"), 0)) }},
	{name: "signal another process by pidfd", stops: []layer{filterOtherwise, pidns, landlockScope}, act: func(m mission) error {
		p, err := call(unix.SYS_PIDFD_OPEN, m.number("pid"), 0)
		if err != nil {
			return err
		}
		return second(call(unix.SYS_PIDFD_SEND_SIGNAL, p, 0, 0, 0))
	}},
	{name: "ptrace another process", stops: []layer{filterOtherwise, pidns, userns, landlockFiles, landlockNet, landlockScope}, act: func(m mission) error {
		return second(call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, m.number("pid"), 0, 0))
	}},
	{name: "ptrace oneself", stops: []layer{filterOtherwise}, act: func(mission) error {
		// A signal to this thread would stop it for a tracer that does not look.
		all := ^uint64(0)
		if _, err := call(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, uintptr(unsafe.Pointer(&all)), 0, 8); err != nil {
			return err
		}
		return second(call(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0))
	}},
	{name: "read another process's memory", stops: []layer{filterOtherwise, pidns, userns, landlockFiles, landlockNet, landlockScope}, act: moveMemory(unix.SYS_PROCESS_VM_READV)},
	{name: "write another process's memory", stops: []layer{filterOtherwise, pidns, userns, landlockFiles, landlockNet, landlockScope}, act: moveMemory(unix.SYS_PROCESS_VM_WRITEV)},
	{name: "name another process by pidfd_open", stops: []layer{filterOtherwise, pidns}, act: func(m mission) error {
		return second(call(unix.SYS_PIDFD_OPEN, m.number("pid"), 0))
	}},
	{name: "take a descriptor by pidfd_getfd", stops: []layer{filterOtherwise, pidns, userns, landlockFiles, landlockNet, landlockScope}, act: steals},
	{name: "compare with another process by kcmp", stops: []layer{filterOtherwise, pidns, userns, landlockFiles, landlockNet, landlockScope}, act: func(m mission) error {
		return second(call(unix.SYS_KCMP, m.number("pid"), m.number("pid"), 0, 0, 0))
	}},
	{name: "join a namespace by setns", stops: []layer{filterOtherwise, pidns, userns, capless, landlockFiles, landlockNet, landlockScope}, act: entersNamespace, control: asRoot},
	{name: "limit another process", stops: []layer{argument("prlimit64"), pidns}, act: limitsOther},
	{name: "look at another process's processors", stops: []layer{pidns}, act: func(m mission) error {
		b := make([]byte, 1024)
		return second(call(unix.SYS_SCHED_GETAFFINITY, m.number("pid"), 1024, uintptr(unsafe.Pointer(&b[0]))))
	}},
	{name: "slow another process down", stops: []layer{filterOtherwise, pidns}, act: func(m mission) error {
		return second(call(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, m.number("pid"), 19))
	}},
	{name: "share the control group namespace", stops: []layer{filterOtherwise, mountns, cgroupns}, act: sharesNamespace("cgroup")},
	{name: "share the user namespace", stops: []layer{filterOtherwise, mountns, userns}, act: sharesNamespace("user")},
	{name: "outlive the parent", stops: []layer{argument("prctl")}, act: func(mission) error {
		return second(call(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0, 0, 0, 0))
	}},
}
