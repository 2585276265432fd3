package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// loopbackDevice is the network device that leads nowhere else.
const loopbackDevice = "lo"

// tieToLoopback ties every Internet socket of this process to the loopback
// device (SO_BINDTODEVICE). What is accepted from a tied listener is tied too,
// and without CAP_NET_RAW no tie can be undone. So even a descriptor that was
// disconnected and bound anew cannot be reached, or reach, from outside.
//
// A descriptor that leads out already is an error: it cannot be made harmless,
// and whether to close it is for whoever opened it.
func tieToLoopback() error {
	return eachSocket(func(fd, family int) error {
		if family == unix.AF_UNIX {
			return nil
		}
		if err := isLoopback(fd, family); err != nil {
			return fmt.Errorf("descriptor %d leads outside this machine: %w; close it before", fd, err)
		}
		if device, err := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE); err == nil && device == loopbackDevice {
			return nil
		}
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, loopbackDevice); err != nil {
			return fmt.Errorf("tie descriptor %d to the loopback device: %w", fd, err)
		}
		return nil
	})
}

// loopbackOnly reads back what tieToLoopback did.
func loopbackOnly() error {
	return eachSocket(func(fd, family int) error {
		if family == unix.AF_UNIX {
			return nil
		}
		device, err := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
		if err != nil || device != loopbackDevice {
			return fmt.Errorf("descriptor %d is not tied to the loopback device (%q, %v)", fd, device, err)
		}
		return nil
	})
}

// isLoopback refuses a socket that has no loopback address of its own.
func isLoopback(fd, family int) error {
	if family != unix.AF_INET && family != unix.AF_INET6 {
		return fmt.Errorf("it is a socket of family %d", family)
	}
	a, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	var at netip.Addr
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		at = netip.AddrFrom4(a.Addr)
	case *unix.SockaddrInet6:
		at = netip.AddrFrom16(a.Addr).Unmap()
	}
	if !at.IsLoopback() {
		return fmt.Errorf("its address is %s", at)
	}
	return nil
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
