package sandbox

import (
	"errors"
	"path"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errNothing says that an act was let through and yet gave nothing.
var errNothing = errors.New("nothing was there")

// reads makes the act of reading at least one byte of a file.
func reads(file string) func(mission) error {
	return func(m mission) error { return readOne(m.path(file)) }
}

// path gives the mission's value for a name that begins with "@", else the
// name itself: a fixed path of the machine.
func (m mission) path(name string) string {
	if len(name) > 0 && name[0] == '@' {
		return m[name[1:]]
	}
	return name
}

func readOne(file string) error {
	fd, err := openRaw(file, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	n, err := unix.Read(fd, make([]byte, 1))
	if err == nil && n == 0 {
		err = errNothing
	}
	return err
}

// lists makes the act of listing a folder.
func lists(dir string) func(mission) error {
	return func(m mission) error {
		fd, err := openRaw(m.path(dir), unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		n, err := unix.Getdents(fd, make([]byte, 4096))
		if err == nil && n == 0 {
			err = errNothing
		}
		return err
	}
}

// opens makes the act of opening a file with flags.
func opens(file string, flags int) func(mission) error {
	return func(m mission) error {
		_, err := openRaw(m.path(file), flags, 0)
		return err
	}
}

// handles reads a file of the machine by its handle, a number that needs no
// path: the way out of many containers ("shocker"). The mount that it needs is
// that of any file in the jail on the same disk.
func handles(m mission) error {
	mount, err := openRaw(m["model"], unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	raw := []byte(m["handle"])
	handle := make([]byte, 0, len(raw)/2)
	for i := 0; i+1 < len(raw); i += 2 {
		handle = append(handle, nibble(raw[i])<<4|nibble(raw[i+1]))
	}
	if len(handle) < 8 {
		return errNothing
	}
	fd, err := call(unix.SYS_OPEN_BY_HANDLE_AT, uintptr(mount), uintptr(unsafe.Pointer(&handle[0])), unix.O_RDONLY)
	if err != nil {
		return err
	}
	_, err = unix.Read(int(fd), make([]byte, 1))
	return err
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// watches asks to be told what others do with a folder.
func watches(m mission) error {
	fd, err := call(unix.SYS_INOTIFY_INIT1, 0)
	if err != nil {
		return err
	}
	_, err = unix.InotifyAddWatch(int(fd), "/", unix.IN_OPEN)
	return err
}

var fileAttempts = []attempt{
	{name: "read /etc/passwd", stops: []layer{mountns, landlockFiles}, act: reads("/etc/passwd")},
	{name: "read /etc/shadow", stops: []layer{mountns, landlockFiles}, act: reads("/etc/shadow"), control: asRoot},
	{name: "read a secret of the same account", stops: []layer{mountns, landlockFiles}, act: reads("@secret")},
	{name: "read /proc/self/maps", stops: []layer{mountns, landlockFiles}, gpu: []layer{}, act: reads("/proc/self/maps")},
	{name: "read /proc/1/environ", stops: []layer{mountns, userns, capless, landlockFiles, landlockNet, landlockScope}, act: reads("/proc/1/environ"), control: asRoot},
	{name: "read another process's environment", stops: []layer{mountns, userns, landlockFiles, landlockNet, landlockScope}, act: func(m mission) error {
		return readOne("/proc/" + m["pid"] + "/environ")
	}},
	{name: "read another process's memory file", stops: []layer{mountns, userns, landlockFiles, landlockNet, landlockScope}, act: func(m mission) error {
		fd, err := openRaw("/proc/"+m["pid"]+"/mem", unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		b := make([]byte, 8)
		_, err = call(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), 8, m.number("address"))
		return err
	}},
	{name: "read /sys", stops: []layer{mountns, landlockFiles}, act: reads("/sys/devices/system/cpu/online")},
	{name: "open /dev/null", stops: []layer{mountns, landlockFiles}, act: opens("/dev/null", unix.O_RDWR)},
	{name: "open a terminal by /dev/ptmx", stops: []layer{mountns, landlockFiles}, act: opens("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY)},
	{name: "open /dev/kmsg", stops: []layer{mountns, landlockFiles}, act: opens("/dev/kmsg", unix.O_WRONLY), control: asRoot},
	{name: "open /dev/fuse", stops: []layer{mountns, landlockFiles}, act: opens("/dev/fuse", unix.O_RDWR), control: asRoot},
	{name: "list /", stops: []layer{filterOtherwise, landlockFiles}, act: lists("/")},
	{name: "list /proc", stops: []layer{filterOtherwise, mountns, landlockFiles}, act: lists("/proc")},
	{name: "list /home", stops: []layer{filterOtherwise, mountns, landlockFiles}, act: lists("/home")},
	{name: "list a folder in /tmp", stops: []layer{filterOtherwise, mountns, landlockFiles}, act: lists("@dir")},
	{name: "learn whether a file is there", stops: []layer{mountns}, act: func(m mission) error {
		_, err := call(unix.SYS_FACCESSAT, atCWD, uintptr(unsafe.Pointer(cstring(m["secret"]))), 0)
		return err
	}},
	{name: "read a file by its handle", stops: []layer{filterOtherwise, capless, userns}, also: []layer{landlockFiles}, act: handles, control: asRoot},
	{name: "make a handle of a file", stops: []layer{filterOtherwise}, act: func(m mission) error {
		h := make([]byte, 8+128)
		*(*uint32)(unsafe.Pointer(&h[0])) = 128
		var mount int32
		_, err := call(unix.SYS_NAME_TO_HANDLE_AT, atCWD, uintptr(unsafe.Pointer(cstring(m["model"]))),
			uintptr(unsafe.Pointer(&h[0])), uintptr(unsafe.Pointer(&mount)), 0)
		return err
	}},
	{name: "watch a folder by inotify", stops: []layer{filterOtherwise}, act: watches},
	{name: "watch the machine by fanotify", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		return second(call(unix.SYS_FANOTIFY_INIT, unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC, 0))
	}, control: asRoot},
}

// writes makes the act of opening for writing, and writing nothing.
func writes(file string, flags int) func(mission) error {
	return func(m mission) error {
		fd, err := openRaw(m.path(file), unix.O_WRONLY|flags, 0o600)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	}
}

// makes makes the act of creating something below a folder that the mission
// names; undo says whether it is a folder.
func makes(dir string, create func(file string) error, undo int) func(mission) error {
	return func(m mission) error {
		file := path.Join(m.path(dir), "abaton-attempt-"+m["tag"])
		if err := create(file); err != nil {
			return err
		}
		_, _ = call(unix.SYS_UNLINKAT, atCWD, uintptr(unsafe.Pointer(cstring(file))), uintptr(undo))
		return nil
	}
}

func createFile(file string) error {
	fd, err := openRaw(file, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

var writeAttempts = []attempt{
	{name: "write the model file", stops: []layer{readOnly, landlockFiles}, act: writes("@model", 0)},
	{name: "open the model file to read and write", stops: []layer{readOnly, landlockFiles}, act: opens("@model", unix.O_RDWR)},
	{name: "truncate the model file by open", stops: []layer{readOnly, landlockFiles}, act: writes("@model", unix.O_TRUNC)},
	{name: "truncate the model file by path", stops: []layer{filterOtherwise, readOnly, landlockFiles}, act: func(m mission) error {
		return second(call(unix.SYS_TRUNCATE, uintptr(unsafe.Pointer(cstring(m["model"]))), 4096))
	}},
	{name: "change the model file's mode", stops: []layer{filterOtherwise, readOnly}, act: func(m mission) error {
		return second(call(unix.SYS_FCHMODAT, atCWD, uintptr(unsafe.Pointer(cstring(m["model"]))), 0o600))
	}},
	{name: "change the model file's times", stops: []layer{filterOtherwise, readOnly}, act: func(m mission) error {
		return second(call(unix.SYS_UTIMENSAT, atCWD, uintptr(unsafe.Pointer(cstring(m["model"]))), 0, 0))
	}},
	{name: "create a file in /", stops: []layer{readOnly, landlockFiles}, act: makes("/", createFile, 0), control: asRoot},
	{name: "create a file in /tmp", stops: []layer{mountns, landlockFiles}, act: makes("@dir", createFile, 0)},
	{name: "create a file in /run itself", stops: []layer{landlockFiles}, act: makes("@run", createFile, 0)},
	{name: "make a folder in the writable folder", stops: []layer{filterOtherwise, landlockFiles}, act: makes("@slots", func(file string) error {
		return second(call(unix.SYS_MKDIRAT, atCWD, uintptr(unsafe.Pointer(cstring(file))), 0o700))
	}, unix.AT_REMOVEDIR)},
	{name: "make a symbolic link", stops: []layer{filterOtherwise, landlockFiles}, act: makes("@slots", func(file string) error {
		return second(call(unix.SYS_SYMLINKAT, uintptr(unsafe.Pointer(cstring("/etc"))), atCWD, uintptr(unsafe.Pointer(cstring(file)))))
	}, 0)},
	{name: "make a hard link to the model file", stops: []layer{filterOtherwise, mountns, landlockFiles}, act: func(m mission) error {
		return makes("@beside", func(file string) error {
			return second(call(unix.SYS_LINKAT, atCWD, uintptr(unsafe.Pointer(cstring(m["model"]))), atCWD,
				uintptr(unsafe.Pointer(cstring(file))), 0))
		}, 0)(m)
	}},
	{name: "make a pipe with a name", stops: []layer{filterOtherwise, landlockFiles}, act: makes("@slots", func(file string) error {
		return second(call(unix.SYS_MKNODAT, atCWD, uintptr(unsafe.Pointer(cstring(file))), unix.S_IFIFO|0o600, 0))
	}, 0)},
	{name: "make a device", stops: []layer{filterOtherwise, capless, userns, landlockFiles}, act: makes("@slots", func(file string) error {
		return second(call(unix.SYS_MKNODAT, atCWD, uintptr(unsafe.Pointer(cstring(file))), unix.S_IFCHR|0o600, uintptr(unix.Mkdev(1, 3))))
	}, 0), control: asRoot},
	{name: "make a file executable", stops: []layer{filterOtherwise}, act: makes("@slots", func(file string) error {
		if err := createFile(file); err != nil {
			return err
		}
		return second(call(unix.SYS_FCHMODAT, atCWD, uintptr(unsafe.Pointer(cstring(file))), 0o755))
	}, 0)},
}
