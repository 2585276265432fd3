package clients

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The test program plays further parts in processes of its own.
const (
	partVariable = "ABATON_CLIENTS_PART"
	relayPart    = "relay"  // hands connections at a Unix socket on to an address
	closedPart   = "closed" // runs a program where no network is
)

// part is what such a process is told.
type part struct {
	Name   string
	From   string            // relay: a Unix socket
	To     string            // relay: an address
	Doors  map[string]string // closed: addresses and the Unix sockets behind them
	Names  string            // closed: file for the host names that somebody asked for
	Argv   []string          // closed
	Resolv string            // closed: what /etc/resolv.conf is there
}

func playedPart() (played bool, err error) {
	text := os.Getenv(partVariable)
	if text == "" {
		return false, nil
	}
	os.Unsetenv(partVariable)
	var p part
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return true, err
	}
	if p.Name == relayPart {
		l, err := net.Listen("unix", p.From)
		if err != nil {
			return true, err
		}
		if err := os.Chmod(p.From, 0o666); err != nil {
			return true, err
		}
		fmt.Println("ready")
		return true, hand(l, "tcp", p.To)
	}
	return true, p.runClosed()
}

// as gives a command that plays a part.
func as(p part) (*exec.Cmd, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(served.work, "self"))
	cmd.Env = append(os.Environ(), partVariable+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

// relays makes the ways to the server that lead out of places without a network.
// The one to the door without keys has the account that this door is for: the
// tests may run as root, which it is never for.
func relays(uid, gid int) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(self)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(served.work, "self"), b, 0o755); err != nil {
		return nil, err
	}
	ways := filepath.Join(served.work, "ways")
	if err := os.Mkdir(ways, 0o777); err != nil {
		return nil, err
	}
	if err := os.Chmod(ways, 0o777); err != nil {
		return nil, err
	}
	break_, err := net.Listen("unix", filepath.Join(ways, "breaker"))
	if err != nil {
		return nil, err
	}
	go func() { _ = http.Serve(break_, http.HandlerFunc(breaker)) }()
	var running []*exec.Cmd
	stop = func() {
		break_.Close()
		for _, cmd := range running {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	for name, to := range map[string]string{"keyed": served.address, "keyless": served.keyless} {
		cmd, err := as(part{Name: relayPart, From: filepath.Join(ways, name), To: to})
		if err != nil {
			stop()
			return nil, err
		}
		if os.Getuid() == 0 && name == "keyless" {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			stop()
			return nil, err
		}
		running = append(running, cmd)
		if _, err := io.ReadFull(out, make([]byte, len("ready"))); err != nil {
			stop()
			return nil, fmt.Errorf("the relay to %s: %w", to, err)
		}
	}
	return stop, nil
}

// hand hands each connection on.
func hand(l net.Listener, network, to string) error {
	for {
		from, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer from.Close()
			far, err := net.Dial(network, to)
			if err != nil {
				return
			}
			defer far.Close()
			go func() {
				_, _ = io.Copy(far, from)
				if c, ok := far.(interface{ CloseWrite() error }); ok {
					_ = c.CloseWrite()
				}
			}()
			_, _ = io.Copy(from, far)
		}()
	}
}

// runClosed makes a loopback interface the only one, where the server's doors
// are, and a name server that knows nobody and notes who was looked for.
func (p part) runClosed() error {
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("the loopback interface: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("own mounts: %w", err)
	}
	if err := unix.Mount(p.Resolv, "/etc/resolv.conf", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("own resolv.conf: %w", err)
	}
	names, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		return err
	}
	asked, err := os.OpenFile(p.Names, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	go nobodyKnown(names, asked)
	for address, way := range p.Doors {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		go func() { _ = hand(l, "unix", way) }()
	}
	cmd := exec.Command(p.Argv[0], p.Argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// nobodyKnown answers every question for a name with "there is no such name".
func nobodyKnown(c net.PacketConn, asked io.Writer) {
	b := make([]byte, 4096)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		if n < 12 {
			continue
		}
		fmt.Fprintln(asked, questioned(b[12:n]))
		b[2] |= 0x80                // an answer
		b[3] = b[3]&0xf0 | 0x80 | 3 // to which there is nothing
		_, _ = c.WriteTo(b[:n], from)
	}
}

// questioned reads the name of a question.
func questioned(b []byte) string {
	var labels []string
	for len(b) > 0 && b[0] != 0 && int(b[0]) < len(b) {
		labels = append(labels, string(b[1:1+b[0]]))
		b = b[1+b[0]:]
	}
	return strings.Join(labels, ".")
}
