package bench

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"abaton.local/shaper"
)

// BenchmarkShapedByServe has 1,000 sealed answers at once from the built program,
// by TLS, and an engine in its jail that gives each of them a word. The clients are
// a process of their own; by how much frames are late is what they see, and the
// jitter of 0 to 5 ms is in it.
func BenchmarkShapedByServe(b *testing.B) {
	if address := os.Getenv("ABATON_BENCH_SERVED_AT"); address != "" {
		watch(b, address, os.Getenv("ABATON_BENCH_SERVED_TOKEN"))
		return
	}
	for _, realTime := range []bool{false, true} {
		b.Run(map[bool]string{false: "ordinary", true: "real time"}[realTime], func(b *testing.B) {
			for b.Loop() {
				byServe(b, realTime)
			}
		})
	}
}

// byServe measures a server that runs as any program, or as `chrt -r 1` starts it.
func byServe(b *testing.B, realTime bool) {
	const window = 20 * time.Second
	s := serveIn(b, newHome(b), "--lan-address", "127.0.0.1:0", "--lan-shape", "sealed", "--shape-window", window.String(),
		"--max-requests", strconv.Itoa(8*served))
	if realTime {
		must(b, timely(s.pid, unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 1}))
	}
	s.ask(b, "hello", 8) // starts the worker
	for _, e := range enginesOf(s.pid) {
		if how, err := unix.SchedGetAttr(e.pid, 0); err != nil || how.Policy != unix.SCHED_NORMAL {
			b.Fatalf("the engine, too, runs in real time: %+v %v", how, err)
		}
	}
	cpu, memory := used(b, s.pid), rss(b, s.pid)
	cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkShapedByServe$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), "ABATON_BENCH_SERVED_AT="+s.others, "ABATON_BENCH_SERVED_TOKEN="+s.token)
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	must(b, cmd.Start())
	most := memory
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for err, running := error(nil), true; running; {
		select {
		case err = <-ended:
			if running = false; err != nil {
				b.Fatalf("%v\n%s", err, all.String())
			}
		case <-time.After(time.Second):
			most = max(most, rss(b, s.pid))
		}
	}
	_, line, _ := strings.Cut(all.String(), "SEEN ")
	var seen sight
	must(b, json.NewDecoder(strings.NewReader(line)).Decode(&seen))
	cpu = used(b, s.pid) - cpu
	b.Logf("MEASURED %d sealed streams at once by the built server, TLS, real time: %v; %d of them answered with a word and %d with a failure: %d frames of %d bytes, late by %.2f ms at the median, "+
		"%.2f ms at 99 %%, jitter of up to 5 ms in it", served, realTime, seen.Answered, served-seen.Answered, seen.Frames, shaper.FrameBytes, seen.Median, seen.P99)
	b.Logf("MEASURED %.1f ms of a core for 1,000 frames (handshakes and checks at the door in it); %.0f KB of memory for each stream",
		cpu.Seconds()*1e6/float64(seen.Frames), float64(most-memory)/1e3/served)
	b.ReportMetric(seen.P99, "ms-late-p99")
	b.ReportMetric(cpu.Seconds()*1e6/float64(seen.Frames), "ms/1000-frames")
}

const served = 1000 // streams

// sight is what the clients saw.
type sight struct {
	Answered, Frames int
	Median, P99      float64 // ms
}

// watch is the clients' process.
func watch(b *testing.B, address, token string) {
	const body = `{"messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":1}`
	request := fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		address, token, len(body), body)
	must(b, timely(os.Getpid(), unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 1})) // what is measured is the server
	var conns [served]*tls.Conn
	for i := range conns { // first all handshakes, so that they do not delay frames
		c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			b.Fatal(err)
		}
		conns[i] = c
	}
	var mu sync.Mutex
	var late []float64
	var seen sight
	var all sync.WaitGroup
	for i, c := range conns {
		all.Go(func() {
			time.Sleep(time.Duration(i) * shaper.Tick / 10) // as many as an engine answers, about
			if _, err := io.WriteString(c, request); err != nil {
				b.Error(err)
				return
			}
			arrived, got, err := frames(c)
			if err != nil || !strings.Contains(got, "[DONE]") && !strings.Contains(got, `"error"`) {
				b.Errorf("%v after %d frames: %.200s", err, len(arrived), got)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(got, "[DONE]") {
				seen.Answered++
			}
			seen.Frames += len(arrived)
			late = append(late, behind(arrived)...)
		})
	}
	all.Wait()
	if len(late) == 0 {
		b.Fatal("no frames")
	}
	seen.Median, seen.P99 = median(late), quantile(late, 0.99)
	line, err := json.Marshal(seen)
	must(b, err)
	fmt.Printf("SEEN %s\n", line)
}

// frames reads an answer, each read of which is one record, and gives when those
// came that hold a frame.
func frames(c *tls.Conn) (at []time.Time, all string, err error) {
	var got strings.Builder
	buf := make([]byte, 16<<10)
	for {
		n, err := c.Read(buf)
		if n == shaper.FrameBytes+7 { // the size in hexadecimal, and line ends
			at = append(at, time.Now())
		}
		got.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return at, got.String(), nil
		}
		if err != nil {
			return at, got.String(), err
		}
	}
}

// behind tells by how much each of a stream's frames was late, in ms, against the
// one that was least.
func behind(at []time.Time) (late []float64) {
	var offsets []time.Duration
	for k, t := range at {
		offsets = append(offsets, t.Sub(at[0])-time.Duration(k)*shaper.Tick)
	}
	if len(offsets) == 0 {
		return nil
	}
	grid := slices.Min(offsets)
	missed := time.Duration(1 << 32) // ticks that were left out before this frame
	for _, o := range slices.Backward(offsets) {
		missed = min(missed, (o-grid)/shaper.Tick)
		late = append(late, float64(o-grid-missed*shaper.Tick)/1e6)
	}
	return late
}

// used is what a process has used of processors.
func used(b *testing.B, pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(b, err)
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	must(b, err)
	system, err := strconv.Atoi(fields[12])
	must(b, err)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 everywhere
}
