package vault

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's own word: the page of keys is locked (lo), left out of core
// images (dd) and wiped in children (wf).
func TestArenaIsLockedAndLeftOut(t *testing.T) {
	a, err := newArena()
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	flags := func(at *byte) string {
		t.Helper()
		smaps, err := os.ReadFile("/proc/self/smaps")
		if err != nil {
			t.Fatal(err)
		}
		inside := false
		for line := range strings.Lines(string(smaps)) {
			var from, to uint64
			if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
				p := uint64(uintptr(unsafe.Pointer(at)))
				inside = from <= p && p < to
			}
			if f, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
				return f
			}
		}
		return ""
	}
	got := strings.Fields(flags(&a.pages[0][0]))
	for _, want := range []string{"lo", "dd", "wf"} {
		if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+want+" ") {
			t.Errorf("flags %v, without %s", got, want)
		}
	}
	plain := make([]byte, 1<<16)
	if f := flags(&plain[0]); strings.Contains(f, " lo") || f == "" {
		t.Errorf("the control: ordinary memory has flags %q", f)
	}
}

// A machine that locks no memory is refused with the limit to raise.
func TestUnlockedMemoryIsRefused(t *testing.T) {
	err := lockError(unix.ENOMEM, 64<<10)
	for _, want := range []string{"64 KiB", "ulimit -l", "LimitMEMLOCK"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, without %s", err, want)
		}
	}
}
