//go:build !linux && !darwin

package hardware

import "runtime"

func probe() (Machine, error) {
	n := runtime.NumCPU()
	return Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, LogicalCores: n, PhysicalCores: n}, nil
}
