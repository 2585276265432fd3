package hardware

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func probe() (Machine, error) {
	allowed, err := affinity()
	if err != nil {
		return Machine{}, err
	}
	return fromFiles(os.DirFS("/"), allowed)
}

// affinity lists the processors that this process may run on
// (sched_setaffinity(2)), cpusets included.
func affinity() ([]int, error) {
	var set unix.CPUSetDynamic
	for size := 1024; size <= maxProcessors; size *= 2 {
		set = unix.NewCPUSet(size)
		err := unix.SchedGetaffinityDynamic(0, set)
		if err == unix.EINVAL {
			continue // the kernel knows more processors than the mask has room for
		}
		if err != nil {
			return nil, fmt.Errorf("processors allowed: %w", err)
		}
		var allowed []int
		for cpu := range size {
			if set.IsSet(cpu) {
				allowed = append(allowed, cpu)
			}
		}
		return allowed, nil
	}
	return nil, fmt.Errorf("processors allowed: more than %d", maxProcessors)
}
