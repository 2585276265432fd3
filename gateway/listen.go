package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// listenTCP binds a loopback address and nothing else.
func listenTCP(address string) (net.Listener, error) {
	at, err := loopback(address)
	if err != nil {
		return nil, err
	}
	return bindTCP(at)
}

// listenHere binds a loopback address and, where names lead to it, its twin: every
// name below localhost leads to 127.0.0.1 and to [::1], and browsers try [::1]
// first. Whoever had the other one would be this very site to them: they would be
// told passphrases there, and their page could read ours. The twin is nil where
// this machine has no such address, for then nobody else can have it either.
func listenHere(address string) (l, twin net.Listener, err error) {
	at, err := loopback(address)
	if err != nil {
		return nil, nil, err
	}
	for range 16 {
		if l, err = bindTCP(at); err != nil {
			return nil, nil, err
		}
		other, named := twinOf(l.Addr())
		if !named {
			return l, nil, nil
		}
		twin, err = bindTCP(other)
		switch {
		case err == nil:
			return l, twin, nil
		case nobodyHas(err, other.Addr().Is6(), speaksSix()):
			return l, nil, nil
		case !errors.Is(err, syscall.EADDRINUSE):
			err = fmt.Errorf("%w; let this program listen there (a systemd unit: RestrictAddressFamilies with AF_INET and AF_INET6), or set `address` to 127.0.0.5:%d, where no browser comes in", err, max(at.Port(), 8226))
		}
		err = errors.Join(fmt.Errorf("whoever calls this machine by a name may come out at %s: %w", other, err), l.Close())
		if at.Port() != 0 {
			break // else the kernel chooses another one
		}
	}
	return nil, nil, err
}

// nobodyHas tells whether an address that could not be bound is one that nobody on
// this machine has. Where only this program may not speak IPv6, others can.
func nobodyHas(err error, six, speaksSix bool) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) && !(six && speaksSix)
}

// speaksSix tells whether the kernel has IPv6 at all, whatever this program may do.
func speaksSix() bool {
	_, err := os.Stat("/proc/self/net/if_inet6")
	return err == nil
}

// twinOf is where the names of this machine lead beside an address; false for one
// where they do not lead at all.
func twinOf(at net.Addr) (netip.AddrPort, bool) {
	a, err := netip.ParseAddrPort(at.String())
	four, six := netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()
	switch {
	case err != nil:
		return netip.AddrPort{}, false
	case a.Addr() == four:
		return netip.AddrPortFrom(six, a.Port()), true
	case a.Addr() == six:
		return netip.AddrPortFrom(four, a.Port()), true
	}
	return netip.AddrPort{}, false
}

// bindTCP binds one address.
func bindTCP(at netip.AddrPort) (net.Listener, error) {
	network := "tcp4"
	if at.Addr().Is6() {
		network = "tcp6"
	}
	lc := net.ListenConfig{Control: tied(at.Addr())}
	lc.SetMultipathTCP(false) // nobody needs two paths, and each is one more to guard
	l, err := lc.Listen(context.Background(), network, at.String())
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is taken by another program (%w): stop that program, or choose another port: --address %s",
			at, syscall.EADDRINUSE, netip.AddrPortFrom(at.Addr(), at.Port()+1))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this account may not listen on port %d (%w): choose one from 1024 to 65535, as in --address %s", at.Port(), syscall.EACCES, netip.AddrPortFrom(at.Addr(), 8226))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("this machine has no address %s (%w): use --address 127.0.0.1:%d", at.Addr(), syscall.EADDRNOTAVAIL, at.Port())
	case err != nil:
		return nil, fmt.Errorf("listening on %s: %w", at, err)
	}
	// The kernel's word, not ours.
	if got, err := netip.ParseAddrPort(l.Addr().String()); err != nil || got.Addr() != at.Addr() {
		return nil, errors.Join(fmt.Errorf("asked for %s, the kernel bound %s: refusing to serve there", at, l.Addr()), l.Close())
	}
	return l, nil
}

// loopback reads an address and refuses everything that another machine could
// reach. "localhost" is taken for 127.0.0.1 without asking any resolver.
func loopback(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is no address to listen on: write it as 127.0.0.1:8226 or [::1]:8226", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q has no port from 0 to 65535: write it as 127.0.0.1:8226", address)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	at, err := netip.ParseAddr(host)
	if err == nil && at.Unmap().IsLoopback() && at.Zone() == "" {
		return netip.AddrPortFrom(at.Unmap(), uint16(n)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("refusing to listen on %q: %w; "+
		"use 127.0.0.1:%d, and from another machine an SSH tunnel: ssh -L 8226:127.0.0.1:%d THIS-MACHINE", address, ErrNoTLS, n, n)
}
