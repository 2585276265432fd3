package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
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
	walled := serve(b)
	walled.ask(b, "hello", 8) // starts the worker
	engine := enginesOf(walled.pid)
	if len(engine) != 1 {
		b.Fatalf("%d engines", len(engine))
	}
	l := replayed(b)
	type way struct {
		name  string
		works bool
		set   func(pid int) error
	}
	ways := []way{
		{"engine idle", false, func(pid int) error { return ranked(pid, 0) }},
		{"engine at work, not ranked", true, func(pid int) error { return ranked(pid, 0) }},
		{"engine at work, nice 10", true, func(pid int) error { return ranked(pid, 10) }},
		{"engine at work, nice 19", true, func(pid int) error { return ranked(pid, 19) }},
		{"engine at work, not ranked, the server in real time", true, func(pid int) error { return errors.Join(ranked(pid, 0), timely(unix.SCHED_RR, 1)) }},
	}
	late, speed, cores := make([][]float64, len(ways)), make([][]float64, len(ways)), make([][]float64, len(ways))
	for b.Loop() {
		for range rounds(3) {
			for i, w := range ways {
				must(b, w.set(engine[0].pid))
				stop := func() float64 { return 0 }
				if w.works {
					stop = busy(b, walled)
				}
				before, begun := spent(b), time.Now()
				l.ask(b, streams)
				cores[i] = append(cores[i], (spent(b)-before).Seconds()/time.Since(begun).Seconds())
				speed[i] = append(speed[i], stop())
				must(b, timely(unix.SCHED_NORMAL, 0))
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
	b.ReportMetric(median(late[3]), "ms-late-p99-busy-nice")
}

// busy has the engine work until stop, which tells how many tokens a second it made.
func busy(b *testing.B, s *side) (stop func() float64) {
	ctx, cancel := context.WithCancel(b.Context())
	var tokens float64
	begun := time.Now()
	var done sync.WaitGroup
	done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			a, err := s.put(ctx, s.dialect.body(s.model, fmt.Sprintf("(%d) %s", time.Now().UnixNano(), story), 64))
			if err != nil && ctx.Err() == nil {
				b.Error(err)
				return
			}
			tokens += float64(a.tokens)
		}
	})
	return func() float64 {
		took := time.Since(begun)
		cancel()
		done.Wait()
		return tokens / took.Seconds()
	}
}

// ranked gives all threads of a process a priority.
func ranked(pid, nice int) error {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, t := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(t))
		err = errors.Join(err, syscall.Setpriority(syscall.PRIO_PROCESS, tid, nice))
	}
	return err
}

// timely gives all threads of this process a class of the scheduler.
func timely(policy uint32, priority uint32) error {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", os.Getpid()))
	for _, t := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(t))
		if e := unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Priority: priority}, 0); !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	return err
}
