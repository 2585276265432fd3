//go:build soak

package leak

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRelayAgreesWithCapture holds the observer against a program that many know:
// tshark captures the loopback device, the relay looks at the same connections,
// and both must have seen the same records at the same moments.
func TestRelayAgreesWithCapture(t *testing.T) {
	r := make([]int, 60)
	for i := range r {
		r[i] = 1 + i*37%1100
	}
	address, config := talk(t, func(c *tls.Conn) {
		if _, err := io.ReadFull(c, make([]byte, 300)); err != nil {
			return
		}
		for _, n := range r {
			time.Sleep(20 * time.Millisecond)
			if _, err := c.Write(make([]byte, n)); err != nil {
				return
			}
		}
		c.Close()
	})
	got := make(chan Trace, 8)
	relay, err := Watch(address, func(t Trace) { got <- t })
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	_, port, err := net.SplitHostPort(relay.Addr())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	// What the relay sends to clients is what somebody on the network would see of them.
	capture := exec.CommandContext(ctx, "tshark", "-i", "lo", "-l", "-f", "tcp port "+port, "-d", "tcp.port=="+port+",tls", "-T", "ek",
		"-e", "frame.time_epoch", "-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "tls.record.content_type", "-e", "tls.record.length", "-e", "tls.record.opaque_type", "-Y", "tls")
	out, err := capture.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	complaints, err := capture.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := capture.Start(); err != nil {
		t.Fatalf("tshark cannot be run (Debian's package of that name has it): %v", err)
	}
	ready := bufio.NewScanner(complaints)
	for ready.Scan() && !strings.Contains(ready.Text(), "Capturing on") {
	}
	go func() { _, _ = io.Copy(io.Discard, complaints) }()
	time.Sleep(time.Second) // it says so a little before it does
	const clients = 3
	var work sync.WaitGroup
	for range clients {
		work.Go(func() {
			raw, err := net.Dial("tcp", relay.Addr())
			if err != nil {
				t.Error(err)
				return
			}
			defer raw.Close()
			c := tls.Client(raw, config)
			if _, err := c.Write(make([]byte, 300)); err != nil {
				t.Error(err)
			}
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	relay.Close()
	close(got)
	time.Sleep(2 * time.Second) // tshark writes what it has
	_ = capture.Process.Signal(os.Interrupt)
	captured := readCapture(t, out, port)
	_ = capture.Wait() // it was told to end
	seen := 0
	for trace := range got {
		own := captured[strconv.Itoa(trace.LocalPort)]
		if !slices.Equal(sizesOf(own), trace.Sizes) {
			t.Errorf("the relay saw %v, tshark %v", trace.Sizes, sizesOf(own))
			continue
		}
		var apart []float64
		times := trace.Times()
		for i, record := range own {
			apart = append(apart, math.Abs((record.At-own[0].At)-(times[i]-times[0]))*1e3)
		}
		slices.Sort(apart)
		t.Logf("MEASURED %d records of the same sizes; their times differ by %.3f ms at the median, %.3f ms at 99 %%, %.3f ms at most", len(own), quantile(apart, 0.5), quantile(apart, 0.99), quantile(apart, 1))
		seen++
	}
	if seen != clients {
		t.Errorf("%d of %d connections were the same to both", seen, clients)
	}
}

func sizesOf(records []Record) (sizes []int) {
	for _, r := range records {
		sizes = append(sizes, r.Size)
	}
	return sizes
}

// readCapture is what came down to each client's port, content only.
func readCapture(t *testing.T, out io.Reader, port string) map[string][]Record {
	t.Helper()
	found := make(map[string][]Record)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var packet struct {
			Layers map[string][]string `json:"layers"`
		}
		if err := json.Unmarshal(lines.Bytes(), &packet); err != nil || len(packet.Layers) == 0 {
			continue // the lines in between that name an index
		}
		l := packet.Layers
		if len(l["tcp_srcport"]) != 1 || l["tcp_srcport"][0] != port {
			continue
		}
		at, err := strconv.ParseFloat(l["frame_time_epoch"][0], 64)
		if err != nil {
			t.Fatal(err)
		}
		kinds := append(slices.Clone(l["tls_record_content_type"]), l["tls_record_opaque_type"]...)
		for i, length := range l["tls_record_length"] {
			n, err := strconv.Atoi(length)
			if err != nil {
				t.Fatal(err)
			}
			if kind(kinds, i, len(l["tls_record_length"])) != fmt.Sprint(tlsContent) {
				continue
			}
			to := l["tcp_dstport"][0]
			found[to] = append(found[to], Record{At: at, Size: n + tlsHeader})
		}
	}
	return found
}

// kind is the type of the i-th of n records in a packet. tshark lists types of
// records by two names: plain ones, which come first in a connection, and those
// that only look like content.
func kind(kinds []string, i, n int) string {
	if len(kinds) == n {
		return kinds[i]
	}
	return ""
}
