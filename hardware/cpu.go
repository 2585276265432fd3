package hardware

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cpuInfo reads the text of /proc/cpuinfo (proc_cpuinfo(5)): the model and the
// features that every processor in it has. Hybrid machines list processors of
// different abilities, and a program may be moved between them.
func cpuInfo(text string) (model string, features []string) {
	names := make(map[string]string)
	first := true
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch key {
		case "flags", "Features": // x86, arm
			own := strings.Fields(value)
			slices.Sort(own)
			own = slices.Compact(own)
			if first {
				features, first = own, false
				continue
			}
			features = slices.DeleteFunc(features, func(f string) bool {
				_, found := slices.BinarySearch(own, f)
				return !found
			})
		default:
			if _, seen := names[key]; !seen {
				names[key] = value
			}
		}
	}
	for _, key := range []string{"model name", "Model", "Hardware", "Processor"} {
		if names[key] != "" {
			return names[key], features
		}
	}
	if part := names["CPU part"]; part != "" {
		return fmt.Sprintf("Arm implementer %s part %s", names["CPU implementer"], part), features
	}
	return "", features
}

// maxProcessors bounds what a list of processors may name. Linux is built for
// at most 8,192.
const maxProcessors = 1 << 16

// cpuList reads the kernel's list format: "0-3,8,10-11".
func cpuList(s string) ([]int, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	var list []int
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		lo, err := strconv.Atoi(from)
		if err != nil {
			return nil, fmt.Errorf("processor list %q: %w", s, err)
		}
		hi, err := strconv.Atoi(to)
		if err != nil {
			return nil, fmt.Errorf("processor list %q: %w", s, err)
		}
		if lo < 0 || hi < lo || hi >= maxProcessors || len(list) > maxProcessors {
			return nil, fmt.Errorf("processor list %q: bad range %s", s, part)
		}
		for n := lo; n <= hi; n++ {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// cores counts the distinct cores among the allowed processors: two of them
// are one core when one names the other as its sibling.
func cores(allowed []int, siblings func(cpu int) []int) int {
	seen := make(map[int]bool)
	count := 0
	for _, cpu := range allowed {
		if seen[cpu] {
			continue
		}
		count++
		seen[cpu] = true
		for _, s := range siblings(cpu) {
			seen[s] = true
		}
	}
	return count
}
