// Package hardware tells facts about this machine: cores, memory, processor
// features. It gives no advice.
package hardware

// Machine is what this process may use of the computer it runs on: limits by
// affinity mask and control groups are already taken off.
type Machine struct {
	OS   string // as GOOS: "linux"
	Arch string // as GOARCH: "amd64"

	PhysicalCores int // cores, not counting their second hardware threads
	LogicalCores  int // hardware threads

	Memory          int64 // bytes
	MemoryAvailable int64 // bytes free for a new program without swapping; 0 when unknown

	CPUModel string   // as the processor calls itself; may be empty
	Features []string // sorted instruction-set names as the system prints them ("avx2", "asimddp")
}

// Probe reads the facts. On systems other than Linux it knows less: fields
// that cannot be had stay zero. It is safe for concurrent use and reads
// everything anew on each call.
func Probe() (Machine, error) { return probe() }
