package gateway

import (
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
		if uid, err := accountOf(server); err != nil || uid != os.Geteuid() {
			t.Errorf("%s: uid %d, %v", c.dial, uid, err)
		}
		client.Close()
		buf := make([]byte, 1)
		server.Read(buf) // until the end is seen
		if uid, err := accountOf(server); err == nil {
			t.Errorf("%s: a closed connection is of uid %d", c.dial, uid)
		}
		server.Close()
		l.Close()
	}
}

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
	if uid, err := accountOf(server); err != nil || uid != 65534 {
		t.Errorf("uid %d, %v", uid, err)
	}
	server.Close()
	cmd.Wait()
}
