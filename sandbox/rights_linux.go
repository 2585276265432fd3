package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// limits sets what the program may use up. All limits are hard: without
// capabilities none can be raised again.
func (o order) limits(without map[layer]bool) error {
	// When memory runs out this is the process to end first. That protects the
	// machine, not a secret, so a kernel that refuses is borne.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("900"), 0)

	if err := ordinary(); err != nil {
		return fmt.Errorf("priority: %w", err)
	}

	type limit struct {
		name  layer
		which int
		value int64
	}
	all := []limit{
		{limitCore, unix.RLIMIT_CORE, 1}, // 0 would still feed a core handler behind a pipe; 1 stops it (core(5))
		{limitFiles, unix.RLIMIT_NOFILE, maxFiles},
		{limitFileSize, unix.RLIMIT_FSIZE, o.FileSize},
		{limitLocked, unix.RLIMIT_MEMLOCK, 0},
		{limitQueues, unix.RLIMIT_MSGQUEUE, 0},
		{limitNice, unix.RLIMIT_NICE, 0},
		{limitRealtime, unix.RLIMIT_RTPRIO, 0},
		{limitPending, unix.RLIMIT_SIGPENDING, 64},
	}
	if o.Tier.namespaces() {
		// Counted per user namespace: without one it would count every process
		// of the account.
		all = append(all, limit{limitProcesses, unix.RLIMIT_NPROC, maxThreads})
	}
	if o.Memory > 0 {
		all = append(all, limit{limitData, unix.RLIMIT_DATA, o.Memory})
	}
	for _, l := range all {
		if without[l.name] {
			continue
		}
		// A limit that is lower already stays.
		var now unix.Rlimit
		if err := unix.Getrlimit(l.which, &now); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		v := min(uint64(l.value), now.Max)
		if err := unix.Setrlimit(l.which, &unix.Rlimit{Cur: v, Max: v}); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

// ordinary gives up what a server may have whose answers leave at fixed moments: to
// run in real time, or before others. What is in a jail computes without a pause.
func ordinary() error {
	how, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return err
	}
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // in real time the kernel keeps it, too
	if err != nil {
		return err
	}
	nice := 20 - raw // as the system call has it
	realTime := how.Policy == unix.SCHED_FIFO || how.Policy == unix.SCHED_RR || how.Policy == unix.SCHED_DEADLINE
	if !realTime && nice >= 0 {
		return nil
	}
	return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: int32(max(nice, 0)),
		Flags: how.Flags & unix.SCHED_FLAG_RESET_ON_FORK}, 0)
}

const (
	maxFiles   = 256
	maxThreads = 512
)

// Bits of securebits(7): root's number gives no capabilities, none are kept
// over a change of number, none can be made ambient, and all that for good.
const lockedBits = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<7

// dropCapabilities gives up every capability of the calling thread, now and
// over every later execve.
func dropCapabilities() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&hdr, &have[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if have[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		for c := uintptr(0); ; c++ {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) && c > unix.CAP_CHECKPOINT_RESTORE {
				break // past the last one that this kernel knows
			} else if err != nil && !errors.Is(err, unix.EINVAL) {
				return fmt.Errorf("capability %d: %w", c, err)
			}
		}
		if err := unix.Prctl(unix.PR_SET_SECUREBITS, lockedBits, 0, 0, 0); err != nil {
			return fmt.Errorf("securebits: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("ambient capabilities: %w", err)
	}
	var none [2]unix.CapUserData
	if err := unix.Capset(&hdr, &none[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if err := unix.Capget(&hdr, &have[0]); err != nil || have != none {
		return fmt.Errorf("capabilities are still there after they were dropped (%v)", err)
	}
	return nil
}

// denyWritableCode has the kernel refuse memory that is both written and
// executed (PR_SET_MDWE, Linux 6.3). An older kernel answers EINVAL; there the
// filter's look at mmap and mprotect does the same.
func denyWritableCode() error {
	err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("memory-deny-write-execute: %w", err)
	}
	return nil
}

// closeOnExec has every descriptor but the standard three closed when the
// program starts.
func closeOnExec() error {
	err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	entries, rerr := os.ReadDir("/proc/self/fd")
	if rerr != nil {
		return fmt.Errorf("close descriptors: %w", errors.Join(err, rerr))
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// mapAccount gives the account a number in the new user namespace: the only
// one there, so no other can be taken. The stub does it itself, for the files
// of a parent that is locked down belong to root.
func (o order) mapAccount() error {
	for _, f := range []struct{ file, text string }{
		{"setgroups", "deny"},
		{"uid_map", fmt.Sprintf("%d %d 1", insideID, o.UID)},
		{"gid_map", fmt.Sprintf("%d %d 1", insideID, o.GID)},
	} {
		if err := os.WriteFile("/proc/self/"+f.file, []byte(f.text), 0); err != nil {
			return fmt.Errorf("user namespace: %w", err)
		}
	}
	return nil
}

// insideID is the account's number in the jail: any that is not root's.
const insideID = 1000
