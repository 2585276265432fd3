package engine

import "syscall"

// why puts the end of a worker into a fault. by is our own reason for ending it.
func (w *worker) why(by error, loaded bool) *Fault {
	exit := w.proc.Exit()
	last := w.said.last()
	detail := exit.String()
	if exit.Killed && exit.Signal == syscall.SIGKILL {
		switch by {
		case errHung:
			return hung("it did not answer any more")
		case errTooSlow:
			return hung("it was not ready in time")
		case errBadReply:
			return badly("")
		case errUnclean:
			return unclean()
		case errShare:
			return overShare()
		}
		return nil
	}
	if loaded && last != "" {
		detail += " at " + last
	}
	switch {
	case exit.PolicyHit:
		return policyHit(detail)
	case exit.Signal == syscall.SIGKILL && w.kills.moved():
		return noMemory(detail)
	case exit.Signal == syscall.SIGKILL:
		return killed(detail)
	case w.said.memory():
		return noMemory(detail)
	case exit.Signal == syscall.SIGILL:
		return &Fault{Kind: Crashed, What: "The engine was built for another processor than this one.", Do: "Run `abaton pull engine` to build or fetch one for this machine.", Detail: detail}
	case !loaded:
		return badModel(last, detail)
	}
	return crashed(detail)
}

// kills is the kernel's count of processes that it ended for want of memory.
type kills struct {
	count  func() (int64, bool)
	before int64
	known  bool
}

func countKills(count func() (int64, bool)) kills {
	n, ok := count()
	return kills{count, n, ok}
}

// moved tells whether there are more than there were. Where that is not known nothing
// is said of memory.
func (k kills) moved() bool {
	if !k.known {
		return false
	}
	n, ok := k.count()
	return ok && n > k.before
}
