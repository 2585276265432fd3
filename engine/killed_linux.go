package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// oomKills is how many processes the kernel has ended here because memory was used
// up: those of our control group, which our workers are in, or else of the whole
// machine. It is counted before the signal is sent, so whoever sees a worker's end
// sees its count (mm/oom_kill.c). ok is false where neither can be read.
func oomKills() (n int64, ok bool) {
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for _, file := range countersOf(string(groups)) {
		if n, ok = oomKillsIn(file); ok {
			return n, true
		}
	}
	return oomKillsIn("/proc/vmstat")
}

// countersOf gives where the counters of a process with these groups (cgroups(7)) may
// lie, in both versions. In a container, whose paths are often those outside, the
// group is where the tree begins.
func countersOf(groups string) (files []string) {
	const tree = "/sys/fs/cgroup"
	for line := range strings.Lines(groups) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case controllers == "":
			for _, root := range []string{tree, filepath.Join(tree, "unified")} {
				files = append(files, filepath.Join(root, path, "memory.events"), filepath.Join(root, "memory.events"))
			}
		case strings.Contains(","+controllers+",", ",memory,"):
			files = append(files, filepath.Join(tree, "memory", path, "memory.oom_control"), filepath.Join(tree, "memory", "memory.oom_control"))
		}
	}
	return files
}

func oomKillsIn(file string) (int64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(b) {
		if count, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(count)), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
