package engine

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// cpuTime gives the clock ticks that a process has computed (proc_pid_stat(5),
// fields 14 and 15); not ok where this system does not tell.
func cpuTime(pid int) (ticks int64, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The second field is a name in parentheses that may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, false
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	return user + system, err1 == nil && err2 == nil
}
