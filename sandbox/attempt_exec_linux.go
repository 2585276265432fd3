package sandbox

import (
	"path"
	"unsafe"

	"golang.org/x/sys/unix"
)

// executed is the attempt's name in a process that an attempt has executed: it
// says that the attempt succeeded.
const executed = "be executed"

// words is a list of arguments as C has it.
func words(list ...string) []*byte {
	w := make([]*byte, 0, len(list)+1)
	for _, s := range list {
		w = append(w, cstring(s))
	}
	return append(w, nil)
}

// executes starts a program in place of this one. It returns only when refused.
func executes(file string) error {
	argv, env := words(file, attemptVerb, executed), words()
	return second(call(unix.SYS_EXECVE, uintptr(unsafe.Pointer(cstring(file))), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0]))))
}

// executesOpen starts the program that an open descriptor holds.
func executesOpen(fd int) error {
	argv, env := words("x", attemptVerb, executed), words()
	return second(call(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(cstring(""))),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH))
}

// memoryFile makes a file that has no name, and so no folder to forbid.
func memoryFile() (int, error) {
	fd, err := call(unix.SYS_MEMFD_CREATE, uintptr(unsafe.Pointer(cstring("x"))), 0)
	return int(fd), err
}

// executesMemory writes a program into a file without a name and starts it.
func executesMemory(mission) error {
	fd, err := memoryFile()
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, tinyProgram(false)); err != nil {
		return err
	}
	return executesOpen(fd)
}

// executesWritten writes a program where files may be created and starts it.
func executesWritten(m mission) error {
	file := path.Join(m["slots"], "abaton-attempt-"+m["tag"])
	fd, err := openRaw(file, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, tinyProgram(false)); err != nil {
		return err
	}
	if err := unix.Close(fd); err != nil {
		return err
	}
	return executes(file)
}

// tinyProgram is a whole program that says that an attempt succeeded; if it must
// be root, that it was refused when it is not. It is an ELF header, one segment,
// and machine code. The texts are of ten bytes, with two more to align what follows.
func tinyProgram(mustBeRoot bool) []byte {
	const base, header = 0x400000, 64 + 56
	text := tinySay + saySucceeded + "\n\x00\x00"
	if mustBeRoot {
		text = tinyAsk + tinySay + sayRefused + "\n\x00\x00" + text
	}
	size := uint64(header + len(text))
	p := make([]byte, 0, size)
	p = append(p, "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	short := func(v ...uint16) {
		for _, v := range v {
			p = append(p, byte(v), byte(v>>8))
		}
	}
	long := func(v ...uint64) {
		for _, v := range v {
			short(uint16(v), uint16(v>>16), uint16(v>>32), uint16(v>>48))
		}
	}
	short(2, tinyMachine, 1, 0)             // executable, machine, version
	long(base+header, 64, 0)                // entry, program headers, no sections
	short(0, 0, 64, 56, 1, 0, 0, 0)         // flags, sizes and counts
	short(1, 0, 5, 0)                       // load, read and execute
	long(0, base, base, size, size, 0x1000) // all of the file
	return append(p, text...)
}

var execAttempts = []attempt{
	{name: "execute itself again", stops: []layer{execOnce}, act: func(m mission) error { return executes(m["program"]) }},
	{name: "execute itself by descriptor", stops: []layer{filterOtherwise}, act: func(m mission) error {
		fd, err := openRaw(m["program"], unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return executesOpen(fd)
	}},
	{name: "execute a program of the machine", stops: []layer{execOnce, mountns, landlockFiles}, act: func(m mission) error { return executes(m["tool"]) }},
	{name: "execute a program with set-user-ID", stops: []layer{execOnce, mountns, userns, landlockFiles, noNewPrivs}, act: func(m mission) error { return executes(m["setuid"]) }, control: withSetUID},
	{name: "execute a file that it wrote", stops: []layer{execOnce, noExec, landlockFiles}, act: executesWritten},
	{name: "make a file without a name", stops: []layer{filterOtherwise}, act: func(mission) error {
		_, err := memoryFile()
		return err
	}},
	{name: "execute a file without a name", stops: []layer{filterOtherwise}, act: executesMemory},
}
