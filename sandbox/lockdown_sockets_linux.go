package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// loopbackDevice is the network device that leads nowhere else.
const loopbackDevice = "lo"

// tieToDevices ties every Internet socket of this process to the loopback
// device (SO_BINDTODEVICE), but for the listeners at an address in open, which
// must be tied to a device of their own already. What is accepted from a tied
// listener is tied too, and without CAP_NET_RAW no tie can be undone. So even a
// descriptor that was disconnected and bound anew cannot be reached, or reach,
// by any other device.
//
// A descriptor that leads out otherwise is an error: it cannot be made harmless,
// and whether to close it is for whoever opened it.
func tieToDevices(open []netip.AddrPort) error {
	return eachSocket(func(fd, family int) error {
		if family == unix.AF_UNIX {
			return nil
		}
		at, err := ownAddress(fd, family)
		if err != nil {
			return fmt.Errorf("descriptor %d leads outside this machine: %w; close it before", fd, err)
		}
		tied, err := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
		switch {
		case at.Addr().IsLoopback() && err == nil && tied == loopbackDevice:
			return nil
		case at.Addr().IsLoopback():
			if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, loopbackDevice); err != nil {
				return fmt.Errorf("tie descriptor %d to the loopback device: %w", fd, err)
			}
			return nil
		case !slices.Contains(open, at) || !listens(fd):
			return fmt.Errorf("descriptor %d leads outside this machine: its address is %s; close it before", fd, at.Addr())
		case err != nil || tied == "":
			return fmt.Errorf("descriptor %d listens for other machines and is not tied to a device (%v)", fd, err)
		}
		return nil
	})
}

// tiedToDevices reads back what tieToDevices did: every socket is tied to the
// loopback device or to one of those to which the listeners in open are.
func tiedToDevices(open []netip.AddrPort) error {
	allowed := []string{loopbackDevice}
	ties := map[int]string{}
	err := eachSocket(func(fd, family int) error {
		if family == unix.AF_UNIX {
			return nil
		}
		device, err := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
		if err != nil || device == "" {
			return fmt.Errorf("descriptor %d is not tied to a device (%v)", fd, err)
		}
		ties[fd] = device
		if at, err := ownAddress(fd, family); err == nil && listens(fd) && slices.Contains(open, at) {
			allowed = append(allowed, device)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for fd, device := range ties {
		if !slices.Contains(allowed, device) {
			return fmt.Errorf("descriptor %d is tied to the device %s, which is not the loopback device", fd, device)
		}
	}
	return nil
}

// ownAddress is the address at this machine's end of a socket.
func ownAddress(fd, family int) (at netip.AddrPort, err error) {
	if family != unix.AF_INET && family != unix.AF_INET6 {
		return at, fmt.Errorf("it is a socket of family %d", family)
	}
	a, err := unix.Getsockname(fd)
	if err != nil {
		return at, err
	}
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		at = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		at = netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return at, nil
}

// listens tells whether a socket is a listening one.
func listens(fd int) bool {
	on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && on == 1
}

// eachSocket looks at every open socket of this process. A ring of io_uring is
// an error: what was prepared in one is done past every filter.
func eachSocket(look func(fd, family int) error) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("cannot see this process's descriptors: %w", err)
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue // the one by which the folder was read, and what closed meanwhile
		case err != nil:
			return err
		case to == "anon_inode:[io_uring]":
			return fmt.Errorf("descriptor %d is an io_uring: close it before", fd)
		case !strings.HasPrefix(to, "socket:"):
			continue
		}
		family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if errors.Is(err, unix.EBADF) || errors.Is(err, unix.ENOTSOCK) {
			continue // closed meanwhile, and perhaps something else since
		}
		if err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
		if err := look(fd, family); err != nil && !errors.Is(err, unix.EBADF) {
			return err
		}
	}
	return nil
}
