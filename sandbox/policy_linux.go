package sandbox

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// calls is one policy: every system call that does not kill.
type calls struct {
	open   []uintptr // allowed with any arguments
	soft   []uintptr // refused with EPERM: programs ask and can do without
	gone   []uintptr // refused with ENOSYS: libraries then take an older call
	absent []uintptr // refused with ENOENT: what they ask about is not there
	looked []looked  // allowed by their arguments
}

// looked is a call of which some uses are allowed: those for which all
// conditions of one of the sets hold.
type looked struct {
	name string
	nr   uintptr
	may  [][]condition
	rest action
}

// Both native and Go programs need these.
var commonCalls = []uintptr{
	// memory
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MREMAP, unix.SYS_BRK,
	// descriptors
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_LSEEK, unix.SYS_CLOSE,
	unix.SYS_FSTAT,
	// files: what can be reached is for mounts and Landlock to say
	unix.SYS_OPENAT, unix.SYS_FACCESSAT,
	// threads
	unix.SYS_FUTEX, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_SCHED_YIELD,
	unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_SET_TID_ADDRESS, unix.SYS_RESTART_SYSCALL,
	// clocks
	unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_NANOSLEEP,
	// signals of its own
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_GETRANDOM,
}

// A native program serves one Unix socket. It asks for more than it needs, and
// the escape probe, a Go program, asks for other things again: all that is
// refused softly.
var nativeCalls = calls{
	open: slices.Concat(commonCalls, archNative, []uintptr{
		unix.SYS_FADVISE64, unix.SYS_SYSINFO,
		unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT4, unix.SYS_RECVFROM, unix.SYS_SHUTDOWN, unix.SYS_SETSOCKOPT,
		unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_PPOLL,
	}),
	soft: slices.Concat(archSoft, []uintptr{
		unix.SYS_READLINKAT, unix.SYS_UNLINKAT, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SETPRIORITY,
		unix.SYS_MLOCK, unix.SYS_UNAME, unix.SYS_GETCWD, unix.SYS_STATFS, unix.SYS_FSTATFS,
	}),
	gone: []uintptr{unix.SYS_CLONE3, unix.SYS_OPENAT2, unix.SYS_STATX},
	looked: []looked{
		// The socket it serves, and no other kind: not one that could send to a
		// datagram socket of the host.
		{"socket", unix.SYS_SOCKET, [][]condition{{intIs(0, unix.AF_UNIX), lacks(1, 0xf&^unix.SOCK_STREAM)}}, kill},
		{"sendto", unix.SYS_SENDTO, [][]condition{{argIs(4, 0), lacks(3, unix.MSG_FASTOPEN)}}, kill},
	},
}

// A Go program reads what it was given and writes what it found.
var goCalls = calls{
	open: slices.Concat(commonCalls, archGo, []uintptr{
		unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2, unix.SYS_PIPE2, unix.SYS_PWRITE64,
		unix.SYS_FTRUNCATE,
	}),
	soft: slices.Concat(archSoft, []uintptr{unix.SYS_READLINKAT, unix.SYS_UNLINKAT, unix.SYS_UNAME, unix.SYS_GETCWD}),
	gone: []uintptr{unix.SYS_CLONE3, unix.SYS_OPENAT2, unix.SYS_STATX},
}

// policyCalls gives a policy's calls for a process that will have number pid.
func (o order) policyCalls(pid int) calls {
	c := nativeCalls
	// Code is mapped from files by the loader, never made: nothing is both
	// written and executed, and nothing turns executable later.
	mapping := [][]condition{{lacks(2, unix.PROT_EXEC)}, {lacks(2, unix.PROT_WRITE)}}
	protect := [][]condition{{lacks(2, unix.PROT_EXEC)}}
	switch o.Policy {
	case NativeGPU:
		c = c.withCard()
	case Go:
		c = goCalls
		mapping = protect // a static program maps no code at all
	case GoJIT:
		c = goCalls
		mapping, protect = [][]condition{nil}, [][]condition{nil}
	}
	eperm := refuse(syscall.EPERM)
	c.looked = append(slices.Clone(c.looked),
		looked{"mmap", unix.SYS_MMAP, mapping, refuse(syscall.EACCES)},
		looked{"mprotect", unix.SYS_MPROTECT, protect, refuse(syscall.EACCES)},
		looked{"clone", unix.SYS_CLONE, [][]condition{{hasAny(0, unix.CLONE_THREAD), lacks(0, newNamespaces)}}, kill},
		looked{"tgkill", unix.SYS_TGKILL, [][]condition{{intIs(0, uint32(pid))}}, kill},
		looked{"prlimit64", unix.SYS_PRLIMIT64, [][]condition{{intIs(0, 0)}}, kill},
		looked{"ioctl", unix.SYS_IOCTL, o.commands(), eperm},
		looked{"prctl", unix.SYS_PRCTL, [][]condition{{intIs(0, unix.PR_SET_NAME)}}, eperm},
		looked{"fcntl", unix.SYS_FCNTL, o.descriptorCommands(), eperm},
	)
	if o.ListDirs {
		c.open = append(slices.Clone(c.open), unix.SYS_GETDENTS64)
	}
	if o.Renames { // where to is for mounts and Landlock to say
		c.open = append(slices.Clone(c.open), unix.SYS_FSYNC, unix.SYS_RENAMEAT)
	}
	return c
}

// commands are the uses of ioctl.
func (o order) commands() [][]condition {
	may := [][]condition{{intIs(1, unix.TCGETS)}, {intIs(1, fionbio)}}
	if o.Policy == NativeGPU {
		for _, n := range cardCommands {
			may = append(may, []condition{intIs(1, n)})
		}
	}
	return may
}

// descriptorCommands are the uses of fcntl.
func (o order) descriptorCommands() [][]condition {
	may := [][]condition{{intIs(1, unix.F_GETFD)}, {intIs(1, unix.F_GETFL)}}
	if o.Policy == NativeGPU {
		may = append(may, []condition{intIs(1, unix.F_SETFD), argIs(2, unix.FD_CLOEXEC)}, []condition{intIs(1, unix.F_SETFL), argIs(2, unix.O_NONBLOCK)})
	}
	return may
}

// fionbio makes a descriptor non-blocking (ioctl_fionbio in asm-generic/ioctls.h).
const fionbio = 0x5421

// newNamespaces are the flags of clone that no thread needs.
const newNamespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// filter makes the jail's filter. Tests take parts of it away.
func (o order) filter(pid int, without map[layer]bool) filter {
	f := filter{otherwise: kill, anyArch: without[filterArch], anyABI: without[filterX32]}
	c := o.policyCalls(pid)
	for _, nr := range c.open {
		f.rules = append(f.rules, rule{nr: nr, do: allow})
	}
	for _, l := range c.looked {
		if without[argument(l.name)] {
			f.rules = append(f.rules, rule{nr: l.nr, do: allow})
			continue
		}
		for _, when := range l.may {
			f.rules = append(f.rules, rule{l.nr, when, allow})
		}
		f.rules = append(f.rules, rule{nr: l.nr, do: l.rest})
	}
	once := notify
	if without[execOnce] {
		once = allow
	}
	f.rules = append(f.rules, rule{nr: unix.SYS_EXECVE, do: once})
	if without[filterOtherwise] {
		f.otherwise = allow
		return f
	}
	for _, nr := range c.absent { // before those that are refused otherwise under Native
		f.rules = append(f.rules, rule{nr: nr, do: refuse(syscall.ENOENT)})
	}
	for _, nr := range c.soft {
		f.rules = append(f.rules, rule{nr: nr, do: refuse(syscall.EPERM)})
	}
	for _, nr := range c.gone {
		f.rules = append(f.rules, rule{nr: nr, do: refuse(syscall.ENOSYS)})
	}
	return f
}

// layers names every layer that a jail of this order has.
func (o order) layers() []layer {
	l := []layer{
		closedFiles, capless, noNewPrivs,
		limitCore, limitFiles, limitFileSize, limitLocked, limitQueues, limitNice, limitRealtime, limitPending,
		filterAll, filterOtherwise, filterArch, execOnce,
	}
	if hasX32 {
		l = append(l, filterX32)
	}
	if o.Memory > 0 {
		l = append(l, limitData)
	}
	if o.Policy != GoJIT {
		l = append(l, writeXorRun)
	}
	if o.Tier.namespaces() {
		l = append(l, userns, pidns, netns, mountns, ipcns, utsns, cgroupns, readOnly, noExec, runCap, limitProcesses)
	}
	if o.Tier.landlock() {
		l = append(l, landlockFiles, landlockNet, landlockScope)
	}
	for _, c := range o.policyCalls(0).looked {
		if c.may[0] != nil {
			l = append(l, argument(c.name))
		}
	}
	return l
}
