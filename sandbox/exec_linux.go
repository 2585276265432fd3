package sandbox

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notification and reply are struct seccomp_notif and seccomp_notif_resp
// (seccomp_unotify(2)).
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	data  [64]byte
}

type reply struct {
	id    uint64
	value int64
	error int32
	flags uint32
}

// become installs the filter on the calling thread, which must be locked, and
// executes program. It returns only when that failed.
//
// Exactly one execve: the filter hands every execve to a listener. A second
// thread of this stub, which has no filter, holds it and says "go on". The
// execve that succeeds ends that thread and closes the listener, so the kernel
// answers ENOSYS to every later one.
//
// From the filter on, this thread must not enter the scheduler, which may make
// calls that the policy kills for. So it and the second thread use raw system
// calls only, each on its own processor; the caller has stopped the collector.
func become(prog []unix.SockFilter, once bool, program string, args, env []string) error {
	path, err := unix.BytePtrFromString(program)
	if err != nil {
		return err
	}
	argv, err := pointers(args)
	if err != nil {
		return err
	}
	envp, err := pointers(env)
	if err != nil {
		return err
	}
	var flags uintptr
	var pipe [2]int
	if once {
		flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			return err
		}
		ready := make(chan struct{})
		go allowExec(pipe[0], ready)
		<-ready
	}
	if len(prog) > 0 {
		fd, err := install(prog, flags)
		if err != nil {
			return fmt.Errorf("install the filter: %w", err)
		}
		if once {
			n := int32(fd)
			if _, _, e := unix.RawSyscall(unix.SYS_WRITE, uintptr(pipe[1]), uintptr(unsafe.Pointer(&n)), unsafe.Sizeof(n)); e != 0 {
				return fmt.Errorf("hand over the listener: %w", e)
			}
		}
	}
	_, _, e := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])))
	runtime.KeepAlive(argv)
	runtime.KeepAlive(envp)
	return fmt.Errorf("execute %s: %w", program, e)
}

// allowExec waits for the listener and lets each execve told there go on, until
// one ends this thread. A signal to the waiting thread makes the kernel tell
// the same execve again, so a reply that came too late is no error.
func allowExec(pipe int, ready chan<- struct{}) {
	runtime.LockOSThread()
	close(ready)
	var fd int32
	for {
		n, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(pipe), uintptr(unsafe.Pointer(&fd)), unsafe.Sizeof(fd))
		if e == 0 && n == unsafe.Sizeof(fd) {
			break
		}
		if e != unix.EINTR {
			return
		}
	}
	for {
		var n notification
		if _, _, e := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); e != 0 {
			continue
		}
		r := reply{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		_, _, _ = unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
	}
}

// pointers gives s as C's execve wants it.
func pointers(s []string) ([]*byte, error) {
	out := make([]*byte, 0, len(s)+1)
	for _, x := range s {
		p, err := unix.BytePtrFromString(x)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return append(out, nil), nil
}
