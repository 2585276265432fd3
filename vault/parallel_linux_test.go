//go:build !race

package vault

import (
	"bufio"
	"errors"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// memoryOf reads a line of /proc/self/status, in KiB.
func memoryOf(t *testing.T, line string) int {
	t.Helper()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), line+":"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", line)
	return 0
}

// Fifty who knock at once, half of them wrong, take the memory of two.
func TestParallelUnlockingsTakeTheMemoryOfTwo(t *testing.T) {
	p := newPlace(t)
	p.config.Cost = Cost{Memory: 32 << 10, Passes: 2, Lanes: 4}
	p.config.Locked = nil
	d := p.open()
	defer d.Close()
	p.owner(d).End()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // the peak begins anew
		t.Fatal(err)
	}
	idle := memoryOf(t, "VmRSS")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			a := pass("Olga", ownerPass)
			if i%2 == 1 {
				a.Name = "nobody " + strconv.Itoa(i)
			}
			s, err := d.Unlock(t.Context(), a)
			if i%2 == 0 && err != nil || i%2 == 1 && !errors.Is(err, ErrWrong) {
				t.Error(err)
			}
			s.End()
		})
	}
	wg.Wait()
	above := memoryOf(t, "VmHWM") - idle
	t.Logf("50 at once: %d KiB above idle, one takes %d KiB", above, p.config.Cost.Memory)
	// Two seats at the setting, and the little that the rest of the program takes.
	if limit := 2*int(p.config.Cost.Memory) + 4<<10; above > limit {
		t.Errorf("%d KiB above idle, want %d at most", above, limit)
	}
	if above < int(p.config.Cost.Memory) {
		t.Errorf("%d KiB above idle: nothing was measured", above)
	}
}
