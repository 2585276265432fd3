package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkShapedBesideEngine sends 1,000 sealed answers at once while a real
// engine, in its jail, computes without a pause: as it is, and by what might make
// frames less late, in turn, each beside a time in which the engine is idle.
func BenchmarkShapedBesideEngine(b *testing.B) {
	const streams = 1000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	all, fewer := serveIn(b, newHome(b), "--threads", "2"), serveIn(b, newHome(b), "--threads", "1")
	engines := map[*side]int{}
	for _, s := range []*side{all, fewer} {
		s.ask(b, "hello", 8) // starts the worker
		engine := enginesOf(s.pid)
		if len(engine) != 1 {
			b.Fatalf("%d engines", len(engine))
		}
		engines[s] = engine[0].pid
	}
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	must(b, err)
	own = 20 - own // as the system call has it
	group := grouped(b)
	l := replayed(b)
	ways := []struct {
		name string
		by   *side // whose engine works; nil: none
		nice int   // of it, above this process
		set  func() error
	}{
		{"engine idle", nil, 0, nil},
		{"engine at work", all, 0, nil},
		{"engine at work, nicer by 19", all, 19, nil},
		{"engine at work on one core of two", fewer, 0, nil},
		{"engine at work, the server by short slices", all, 0, func() error {
			return timely(os.Getpid(), unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: int32(own), Runtime: 100_000})
		}},
		{"engine at work, the server in real time", all, 0, func() error {
			return timely(os.Getpid(), unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK})
		}},
	}
	late, speed, cores := make([][]float64, len(ways)), make([][]float64, len(ways)), make([][]float64, len(ways))
	for b.Loop() {
		for range rounds(3) {
			for i, w := range ways {
				stop := func() float64 { return 0 }
				if w.by != nil {
					must(b, ranked(engines[w.by], own+w.nice, group+w.nice))
					stop = busy(b, w.by)
				}
				if w.set != nil {
					must(b, w.set())
				}
				before, begun := spent(b), time.Now()
				l.ask(b, streams)
				cores[i] = append(cores[i], (spent(b)-before).Seconds()/time.Since(begun).Seconds())
				speed[i] = append(speed[i], stop())
				must(b, timely(os.Getpid(), unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: int32(own)}))
				these, _ := l.late(b, streams)
				late[i] = append(late[i], quantile(these, 0.99))
			}
		}
	}
	for i, w := range ways {
		b.Logf("MEASURED %d streams, %s: late by %s at 99 %%, %.2f cores, the engine made %.1f tokens a second", streams, w.name, spread(late[i], "ms"), median(cores[i]), median(speed[i]))
	}
	b.ReportMetric(median(late[0]), "ms-late-p99-idle")
	b.ReportMetric(median(late[1]), "ms-late-p99-busy")
	b.ReportMetric(median(late[2]), "ms-late-p99-busy-nice")
}

// busy has the engine work until stop, which tells how many tokens a second it made.
func busy(b *testing.B, s *side) (stop func() float64) {
	ctx, cancel := context.WithCancel(b.Context())
	var tokens float64
	begun := time.Now()
	var done sync.WaitGroup
	done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			a, err := s.put(ctx, s.dialect.body(s.model, fmt.Sprintf("(%d) %s", time.Now().UnixNano(), story), 16))
			if err != nil && ctx.Err() == nil {
				b.Error(err)
				return
			}
			tokens += float64(max(a.tokens, a.pieces)) // one that was cut short is not counted by the engine
		}
	})
	return func() float64 {
		took := time.Since(begun)
		cancel()
		done.Wait()
		return tokens / took.Seconds()
	}
}

// ranked gives all threads of a process a priority, and one to the group that the
// kernel makes of each session, where it does, for there they are compared.
func ranked(pid, nice, group int) error {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, t := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(t))
		err = errors.Join(err, syscall.Setpriority(syscall.PRIO_PROCESS, tid, min(nice, 19)))
	}
	made := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(min(group, 19))), 0)
	if errors.Is(made, os.ErrNotExist) {
		made = nil
	}
	return errors.Join(err, made)
}

// grouped is the priority of this process's group; 0 where there is none.
func grouped(b *testing.B) (nice int) {
	text, err := os.ReadFile("/proc/self/autogroup")
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	must(b, err)
	_, word, _ := strings.Cut(string(text), " nice ")
	nice, err = strconv.Atoi(strings.TrimSpace(word))
	must(b, err)
	return nice
}

// timely has the kernel run all threads of a process in a way, and what they start.
func timely(pid int, how unix.SchedAttr) error {
	how.Size = unix.SizeofSchedAttr
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, t := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(t))
		if e := unix.SchedSetAttr(tid, &how, 0); !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	return err
}
