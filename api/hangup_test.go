package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"abaton.local/gateway"
	"abaton.local/shaper"
)

// question asks over a connection of its own, and gives what comes behind the header.
func (h *house) question(t *testing.T, path, body string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, h.address, h.token, len(body), body)
	got := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		if line, err = got.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return conn.(*net.TCPConn), got
}

// What goes to a client that has hung up is seen as well as anything before: frames,
// and the end of the body. Nothing tells how much was said, or was still to be said.
func TestHangingUpTellsNothing(t *testing.T) {
	for _, w := range ways {
		t.Run(strings.ReplaceAll(w.path[1:], "/", "."), func(t *testing.T) {
			begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
			// It says more at once than frames carry for a while.
			h := open(t, endless(40_000, begun, ended), Config{Shape: shaper.Policy{Local: shaper.Sealed}}, gateway.Config{})
			conn, got := h.question(t, w.path, "{"+w.ask+w.streams+"}")
			defer conn.Close()
			<-begun
			frame := make([]byte, len("200\r\n")+shaper.FrameBytes+len("\r\n"))
			for range 8 {
				if _, err := io.ReadFull(got, frame); err != nil || !strings.HasPrefix(string(frame), "200\r\n") {
					t.Fatalf("%v %q", err, frame)
				}
			}
			if err := conn.CloseWrite(); err != nil { // as a client's system says that it closed
				t.Fatal(err)
			}
			<-ended
			rest, err := io.ReadAll(got)
			if err != nil {
				t.Fatal(err)
			}
			whole := len(rest) / len(frame) * len(frame)
			for i := 0; i < whole; i += len(frame) {
				if !strings.HasPrefix(string(rest[i:]), "200\r\n") {
					t.Fatalf("what came was no frame: %.80q", rest[i:])
				}
			}
			if end := string(rest[whole:]); end != "0\r\n\r\n" && end != "" {
				t.Errorf("behind %d frames came %d bytes: %.80q", whole/len(frame), len(end), end)
			}
		})
	}
}

// A server that stops says so within the answers that it sends, in every dialect.
func TestStoppingIsTold(t *testing.T) {
	for _, w := range ways {
		var conn *net.TCPConn
		var got *bufio.Reader
		t.Run(strings.ReplaceAll(w.path[1:], "/", "."), func(t *testing.T) {
			begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
			h := open(t, endless(0, begun, ended), Config{Shape: shaper.Policy{Local: shaper.Sealed}}, gateway.Config{Grace: time.Millisecond})
			conn, got = h.question(t, w.path, "{"+w.ask+w.streams+"}")
			<-begun
		}) // here it stops
		rest, err := io.ReadAll(httputil.NewChunkedReader(got))
		conn.Close()
		if x := understand(t, string(rest)); err != nil || !strings.Contains(x.end, "error") || len(rest)%shaper.FrameBytes != 0 {
			t.Errorf("%s: %v, %d bytes, %q", w.path, err, len(rest), x.end)
		}
	}
}
