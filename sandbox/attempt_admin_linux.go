package sandbox

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// setsCapabilities asks for one capability back.
func setsCapabilities(mission) error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	d := [2]unix.CapUserData{{Effective: 1 << unix.CAP_SYS_ADMIN, Permitted: 1 << unix.CAP_SYS_ADMIN}}
	return second(call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&d[0]))))
}

// named makes the act of a call that takes a name and its length.
func named(nr uintptr, name string) func(mission) error {
	return func(mission) error {
		return second(call(nr, uintptr(unsafe.Pointer(cstring(name))), uintptr(len(name))))
	}
}

// adjustsClock sets the clock's tick to what it is.
func adjustsClock(mission) error {
	var t unix.Timex
	if _, err := call(unix.SYS_CLOCK_ADJTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&t))); err != nil {
		return err
	}
	t.Modes = unix.ADJ_TICK
	return second(call(unix.SYS_CLOCK_ADJTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&t))))
}

// nowhere is a path that is nowhere: whoever may do the act is told so.
const nowhere = "/nowhere/abaton-attempt"

// The acts of an administrator. Those that would harm the machine are made with
// arguments that the kernel refuses only after it has checked the right to act.
var adminAttempts = []attempt{
	{name: "mount", stops: []layer{filterOtherwise, capless, landlockFiles}, act: func(m mission) error {
		return second(call(unix.SYS_MOUNT, uintptr(unsafe.Pointer(cstring("none"))), uintptr(unsafe.Pointer(cstring(m["run"]))),
			uintptr(unsafe.Pointer(cstring("tmpfs"))), 0, 0))
	}, control: asOwner},
	{name: "mount by fsopen", stops: []layer{filterOtherwise, capless}, act: func(mission) error {
		return second(call(unix.SYS_FSOPEN, uintptr(unsafe.Pointer(cstring("tmpfs"))), 0))
	}, control: asOwner},
	{name: "copy a mount by open_tree", stops: []layer{filterOtherwise, capless}, act: func(mission) error {
		return second(call(unix.SYS_OPEN_TREE, atCWD, uintptr(unsafe.Pointer(cstring("/"))), unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE))
	}, control: asOwner},
	{name: "umount", stops: []layer{filterOtherwise, capless, landlockFiles}, act: func(m mission) error {
		return reached(second(call(unix.SYS_UMOUNT2, uintptr(unsafe.Pointer(cstring(m["run"]))), unix.MNT_DETACH)), unix.EINVAL)
	}, control: asOwner},
	{name: "pivot_root", stops: []layer{filterOtherwise, capless, landlockFiles}, act: func(m mission) error {
		run := cstring(m["run"])
		return reached(second(call(unix.SYS_PIVOT_ROOT, uintptr(unsafe.Pointer(run)), uintptr(unsafe.Pointer(run)))), unix.EINVAL, unix.EBUSY)
	}, control: asOwner},
	{name: "chroot", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		return second(call(unix.SYS_CHROOT, uintptr(unsafe.Pointer(cstring("/")))))
	}, control: asRoot},
	{name: "unshare the mounts", stops: []layer{filterOtherwise, capless}, act: func(mission) error { return second(call(unix.SYS_UNSHARE, unix.CLONE_NEWNS)) }, control: asOwner},
	{name: "unshare the network", stops: []layer{filterOtherwise, capless}, act: func(mission) error { return second(call(unix.SYS_UNSHARE, unix.CLONE_NEWNET)) }, control: asOwner},
	{name: "take a capability back", stops: []layer{filterOtherwise, capless}, act: setsCapabilities, control: asOwner},
	{name: "sethostname", stops: []layer{filterOtherwise, capless}, act: named(unix.SYS_SETHOSTNAME, "abaton"), control: asOwner},
	{name: "setdomainname", stops: []layer{filterOtherwise, capless}, act: named(unix.SYS_SETDOMAINNAME, "abaton"), control: asOwner},
	{name: "become another user", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error { return second(call(unix.SYS_SETRESUID, 1, 1, 1)) }, control: asRoot},
	{name: "leave all groups", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error { return second(call(unix.SYS_SETGROUPS, 0, 0)) }, control: asRoot},
	{name: "give a file away", stops: []layer{filterOtherwise, capless, userns, readOnly}, act: func(m mission) error {
		return second(call(unix.SYS_FCHOWNAT, atCWD, uintptr(unsafe.Pointer(cstring(m["model"]))), 1, 1, 0))
	}, control: asRoot},
	{name: "reboot", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		return reached(second(call(unix.SYS_REBOOT, 0, 0, 0, 0)), unix.EINVAL)
	}, control: asRoot},
	{name: "swapon", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		return reached(second(call(unix.SYS_SWAPON, uintptr(unsafe.Pointer(cstring(nowhere))), 0)), unix.ENOENT)
	}, control: asRoot},
	{name: "acct", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		return reached(second(call(unix.SYS_ACCT, uintptr(unsafe.Pointer(cstring(nowhere))))), unix.ENOENT)
	}, control: asRoot},
	{name: "init_module", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		return reached(second(call(unix.SYS_INIT_MODULE, 0, 0, uintptr(unsafe.Pointer(cstring(""))))), unix.ENOEXEC, unix.EFAULT)
	}, control: asRoot},
	{name: "delete_module", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		return reached(second(call(unix.SYS_DELETE_MODULE, uintptr(unsafe.Pointer(cstring("abaton_attempt"))), 0)), unix.ENOENT)
	}, control: asRoot},
	{name: "kexec_load", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error {
		return reached(second(call(unix.SYS_KEXEC_LOAD, 0, ^uintptr(0), 0, 0)), unix.EINVAL)
	}, control: asRoot},
	{name: "set the clock", stops: []layer{filterOtherwise, capless, userns}, act: adjustsClock, control: asRoot},
	{name: "read the kernel's log", stops: []layer{filterOtherwise, capless, userns}, act: func(mission) error { return second(call(unix.SYS_SYSLOG, 10, 0, 0)) }, control: asRoot},
	{name: "quotactl", stops: []layer{filterOtherwise}, act: func(mission) error {
		return second(call(unix.SYS_QUOTACTL, 0x800001<<8 /* Q_SYNC */, 0, 0, 0))
	}},
}
