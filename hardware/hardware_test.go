package hardware

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func files(m map[string]string) fstest.MapFS {
	fsys := make(fstest.MapFS)
	for name, content := range m {
		fsys[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return fsys
}

const (
	intel = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i7-1270P\nflags\t\t: fpu sse2 avx2 fma avx512f\n\n" +
		"processor\t: 1\nmodel name\t: Intel(R) Core(TM) i7-1270P\nflags\t\t: fma fpu avx2 sse2\n\n"
	arm = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd evtstrm asimdhp asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
	pi  = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\nRevision\t: c04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"
)

func TestCPUInfo(t *testing.T) {
	for _, c := range []struct {
		name, text, model string
		features          []string
	}{
		{"only what every processor has", intel, "Intel(R) Core(TM) i7-1270P", []string{"avx2", "fma", "fpu", "sse2"}},
		{"arm server", arm, "Arm implementer 0x41 part 0xd0c", []string{"asimd", "asimddp", "asimdhp", "evtstrm", "fp"}},
		{"board with a name", pi, "Raspberry Pi 5 Model B Rev 1.0", []string{"asimd", "fp"}},
		{"empty", "", "", nil},
		{"noise", ":::\n\x00\nflags", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			model, features := cpuInfo(c.text)
			if model != c.model || !slices.Equal(features, c.features) {
				t.Errorf("got %q %q", model, features)
			}
		})
	}
}

func TestCPUList(t *testing.T) {
	for in, want := range map[string][]int{
		"0": {0}, "0-3,8": {0, 1, 2, 3, 8}, "4,2-3,3\n": {2, 3, 4}, "": nil,
	} {
		got, err := cpuList(in)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("cpuList(%q) = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"a", "1-", "3-1", "-1", "0-99999999", "1,,2", "0x1"} {
		if got, err := cpuList(in); err == nil {
			t.Errorf("cpuList(%q) = %v, want an error", in, got)
		}
	}
}

func TestGroups(t *testing.T) {
	for _, c := range []struct {
		name, self, mounts string
		want               []group
	}{
		{"version 2", "0::/user.slice/app.scope\n",
			"31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			[]group{{v2: true, mount: "/sys/fs/cgroup", dir: "/sys/fs/cgroup/user.slice/app.scope"}}},
		{"hybrid", "5:cpu,cpuacct:/a\n1:name=systemd:/init\n0::/b\n",
			"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n38 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			[]group{{controllers: []string{"rw", "cpu", "cpuacct"}, mount: "/sys/fs/cgroup/cpu", dir: "/sys/fs/cgroup/cpu/a"},
				{v2: true, mount: "/sys/fs/cgroup/unified", dir: "/sys/fs/cgroup/unified/b"}}},
		{"container sees only its part", "4:memory:/docker/abc\n",
			"40 31 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			[]group{{controllers: []string{"rw", "memory"}, mount: "/sys/fs/cgroup/memory", dir: "/sys/fs/cgroup/memory"}}},
		{"outside of the mount", "4:memory:/other\n",
			"40 31 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			[]group{{controllers: []string{"rw", "memory"}, mount: "/sys/fs/cgroup/memory", dir: "/sys/fs/cgroup/memory"}}},
		{"a path that climbs", "0::/../../etc\n", "31 23 0:28 / /cg rw - cgroup2 cgroup2 rw\n",
			[]group{{v2: true, mount: "/cg", dir: "/cg/etc"}}},
		{"noise", "x\n", "1 2 3 - \n-\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, groups(c.self, c.mounts), cmp.AllowUnexported(group{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// machine is a computer with 4 cores of 2 threads and 8 GiB.
func machine(more map[string]string) fstest.MapFS {
	m := map[string]string{
		"proc/cpuinfo": intel,
		"proc/meminfo": "MemTotal:        8388608 kB\nMemFree:          100 kB\nMemAvailable:    4194304 kB\nHugePages_Total:       0\n",
	}
	for cpu := range 8 {
		m[fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology/core_cpus_list", cpu)] = fmt.Sprintf("%d,%d\n", cpu%4, cpu%4+4)
	}
	maps.Copy(m, more)
	return files(m)
}

func TestMachine(t *testing.T) {
	const gib = 1 << 30
	all := []int{0, 1, 2, 3, 4, 5, 6, 7}
	v2 := map[string]string{"proc/self/cgroup": "0::/outer/inner\n", "proc/self/mountinfo": "31 23 0:28 / /cg rw - cgroup2 cgroup2 rw\n"}
	v1 := map[string]string{"proc/self/cgroup": "5:cpu:/a\n4:memory:/a\n",
		"proc/self/mountinfo": "32 31 0:29 / /cg/cpu rw - cgroup cgroup rw,cpu\n33 31 0:30 / /cg/memory rw - cgroup cgroup rw,memory\n"}
	for _, c := range []struct {
		name              string
		files             []map[string]string
		allowed           []int
		physical, logical int
		memory, available int64
	}{
		{"whole", nil, all, 4, 8, 8 * gib, 4 * gib},
		{"pinned to one core's threads", nil, []int{1, 5}, 1, 2, 8 * gib, 4 * gib},
		{"pinned to three", nil, []int{0, 1, 5}, 2, 3, 8 * gib, 4 * gib},
		{"v2 unlimited", []map[string]string{v2, {"cg/outer/inner/cpu.max": "max 100000\n", "cg/outer/inner/memory.max": "max\n"}}, all, 4, 8, 8 * gib, 4 * gib},
		{"v2 outer is tighter", []map[string]string{v2, {
			"cg/outer/inner/cpu.max": "400000 100000\n", "cg/outer/cpu.max": "250000 100000\n",
			"cg/outer/memory.max": "1073741824\n", "cg/outer/memory.current": "805306368\n", "cg/outer/memory.stat": "anon 1\ninactive_file 268435456\n",
		}}, all, 2, 2, gib, gib / 2},
		{"v2 less than one core", []map[string]string{v2, {"cg/outer/inner/cpu.max": "20000 100000\n"}}, all, 1, 1, 8 * gib, 4 * gib},
		{"v2 over its limit", []map[string]string{v2, {"cg/outer/memory.max": "1000\n", "cg/outer/memory.current": "2000\n"}}, all, 4, 8, 1000, 0},
		{"v1", []map[string]string{v1, {
			"cg/cpu/a/cpu.cfs_quota_us": "300000\n", "cg/cpu/a/cpu.cfs_period_us": "100000\n",
			"cg/memory/a/memory.limit_in_bytes": "2147483648\n", "cg/memory/a/memory.usage_in_bytes": "1073741824\n",
			"cg/memory/memory.limit_in_bytes": "9223372036854771712\n", "cg/memory/memory.usage_in_bytes": "1\n",
		}}, all, 3, 3, 2 * gib, gib},
		{"v1 unlimited", []map[string]string{v1, {"cg/cpu/a/cpu.cfs_quota_us": "-1\n", "cg/cpu/a/cpu.cfs_period_us": "100000\n"}}, all, 4, 8, 8 * gib, 4 * gib},
	} {
		t.Run(c.name, func(t *testing.T) {
			more := make(map[string]string)
			for _, f := range c.files {
				maps.Copy(more, f)
			}
			m, err := fromFiles(machine(more), c.allowed)
			if err != nil {
				t.Fatal(err)
			}
			if m.PhysicalCores != c.physical || m.LogicalCores != c.logical || m.Memory != c.memory || m.MemoryAvailable != c.available {
				t.Errorf("got %+v", m)
			}
		})
	}
}

// A device tree's strings end in a NUL byte, which no terminal should get.
func TestBoardName(t *testing.T) {
	m, err := fromFiles(machine(map[string]string{
		"proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd\n", "sys/firmware/devicetree/base/model": "A Board\x00"}), []int{0})
	if err != nil || m.CPUModel != "A Board" {
		t.Errorf("%q, %v", m.CPUModel, err)
	}
}

func TestMachineNeedsProc(t *testing.T) {
	for _, missing := range []string{"proc/cpuinfo", "proc/meminfo"} {
		fsys := machine(nil)
		delete(fsys, missing)
		if _, err := fromFiles(fsys, []int{0}); err == nil {
			t.Errorf("without %s: no error", missing)
		}
	}
	if _, err := fromFiles(machine(map[string]string{"proc/meminfo": "MemFree: 1 kB\n"}), []int{0}); err == nil {
		t.Error("memory without a total: no error")
	}
}

func TestProbe(t *testing.T) {
	m, err := Probe()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", m)
	if m.PhysicalCores < 1 || m.LogicalCores < m.PhysicalCores || m.Memory < 1<<20 || m.MemoryAvailable > m.Memory || m.OS == "" || m.Arch == "" {
		t.Errorf("implausible: %+v", m)
	}
	if !slices.IsSorted(m.Features) {
		t.Error("features are not sorted")
	}
}

func FuzzTexts(f *testing.F) {
	f.Add(intel, "0-3", "0::/a", "31 23 0:28 / /cg rw - cgroup2 cgroup2 rw")
	f.Add(arm, "0,2", "5:cpu:/a", "32 31 0:29 /x /cg rw - cgroup cgroup rw,cpu")
	f.Fuzz(func(t *testing.T, info, list, self, mounts string) {
		_, features := cpuInfo(info)
		if !slices.IsSorted(features) {
			t.Errorf("features not sorted: %q", features)
		}
		if cpus, err := cpuList(list); err == nil && !slices.IsSorted(cpus) {
			t.Errorf("processors not sorted: %v", cpus)
		}
		for _, g := range groups(self, mounts) {
			if !strings.HasPrefix(g.dir, strings.TrimSuffix(g.mount, "/")) {
				t.Errorf("group %q outside of its mount %q", g.dir, g.mount)
			}
		}
		memInfo(info)
		cgroupLimits(files(nil), groups(self, mounts))
	})
}
