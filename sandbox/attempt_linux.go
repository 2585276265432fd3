package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// An attempt is one act that a hostile program in the jail might try. It runs
// for real, inside the real jail, in a child that is this very program: so what
// is shown is what the kernel does, not what the rules are meant to do. A
// missing or mistyped rule cannot hide, because every attempt is also made
// outside, where it must succeed (its control).
type attempt struct {
	name string

	// stops names every layer that alone is enough to refuse the act: with all
	// of them removed it succeeds, with any one left it does not. The tests hold
	// the jail to both halves.
	stops []layer

	// gpu is what stops it under NativeGPU, where that is less; not nil then.
	gpu []layer

	// also names layers that stop it on some kernels only. They are taken away
	// together with the others and are shown by other attempts.
	also []layer

	// act tries. Nil means that it SUCCEEDED, an error that it was refused. It
	// makes raw system calls, and leaves nothing behind outside.
	act func(mission) error

	// control says where the act can be seen to succeed.
	control control
}

// control says what a process outside the jail needs so that the act succeeds.
type control int

const (
	asAnyone   control = iota // an ordinary account, no privilege
	asOwner                   // all capabilities in user and mount namespaces of its own
	asRoot                    // the machine's root, in mount, UTS and IPC namespaces of its own
	withSetUID                // an ordinary account, and a set-user-ID program that root has made
)

// noCode stands in an attempt's stops for the rule of policy Go that no code is
// mapped from a file either.
const noCode layer = "no code from files"

// stops gives the layers of a jail of this order that stop a. A look at a call's
// arguments is the filter's default where the policy does not have that call.
func (o order) stops(a attempt) []layer {
	have, c := o.layers(), o.policyCalls(0)
	var out []layer
	stops := a.stops
	if o.Policy == NativeGPU && a.gpu != nil {
		stops = a.gpu
	}
	for _, l := range stops {
		for name, nr := range lookedAt {
			named := slices.ContainsFunc(c.looked, func(k looked) bool { return k.name == name })
			if l == argument(name) && !named && !slices.Contains(c.open, nr) {
				l = filterOtherwise
			}
		}
		if l == noCode && o.Policy == Go {
			l = argument("mmap")
		}
		if slices.Contains(have, l) && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// lookedAt numbers the calls that not every policy has.
var lookedAt = map[string]uintptr{"socket": unix.SYS_SOCKET, "sendto": unix.SYS_SENDTO, "bind": unix.SYS_BIND}

// mission holds what an attempt must be told about the outside: paths, process
// numbers, addresses. The runner knows them, the jailed program does not.
type mission map[string]string

// number reads an unsigned number; 0 when it is not there.
func (m mission) number(key string) uintptr {
	var n uintptr
	if _, err := fmt.Sscan(m[key], &n); err != nil {
		return 0
	}
	return n
}

// attemptVerb is the first argument of a process that makes one attempt.
const attemptVerb = "sandbox-attempt"

// The lines that a process making an attempt writes on its standard output. A
// refusal counts only after begun: a child that never got that far showed nothing.
const (
	sayBegun     = "begun"
	sayRefused   = "refused: "
	saySucceeded = "succeeded"
)

// isAttempt reports whether this process was started to make one attempt.
func isAttempt() bool { return len(os.Args) > 2 && os.Args[1] == attemptVerb }

// attemptArgs is the command line, after the program's name, of the process
// that makes attempt a.
func attemptArgs(a attempt, m mission) []string {
	args := []string{attemptVerb, a.name}
	for k, v := range m {
		args = append(args, k+"="+v)
	}
	slices.Sort(args[2:])
	return args
}

// runAttempt makes the attempt that the command line names. It never returns:
// whoever called it would take up other work in a process meant for this alone.
func runAttempt() {
	runtime.LockOSThread()
	tryAttempt()
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

func tryAttempt() {
	m := mission{}
	for _, kv := range os.Args[3:] {
		k, v, _ := strings.Cut(kv, "=")
		m[k] = v
	}
	if os.Args[2] == executed {
		tell(saySucceeded)
		return
	}
	all := slices.Concat(attempts, farAttempts)
	i := slices.IndexFunc(all, func(a attempt) bool { return a.name == os.Args[2] })
	if i < 0 {
		tell("no attempt named " + os.Args[2])
		return
	}
	tell(sayBegun)
	if err := all[i].act(m); err != nil {
		tell(sayRefused + err.Error())
	} else {
		tell(saySucceeded)
	}
}

// tell writes one line without the runtime's poller, which some policies forbid.
func tell(line string) {
	b := []byte(line + "\n")
	for len(b) > 0 {
		n, err := unix.Write(1, b)
		if err != nil {
			return
		}
		b = b[n:]
	}
}

// attempts is the whole list, in the order in which it is reported.
var attempts = slices.Concat(
	fileAttempts,
	writeAttempts,
	socketAttempts,
	processAttempts,
	execAttempts,
	memoryAttempts,
	limitAttempts,
	adminAttempts,
	kernelAttempts,
	foreignAttempts,
)

// call makes one system call and gives back its result. The directive keeps
// what the arguments point to alive and in place, as in package syscall.
//
//go:uintptrescapes
func call(nr uintptr, a ...uintptr) (uintptr, error) {
	var x [6]uintptr
	copy(x[:], a)
	r, _, errno := unix.RawSyscall6(nr, x[0], x[1], x[2], x[3], x[4], x[5])
	if errno != 0 {
		return 0, errno
	}
	return r, nil
}

// reached turns the errors that the kernel gives only to somebody who was let
// in (the permission was checked and found) into success. It lets an act that
// would harm the machine be tried with arguments that cannot.
func reached(err error, in ...syscall.Errno) error {
	for _, e := range in {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// second drops the result of call.
func second(_ uintptr, err error) error { return err }

// cstring is s as C has it, for raw system calls.
func cstring(s string) *byte {
	b := append([]byte(s), 0)
	return &b[0]
}

// openRaw opens without the runtime's retries and poller.
func openRaw(path string, flags int, mode uint32) (int, error) {
	return unix.Openat(unix.AT_FDCWD, path, flags|unix.O_CLOEXEC, mode)
}

// atCWD is AT_FDCWD as a system call's argument.
const atCWD = ^uintptr(99)
