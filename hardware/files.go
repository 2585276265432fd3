package hardware

import (
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"
)

// fromFiles reads the facts from /proc and /sys as files holds them below its
// root; allowed are the processors that this process may run on. It has no
// build tag, so that its tests run everywhere.
func fromFiles(files fs.FS, allowed []int) (Machine, error) {
	m := Machine{OS: "linux", Arch: runtime.GOARCH}
	info, err := fs.ReadFile(files, "proc/cpuinfo")
	if err != nil {
		return Machine{}, fmt.Errorf("processor features: %w; is /proc mounted?", err)
	}
	m.CPUModel, m.Features = cpuInfo(string(info))
	if m.CPUModel == "" {
		m.CPUModel = strings.TrimRight(text(files, "sys/firmware/devicetree/base", "model"), "\x00") // a C string
	}
	mem, err := fs.ReadFile(files, "proc/meminfo")
	if err != nil {
		return Machine{}, fmt.Errorf("memory: %w; is /proc mounted?", err)
	}
	if m.Memory, m.MemoryAvailable, err = memInfo(string(mem)); err != nil {
		return Machine{}, err
	}

	m.LogicalCores = len(allowed)
	m.PhysicalCores = cores(allowed, func(cpu int) []int {
		dir := "sys/devices/system/cpu/cpu" + strconv.Itoa(cpu) + "/topology"
		list := text(files, dir, "core_cpus_list") // since Linux 5.3
		if list == "" {
			list = text(files, dir, "thread_siblings_list")
		}
		siblings, err := cpuList(list)
		if err != nil {
			return nil // counted as a core of its own
		}
		return siblings
	})

	self, _ := fs.ReadFile(files, "proc/self/cgroup") // no control groups: no limits by them
	mounts, _ := fs.ReadFile(files, "proc/self/mountinfo")
	limit := cgroupLimits(files, groups(string(self), string(mounts)))
	if limit.cores > 0 {
		// Threads beyond the quota make the kernel stop all of them for the rest
		// of its period: a part of a core is left, never rounded up.
		whole := max(int(limit.cores), 1)
		m.LogicalCores = min(m.LogicalCores, whole)
		m.PhysicalCores = min(m.PhysicalCores, whole)
	}
	if limit.memory > 0 {
		m.Memory = min(m.Memory, limit.memory)
		m.MemoryAvailable = min(m.MemoryAvailable, limit.available)
	}
	return m, nil
}
