package sandbox

// A layer is one protection of the jail. The product always puts up every
// layer that its tier has; tests take single ones away, to see that each is
// what stops something.
type layer string

const (
	userns   layer = "user namespace"
	pidns    layer = "process namespace"
	netns    layer = "network namespace"
	mountns  layer = "mount namespace and empty root"
	ipcns    layer = "ipc namespace"
	utsns    layer = "host name namespace"
	cgroupns layer = "cgroup namespace"

	readOnly layer = "read-only mounts"
	noExec   layer = "noexec mounts"
	runCap   layer = "size of /run"

	closedFiles layer = "descriptors closed"
	capless     layer = "no capabilities"
	noNewPrivs  layer = "no_new_privs"
	writeXorRun layer = "memory-deny-write-execute"

	landlockFiles layer = "landlock files"
	landlockNet   layer = "landlock network"
	landlockScope layer = "landlock scopes"

	limitCore       layer = "limit core"
	limitFiles      layer = "limit open files"
	limitFileSize   layer = "limit file size"
	limitData       layer = "limit memory"
	limitLocked     layer = "limit locked memory"
	limitQueues     layer = "limit message queues"
	limitNice       layer = "limit nice"
	limitRealtime   layer = "limit realtime"
	limitPending    layer = "limit pending signals"
	limitProcesses  layer = "limit processes"
	filterAll       layer = "filter"              // all of seccomp
	filterOtherwise layer = "filter default"      // calls that no rule names are killed, or refused softly
	filterArch      layer = "filter architecture" // 32-bit calls
	filterX32       layer = "filter x32"          // x32 calls
	execOnce        layer = "filter exec once"    // a second execve
)

// argument is the layer of the filter's look at the arguments of one call:
// argument("socket"). Without it the call is allowed whatever its arguments.
func argument(call string) layer { return layer("filter arguments of " + call) }
