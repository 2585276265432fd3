package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// LockDown makes this process unable to reach the Internet, for good and on
// all threads, by the kernel's word: no capabilities, no_new_privs, no core
// image, Internet descriptors tied to the loopback device, and a system-call
// filter that refuses every way to a connection that is not an AF_UNIX one.
// Listeners bound before go on accepting; jailed programs can still be started
// and inherit it all.
//
// Denying socket alone would not do: a listening or an accepted descriptor can
// be disconnected with AF_UNSPEC and connected anew, and Fast Open dials by
// itself. So connect takes no address in which an Internet one fits: Unix
// sockets are reached by names of at most 12 bytes, relative ones through the
// working directory, which the caller sets before.
//
// Where other machines shall come in, open names each address at which this
// process listens for them. Such a listener must have been tied to the device
// that has the address: then what is made of a descriptor that it accepted can
// be reached by those only who reached the listener, and cannot dial any more
// than the others can.
//
// Everything is read back: an error means that the process is not locked down
// and must not read a prompt. It may be called again, with the same addresses.
func LockDown(open ...netip.AddrPort) error { return lockDown(nil, open...) }

// Layers of lock-down beside the rules of its filter. Tests take them away.
const (
	lockCapabilities layer = "lock-down capabilities"
	lockPrivileges   layer = "lock-down no_new_privs"
	lockImage        layer = "lock-down not dumpable"
	lockLoopback     layer = "lock-down loopback only"
	lockFilter       layer = "lock-down filter"
	lockThreads      layer = "lock-down filter on all threads"
)

// lockDown is LockDown; without is for tests.
func lockDown(without map[layer]bool, open ...netip.AddrPort) error {
	if len(without) == 0 && lockedDown(open) == nil {
		return nil
	}
	if err := lock(without, open); err != nil {
		return fmt.Errorf("lock-down: %w", err)
	}
	if len(without) > 0 {
		return nil
	}
	if err := lockedDown(open); err != nil {
		return fmt.Errorf("lock-down: %w", err)
	}
	return nil
}

func lock(without map[layer]bool, open []netip.AddrPort) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if !without[lockLoopback] {
		if err := tieToDevices(open); err != nil {
			return err
		}
	}
	// no_new_privs comes first: it lets an ordinary account install a filter.
	if !without[lockPrivileges] {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no_new_privs: %w", err)
		}
	}
	if !without[lockImage] {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return fmt.Errorf("not dumpable: %w", err)
		}
	}
	if !without[lockFilter] {
		if err := lockCalls(without); err != nil {
			return fmt.Errorf("system-call filter: %w (a container may forbid it; then nothing can be promised)", err)
		}
	}
	if !without[lockCapabilities] {
		return dropEverywhere()
	}
	return nil
}

// lockCalls puts the filter on every thread.
func lockCalls(without map[layer]bool) error {
	f := filter{otherwise: allow, anyArch: without[filterArch], anyABI: without[filterX32]}
	for _, r := range lockRules {
		if !without[r.layer()] {
			f.rules = append(f.rules, r.rule)
		}
	}
	prog, err := f.assemble()
	if err != nil {
		return err
	}
	// TSYNC hands the filter and no_new_privs to every other thread, or fails.
	var flags uintptr = unix.SECCOMP_FILTER_FLAG_TSYNC
	if without[lockThreads] {
		flags = 0
	}
	_, err = install(prog, flags)
	return err
}

// dropEverywhere gives up the capabilities of all threads, and what they could
// get back.
func dropEverywhere() error {
	held, err := capabilities()
	if err != nil || !held {
		return err
	}
	// No thread may regain any by executing a program with file capabilities:
	// no_new_privs sees to that, the bounding set is the second lock.
	for c := range uintptr(64) {
		_, _, e := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0)
		if e == unix.ENOTSUP {
			return errors.New("capabilities: a program built with cgo cannot drop them on all threads; build it with CGO_ENABLED=0, or start it without root")
		}
		if e != 0 && e != unix.EINVAL && e != unix.EPERM {
			return fmt.Errorf("bounding set: %w", e)
		}
	}
	if _, _, e := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0); e != 0 {
		return fmt.Errorf("ambient capabilities: %w", e)
	}
	hdr := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	none := &[2]unix.CapUserData{}
	_, _, e := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(hdr)), uintptr(unsafe.Pointer(none)), 0)
	runtime.KeepAlive(hdr)
	runtime.KeepAlive(none)
	if e != 0 {
		return fmt.Errorf("capabilities: %w", e)
	}
	return nil
}

// capabilities reports whether any thread of this process holds one.
func capabilities() (held bool, err error) {
	err = eachThread(func(status map[string]string) error {
		for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
			held = held || strings.Trim(status[set], "0") != ""
		}
		return nil
	})
	return held, err
}

// lockedDown reads back from the kernel that every thread is locked down, and
// tries what the filter refuses. The status file of the process speaks of its
// first thread only, so each thread's own is read.
func lockedDown(open []netip.AddrPort) error {
	err := eachThread(func(status map[string]string) error {
		for _, want := range []struct{ field, value string }{
			{"CapInh", "0000000000000000"}, {"CapPrm", "0000000000000000"}, {"CapEff", "0000000000000000"}, {"CapAmb", "0000000000000000"},
			{"NoNewPrivs", "1"}, {"Seccomp", "2"},
		} {
			if status[want.field] != want.value {
				return fmt.Errorf("thread %s has %s %q, must be %s", status["Pid"], want.field, status[want.field], want.value)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if d, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || d != 0 {
		return fmt.Errorf("other processes may read this one (dumpable is %d, %v)", d, err)
	}
	for _, r := range lockRules {
		// With arguments that no kernel takes: nothing happens if it is let through.
		_, _, e := unix.RawSyscall6(r.nr, r.try[0], r.try[1], r.try[2], r.try[3], r.try[4], r.try[5])
		if e != unix.EPERM {
			return fmt.Errorf("the filter lets %s through (%v)", r.name, e)
		}
	}
	return tiedToDevices(open)
}

// eachThread reads /proc/self/task/*/status (proc_pid_status(5)).
func eachThread(look func(map[string]string) error) error {
	tasks, err := filepath.Glob("/proc/self/task/[0-9]*/status")
	if err != nil || len(tasks) == 0 {
		return errors.Join(errors.New("cannot see this process's threads: is /proc mounted?"), err)
	}
	for _, file := range tasks {
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it has just ended
		}
		if err != nil {
			return err
		}
		status := map[string]string{}
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok {
				status[name] = strings.TrimSpace(value)
			}
		}
		if err := look(status); err != nil {
			return err
		}
	}
	return nil
}
