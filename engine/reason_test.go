package engine

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// Everybody who asks may be told of a fault, so it names no folder of whoever runs us.
func TestAFaultNamesNoFolder(t *testing.T) {
	err := fmt.Errorf("opening it: %w", &fs.PathError{Op: "open", Path: "/home/owner/model", Err: syscall.EACCES})
	for _, f := range []*Fault{noModel(err), unstarted(err)} {
		if strings.Contains(f.Error(), "owner") || !strings.Contains(f.Error(), syscall.EACCES.Error()) || !strings.Contains(f.Detail, "owner") {
			t.Errorf("%q, for the log %q", f.Error(), f.Detail)
		}
	}
}
