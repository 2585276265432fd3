package models

import (
	"os"
	"strings"
)

// bootID changes with every start of the machine (random(4)); empty when it
// cannot be had.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
