package sandbox

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// int80 makes a system call of 32-bit Linux, whose numbers mean other things
// than ours: 11, munmap to a filter that does not look at the architecture, is
// execve there.
//
//go:noescape
func int80(nr, a, b, c uint32) int32

// vfork is vfork(2) whose child ends at once. The child shares its parent's
// stack, so it must not return into Go.
//
//go:noescape
func vfork() int64

func narrow(nr, a, b, c uint32) error {
	if r := int80(nr, a, b, c); r < 0 {
		return unix.Errno(-r)
	}
	return nil
}

// executesNarrow executes this program by the 32-bit execve. All that it points
// to must lie in the lowest 4 GiB.
func executesNarrow(m mission) error {
	at, err := call(unix.SYS_MMAP, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_32BIT, ^uintptr(0), 0)
	if err != nil {
		return err
	}
	low := unsafe.Slice((*byte)(unsafe.Pointer(word(at))), page)
	end := 64
	var argv []uint32
	for _, s := range []string{m["program"], attemptVerb, executed} {
		if end+len(s) >= page {
			return errors.New("the path is too long")
		}
		argv = append(argv, uint32(at)+uint32(end))
		end += copy(low[end:], s) + 1
	}
	for i, p := range argv {
		*word(at + uintptr(4*i)) = p
	}
	return narrow(11, argv[0], uint32(at), uint32(at)+16)
}

var foreignAttempts = []attempt{
	{name: "fork", stops: []layer{filterOtherwise}, act: branches(unix.SYS_FORK)},
	{name: "vfork", stops: []layer{filterOtherwise}, act: func(mission) error {
		if r := vfork(); r < 0 {
			return unix.Errno(-r)
		}
		return nil
	}},
	{name: "call 32-bit Linux: getpid", stops: []layer{filterArch}, act: func(mission) error { return narrow(20, 0, 0, 0) }},
	{name: "call 32-bit Linux: socket", stops: []layer{filterArch, filterOtherwise}, act: func(mission) error { return narrow(359, unix.AF_INET, unix.SOCK_STREAM, 0) }},
	{name: "call 32-bit Linux: execve", stops: []layer{filterArch}, act: executesNarrow},
	{name: "call x32 Linux: getpid", stops: []layer{filterX32, filterOtherwise}, act: func(mission) error {
		// A kernel built without x32 answers ENOSYS: it was reached all the same.
		return reached(second(call(0x40000000|unix.SYS_GETPID)), unix.ENOSYS)
	}},
	{name: "iopl", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error { return second(call(unix.SYS_IOPL, 3)) }, control: asRoot},
	{name: "modify_ldt", stops: []layer{filterOtherwise}, act: func(mission) error {
		b := make([]byte, 64)
		return second(call(unix.SYS_MODIFY_LDT, 0, uintptr(unsafe.Pointer(&b[0])), 64))
	}},
}

// The parts of tinyProgram: one that says the text behind it and ends, and one
// that goes on behind the next such part and its text if it runs as root.
const (
	tinyMachine = 62
	tinySay     = "\xb8\x01\x00\x00\x00\xbf\x01\x00\x00\x00\x48\x8d\x35\x10\x00\x00\x00\xba\x0a\x00\x00\x00\x0f\x05" + // write(1, text, 10)
		"\xb8\xe7\x00\x00\x00\x31\xff\x0f\x05" // exit_group(0)
	tinyAsk = "\xb8\x6b\x00\x00\x00\x0f\x05\x85\xc0\x74\x2d" // geteuid() == 0?
)
