package sandbox

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is the start of one io_uring: system calls made by writing into memory,
// which no seccomp filter sees.
type ring struct {
	fd            uintptr
	submit, reply uintptr // addresses of the rings
	entries       uintptr // address of the submission entries
	offsets       ringParameters
}

// ringParameters is struct io_uring_params of linux/io_uring.h.
type ringParameters struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wq uint32
	_                                                                    [3]uint32
	sq                                                                   struct {
		head, tail, mask, size, flags, dropped, array, _ uint32
		_                                                uint64
	}
	cq struct {
		head, tail, mask, size, overflow, cqes, flags, _ uint32
		_                                                uint64
	}
}

func openRing() (r ring, err error) {
	if r.fd, err = call(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&r.offsets))); err != nil {
		return r, err
	}
	at := func(offset uintptr) (uintptr, error) {
		return call(unix.SYS_MMAP, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE, r.fd, offset)
	}
	if r.submit, err = at(0); err != nil {
		return r, err
	}
	if r.reply, err = at(0x8000000); err != nil {
		return r, err
	}
	r.entries, err = at(0x10000000)
	return r, err
}

// word is the 32-bit number at an address that the kernel gave us.
func word(at uintptr) *uint32 { return (*uint32)(*(*unsafe.Pointer)(unsafe.Pointer(&at))) }

// do submits one operation and gives back its result.
func (r ring) do(opcode uint8, fd int32, offset, address uint64, length, flags uint32) error {
	entry := (*struct {
		opcode, flags uint8
		priority      uint16
		fd            int32
		offset        uint64
		address       uint64
		length, more  uint32
	})(unsafe.Pointer(word(r.entries)))
	entry.opcode, entry.fd, entry.offset, entry.address, entry.length, entry.more = opcode, fd, offset, address, length, flags
	*word(r.submit + uintptr(r.offsets.sq.array)) = 0
	*word(r.submit + uintptr(r.offsets.sq.tail)) = 1
	// A signal ends the waiting early: then the operation was handed in and has no
	// result yet, and what is there to read is no success.
	for handIn := uintptr(1); atomic.LoadUint32(word(r.reply+uintptr(r.offsets.cq.tail))) == 0; {
		n, err := call(unix.SYS_IO_URING_ENTER, r.fd, handIn, 1, 1 /* IORING_ENTER_GETEVENTS */, 0, 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if err == nil {
			handIn -= min(n, handIn)
		}
	}
	result := int32(*word(r.reply + uintptr(r.offsets.cq.cqes) + 8))
	if result < 0 {
		return unix.Errno(-result)
	}
	return nil
}

func ringSocket(mission) error {
	r, err := openRing()
	if err != nil {
		return err
	}
	return r.do(45 /* IORING_OP_SOCKET */, unix.AF_INET, unix.SOCK_STREAM, 0, 0, 0)
}

func ringOpen(m mission) error {
	r, err := openRing()
	if err != nil {
		return err
	}
	file := cstring(m["secret"])
	return r.do(18 /* IORING_OP_OPENAT */, unix.AT_FDCWD, 0, uint64(uintptr(unsafe.Pointer(file))), 0, unix.O_RDONLY)
}

// leaks looks for a descriptor that the program was not given.
func leaks(mission) error {
	for fd := uintptr(3); fd < 1024; fd++ {
		b := make([]byte, 1)
		_, err := call(unix.SYS_PREAD64, fd, uintptr(unsafe.Pointer(&b[0])), 1, 0)
		if err == nil && b[0] == 'S' {
			return nil
		}
	}
	return errors.New("none is open")
}

var kernelAttempts = []attempt{
	{name: "io_uring_setup", stops: []layer{filterOtherwise, limitLocked}, act: func(mission) error {
		_, err := openRing()
		return err
	}},
	{name: "socket by io_uring", stops: []layer{filterOtherwise, limitLocked}, act: ringSocket},
	{name: "open by io_uring", stops: []layer{filterOtherwise, limitLocked, mountns, landlockFiles}, act: ringOpen},
	{name: "bpf", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		attr := struct{ kind, key, value, entries uint32 }{2 /* array */, 4, 4, 1}
		return second(call(unix.SYS_BPF, 0 /* BPF_MAP_CREATE */, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr)))
	}, control: asRoot},
	{name: "perf_event_open", stops: []layer{filterOtherwise}, act: func(mission) error {
		attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Bits: unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv}
		attr.Size = uint32(unsafe.Sizeof(attr))
		return second(call(unix.SYS_PERF_EVENT_OPEN, uintptr(unsafe.Pointer(&attr)), 0, ^uintptr(0), ^uintptr(0), 0))
	}},
	{name: "keyctl", stops: []layer{filterOtherwise}, act: func(mission) error {
		return second(call(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, ^uintptr(2) /* session */, 0))
	}},
	{name: "add_key", stops: []layer{filterOtherwise}, act: func(mission) error {
		return second(call(unix.SYS_ADD_KEY, uintptr(unsafe.Pointer(cstring("user"))), uintptr(unsafe.Pointer(cstring("abaton"))),
			uintptr(unsafe.Pointer(cstring("x"))), 1, ^uintptr(1) /* process */))
	}},
	{name: "request_key", stops: []layer{filterOtherwise}, act: func(mission) error {
		return reached(second(call(unix.SYS_REQUEST_KEY, uintptr(unsafe.Pointer(cstring("user"))), uintptr(unsafe.Pointer(cstring("abaton-none"))), 0, 0)), unix.ENOKEY)
	}},
	{name: "type into the terminal by TIOCSTI", stops: []layer{argument("ioctl"), capless, userns}, act: func(mission) error {
		return second(call(unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(cstring(" ")))))
	}, control: asRoot},
	{name: "control a file by ioctl", stops: []layer{argument("ioctl")}, act: func(m mission) error {
		fd, err := openRaw(m["model"], unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		var size int32
		return second(call(unix.SYS_IOCTL, uintptr(fd), 2 /* FIGETBSZ */, uintptr(unsafe.Pointer(&size))))
	}},
	{name: "hold a lease on the model file", stops: []layer{argument("fcntl")}, act: func(m mission) error {
		fd, err := openRaw(m["model"], unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		return second(call(unix.SYS_FCNTL, uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK))
	}},
	{name: "become readable by PR_SET_DUMPABLE", stops: []layer{argument("prctl")}, act: func(mission) error {
		return second(call(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
	}},
	{name: "prctl(PR_SET_SECCOMP)", stops: []layer{argument("prctl")}, act: func(mission) error {
		return reached(second(call(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, 0, 0, 0)), unix.EFAULT)
	}},
	{name: "seccomp", stops: []layer{filterOtherwise}, act: func(mission) error {
		action := uint32(unix.SECCOMP_RET_ERRNO)
		return second(call(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action))))
	}},
	{name: "SysV shared memory", stops: []layer{filterOtherwise}, act: func(mission) error {
		id, err := call(unix.SYS_SHMGET, unix.IPC_PRIVATE, page, 0o600|unix.IPC_CREAT)
		if err == nil {
			_, _ = call(unix.SYS_SHMCTL, id, unix.IPC_RMID, 0)
		}
		return err
	}},
	{name: "find a SysV message queue of the machine", stops: []layer{filterOtherwise, ipcns}, act: func(m mission) error {
		return second(call(unix.SYS_MSGGET, m.number("queue"), 0))
	}},
	{name: "make a POSIX message queue", stops: []layer{filterOtherwise, limitQueues, landlockFiles}, act: func(m mission) error {
		name := cstring("abaton-attempt-" + m["tag"])
		_, err := call(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(name)), unix.O_CREAT|unix.O_RDWR, 0o600, 0)
		if err == nil {
			_, _ = call(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(name)))
		}
		return err
	}},
	{name: "use a descriptor that was left open", stops: []layer{closedFiles}, act: leaks},
}
