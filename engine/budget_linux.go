package engine

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// privateMemory reads how many bytes of memory a process has for itself (proc(5),
// RssAnon), which may be seen of any process.
func privateMemory(pid int) (int64, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("RssAnon:")); ok {
			kb, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return kb << 10, err == nil && kb > 0
		}
	}
	return 0, false
}
