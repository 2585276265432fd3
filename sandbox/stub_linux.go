package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"
)

// stubName is argv[0] of a stub: nobody types that by accident.
const stubName = "abaton: building a jail"

// controlFD is the stub's end of the socket to its parent. It speaks in whole
// messages: an order comes, "ready" with a descriptor of /run goes, "go" comes,
// and then either an error goes or the socket closes, because the program runs.
const controlFD = 3

const (
	sayReady = "ready"
	sayGo    = "go"
	sayError = "error: "
)

// isStub reports whether this process was started to build a jail.
func isStub() bool { return len(os.Args) > 0 && os.Args[0] == stubName }

// runStub builds the jail around this process and becomes the program. It
// works out the layers from the order's tier and policy; without is for tests.
func runStub(without map[layer]bool) {
	runtime.LockOSThread()
	// See become: two threads that must never wait for the scheduler.
	runtime.GOMAXPROCS(4)
	debug.SetGCPercent(-1)
	err := shutIn(without)
	_, _ = unix.Write(controlFD, []byte(sayError+err.Error()))
	unix.RawSyscall(unix.SYS_EXIT_GROUP, stubFailed, 0, 0)
}

// stubFailed is the exit code of a stub that could not build the jail.
const stubFailed = 97

func shutIn(without map[layer]bool) error {
	unix.CloseOnExec(controlFD)
	// The signal belongs to the thread that executes, which need not be the one
	// that the kernel gave it to at the start.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("die with the parent: %w", err)
	}
	o, err := readOrder()
	if err != nil {
		return err
	}
	if o.Tier.namespaces() && !without[userns] {
		if err := o.mapAccount(); err != nil {
			return err
		}
	}
	v, err := o.view(without)
	if err != nil {
		return err
	}
	if !without[closedFiles] {
		if err := closeOnExec(); err != nil {
			return err
		}
	}
	if err := unix.Sendmsg(controlFD, []byte(sayReady), unix.UnixRights(v.run), nil, 0); err != nil {
		return fmt.Errorf("tell the parent: %w", err)
	}
	// A parent that died before the signal above was set says nothing here, and
	// then nothing is started.
	answer := make([]byte, len(sayGo))
	if n, err := read1(controlFD, answer); err != nil || string(answer[:n]) != sayGo {
		return errors.New("the parent did not say go")
	}
	if err := o.giveUp(v, without); err != nil {
		return err
	}
	pid := unix.Getpid()
	var prog []unix.SockFilter
	once := false
	if !without[filterAll] {
		once = !without[execOnce]
		if prog, err = o.filter(pid, without).assemble(); err != nil {
			return err
		}
	}
	return become(prog, once, v.program, o.Args, o.Env)
}

// view builds what the program sees.
func (o order) view(without map[layer]bool) (view, error) {
	if o.Tier.namespaces() && !without[utsns] {
		if err := unix.Sethostname([]byte("jail")); err != nil {
			return view{}, fmt.Errorf("host name: %w", err)
		}
	}
	if o.Tier.namespaces() && !without[mountns] {
		return o.emptyRoot(without)
	}
	return o.hostView()
}

// giveUp drops every right but what the policy leaves.
func (o order) giveUp(v view, without map[layer]bool) error {
	if err := o.limits(without); err != nil {
		return err
	}
	if !without[capless] {
		if err := dropCapabilities(); err != nil {
			return err
		}
	}
	if !without[noNewPrivs] {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no_new_privs: %w", err)
		}
	}
	if o.Policy != GoJIT && !without[writeXorRun] {
		if err := denyWritableCode(); err != nil {
			return err
		}
	}
	if o.Tier.landlock() {
		return landlock(v.grants, without)
	}
	return nil
}

// readOrder reads what the parent wants.
func readOrder() (order, error) {
	b := make([]byte, maxOrder+1)
	n, err := read1(controlFD, b)
	if err != nil {
		return order{}, fmt.Errorf("read the order: %w", err)
	}
	var o order
	if err := json.Unmarshal(b[:n], &o); err != nil {
		return order{}, fmt.Errorf("read the order: %w", err)
	}
	switch o.Policy {
	case Native, NativeGPU, Go, GoJIT:
	default:
		return order{}, fmt.Errorf("there is no policy %q", o.Policy)
	}
	switch o.Tier {
	case TierA, TierB, TierC, TierD:
	default:
		return order{}, fmt.Errorf("there is no tier %q", o.Tier)
	}
	if len(o.Devices) > 0 && o.Policy != NativeGPU {
		return order{}, fmt.Errorf("policy %s shows no device", o.Policy)
	}
	if len(o.Files) == 0 || len(o.Args) == 0 {
		return order{}, errors.New("the order names no program")
	}
	return o, nil
}

// read1 reads one message.
func read1(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Read(fd, b)
		if !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}
