package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const sinkVariable = "ABATON_TEST_IN_SINK"

// inSink runs a test once more, in a network of its own in which every address
// there is leads to a sink, and says whether this is that run.
func inSink(t *testing.T) bool {
	t.Helper()
	if os.Getenv(sinkVariable) != "" {
		return true
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), sinkVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE}
	}
	out, err := cmd.CombinedOutput()
	t.Logf("in a network of its own:\n%s", out)
	if err != nil {
		t.Error(err)
	}
	return false
}

// TestSinkSees: names that are looked for, and whatever is sent.
func TestSinkSees(t *testing.T) {
	if inSink(t) {
		newSink(t).control(netip.AddrPort{})
	}
}

// control sends in several ways, and finds all of it.
func (s *sink) control(server netip.AddrPort) {
	s.t.Helper()
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, "203.0.113.53:53")
	}}
	at, err := r.LookupHost(s.t.Context(), "control.sink.example")
	if err != nil || len(at) == 0 {
		s.t.Fatalf("the sink knows no names: %v", err)
	}
	for _, to := range []struct{ network, address string }{{"tcp", net.JoinHostPort(at[0], "443")}, {"udp", "203.0.113.9:9"}, {"tcp6", "[2001:db8::7]:80"}} {
		c, err := net.Dial(to.network, to.address)
		if err != nil {
			s.t.Fatalf("the sink does not take %s: %v", to.address, err)
		}
		_, err = c.Write([]byte("x"))
		if err = errors.Join(err, c.Close()); err != nil {
			s.t.Fatal(err)
		}
	}
	came, _ := s.came(server)
	all := strings.Join(came, "\n")
	for _, want := range []string{"to 203.0.113.53:53", "to 198.51.100.7:443", "to 203.0.113.9:9", "to [2001:db8::7]:80"} {
		if !strings.Contains(all, want) {
			s.t.Errorf("control: %q is not among\n%s", want, all)
		}
	}
}

// flow is packets of one kind from one place to another.
type flow struct {
	protocol uint8
	from, to netip.AddrPort // port 0 where there are none
}

func (f flow) String() string {
	name := map[uint8]string{unix.IPPROTO_TCP: "TCP", unix.IPPROTO_UDP: "UDP", unix.IPPROTO_ICMP: "ICMP", unix.IPPROTO_ICMPV6: "ICMPv6"}[f.protocol]
	if name == "" {
		name = fmt.Sprint("protocol ", f.protocol)
	}
	return fmt.Sprintf("%s from %s to %s", name, f.from, f.to)
}

// sink sees every packet of this network. It answers questions for names, each with
// the same address, so that whoever looks for one goes on to send.
type sink struct {
	t       *testing.T
	capture int // a socket

	mu    sync.Mutex
	more  *sync.Cond   // signalled for each packet
	flows map[flow]int // guarded by mu
	other int          // that are of no protocol known here; guarded by mu
}

// named is the address of every name.
var named = [4]byte{198, 51, 100, 7}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{t: t, flows: map[flow]int{}}
	s.more = sync.NewCond(&s.mu)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(up("lo"))
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		must(everywhere(family))
	}
	all := int(unix.ETH_P_ALL)
	var err error
	s.capture, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, all<<8&0xff00|all>>8)
	must(err)
	// Nothing is to be lost, and came tells if something was. Only root may have so much.
	if unix.SetsockoptInt(s.capture, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20) != nil {
		must(unix.SetsockoptInt(s.capture, unix.SOL_SOCKET, unix.SO_RCVBUF, 32<<20))
	}
	names, err := net.ListenPacket("udp", ":53")
	must(err)
	go answerNames(names)
	marks, err := net.ListenPacket("udp", markTo.String()) // or the kernel would send that there is nobody
	must(err)
	t.Cleanup(func() { _ = marks.Close() })
	for _, port := range []string{":25", ":80", ":443"} {
		l, err := net.Listen("tcp", port)
		must(err)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { defer c.Close(); _, _ = io.Copy(io.Discard, c) }()
			}
		}()
	}
	go s.look()
	return s
}

// up brings an interface up.
func up(name string) error {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	c, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(c)
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(c, unix.SIOCSIFFLAGS, r)
}

// everywhere makes each address of a family one of this machine's: what is sent
// there arrives here (rtnetlink(7)).
func everywhere(family uint8) error {
	c, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(c)
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	const size = unix.SizeofNlMsghdr + unix.SizeofRtMsg + unix.SizeofRtAttr + 4
	e := binary.NativeEndian
	b := e.AppendUint32(nil, size)
	b = e.AppendUint16(b, unix.RTM_NEWROUTE)
	b = e.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE)
	b = append(b, make([]byte, 8)...) // number and sender
	b = append(b, family, 0, 0, 0, unix.RT_TABLE_LOCAL, unix.RTPROT_STATIC, unix.RT_SCOPE_HOST, unix.RTN_LOCAL)
	b = e.AppendUint32(b, 0) // flags
	b = e.AppendUint16(b, unix.SizeofRtAttr+4)
	b = e.AppendUint16(b, unix.RTA_OIF)
	b = e.AppendUint32(b, uint32(lo.Index))
	if err := unix.Sendto(c, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	reply := make([]byte, 4096)
	n, _, err := unix.Recvfrom(c, reply, 0)
	if err != nil {
		return err
	}
	if no := int32(e.Uint32(reply[unix.SizeofNlMsghdr:n])); no != 0 {
		return fmt.Errorf("a route to all addresses: %w", syscall.Errno(-no))
	}
	return nil
}

// answerNames answers every question for a name.
func answerNames(c net.PacketConn) {
	for b := make([]byte, 4096); ; {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		end := slices.Index(b[12:max(12, n)], 0) + 12 + 5 // the first question
		if n < 12 || end > n {
			continue
		}
		out := slices.Concat(b[:2], []byte{0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, b[12:end])
		if b[end-3] == 1 { // an address
			out = slices.Concat(out, []byte{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4}, named[:])
		} else {
			out[7] = 0
		}
		_, _ = c.WriteTo(out, from)
	}
}

// look counts what is sent.
func (s *sink) look() {
	for b := make([]byte, 64<<10); ; {
		n, from, err := unix.Recvfrom(s.capture, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		link, is := from.(*unix.SockaddrLinklayer)
		if !is || link.Pkttype != unix.PACKET_OUTGOING { // the loopback interface shows each twice
			continue
		}
		f, known := parsePacket(b[:n])
		s.mu.Lock()
		if known {
			s.flows[f]++
		} else {
			s.other++
		}
		s.more.Broadcast()
		s.mu.Unlock()
	}
}

func parsePacket(b []byte) (f flow, known bool) {
	if len(b) < 20 {
		return f, false
	}
	var from, to netip.Addr
	head := 40
	switch b[0] >> 4 {
	case 4:
		from, to = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		f.protocol, head = b[9], int(b[0]&15)*4
	case 6:
		if len(b) < 40 {
			return f, false
		}
		from, to = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		f.protocol = b[6]
	default:
		return f, false
	}
	var ports [2]uint16
	if (f.protocol == unix.IPPROTO_TCP || f.protocol == unix.IPPROTO_UDP) && len(b) >= head+4 {
		ports = [2]uint16{binary.BigEndian.Uint16(b[head:]), binary.BigEndian.Uint16(b[head+2:])}
	}
	f.from, f.to = netip.AddrPortFrom(from, ports[0]), netip.AddrPortFrom(to, ports[1])
	return f, true
}

// came gives what has come that is not between this test and a server of its own on
// this machine, up to now.
func (s *sink) came(server netip.AddrPort) (list []string, packets int) {
	s.t.Helper()
	mark := s.mark()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.flows[mark] == 0 { // packets come in their order: what was sent before has been counted
		s.more.Wait()
	}
	for f, n := range s.flows {
		if f.to == mark.to || f.protocol == unix.IPPROTO_TCP && f.from.Addr().IsLoopback() && f.to.Addr().IsLoopback() && (f.from == server || f.to == server) {
			continue
		}
		list = append(list, fmt.Sprintf("%d of %s", n, f))
		packets += n
	}
	if s.other > 0 {
		list = append(list, fmt.Sprint(s.other, " of another kind"))
	}
	lost, err := unix.GetsockoptTpacketStats(s.capture, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil || lost.Drops > 0 {
		s.t.Errorf("the sink did not see %d packets: %v", lost.Drops, err)
	}
	slices.Sort(list)
	return list, packets + s.other
}

// markTo is where nobody but this test sends to.
var markTo = netip.MustParseAddrPort("192.0.2.99:9")

// mark sends a packet of the test's own.
func (s *sink) mark() flow {
	s.t.Helper()
	c, err := net.Dial("udp", markTo.String())
	if err == nil {
		defer c.Close()
		_, err = c.Write([]byte("x"))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return flow{unix.IPPROTO_UDP, c.LocalAddr().(*net.UDPAddr).AddrPort(), markTo}
}

// forget begins to count anew.
func (s *sink) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.flows)
	s.other = 0
}
