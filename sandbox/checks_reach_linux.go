package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"abaton.local/posture"
	"golang.org/x/sys/unix"
)

// reach is what a set of attempts showed.
type reach struct {
	stopped  []string
	escaped  []string // although the tier claims to stop it
	possible []string // and the tier does not claim to stop it
}

// reachOf makes attempts in the jail under the engine's policy. facts are added
// to what every attempt is told.
func (j *Jail) reachOf(ctx context.Context, list []attempt, facts mission) (r reach, err error) {
	program, libraries, err := j.ownProgram()
	if err != nil {
		return r, err
	}
	defer program.Opened.Close()
	s, err := newStage(j.cfg.StateDir)
	if err != nil {
		return r, err
	}
	defer s.clear()
	maps.Copy(s.facts, facts)
	spec := s.spec(program, libraries, Native)
	for _, a := range list {
		succeeded, why, err := j.try(ctx, s, spec, a)
		switch {
		case err != nil:
			return r, err
		case !succeeded:
			r.stopped = append(r.stopped, a.name+" ("+why+")")
		case j.claims(spec, a):
			r.escaped = append(r.escaped, a.name)
		default:
			r.possible = append(r.possible, a.name)
		}
	}
	return r, nil
}

// judge turns what was shown into a finding.
func (j *Jail) judge(f posture.Finding, r reach, err error, good string) posture.Finding {
	if err != nil {
		return unknown(f, "The probe could not try everything.", err)
	}
	f.Evidence = fmt.Sprintf("%d acts refused: %s", len(r.stopped), strings.Join(r.stopped, "; "))
	switch {
	case len(r.escaped) > 0, len(r.possible) > 0 && j.tier == TierD:
		f.Status, f.Summary = posture.Fail, "A probe in the jail could: "+sorted(append(r.escaped, r.possible...))
		f.Fix = "load no model here, and report this"
	case len(r.possible) > 0:
		f.Status, f.Summary = posture.Warn, fmt.Sprintf("%s, but %s does not stop: %s", good, j.tier, sorted(r.possible))
		f.Fix = "allow user namespaces for this program, or use a kernel with Landlock"
	default:
		f.Status, f.Summary = posture.Pass, good+"."
	}
	return f
}

// checkFiles has a probe reach for files of this machine and of this account.
func (j *Jail) checkFiles(ctx context.Context) posture.Finding {
	f := posture.Finding{}
	s, err := newStage(j.cfg.StateDir)
	if err != nil {
		return unknown(f, "The probe could not be prepared.", err)
	}
	_, err = os.ReadFile(s.facts["secret"])
	s.clear()
	if err != nil {
		return unknown(f, "This account cannot read its own file, so a refusal in the jail would show nothing.", err)
	}
	f.Control = "outside the jail this account reads the file that the probe reaches for"
	r, err := j.reachOf(ctx, slices.Concat(fileAttempts, writeAttempts), nil)
	return j.judge(f, r, err, "A probe in the jail reads and writes no file but those it was given")
}

// checkNetwork has a probe reach for the network, and counts what arrives at a
// listener of its own. The addresses of the Internet are those that are
// reserved for documentation: they lead nowhere (RFC 5737, RFC 3849).
func (j *Jail) checkNetwork(ctx context.Context) posture.Finding {
	f := posture.Finding{}
	c, err := newCanary()
	if err != nil {
		return unknown(f, "No listener could be made for the control: this process may be locked down.", err)
	}
	defer c.close()
	if err := c.dial(); err != nil {
		return unknown(f, "The loopback network does not work here, so a refusal in the jail would show nothing.", err)
	}
	if n := c.arrived(); n != 1 {
		return unknown(f, "The listener does not see its own connection.", nil)
	}
	f.Control = "outside the jail one connection to the listener on 127.0.0.1 was made and seen"
	port := strconv.Itoa(c.port)
	r, err := j.reachOf(ctx, slices.Concat(socketAttempts, farAttempts), mission{"port4": port})
	if n := c.arrived(); n > 0 {
		r.escaped = append(r.escaped, fmt.Sprintf("be heard: %d connections arrived", n))
	}
	return j.judge(f, r, err, "A probe in the jail reached nothing, by any family of sockets")
}

// checkRings has a probe ask for io_uring, which makes sockets and opens files
// past a filter. Its control is this process; where the kernel refuses it to
// everybody, that is a pass with another reason.
func (j *Jail) checkRings(ctx context.Context) posture.Finding {
	f := posture.Finding{Recheck: "sysctl kernel.io_uring_disabled"}
	params := make([]byte, 120) // struct io_uring_params
	fd, err := call(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params[0])))
	if err == nil {
		_ = unix.Close(int(fd))
		f.Control = "outside the jail a ring was made"
	} else {
		f.Control = "outside the jail too: " + err.Error()
	}
	var rings []attempt
	for _, a := range attempts {
		if strings.Contains(a.name, "io_uring") {
			rings = append(rings, a)
		}
	}
	r, err := j.reachOf(ctx, rings, nil)
	if err == nil && len(rings) == 0 {
		err = errors.New("there is nothing to try")
	}
	return j.judge(f, r, err, "A probe in the jail gets no ring")
}

// far makes the act of sending to an address outside this machine. Only a
// refusal by the kernel counts: "in progress" means that a packet left.
func far(family, kind uintptr, address func() []byte) func(mission) error {
	return func(mission) error {
		fd, err := call(unix.SYS_SOCKET, family, kind|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		a := address()
		_, err = call(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&a[0])), uintptr(len(a)))
		if err := reached(err, unix.EINPROGRESS); err != nil || kind != unix.SOCK_DGRAM {
			return err
		}
		query := []byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x01\x00\x01")
		return second(call(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&query[0])), uintptr(len(query)), 0, 0, 0))
	}
}

func documentation4(port uint16) func() []byte {
	return func() []byte {
		b := inet4(uintptr(port))
		copy(b[4:], []byte{192, 0, 2, 1})
		return b
	}
}

func documentation6() []byte {
	b := inet6(443)
	copy(b[8:], []byte{0x20, 0x01, 0x0d, 0xb8})
	return b
}

// farAttempts have no control: nothing is sent there from outside the jail.
var farAttempts = []attempt{
	{name: "connect to 192.0.2.1:443", stops: []layer{argument("socket"), netns}, act: far(unix.AF_INET, unix.SOCK_STREAM, documentation4(443))},
	{name: "connect to [2001:db8::1]:443", stops: []layer{argument("socket"), netns}, act: far(unix.AF_INET6, unix.SOCK_STREAM, documentation6)},
	{name: "send a DNS query to 192.0.2.1:53", stops: []layer{argument("socket"), netns}, act: far(unix.AF_INET, unix.SOCK_DGRAM, documentation4(53))},
	{name: "connect to docker.sock", stops: []layer{filterOtherwise, mountns}, act: dials(unix.AF_UNIX, unix.SOCK_STREAM, func(mission) []byte { return unixName("/run/docker.sock") })},
}

// A canary listens on 127.0.0.1 and counts who comes.
type canary struct{ fd, port int }

func newCanary() (*canary, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	c := &canary{fd: fd}
	err = errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 64))
	name, nerr := unix.Getsockname(fd)
	if err = errors.Join(err, nerr); err != nil {
		c.close()
		return nil, err
	}
	if a, ok := name.(*unix.SockaddrInet4); ok {
		c.port = a.Port
	}
	return c, nil
}

// dial makes one connection from here. On loopback it is there at once.
func (c *canary) dial() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrInet4{Port: c.port, Addr: [4]byte{127, 0, 0, 1}})
}

// arrived counts the connections since the last count.
func (c *canary) arrived() (n int) {
	for {
		fd, _, err := unix.Accept4(c.fd, unix.SOCK_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return n
		}
		_ = unix.Close(fd)
		n++
	}
}

func (c *canary) close() { _ = unix.Close(c.fd) }

// sorted joins names in order, so that two runs read alike.
func sorted(names []string) string {
	return strings.Join(slices.Sorted(slices.Values(names)), "; ")
}
