package hardware

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAffinity pins its own thread, which ends with the test.
func TestAffinity(t *testing.T) {
	runtime.LockOSThread() // never unlocked
	before, err := affinity()
	if err != nil || len(before) == 0 {
		t.Fatalf("affinity: %v, %v", before, err)
	}
	last := before[len(before)-1]
	var one unix.CPUSet
	one.Set(last)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	if after, err := affinity(); err != nil || len(after) != 1 || after[0] != last {
		t.Errorf("pinned to %d: got %v, %v", last, after, err)
	}
	if m, err := Probe(); err != nil || m.PhysicalCores != 1 || m.LogicalCores != 1 {
		t.Errorf("pinned: %+v, %v", m, err)
	}
}
