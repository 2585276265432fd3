package sandbox

import (
	"fmt"
	"os/signal"
	"path"
	"reflect"
	"unsafe"

	"golang.org/x/sys/unix"
)

const page = 4096

// memory asks for memory of its own.
func memory(size, protection uintptr) (uintptr, error) {
	return call(unix.SYS_MMAP, 0, size, protection, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0), 0)
}

// mapsFile maps a page of a file so that it can be executed.
func mapsFile(fd int) error {
	return second(call(unix.SYS_MMAP, 0, page, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE, uintptr(fd), 0))
}

// turns makes the act of writing memory first and making it executable then.
func turns(nr uintptr, more ...uintptr) func(mission) error {
	return func(mission) error {
		at, err := memory(page, unix.PROT_READ|unix.PROT_WRITE)
		if err != nil {
			return err
		}
		return second(call(nr, append([]uintptr{at, page, unix.PROT_READ | unix.PROT_EXEC}, more...)...))
	}
}

// mapsWritten writes code into a file of its own and maps it: the way around
// every rule that looks at memory only.
func mapsWritten(m mission) error {
	return makes("@slots", func(file string) error {
		fd, err := openRaw(file, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if _, err := unix.Write(fd, make([]byte, page)); err != nil {
			return err
		}
		return mapsFile(fd)
	}, 0)(m)
}

// patchesItself writes over a byte of this program's code, with the same byte:
// the kernel lets a process do that to itself, whatever the page allows.
func patchesItself(mission) error {
	fd, err := openRaw("/proc/self/mem", unix.O_RDWR, 0)
	if err != nil {
		return err
	}
	at := reflect.ValueOf(patchesItself).Pointer()
	if _, err := call(unix.SYS_LSEEK, uintptr(fd), at, 0); err != nil {
		return err
	}
	return second(call(unix.SYS_WRITE, uintptr(fd), at, 1))
}

var memoryAttempts = []attempt{
	{name: "memory to write and execute", stops: []layer{argument("mmap"), writeXorRun}, act: func(mission) error {
		return second(memory(page, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC))
	}},
	{name: "memory written, then executable", stops: []layer{argument("mprotect"), writeXorRun}, act: turns(unix.SYS_MPROTECT)},
	{name: "memory written, then executable by pkey_mprotect", stops: []layer{filterOtherwise, writeXorRun}, act: turns(unix.SYS_PKEY_MPROTECT, ^uintptr(0))},
	{name: "map the model file executable", stops: []layer{noExec, noCode}, act: func(m mission) error {
		fd, err := openRaw(m["model"], unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		return mapsFile(fd)
	}},
	{name: "map a file that it wrote executable", stops: []layer{noExec, noCode}, act: mapsWritten},
	{name: "write its own code by /proc/self/mem", stops: []layer{mountns, landlockFiles}, act: patchesItself},
	{name: "make all readable memory executable by personality", stops: []layer{filterOtherwise}, act: func(mission) error {
		return second(call(unix.SYS_PERSONALITY, 0x0400000))
	}},
	{name: "executable shared memory", stops: []layer{filterOtherwise, writeXorRun}, act: func(mission) error {
		id, err := call(unix.SYS_SHMGET, unix.IPC_PRIVATE, page, 0o700|unix.IPC_CREAT)
		if err != nil {
			return err
		}
		_, err = call(unix.SYS_SHMAT, id, 0, 0o100000 /* SHM_EXEC */)
		_, _ = call(unix.SYS_SHMCTL, id, unix.IPC_RMID, 0)
		return err
	}},
	{name: "memory hidden from the kernel", stops: []layer{filterOtherwise}, act: func(mission) error {
		return second(call(unix.SYS_MEMFD_SECRET, 0))
	}},
	{name: "pin memory", stops: []layer{filterOtherwise, limitLocked}, act: func(mission) error {
		at, err := memory(page, unix.PROT_READ|unix.PROT_WRITE)
		if err != nil {
			return err
		}
		return second(call(unix.SYS_MLOCK, at, page))
	}},
	{name: "handle page faults by userfaultfd", stops: []layer{filterOtherwise}, act: func(mission) error {
		return second(call(unix.SYS_USERFAULTFD, 1 /* UFFD_USER_MODE_ONLY */))
	}},
}

// overfills writes files of piece bytes until it has written total bytes.
func overfills(m mission, dir string, piece, total uintptr) (err error) {
	text := make([]byte, piece)
	var made []string
	for done := uintptr(0); done < total && err == nil; done += piece {
		file := path.Join(dir, "abaton-fill-"+m["tag"]+"-"+string(rune('a'+len(made)%26))+string(rune('a'+len(made)/26)))
		var fd, n int
		if fd, err = openRaw(file, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600); err != nil {
			break
		}
		made = append(made, file)
		if n, err = unix.Write(fd, text); err == nil && uintptr(n) < piece {
			err = unix.ENOSPC
		}
		_ = unix.Close(fd)
	}
	if err == nil {
		for _, file := range made {
			_, _ = call(unix.SYS_UNLINKAT, atCWD, uintptr(unsafe.Pointer(cstring(file))), 0)
		}
	}
	return err
}

// hasLimitAbove makes the act of finding one of its own limits higher than what
// the jail leaves. Using it up would take the machine's time for nothing: it is
// the kernel that keeps limits.
func hasLimitAbove(which uintptr, most uint64) func(mission) error {
	return func(mission) error {
		var l unix.Rlimit
		if _, err := call(unix.SYS_PRLIMIT64, 0, which, 0, uintptr(unsafe.Pointer(&l))); err != nil {
			return err
		}
		if l.Max <= most {
			return fmt.Errorf("the limit is %d", l.Max)
		}
		return nil
	}
}

var limitAttempts = []attempt{
	{name: "use more memory than granted", stops: []layer{limitData}, act: func(m mission) error {
		return second(memory(m.number("memory")+(64<<20), unix.PROT_READ|unix.PROT_WRITE))
	}},
	{name: "write a file larger than granted", stops: []layer{limitFileSize}, act: func(m mission) error {
		signal.Ignore(unix.SIGXFSZ) // the error says the same, and the process can report it
		return overfills(m, m["slots"], m.number("file")+1, 1)
	}},
	{name: "fill the writable folder beyond its cap", stops: []layer{runCap}, act: func(m mission) error {
		return overfills(m, m["slots"], m.number("file"), m.number("space")+m.number("file"))
	}},
	{name: "open more files than granted", stops: []layer{limitFiles}, act: func(m mission) error {
		for range m.number("files") + 1 {
			if _, err := openRaw(m["model"], unix.O_RDONLY, 0); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "raise a limit", stops: []layer{capless, userns}, act: func(mission) error {
		var l unix.Rlimit
		if _, err := call(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_MSGQUEUE, 0, uintptr(unsafe.Pointer(&l))); err != nil {
			return err
		}
		l.Max++
		return second(call(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_MSGQUEUE, uintptr(unsafe.Pointer(&l)), 0))
	}, control: asRoot},
	{name: "leave a core dump", stops: []layer{limitCore}, act: hasLimitAbove(unix.RLIMIT_CORE, 1)},
	{name: "keep the right to run before others", stops: []layer{limitNice}, act: hasLimitAbove(unix.RLIMIT_NICE, 0)},
	{name: "keep the right to run in real time", stops: []layer{limitRealtime}, act: hasLimitAbove(unix.RLIMIT_RTPRIO, 0)},
	{name: "queue more signals than granted", stops: []layer{limitPending}, act: hasLimitAbove(unix.RLIMIT_SIGPENDING, 64)},
	{name: "start more threads than granted", stops: []layer{limitProcesses}, act: hasLimitAbove(unix.RLIMIT_NPROC, maxThreads)},
	{name: "run before others", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		return second(call(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, ^uintptr(0)))
	}, control: asRoot},
	{name: "run in real time", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		priority := int32(1)
		return second(call(unix.SYS_SCHED_SETSCHEDULER, 0, 1 /* SCHED_FIFO */, uintptr(unsafe.Pointer(&priority))))
	}, control: asRoot},
}
