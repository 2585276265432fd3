package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The kernel counts here, and where it does is found in both versions of its groups.
func TestTheKernelsCountIsRead(t *testing.T) {
	if n, ok := oomKills(); !ok || n < 0 {
		t.Errorf("%d, %v", n, ok)
	}
	files := countersOf("9:name=systemd:/\n4:cpu,memory:/box\n3:memory_other:/x\n0::/user.slice\nrubbish\n")
	want := []string{"/sys/fs/cgroup/memory/box/memory.oom_control", "/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/user.slice/memory.events",
		"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/unified/user.slice/memory.events", "/sys/fs/cgroup/unified/memory.events"}
	if !slices.Equal(files, want) {
		t.Errorf("%q", files)
	}
	file := filepath.Join(t.TempDir(), "memory.events")
	for text, want := range map[string]string{"low 0\noom 3\noom_kill 2\noom_group_kill 0\n": "2 true", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n": "7 true", "oom 1\n": "0 false", "oom_kill x\n": "0 false"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, ok := oomKillsIn(file); fmt.Sprint(n, " ", ok) != want {
			t.Errorf("%q: %d, %v", text, n, ok)
		}
	}
}
