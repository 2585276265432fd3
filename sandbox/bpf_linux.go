package sandbox

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An action is what a filter answers to a system call (seccomp(2),
// SECCOMP_RET_*).
type action uint32

const (
	allow  action = unix.SECCOMP_RET_ALLOW
	kill   action = unix.SECCOMP_RET_KILL_PROCESS
	notify action = unix.SECCOMP_RET_USER_NOTIF
	logged action = unix.SECCOMP_RET_LOG // allowed, and written to the kernel's log
)

// refuse makes the call fail with e, without being made.
func refuse(e syscall.Errno) action {
	return unix.SECCOMP_RET_ERRNO | action(e)&unix.SECCOMP_RET_DATA
}

// A condition looks at one argument of a system call. Filters see arguments
// as numbers only: what a pointer points at can change after the look.
type condition struct {
	arg   int // 0 to 5
	test  test
	value uint64
}

type test int

const (
	equal64 test = iota
	equal32      // the kernel reads an int there: the high word is not looked at
	different64
	anyBits
	noBits
	above
)

func argIs(arg int, v uint64) condition     { return condition{arg, equal64, v} }
func argIsNot(arg int, v uint64) condition  { return condition{arg, different64, v} }
func intIs(arg int, v uint32) condition     { return condition{arg, equal32, uint64(v)} }
func hasAny(arg int, bits uint64) condition { return condition{arg, anyBits, bits} }
func lacks(arg int, bits uint64) condition  { return condition{arg, noBits, bits} }
func isAbove(arg int, v uint64) condition   { return condition{arg, above, v} }

// A rule answers one system call when all its conditions hold. Rules of one
// call are tried in order; when none holds, the filter's otherwise answers.
type rule struct {
	nr   uintptr
	when []condition
	do   action
}

// A filter is an ordered set of rules for this architecture's own system
// calls. The calls of another architecture (32-bit ones on amd64) and of the
// x32 ABI have other numbers, so they kill.
type filter struct {
	rules     []rule
	otherwise action

	// Only tests set these: they take the two checks away.
	anyArch, anyABI bool
}

// Offsets in struct seccomp_data; both our architectures are little-endian.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

const (
	opLoad   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opAbove  = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	opBits   = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	opReturn = unix.BPF_RET | unix.BPF_K

	x32Bit = 0x40000000 // __X32_SYSCALL_BIT
)

// miss stands for a jump to the next rule, whose distance is not known yet.
const miss = 0xff

func load(off int) unix.SockFilter { return unix.SockFilter{Code: opLoad, K: uint32(off)} }

func answer(a action) unix.SockFilter { return unix.SockFilter{Code: opReturn, K: uint32(a)} }

func jump(op uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: op, K: k, Jt: yes, Jf: no}
}

// code gives the instructions that go on when c holds and jump to miss when not.
func (c condition) code() []unix.SockFilter {
	lo, hi := uint32(c.value), uint32(c.value>>32)
	loadLo, loadHi := load(offArgs+8*c.arg), load(offArgs+8*c.arg+4)
	switch c.test {
	case equal32:
		return []unix.SockFilter{loadLo, jump(opEqual, lo, 0, miss)}
	case equal64:
		return []unix.SockFilter{loadHi, jump(opEqual, hi, 0, miss), loadLo, jump(opEqual, lo, 0, miss)}
	case different64:
		return []unix.SockFilter{loadHi, jump(opEqual, hi, 0, 2), loadLo, jump(opEqual, lo, miss, 0)}
	case anyBits:
		return []unix.SockFilter{loadHi, jump(opBits, hi, 2, 0), loadLo, jump(opBits, lo, 0, miss)}
	case noBits:
		return []unix.SockFilter{loadHi, jump(opBits, hi, miss, 0), loadLo, jump(opBits, lo, miss, 0)}
	default: // above
		return []unix.SockFilter{loadHi, jump(opAbove, hi, 3, 0), jump(opEqual, hi, 0, miss), loadLo, jump(opAbove, lo, 0, miss)}
	}
}

// code gives the instructions that answer when r holds and else run past the
// end. A jump of one condition never reaches miss by itself: it is at most 3.
func (r rule) code() []unix.SockFilter {
	var out []unix.SockFilter
	for _, c := range r.when {
		out = append(out, c.code()...)
	}
	out = append(out, answer(r.do))
	for i := range out {
		rest := uint8(len(out) - 1 - i)
		if out[i].Jt == miss {
			out[i].Jt = rest
		}
		if out[i].Jf == miss {
			out[i].Jf = rest
		}
	}
	return out
}

// assemble makes the program that the kernel runs at every system call.
func (f filter) assemble() ([]unix.SockFilter, error) {
	var prog []unix.SockFilter
	if !f.anyArch {
		prog = append(prog, load(offArch), jump(opEqual, auditArch, 1, 0), answer(kill))
	}
	prog = append(prog, load(offNumber))
	if !f.anyABI {
		prog = append(prog, jump(opBits, x32Bit, 0, 1), answer(kill))
	}
	var order []uintptr
	blocks := map[uintptr][]unix.SockFilter{}
	for _, r := range f.rules {
		for _, c := range r.when {
			if c.arg < 0 || c.arg > 5 {
				return nil, fmt.Errorf("filter: call %d has no argument %d", r.nr, c.arg)
			}
		}
		if blocks[r.nr] == nil {
			order = append(order, r.nr)
		}
		blocks[r.nr] = append(blocks[r.nr], r.code()...)
	}
	for _, nr := range order {
		// Every block ends in an answer, so the number loaded above is still
		// there when the next one looks.
		block := append(blocks[nr], answer(f.otherwise))
		if len(block) >= miss {
			return nil, fmt.Errorf("filter: too many rules for call %d", nr)
		}
		prog = append(prog, jump(opEqual, uint32(nr), 0, uint8(len(block))))
		prog = append(prog, block...)
	}
	prog = append(prog, answer(f.otherwise))
	if len(prog) > unix.BPF_MAXINSNS {
		return nil, errors.New("filter: longer than the kernel takes")
	}
	return prog, nil
}

// install puts a program on the calling thread for good; with
// SECCOMP_FILTER_FLAG_TSYNC on all threads, with NEW_LISTENER it gives the
// descriptor on which calls answered by notify are told. It makes no other
// system call and does not enter the scheduler afterwards.
func install(prog []unix.SockFilter, flags uintptr) (fd int, err error) {
	p := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	r, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&p)))
	if e != 0 {
		return -1, e
	}
	if flags&unix.SECCOMP_FILTER_FLAG_TSYNC != 0 && r != 0 {
		return -1, fmt.Errorf("thread %d could not take the filter", r)
	}
	return int(r), nil
}
