package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// tied ties a listener to the network device that has its address, before
// anybody can connect: what is accepted is tied like its listener was when the
// connection came. Lock-down holds listeners to it, and would come too late for
// those who wait before the door.
func tied(addr netip.Addr) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		device, err := deviceOf(addr)
		if err != nil {
			return err
		}
		var failed error
		if err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device)
		}); err != nil {
			return err
		}
		if failed != nil {
			return fmt.Errorf("tying it to the device %s: %w", device, failed)
		}
		return nil
	}
}

// deviceOf finds the device that has an address. All of 127.0.0.0/8 is the
// loopback device's.
func deviceOf(addr netip.Addr) (string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("listing the network devices: %w", err)
	}
	for _, device := range all {
		if addr.IsLoopback() && device.Flags&net.FlagLoopback != 0 {
			return device.Name, nil
		}
		addrs, err := device.Addrs()
		if err != nil {
			return "", fmt.Errorf("listing the addresses of %s: %w", device.Name, err)
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Unmap() == addr {
				return device.Name, nil
			}
		}
	}
	return "", syscall.EADDRNOTAVAIL
}
