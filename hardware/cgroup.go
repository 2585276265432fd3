package hardware

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// limits is what control groups leave to this process; zero means unlimited.
type limits struct {
	cores     float64 // processor time per time
	memory    int64   // bytes
	available int64   // bytes below the tightest memory limit; only with memory set
}

// A group is one hierarchy of control groups as this process sees it.
type group struct {
	v2          bool
	controllers []string // of a version 1 hierarchy
	mount       string   // where it is mounted
	dir         string   // the folder of our own group, at or below mount
}

// groups matches /proc/self/cgroup (cgroups(7)) with /proc/self/mountinfo
// (proc_pid_mountinfo(5)). A container often mounts only its own part of the
// hierarchy while /proc still tells the whole path: the mount's root is taken
// off, and where our group lies outside of it the mount point itself counts.
func groups(self, mountinfo string) []group {
	type member struct {
		controllers []string
		path        string
	}
	var members []member
	for line := range strings.Lines(self) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 {
			members = append(members, member{strings.Split(parts[1], ","), parts[2]})
		}
	}
	var found []group
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 3 {
			continue
		}
		g := group{v2: right[0] == "cgroup2", mount: left[4]}
		if !g.v2 {
			if right[0] != "cgroup" {
				continue
			}
			g.controllers = strings.Split(right[2], ",")
		}
		for _, m := range members {
			if g.v2 && (len(m.controllers) != 1 || m.controllers[0] != "") || !g.v2 && !overlap(g.controllers, m.controllers) {
				continue
			}
			g.dir = g.mount
			if below, ok := strings.CutPrefix(m.path+"/", strings.TrimSuffix(left[3], "/")+"/"); ok {
				g.dir = path.Join(g.mount, path.Clean("/"+below))
			}
			found = append(found, g)
			break
		}
	}
	return found
}

func overlap(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y && x != "" {
				return true
			}
		}
	}
	return false
}

// cgroupLimits reads the limits of every group from ours up to the mount
// point: an outer one may be the tighter. Files that are missing set no limit.
func cgroupLimits(files fs.FS, gs []group) limits {
	var l limits
	for _, g := range gs {
		for dir := g.dir; ; dir = path.Dir(dir) {
			if cores := g.quota(files, dir); cores > 0 && (l.cores == 0 || cores < l.cores) {
				l.cores = cores
			}
			if limit, used := g.memory(files, dir); limit > 0 {
				left := max(limit-used, 0)
				if l.memory == 0 || left < l.available {
					l.available = left
				}
				if l.memory == 0 || limit < l.memory {
					l.memory = limit
				}
			}
			if dir == g.mount || len(dir) <= len(g.mount) {
				break
			}
		}
	}
	return l
}

// quota gives the processors' time that one group may use, 0 without limit.
func (g group) quota(files fs.FS, dir string) float64 {
	var quota, period string
	if g.v2 {
		quota, period, _ = strings.Cut(text(files, dir, "cpu.max"), " ")
	} else {
		quota, period = text(files, dir, "cpu.cfs_quota_us"), text(files, dir, "cpu.cfs_period_us")
	}
	q, err := strconv.ParseFloat(quota, 64)
	if err != nil || q <= 0 { // "max", "-1" or no such file
		return 0
	}
	p, err := strconv.ParseFloat(period, 64)
	if err != nil || p <= 0 {
		return 0
	}
	return q / p
}

// memory gives limit and use of one group in bytes. Pages of files that were
// not used lately count as free: the kernel drops them first.
func (g group) memory(files fs.FS, dir string) (limit, used int64) {
	limitFile, usedFile, cold := "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
	if g.v2 {
		limitFile, usedFile, cold = "memory.max", "memory.current", "inactive_file"
	}
	limit, err := strconv.ParseInt(text(files, dir, limitFile), 10, 64)
	if err != nil || limit <= 0 {
		return 0, 0
	}
	if used, err = strconv.ParseInt(text(files, dir, usedFile), 10, 64); err != nil {
		used = 0
	}
	for line := range strings.Lines(text(files, dir, "memory.stat")) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key == cold {
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
				used = max(used-n, 0)
			}
		}
	}
	return limit, used
}

// text is a small file's content without the white space around it, empty when
// it cannot be read.
func text(files fs.FS, dir, name string) string {
	b, err := fs.ReadFile(files, strings.TrimPrefix(path.Join(dir, name), "/"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
