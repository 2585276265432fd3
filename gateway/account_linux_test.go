package gateway

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The kernel tells whose a connection is, by IPv4, by IPv6, and by an IPv6 socket
// that speaks IPv4; and of a closed one it tells nothing.
func TestAccountOfAConnection(t *testing.T) {
	for _, c := range []struct{ network, listen, dial string }{
		{"tcp4", "127.0.0.1:0", "127.0.0.1"}, {"tcp4", "127.0.0.1:0", "::ffff:127.0.0.1"}, {"tcp6", "[::1]:0", "::1"},
	} {
		l, err := net.Listen(c.network, c.listen)
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		client, err := net.Dial("tcp", net.JoinHostPort(c.dial, port))
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if uid := accountOf(server); uid != os.Geteuid() {
			t.Errorf("%s: uid %d", c.dial, uid)
		}
		client.Close()
		buf := make([]byte, 1)
		server.Read(buf) // until the end is seen
		if uid := accountOf(server); uid != nobody {
			t.Errorf("%s: a closed connection is of uid %d", c.dial, uid)
		}
		server.Close()
		l.Close()
	}
}

func accountOf(c net.Conn) int { return accountsOf([]net.Conn{c})[0] }

// Another account is told from ours.
func TestAnotherAccountIsToldApart(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can become another account; the story runs as root too")
		return
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%s; read -t 20 <&3; true", strings.Replace(l.Addr().String(), ":", "/", 1)))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if uid := accountOf(server); uid != 65534 {
		t.Errorf("uid %d", uid)
	}
	server.Close()
	cmd.Wait()
}

// A connection that was reset before we took it still gives what it was sent. Its
// addresses are free, and whoever takes them vouches for nothing.
func TestAccountOfAResetConnection(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(first, "GET / HTTP/1.1")
	from := first.LocalAddr()
	if err := errors.Join(first.(*net.TCPConn).SetLinger(0), first.Close()); err != nil {
		t.Fatal(err)
	}
	second, err := (&net.Dialer{LocalAddr: from}).Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	for _, ok := range []bool{false, true} {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if uid := accountOf(c); (uid != nobody) != ok || ok && uid != os.Geteuid() {
			t.Errorf("uid %d", uid)
		}
	}
}
