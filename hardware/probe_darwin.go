package hardware

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// probe asks sysctl(3). What a name does not give stays zero; available memory
// is not to be had there without the Mach interfaces.
func probe() (Machine, error) {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, LogicalCores: runtime.NumCPU(), PhysicalCores: runtime.NumCPU()}
	memory, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return Machine{}, fmt.Errorf("memory: sysctl hw.memsize: %w", err)
	}
	m.Memory = int64(memory)
	if n, err := unix.SysctlUint32("hw.physicalcpu"); err == nil && n > 0 {
		m.PhysicalCores = min(int(n), m.LogicalCores)
	}
	if model, err := unix.Sysctl("machdep.cpu.brand_string"); err == nil {
		m.CPUModel = model
	}
	for _, name := range []string{"machdep.cpu.features", "machdep.cpu.leaf7_features"} { // Intel only
		if list, err := unix.Sysctl(name); err == nil {
			m.Features = append(m.Features, strings.Fields(strings.ToLower(list))...)
		}
	}
	slices.Sort(m.Features)
	m.Features = slices.Compact(m.Features)
	return m, nil
}
