package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A lockAct is something that a locked-down process must not be able to do.
type lockAct struct {
	name    string
	stops   []layer
	act     func(*scene) error // nil: it succeeded
	control control
}

// A scene is what one process has open before it locks itself down, once for
// the control and once for afterwards.
type scene struct {
	mission
	sinks  [2]int // listeners by IPv4 and IPv6 that count what reaches them
	ports  [2]int
	open   map[string][2]int // a listening and an accepted descriptor, by kind
	thread chan func()       // runs what it is given on a thread that was there before
}

// kinds of sockets that a server may have.
var kinds = []struct {
	name             string
	family, protocol int
}{
	{"TCP by IPv4", unix.AF_INET, 0}, {"MPTCP by IPv4", unix.AF_INET, unix.IPPROTO_MPTCP},
	{"TCP by IPv6", unix.AF_INET6, 0}, {"MPTCP by IPv6", unix.AF_INET6, unix.IPPROTO_MPTCP},
}

// listenOn makes a listener on the loopback address.
func listenOn(family, protocol, flags int) (fd, port int, err error) {
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, protocol); err != nil {
		return 0, 0, err
	}
	var at unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if family == unix.AF_INET6 {
		at = &unix.SockaddrInet6{Addr: [16]byte{15: 1}}
	}
	if err = unix.Bind(fd, at); err != nil {
		return 0, 0, err
	}
	if at, err = unix.Getsockname(fd); err != nil {
		return 0, 0, err
	}
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		port = at.Port
	case *unix.SockaddrInet6:
		port = at.Port
	}
	return fd, port, unix.Listen(fd, 64)
}

func newScene(m mission) (*scene, error) {
	s := &scene{mission: m, open: map[string][2]int{}, thread: make(chan func())}
	for i, family := range []int{unix.AF_INET, unix.AF_INET6} {
		var err error
		if s.sinks[i], s.ports[i], err = listenOn(family, 0, unix.SOCK_NONBLOCK); err != nil {
			return nil, err
		}
	}
	for _, k := range kinds {
		fd, port, err := listenOn(k.family, k.protocol, 0)
		if err != nil {
			return nil, err
		}
		client, err := unix.Socket(k.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		a := address(k.family, port)
		if _, err := call(unix.SYS_CONNECT, uintptr(client), uintptr(unsafe.Pointer(&a[0])), uintptr(len(a))); err != nil {
			return nil, err
		}
		accepted, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err != nil {
			return nil, err
		}
		s.open[k.name] = [2]int{fd, accepted}
	}
	go onOneThread(s.thread)
	return s, nil
}

func address(family, port int) []byte {
	if family == unix.AF_INET6 {
		return inet6(uintptr(port))
	}
	return inet4(uintptr(port))
}

// arrived tells whether anything reached a sink: what the act itself says does
// not count.
func (s *scene) arrived(said error) error {
	n := 0
	for _, sink := range s.sinks {
		for {
			fd, _, err := unix.Accept4(sink, unix.SOCK_CLOEXEC)
			if err != nil {
				break
			}
			_ = unix.Close(fd)
			n++
		}
	}
	switch {
	case n > 0:
		return nil
	case said == nil:
		return errors.New("nothing arrived")
	}
	return said
}

// disconnect makes a descriptor new again, by an address of two bytes.
func disconnect(fd int) error {
	unspecified := [2]byte{}
	return second(call(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&unspecified[0])), 2))
}

// reuse dials with a descriptor that the server has anyway: which is 0 for the
// listening one and 1 for the accepted one.
func reuse(kind string, family, which int) func(*scene) error {
	return func(s *scene) error {
		fd, to := s.open[kind][which], address(family, s.ports[family/unix.AF_INET6])
		if err := disconnect(fd); err != nil {
			return err
		}
		return s.arrived(second(call(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&to[0])), uintptr(len(to)))))
	}
}

// fastOpen dials by sending.
func fastOpen(kind string, nr uintptr) func(*scene) error {
	return func(s *scene) error {
		fd, to, text := uintptr(s.open[kind][0]), inet4(uintptr(s.ports[0])), []byte("x")
		if err := disconnect(int(fd)); err != nil {
			return err
		}
		v := unix.Iovec{Base: &text[0], Len: 1}
		h := [2]struct {
			unix.Msghdr
			sent uint32
		}{{Msghdr: unix.Msghdr{Name: &to[0], Namelen: uint32(len(to)), Iov: &v, Iovlen: 1}}}
		var err error
		switch nr {
		case unix.SYS_SENDTO:
			_, err = call(nr, fd, uintptr(unsafe.Pointer(&text[0])), 1, unix.MSG_FASTOPEN, uintptr(unsafe.Pointer(&to[0])), uintptr(len(to)))
		case unix.SYS_SENDMSG:
			_, err = call(nr, fd, uintptr(unsafe.Pointer(&h[0])), unix.MSG_FASTOPEN)
		default:
			_, err = call(nr, fd, uintptr(unsafe.Pointer(&h[0])), 1, unix.MSG_FASTOPEN)
		}
		return s.arrived(err)
	}
}

// opensDoor makes an accepted descriptor listen where other machines can come in.
func opensDoor(kind string, family int) func(*scene) error {
	return func(s *scene) error {
		fd := s.open[kind][1]
		if err := disconnect(fd); err != nil {
			return err
		}
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, ""); err != nil {
			return err
		}
		var at unix.Sockaddr = &unix.SockaddrInet4{}
		if family == unix.AF_INET6 {
			at = &unix.SockaddrInet6{}
		}
		return errors.Join(unix.Bind(fd, at), unix.Listen(fd, 1))
	}
}

// anyFamily tries every family but AF_UNIX, with every kind of socket.
func anyFamily(try func(family, kind uintptr) error) func(*scene) error {
	return func(*scene) error {
		var other error
		for family := range uintptr(46) {
			if family == unix.AF_UNIX {
				continue
			}
			for _, kind := range []uintptr{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_RAW, unix.SOCK_RDM, unix.SOCK_SEQPACKET, unix.SOCK_PACKET} {
				err := try(family, kind)
				if err == nil {
					return nil
				}
				if !errors.Is(err, unix.EPERM) {
					other = fmt.Errorf("family %d kind %d: %w", family, kind, err)
				}
			}
		}
		if other != nil {
			return other
		}
		return unix.EPERM
	}
}

// attempted is an attempt of the jail's, made here.
func attempted(name string) func(*scene) error {
	return func(s *scene) error {
		i := slices.IndexFunc(attempts, func(a attempt) bool { return a.name == name })
		if i < 0 {
			return fmt.Errorf("UNKNOWN attempt %q", name)
		}
		return attempts[i].act(s.mission)
	}
}

// inChild makes an attempt in a child that this process starts.
func inChild(name string) func(*scene) error {
	return func(s *scene) error {
		i := slices.IndexFunc(attempts, func(a attempt) bool { return a.name == name })
		m := mission{"port4": fmt.Sprint(s.ports[0]), "pid": fmt.Sprint(os.Getpid()), "address": fmt.Sprint(uintptr(unsafe.Pointer(s)))}
		return says(exec.Command("/proc/self/exe", attemptArgs(attempts[i], m)...))
	}
}

// says turns what a child says into the outcome of the act.
func says(cmd *exec.Cmd) error {
	cmd.Env = []string{}
	out, err := cmd.Output()
	if strings.HasSuffix(string(out), saySucceeded+"\n") {
		return nil
	}
	return fmt.Errorf("%q %v", out, err)
}

// onThread makes an act on a thread that was there before.
func onThread(act func(*scene) error) func(*scene) error {
	return func(s *scene) error {
		done := make(chan error)
		s.thread <- func() { done <- act(s) }
		return <-done
	}
}

// traces takes another process over and lets it go again.
func traces(s *scene) error {
	runtime.LockOSThread() // the kernel knows the tracer by its thread
	defer runtime.UnlockOSThread()
	pid := s.number("pid")
	for _, request := range []uintptr{unix.PTRACE_SEIZE, unix.PTRACE_INTERRUPT, unix.PTRACE_DETACH} {
		if request == unix.PTRACE_DETACH {
			if _, err := unix.Wait4(int(pid), nil, unix.WALL, nil); err != nil {
				return err
			}
		}
		if _, err := call(unix.SYS_PTRACE, request, pid, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

func rules(names ...string) (l []layer) {
	for _, n := range names {
		l = append(l, layer("lock-down "+n))
	}
	return l
}

func newSocket(*scene) error { return second(call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)) }

// lockActs is all that is tried.
func lockActs() []lockAct {
	acts := []lockAct{
		{name: "a socket of another family", stops: rules("socket"), act: anyFamily(func(family, kind uintptr) error {
			return second(call(unix.SYS_SOCKET, family, kind, 0))
		})},
		{name: "a pair of another family", stops: rules("socketpair"), act: anyFamily(func(family, kind uintptr) error {
			var fds [2]int32
			return second(call(unix.SYS_SOCKETPAIR, family, kind, 0, uintptr(unsafe.Pointer(&fds))))
		})},
		{name: "a socket on another thread", stops: []layer{lockThreads}, act: onThread(newSocket)},
		{name: "a connection by a child", stops: rules("socket", "connect"), act: inChild("connect by IPv4")},
		{name: "an AF_UNIX datagram", stops: rules("datagram socket"), act: attempted("send an AF_UNIX datagram by path")},
		{name: "an AF_UNIX datagram by a pair", stops: rules("datagram socketpair"), act: func(s *scene) error {
			var fds [2]int32
			if _, err := call(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_DGRAM, 0, uintptr(unsafe.Pointer(&fds))); err != nil {
				return err
			}
			a, text := unixName(s.mission["datagram"]), []byte("x")
			_, err := call(unix.SYS_SENDTO, uintptr(fds[0]), uintptr(unsafe.Pointer(&text[0])), 1, unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&a[0])), uintptr(len(a)))
			return reached(err, unix.EAGAIN)
		}},
		{name: "an AF_UNIX connection by a long name", stops: rules("connect"), act: attempted("connect AF_UNIX by path")},
		{name: "register with io_uring", stops: rules("io_uring_setup", "io_uring_register"), act: func(*scene) error {
			r, err := openRing()
			if err != nil {
				return err
			}
			return second(call(unix.SYS_IO_URING_REGISTER, r.fd, 9 /* IORING_REGISTER_PERSONALITY */, 0, 0))
		}},
		{name: "socket by io_uring", stops: rules("io_uring_setup", "io_uring_enter"), act: attempted("socket by io_uring")},
		{name: "ptrace another process", stops: rules("ptrace"), act: traces},
		{name: "advise another process", stops: rules("process_madvise"), act: func(*scene) error {
			p, err := call(unix.SYS_PIDFD_OPEN, uintptr(os.Getpid()), 0)
			if err != nil {
				return err
			}
			at, err := memory(page, unix.PROT_READ|unix.PROT_WRITE)
			if err != nil {
				return err
			}
			v := unix.RemoteIovec{Base: at, Len: page}
			return second(call(unix.SYS_PROCESS_MADVISE, p, uintptr(unsafe.Pointer(&v)), 1, unix.MADV_COLD, 0))
		}},
		{name: "join a namespace by setns", stops: append(rules("setns"), lockCapabilities), act: attempted("join a namespace by setns"), control: asRoot},
		{name: "read a file by its handle", stops: append(rules("open_by_handle_at"), lockCapabilities), act: attempted("read a file by its handle"), control: asRoot},
		{name: "bpf", stops: append(rules("bpf"), lockCapabilities), act: attempted("bpf"), control: asRoot},
		{name: "give a file away on another thread", stops: []layer{lockCapabilities}, act: onThread(attempted("give a file away")), control: asRoot},
		{name: "finit_module", stops: append(rules("finit_module"), lockCapabilities), control: asRoot, act: func(*scene) error {
			return reached(second(call(unix.SYS_FINIT_MODULE, none, 0, 0)), unix.EBADF)
		}},
		{name: "kexec_file_load", stops: append(rules("kexec_file_load"), lockCapabilities), control: asRoot, act: func(*scene) error {
			return reached(second(call(unix.SYS_KEXEC_FILE_LOAD, none, none, 0, 0, 0)), unix.EBADF)
		}},
		{name: "paste into a console", stops: rules("TIOCLINUX"), act: func(*scene) error {
			return second(call(unix.SYS_IOCTL, 0, tiocLinux, uintptr(unsafe.Pointer(&[]byte{6}[0]))))
		}},
		{name: "be read by another process", stops: []layer{lockImage}, act: inChild("read another process's memory file")},
		{name: "become root by a program with set-user-ID", stops: []layer{lockPrivileges}, control: withSetUID, act: func(s *scene) error {
			return says(exec.Command(s.mission["setuid"]))
		}},
		{name: "call 32-bit Linux: socket", stops: []layer{filterArch}, act: attempted("call 32-bit Linux: socket")},
		{name: "call x32 Linux: getpid", stops: []layer{filterX32}, act: attempted("call x32 Linux: getpid")},
		{name: "a socket without any filter", stops: []layer{lockFilter}, act: newSocket},
	}
	for _, k := range kinds {
		acts = append(acts,
			lockAct{name: "connect anew with a listening descriptor, " + k.name, stops: rules("connect"), act: reuse(k.name, k.family, 0)},
			lockAct{name: "connect anew with an accepted descriptor, " + k.name, stops: rules("connect"), act: reuse(k.name, k.family, 1)},
			lockAct{name: "listen to other machines, " + k.name, stops: []layer{lockLoopback}, act: opensDoor(k.name, k.family)})
		if k.family == unix.AF_INET {
			for name, nr := range map[string]uintptr{"sendto": unix.SYS_SENDTO, "sendmsg": unix.SYS_SENDMSG, "sendmmsg": unix.SYS_SENDMMSG} {
				acts = append(acts, lockAct{name: "Fast Open by " + name + ", " + k.name, stops: rules(name), act: fastOpen(k.name, nr)})
			}
		}
	}
	for rule, name := range map[string]string{
		"process_vm_readv": "read another process's memory", "process_vm_writev": "write another process's memory",
		"pidfd_getfd": "take a descriptor by pidfd_getfd", "kcmp": "compare with another process by kcmp", "TIOCSTI": "type into the terminal by TIOCSTI",
		"perf_event_open": "perf_event_open", "userfaultfd": "handle page faults by userfaultfd",
		"add_key": "add_key", "request_key": "request_key", "keyctl": "keyctl",
	} {
		acts = append(acts, lockAct{name: name, stops: rules(rule), act: attempted(name)})
	}
	for _, name := range []string{"kexec_load", "init_module", "delete_module"} {
		acts = append(acts, lockAct{name: name, stops: append(rules(name), lockCapabilities), act: attempted(name), control: asRoot})
	}
	slices.SortFunc(acts, func(a, b lockAct) int { return strings.Compare(a.name, b.name) })
	return acts
}
