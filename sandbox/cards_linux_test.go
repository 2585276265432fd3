package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// zeroDevice stands for a card: a device that every machine has.
var zeroDevice = []device{{"/dev/zero", unix.Mkdev(1, 5)}}

// driver makes the files by which a driver is known, below a folder.
func driver(t *testing.T, version, devices string) string {
	t.Helper()
	root := t.TempDir()
	for file, text := range map[string]string{"sys/module/nvidia/version": version, "proc/devices": devices} {
		if text == "" {
			continue
		}
		must(t, os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o755))
		must(t, os.WriteFile(filepath.Join(root, file), []byte(text), 0o600))
	}
	return root
}

const someDevices = "Character devices:\n  1 mem\n195 nvidia\n238 nvidia-uvm\n\nBlock devices:\n  7 nvidia-uvm\n"

// TestCardsGiven sees that cards lead to their device files and to no others.
func TestCardsGiven(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		if _, err := cardDevices([]Card{0}, TierA, driver(t, testedDrivers[0], someDevices)); err == nil {
			t.Error("a card is given where none was tried")
		}
		return
	}
	got, err := cardDevices([]Card{0, 3}, TierA, driver(t, testedDrivers[0]+"\n", someDevices))
	want := []device{
		{"/dev/nvidiactl", unix.Mkdev(195, 255)}, {"/dev/nvidia-uvm", unix.Mkdev(238, 0)},
		{"/dev/nvidia0", unix.Mkdev(195, 0)}, {"/dev/nvidia3", unix.Mkdev(195, 3)},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
	if got, err := cardDevices(nil, TierB, "/nonexistent"); got != nil || err != nil {
		t.Errorf("no card asked for: %v, %v", got, err)
	}
}

// TestCardsRefused sees that what was never tried is refused, and why.
func TestCardsRefused(t *testing.T) {
	good := driver(t, testedDrivers[0], someDevices)
	for _, c := range []struct {
		tier      Tier
		root, why string
	}{
		{TierB, good, "full jail"},
		{TierC, good, "full jail"},
		{TierD, good, "full jail"},
		{TierA, driver(t, "", someDevices), "not loaded"},
		{TierA, driver(t, "999.1", someDevices), "999.1 was not tried"},
		{TierA, driver(t, testedDrivers[0], ""), "devices"},
		{TierA, driver(t, testedDrivers[0], "Character devices:\n195 nvidia\n\nBlock devices:\n  7 nvidia-uvm\n"), "nvidia-uvm is not loaded"},
	} {
		got, err := cardDevices([]Card{0}, c.tier, c.root)
		if runtime.GOARCH != "amd64" {
			c.why = "architecture"
		}
		if _, ok := errors.AsType[*NoCard](err); !ok || got != nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("tier %s: %v, %v; want a refusal that says %q", string(c.tier), got, err, c.why)
		}
	}
	for _, s := range []Spec{
		{Policy: Native, Cards: []Card{0}}, {Policy: Go, Cards: []Card{0}}, {Policy: NativeGPU},
		{Policy: NativeGPU, Cards: []Card{-1}}, {Policy: NativeGPU, Cards: []Card{255}}, {Policy: NativeGPU, Cards: []Card{1, 1}},
	} {
		s.Program = File{Path: "/x", Inside: "/x"}
		if err := s.check(); err == nil {
			t.Errorf("policy %s with cards %v was accepted", s.Policy, s.Cards)
		}
	}
}

// TestDeviceChecked sees that a file that is not the device is not shown.
func TestDeviceChecked(t *testing.T) {
	link := filepath.Join(t.TempDir(), "zero")
	must(t, os.Symlink("/dev/zero", link))
	for _, d := range []device{{"/dev/null", zeroDevice[0].Number}, {link, zeroDevice[0].Number}, {"/etc/passwd", 0}, {"/nonexistent", 0}} {
		j := jailAt(t, TierA)
		s := own(t, j, NativeGPU, "sandbox-exit")
		s.devices = []device{d}
		if _, err := runIn(t, j, s); err == nil || !strings.Contains(err.Error(), d.Path) {
			t.Errorf("%s: %v", d.Path, err)
		}
	}
}

// TestCardPolicy makes the calls that NVIDIA's library makes, in a jail with a
// device, and sees what each is answered.
func TestCardPolicy(t *testing.T) {
	j := jailAt(t, TierA)
	s := own(t, j, NativeGPU, "sandbox-card")
	s.devices = zeroDevice
	s.RunDirs = []string{"slots"}
	r, err := runIn(t, j, s)
	must(t, err)
	want := wantCard
	if len(archCardAbsent) == 0 {
		want = strings.Replace(want, "unlink: no such file or directory\n", "", 1)
	}
	if r.out != want || r.exit.Code != 0 {
		t.Errorf("%+v\ngot:\n%s\nwant:\n%s", r.exit, r.out, want)
	}
	s.Policy = Native
	if _, err := runIn(t, j, s); err == nil || !strings.Contains(err.Error(), "no device") {
		t.Errorf("a device under policy Native: %v", err)
	}
	s = own(t, j, Native, "sandbox-card")
	if r, err = runIn(t, j, s); err != nil || !r.exit.PolicyHit {
		t.Errorf("under policy Native: %v, %+v", err, r)
	}
}

const wantCard = `eventfd2: ok
pipe2: ok
uname: jail
device: read and written
another device: no such file or directory
maps: ok
mem: no such file or directory
comm: no such file or directory
another process: no such file or directory
connect: operation not permitted
a socket in packets: ok
close on exec: ok
non-blocking: ok
signals when ready: operation not permitted
a card's command: inappropriate ioctl for device
open another's memory on the card: operation not permitted
share memory on the card: operation not permitted
another command: operation not permitted
unlink: no such file or directory
write and execute: permission denied
`

// card does what TestCardPolicy looks at.
func card([]string) {
	say := func(what string, err error) {
		word := "ok"
		if err != nil {
			word = err.Error()
		}
		fmt.Printf("%s: %s\n", what, word)
	}
	raw := func(what string, nr uintptr, a ...uintptr) uintptr {
		r, err := call(nr, a...)
		say(what, err)
		return r
	}
	open := func(what, file string, flags int) int {
		fd, err := openRaw(file, flags, 0)
		say(what, err)
		return fd
	}
	raw("eventfd2", unix.SYS_EVENTFD2, 0, 0)
	var ends [2]int32
	raw("pipe2", unix.SYS_PIPE2, uintptr(unsafe.Pointer(&ends)), 0)
	var u unix.Utsname
	_ = unix.Uname(&u)
	fmt.Println("uname:", unix.ByteSliceToString(u.Nodename[:]))
	zero, err := openRaw("/dev/zero", unix.O_RDWR, 0)
	if err == nil {
		if _, err = unix.Write(zero, []byte{1}); err == nil {
			_, err = unix.Read(zero, make([]byte, 1))
		}
	}
	if err == nil {
		err = errors.New("read and written")
	}
	say("device", err)
	open("another device", "/dev/null", unix.O_RDWR)
	open("maps", "/proc/self/maps", unix.O_RDONLY)
	open("mem", "/proc/self/mem", unix.O_RDWR)
	open("comm", "/proc/self/comm", unix.O_WRONLY)
	open("another process", "/proc/1/status", unix.O_RDONLY)
	address := [16]byte{unix.AF_UNIX}
	raw("connect", unix.SYS_CONNECT, uintptr(zero), uintptr(unsafe.Pointer(&address)), 16)
	raw("a socket in packets", unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	raw("close on exec", unix.SYS_FCNTL, uintptr(zero), unix.F_SETFD, unix.FD_CLOEXEC)
	raw("non-blocking", unix.SYS_FCNTL, uintptr(ends[0]), unix.F_SETFL, unix.O_NONBLOCK)
	raw("signals when ready", unix.SYS_FCNTL, uintptr(ends[0]), unix.F_SETFL, unix.O_ASYNC)
	raw("a card's command", unix.SYS_IOCTL, uintptr(zero), 0xc020462a, 0)
	raw("open another's memory on the card", unix.SYS_IOCTL, uintptr(zero), 0xc01c4634, 0)
	raw("share memory on the card", unix.SYS_IOCTL, uintptr(zero), 0xc0184635, 0)
	raw("another command", unix.SYS_IOCTL, uintptr(zero), 0xc020462d, 0)
	for _, nr := range archCardAbsent {
		raw("unlink", nr, uintptr(unsafe.Pointer(cstring("/run/slots/x"))))
	}
	_, err = memory(page, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC)
	say("write and execute", err)
}
