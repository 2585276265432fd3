package hardware

import (
	"fmt"
	"strconv"
	"strings"
)

// memInfo reads the text of /proc/meminfo (proc_meminfo(5)), in bytes.
// Available is an estimate of the kernel (since Linux 3.14); without it, what
// is free counts.
func memInfo(text string) (total, available int64, err error) {
	fields := make(map[string]int64)
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		number, unit, _ := strings.Cut(strings.TrimSpace(value), " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 || n > 1<<52 {
			continue
		}
		if unit == "kB" {
			n *= 1024
		}
		fields[key] = n
	}
	total = fields["MemTotal"]
	if total == 0 {
		return 0, 0, fmt.Errorf("/proc/meminfo names no MemTotal")
	}
	available, ok := fields["MemAvailable"]
	if !ok {
		available = fields["MemFree"]
	}
	return total, min(available, total), nil
}
