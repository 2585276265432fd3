package engine

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// quietConn is a connection to an engine that can rest between two reads. The
// engine's threads spin on every core while they wait for each other, so each
// time a thread of ours wakes up it stops one of them, and with it all. The
// runtime's poller would wake us for every token, and its timers cost several
// wake-ups more; so the socket is not in that poller. What is in it is an epoll
// of the socket's own, which rings for what was asked for: data, or while we
// rest only a timer of the kernel and the engine's hanging up, so that the end
// of an answer is not kept back. See docs/decisions/0011.
//
// One goroutine may read and one may write at a time; Close may be called at any.
type quietConn struct {
	socket *os.File // blocking, which keeps it out of the runtime's poller
	timer  *os.File
	bell   *os.File // epoll of the two
	rest   atomic.Int64
	last   time.Time // of a read after which nothing was left
	closed atomic.Bool
}

// connect connects to a socket in the file system, or fails at once.
func connect(_ context.Context, path string) (_ net.Conn, err error) {
	c := new(quietConn)
	defer func() {
		if err != nil {
			_ = c.Close()
		}
	}()
	// Not blocking until it is connected: an engine need not take us in.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = cmp.Or(unix.Connect(fd, &unix.SockaddrUnix{Name: path}), unix.SetNonblock(fd, false))
	c.socket = os.NewFile(uintptr(fd), path)
	if err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	clock, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	c.timer = os.NewFile(uintptr(clock), "timer")
	bell, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	err = cmp.Or(
		unix.SetNonblock(bell, true), // for the runtime's poller
		unix.EpollCtl(bell, unix.EPOLL_CTL_ADD, clock, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}),
		unix.EpollCtl(bell, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLET}))
	c.bell = os.NewFile(uintptr(bell), "epoll")
	return c, os.NewSyscallError("epoll_ctl", err)
}

// pace sets how long reads rest after one that took all that had come.
func (c *quietConn) pace(rest time.Duration) { c.rest.Store(int64(rest)) }

func (c *quietConn) Read(p []byte) (int, error) {
	if rest := time.Duration(c.rest.Load()) - time.Since(c.last); rest > 0 {
		if err := c.wait(unix.EPOLLRDHUP, rest); err != nil {
			return 0, c.said(err)
		}
	}
	for {
		n, err := c.take(p)
		switch {
		case err == unix.EAGAIN:
			err = c.wait(unix.EPOLLIN|unix.EPOLLRDHUP, 0)
		case err == nil && n == 0 && len(p) > 0:
			return 0, io.EOF
		case err == nil:
			if n < len(p) {
				c.last = time.Now()
			}
			return n, nil
		}
		if err != nil {
			return 0, c.said(err)
		}
	}
}

// take reads what is there already.
func (c *quietConn) take(p []byte) (n int, err error) {
	err = control(c.socket, func(fd int) error {
		var err error
		for n, _, err = unix.Recvfrom(fd, p, unix.MSG_DONTWAIT); err == unix.EINTR; {
			n, _, err = unix.Recvfrom(fd, p, unix.MSG_DONTWAIT)
		}
		return err
	})
	return n, err
}

// wait returns when one of the events is there, or the time is over if there is
// one, or now and then for nothing.
func (c *quietConn) wait(events uint32, most time.Duration) error {
	bell, err := c.bell.SyscallConn()
	if err != nil {
		return err
	}
	asked := false
	rerr := bell.Read(func(bell uintptr) bool {
		if asked {
			return true
		}
		asked = true
		err = c.ask(int(bell), events, most)
		return err != nil
	})
	return cmp.Or(rerr, err)
}

// ask lets the bell ring for events and for the end of a time.
func (c *quietConn) ask(bell int, events uint32, most time.Duration) error {
	// What is on an epoll's list of ready entries does not ring it when it is
	// asked for anew. Reading the list empties it, of entries with EPOLLET.
	var old [2]unix.EpollEvent
	if _, err := unix.EpollWait(bell, old[:], 0); err != nil && err != unix.EINTR {
		return err
	}
	if most > 0 {
		err := control(c.timer, func(fd int) error {
			return unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(most))}, nil)
		})
		if err != nil {
			return err
		}
	}
	return control(c.socket, func(fd int) error {
		return unix.EpollCtl(bell, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events | unix.EPOLLET})
	})
}

func (c *quietConn) Write(p []byte) (int, error) {
	n, err := c.socket.Write(p)
	return n, c.said(err)
}

// Close also ends a Read or Write that waits.
func (c *quietConn) Close() error {
	c.closed.Store(true)
	_ = control(c.socket, func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) }) // wakes a Write
	return errors.Join(c.bell.Close(), c.timer.Close(), c.socket.Close())
}

// said puts the end of our own making into the words of package net.
func (c *quietConn) said(err error) error {
	if err != nil && c.closed.Load() {
		return net.ErrClosed
	}
	return err
}

func (c *quietConn) LocalAddr() net.Addr  { return &net.UnixAddr{Net: "unix"} }
func (c *quietConn) RemoteAddr() net.Addr { return &net.UnixAddr{Net: "unix", Name: c.socket.Name()} }

// Nobody sets deadlines: what is late is closed.
func (c *quietConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *quietConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *quietConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// control lends the number of f to do.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) { err = do(int(fd)) })
	return cmp.Or(cerr, err)
}
