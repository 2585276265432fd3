package sandbox

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketOf makes the act of making a socket.
func socketOf(family, kind, protocol uintptr) func(mission) error {
	return func(mission) error { return second(call(unix.SYS_SOCKET, family, kind, protocol)) }
}

// inet4 and inet6 are loopback addresses as the kernel wants them.
func inet4(port uintptr) []byte {
	b := make([]byte, 16)
	binary.NativeEndian.PutUint16(b, unix.AF_INET)
	binary.BigEndian.PutUint16(b[2:], uint16(port))
	copy(b[4:], []byte{127, 0, 0, 1})
	return b
}

func inet6(port uintptr) []byte {
	b := make([]byte, 28)
	binary.NativeEndian.PutUint16(b, unix.AF_INET6)
	binary.BigEndian.PutUint16(b[2:], uint16(port))
	b[23] = 1
	return b
}

// unixName is the address of a Unix socket; a name that begins with "@" is abstract.
func unixName(name string) []byte {
	b := make([]byte, 2, 3+len(name))
	binary.NativeEndian.PutUint16(b, unix.AF_UNIX)
	if name != "" && name[0] == '@' {
		return append(append(b, 0), name[1:]...)
	}
	return append(append(b, name...), 0)
}

// dials makes the act of opening a socket and connecting it.
func dials(family, kind uintptr, to func(mission) []byte) func(mission) error {
	return func(m mission) error {
		fd, err := call(unix.SYS_SOCKET, family, kind, 0)
		if err != nil {
			return err
		}
		a := to(m)
		return second(call(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&a[0])), uintptr(len(a))))
	}
}

// sends makes the act of sending one datagram to an address, without connect.
func sends(family uintptr, to func(mission) []byte) func(mission) error {
	return func(m mission) error {
		fd, err := call(unix.SYS_SOCKET, family, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		a, text := to(m), []byte("x")
		_, err = call(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&text[0])), 1, unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&a[0])), uintptr(len(a)))
		return reached(err, unix.EAGAIN) // a queue that is full is one that was reached
	}
}

// sendsMessage is sends by sendmsg, whose address a filter cannot see.
func sendsMessage(m mission) error {
	fd, err := call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	a, text := unixName(m["datagram"]), []byte("x")
	v := unix.Iovec{Base: &text[0], Len: 1}
	h := unix.Msghdr{Name: &a[0], Namelen: uint32(len(a)), Iov: &v, Iovlen: 1}
	return reached(second(call(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&h)), unix.MSG_DONTWAIT)), unix.EAGAIN)
}

// fastOpens dials by MSG_FASTOPEN, which needs no connect.
func fastOpens(m mission) error {
	fd, err := call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	a, text := inet4(m.number("port4")), []byte("x")
	return second(call(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&text[0])), 1, unix.MSG_FASTOPEN, uintptr(unsafe.Pointer(&a[0])), uintptr(len(a))))
}

// bindsTaken tries to take an abstract name that is taken outside. Being told
// so is success: it shows that the machine's names are in reach.
func bindsTaken(m mission) error {
	fd, err := call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	a := unixName(m["abstract"])
	_, err = call(unix.SYS_BIND, fd, uintptr(unsafe.Pointer(&a[0])), uintptr(len(a)))
	if err == nil {
		return errors.New("the name is free in here")
	}
	return reached(err, unix.EADDRINUSE)
}

// bindsOutside opens a door of its own where others can come in.
func bindsOutside(m mission) error {
	return makes("@dir", func(file string) error {
		fd, err := call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		a := unixName(file)
		return second(call(unix.SYS_BIND, fd, uintptr(unsafe.Pointer(&a[0])), uintptr(len(a))))
	}, 0)(m)
}

var socketAttempts = []attempt{
	{name: "socket AF_INET stream", stops: []layer{argument("socket")}, act: socketOf(unix.AF_INET, unix.SOCK_STREAM, 0)},
	{name: "socket AF_INET datagram", stops: []layer{argument("socket")}, act: socketOf(unix.AF_INET, unix.SOCK_DGRAM, 0)},
	{name: "socket AF_INET raw", stops: []layer{argument("socket"), capless, userns}, act: socketOf(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP), control: asRoot},
	{name: "socket AF_INET MPTCP", stops: []layer{argument("socket")}, act: socketOf(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)},
	{name: "socket AF_INET6 stream", stops: []layer{argument("socket")}, act: socketOf(unix.AF_INET6, unix.SOCK_STREAM, 0)},
	{name: "socket AF_INET6 datagram", stops: []layer{argument("socket")}, act: socketOf(unix.AF_INET6, unix.SOCK_DGRAM, 0)},
	{name: "socket AF_NETLINK", stops: []layer{argument("socket")}, act: socketOf(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)},
	{name: "socket AF_PACKET", stops: []layer{argument("socket"), capless, userns}, act: socketOf(unix.AF_PACKET, unix.SOCK_RAW, 0), control: asRoot},
	{name: "socket AF_VSOCK", stops: []layer{argument("socket")}, act: socketOf(unix.AF_VSOCK, unix.SOCK_STREAM, 0)},
	{name: "socket AF_ALG", stops: []layer{argument("socket")}, act: socketOf(unix.AF_ALG, unix.SOCK_SEQPACKET, 0)},
	{name: "connect by IPv4", stops: []layer{argument("socket"), filterOtherwise, netns, landlockNet}, act: dials(unix.AF_INET, unix.SOCK_STREAM, func(m mission) []byte { return inet4(m.number("port4")) })},
	{name: "connect by IPv6", stops: []layer{argument("socket"), filterOtherwise, netns, landlockNet}, act: dials(unix.AF_INET6, unix.SOCK_STREAM, func(m mission) []byte { return inet6(m.number("port6")) })},
	{name: "connect by Fast Open", stops: []layer{argument("socket"), argument("sendto"), netns}, also: []layer{landlockNet}, act: fastOpens},
	{name: "send a datagram by IPv4", stops: []layer{argument("socket"), argument("sendto"), netns}, also: []layer{landlockNet}, act: sends(unix.AF_INET, func(m mission) []byte { return inet4(m.number("port4")) })},
	{name: "connect AF_UNIX by path", stops: []layer{filterOtherwise, mountns}, also: []layer{landlockFiles}, act: dials(unix.AF_UNIX, unix.SOCK_STREAM, func(m mission) []byte { return unixName(m["stream"]) })},
	{name: "connect AF_UNIX by abstract name", stops: []layer{filterOtherwise, netns, landlockScope}, act: dials(unix.AF_UNIX, unix.SOCK_STREAM, func(m mission) []byte { return unixName(m["abstract"]) })},
	{name: "send an AF_UNIX datagram by path", stops: []layer{argument("socket"), argument("sendto"), mountns}, also: []layer{landlockFiles}, act: sends(unix.AF_UNIX, func(m mission) []byte { return unixName(m["datagram"]) })},
	{name: "send an AF_UNIX message by path", stops: []layer{argument("socket"), filterOtherwise, mountns}, also: []layer{landlockFiles}, act: sendsMessage},
	{name: "bind an abstract name taken outside", stops: []layer{argument("bind"), netns}, act: bindsTaken},
	{name: "bind a socket in /tmp", stops: []layer{argument("bind"), mountns, landlockFiles}, act: bindsOutside},
}
