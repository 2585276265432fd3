package sandbox

import (
	"errors"
	"fmt"
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
// image, and a system-call filter that refuses every way to a connection that
// is not an AF_UNIX one. Listeners bound before go on accepting; jailed
// programs can still be started and inherit it all.
//
// Denying socket alone would not do: a listening or an accepted descriptor can
// be disconnected with AF_UNSPEC and connected anew, and Fast Open dials by
// itself. So connect takes no address in which an Internet one fits: Unix
// sockets are reached by names of at most 12 bytes, relative ones through the
// working directory, which the caller sets before.
//
// Everything is read back: an error means that the process is not locked down
// and must not read a prompt. It may be called again.
func LockDown() error { return lockDown(nil) }

// maxAddress is the longest address for connect: one byte less than the
// smallest Internet address (sockaddr_in).
const maxAddress = unix.SizeofSockaddrInet4 - 1

// lockRule is a rule of lock-down's filter under the name by which a test
// takes it away.
type lockRule struct {
	name layer
	rule rule
}

// lockRules are all that lock-down refuses; everything else is allowed.
func lockRules() []lockRule {
	eperm := refuse(syscall.EPERM)
	when := func(c condition) []condition { return []condition{c} }
	rules := []lockRule{
		{"lock-down socket", rule{unix.SYS_SOCKET, when(argIsNot(0, unix.AF_UNIX)), eperm}},
		{"lock-down socketpair", rule{unix.SYS_SOCKETPAIR, when(argIsNot(0, unix.AF_UNIX)), eperm}},
		{"lock-down connect", rule{unix.SYS_CONNECT, when(isAbove(2, maxAddress)), eperm}},
		{"lock-down sendto", rule{unix.SYS_SENDTO, when(hasAny(3, unix.MSG_FASTOPEN)), eperm}},
		{"lock-down sendmsg", rule{unix.SYS_SENDMSG, when(hasAny(2, unix.MSG_FASTOPEN)), eperm}},
		{"lock-down sendmmsg", rule{unix.SYS_SENDMMSG, when(hasAny(3, unix.MSG_FASTOPEN)), eperm}},
	}
	// What makes sockets or takes descriptors past the filter, or reaches into
	// other processes or the kernel. Nothing of ours needs any of it.
	for name, nr := range map[string]uintptr{
		"io_uring_setup": unix.SYS_IO_URING_SETUP, "io_uring_enter": unix.SYS_IO_URING_ENTER, "io_uring_register": unix.SYS_IO_URING_REGISTER,
		"ptrace": unix.SYS_PTRACE, "process_vm_readv": unix.SYS_PROCESS_VM_READV, "process_vm_writev": unix.SYS_PROCESS_VM_WRITEV,
		"process_madvise": unix.SYS_PROCESS_MADVISE, "pidfd_getfd": unix.SYS_PIDFD_GETFD, "kcmp": unix.SYS_KCMP, "setns": unix.SYS_SETNS,
		"bpf": unix.SYS_BPF, "perf_event_open": unix.SYS_PERF_EVENT_OPEN, "userfaultfd": unix.SYS_USERFAULTFD,
		"open_by_handle_at": unix.SYS_OPEN_BY_HANDLE_AT, "add_key": unix.SYS_ADD_KEY, "request_key": unix.SYS_REQUEST_KEY, "keyctl": unix.SYS_KEYCTL,
		"kexec_load": unix.SYS_KEXEC_LOAD, "kexec_file_load": unix.SYS_KEXEC_FILE_LOAD, "init_module": unix.SYS_INIT_MODULE,
		"finit_module": unix.SYS_FINIT_MODULE, "delete_module": unix.SYS_DELETE_MODULE,
	} {
		rules = append(rules, lockRule{layer("lock-down " + name), rule{nr: nr, do: eperm}})
	}
	return rules
}

// lockDown is LockDown; without is for tests.
func lockDown(without map[layer]bool) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := dropEverywhere(); err != nil {
		return fmt.Errorf("lock-down: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("lock-down: no_new_privs: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("lock-down: not dumpable: %w", err)
	}
	f := filter{otherwise: allow, anyArch: without[filterArch], anyABI: without[filterX32]}
	for _, r := range lockRules() {
		if !without[r.name] {
			f.rules = append(f.rules, r.rule)
		}
	}
	prog, err := f.assemble()
	if err != nil {
		return fmt.Errorf("lock-down: %w", err)
	}
	// TSYNC hands the filter and no_new_privs to every other thread, or fails.
	if _, err := install(prog, unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
		return fmt.Errorf("lock-down: system-call filter: %w (a container may forbid it; then nothing can be promised)", err)
	}
	if err := lockedDown(); err != nil {
		return fmt.Errorf("lock-down: %w", err)
	}
	return nil
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
	for c := uintptr(0); c < 64; c++ {
		if _, _, e := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0); e != 0 && e != unix.EINVAL && e != unix.EPERM {
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

// lockedDown reads back from the kernel that every thread is locked down. The
// status file of the process speaks of its first thread only, so each thread's
// own is read.
func lockedDown() error {
	return eachThread(func(status map[string]string) error {
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
