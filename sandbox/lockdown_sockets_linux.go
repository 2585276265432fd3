package sandbox

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// loopbackDevice is the network device that leads nowhere else.
const loopbackDevice = "lo"

// tieToDevices ties every Internet socket of this process to a network device
// (SO_BINDTODEVICE): to the loopback device, but for the listeners at an address
// in open, which are tied to the device that has it. What is accepted from a
// tied listener is tied too, and without CAP_NET_RAW no tie can be undone. So
// even a descriptor that was disconnected and bound anew cannot be reached, or
// reach, by any other device.
//
// A descriptor that leads out otherwise is an error: it cannot be made harmless,
// and whether to close it is for whoever opened it.
func tieToDevices(open []netip.AddrPort) error {
	devices, err := devicesOf(open)
	if err != nil {
		return err
	}
	return eachSocket(func(fd, family int) error {
		if family == unix.AF_UNIX {
			return nil
		}
		at, err := ownAddress(fd, family)
		if err != nil {
			return fmt.Errorf("descriptor %d leads outside this machine: %w; close it before", fd, err)
		}
		device := loopbackDevice
		if !at.Addr().IsLoopback() {
			if device = devices[at]; device == "" || !listens(fd) {
				return fmt.Errorf("descriptor %d leads outside this machine: its address is %s; close it before", fd, at.Addr())
			}
		}
		if tied, err := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE); err == nil && tied == device {
			return nil
		}
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device); err != nil {
			return fmt.Errorf("tie descriptor %d to the device %s: %w", fd, device, err)
		}
		return nil
	})
}

// devicesOf finds the device that has each address.
func devicesOf(open []netip.AddrPort) (map[netip.AddrPort]string, error) {
	devices := map[netip.AddrPort]string{}
	if len(open) == 0 {
		return devices, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the network devices: %w", err)
	}
	for _, device := range all {
		addrs, err := device.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list the addresses of %s: %w", device.Name, err)
		}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			for _, at := range open {
				if err == nil && prefix.Addr().Unmap() == at.Addr() && !at.Addr().IsLoopback() {
					devices[at] = device.Name
				}
			}
		}
	}
	for _, at := range open {
		if devices[at] == "" && !at.Addr().IsLoopback() {
			return nil, fmt.Errorf("no network device has the address %s", at.Addr())
		}
	}
	return devices, nil
}

// tiedToDevices reads back what tieToDevices did. The devices of open are those
// to which its listeners are tied: no other can be listed any more.
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
