package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"abaton.local/posture"
	"golang.org/x/sys/unix"
)

// Checks are the questions about the jail: SBX-01, SBX-04, SBX-10, NET-03 and
// NET-05. live gives the process numbers of the engines that run now. Probes
// run in jails of their own, like those of engines; a nil Jail, where none could
// be opened, fails every check. NET-03 and NET-05 make sockets for their
// controls, so they cannot be measured by a process that is locked down.
func Checks(j *Jail, live func() []int) []posture.Check {
	checks := []posture.Check{
		{ID: "SBX-01", Title: "A system-call filter on every thread of every engine", Maps: []string{"PA102-R28"}, Level: posture.Observed,
			Run: func(ctx context.Context) posture.Finding { return j.checkThreads(ctx, live()) }},
		{ID: "SBX-04", Title: "No file of this machine in an engine's reach", Maps: []string{"PA102-R8", "PA102-R20", "PA102-R28"}, Level: posture.Probed, Run: j.checkFiles},
		{ID: "SBX-10", Title: "Nothing runs when a layer of the jail fails", Maps: []string{"PA102-R5", "PA102-R28"}, Level: posture.Probed, Run: j.checkFailsClosed},
		{ID: "NET-03", Title: "No network in an engine's reach", Maps: []string{"PA102-R26", "PA102-R28", "PA102-R34"}, Level: posture.Probed, Run: j.checkNetwork},
		{ID: "NET-05", Title: "No io_uring for an engine", Maps: []string{"PA102-R26", "PA102-R28"}, Level: posture.Probed, Run: j.checkRings},
	}
	if j == nil {
		for i := range checks {
			checks[i].Run = func(context.Context) posture.Finding {
				return posture.Finding{Status: posture.Fail, Summary: "There is no jail on this machine.", Fix: "`abaton chat` says what is missing; docs/decisions/0003 says what a jail needs"}
			}
		}
	}
	return checks
}

// threadState is what the kernel says of one thread.
type threadState struct{ seccomp, filters, noNewPrivs int }

// threads reads the state of all threads of a process, twice: threads come and go.
func threads(pid int) (all []threadState, err error) {
	for range 2 {
		paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil || len(paths) == 0 {
			return nil, fmt.Errorf("process %d has no threads: it ended", pid)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
				continue
			}
			if err != nil {
				return nil, err
			}
			s := threadState{-1, -1, -1}
			for line := range strings.Lines(string(b)) {
				name, value, _ := strings.Cut(line, ":")
				n, err := strconv.Atoi(strings.TrimSpace(value))
				if err != nil {
					continue
				}
				switch name {
				case "Seccomp":
					s.seccomp = n
				case "Seccomp_filters":
					s.filters = n
				case "NoNewPrivs":
					s.noNewPrivs = n
				}
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// checkThreads looks at the live engines and at a probe of its own. Its control
// is this process, which has one filter less than the probe: a look that cannot
// see that difference is blind.
func (j *Jail) checkThreads(ctx context.Context, live []int) posture.Finding {
	f := posture.Finding{Recheck: "grep -HE '^(Seccomp|NoNewPrivs)' /proc/ENGINE-PID/task/*/status", Fix: "stop the engine and report this"}
	own, err := threads(os.Getpid())
	if err != nil {
		return unknown(f, "This process cannot look at itself.", err)
	}
	probe, err := j.lookAtProbe(ctx)
	if err != nil {
		return unknown(f, "No probe could be started in the jail.", err)
	}
	f.Control = fmt.Sprintf("this process has %d filters, a probe in the jail %d", own[0].filters, probe[0].filters)
	blind := own[0].filters >= probe[0].filters && probe[0].filters >= 0
	seen := 0
	for _, pid := range live {
		states, err := threads(pid)
		if err != nil {
			return unknown(f, fmt.Sprintf("The engine with process number %d cannot be looked at.", pid), err)
		}
		probe = append(probe, states...)
		seen++
	}
	for _, s := range probe {
		// Kernels before 5.9 do not count filters; they say -1 here.
		if s.seccomp != unix.SECCOMP_MODE_FILTER || s.filters == 0 || s.noNewPrivs != 1 {
			f.Status, f.Summary = posture.Fail, "A thread in the jail has no system-call filter, or could gain privileges."
			f.Evidence = fmt.Sprintf("Seccomp %d, Seccomp_filters %d, NoNewPrivs %d", s.seccomp, s.filters, s.noNewPrivs)
			return f
		}
	}
	if blind {
		return unknown(f, "A jailed process looks like this one, so the look shows nothing.", nil)
	}
	f.Status, f.Evidence = posture.Pass, fmt.Sprintf("%d looks at threads: Seccomp 2, NoNewPrivs 1", len(probe))
	f.Summary = fmt.Sprintf("Every thread of %d engines and of a probe is filtered and cannot gain privileges.", seen)
	return f
}

// lookAtProbe reads the threads of a program that lingers in the jail.
func (j *Jail) lookAtProbe(ctx context.Context) ([]threadState, error) {
	program, libraries, err := j.ownProgram()
	if err != nil {
		return nil, err
	}
	defer program.Opened.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close() // with it the probe's input, and so the probe, ends
	p, err := j.start(ctx, Spec{
		Name: "probe", Program: program, Files: libraries, Policy: Native, Stdin: r,
		Args: func(func(string) string) []string { return []string{waitVerb} },
	}, j.tier)
	_ = r.Close()
	if err != nil {
		return nil, err
	}
	defer func() {
		_, _ = p.Kill(), p.RunDir().Close()
		<-p.Done()
	}()
	return threads(p.PID())
}

// failures are system calls by which a layer is put up. For the check each in
// turn is refused to the stub by the kernel, as on a machine that lacks it.
func (t Tier) failures() map[string]uintptr {
	m := map[string]uintptr{"the system-call filter": unix.SYS_SECCOMP, "dropping capabilities": unix.SYS_CAPSET, "no_new_privs": unix.SYS_PRCTL, "limits": unix.SYS_PRLIMIT64}
	if t.namespaces() {
		m["the mounts"], m["the empty root"], m["read-only mounts"] = unix.SYS_MOUNT, unix.SYS_PIVOT_ROOT, unix.SYS_MOUNT_SETATTR
	}
	if t.landlock() {
		m["Landlock"] = unix.SYS_LANDLOCK_RESTRICT_SELF
	}
	return m
}

// checkFailsClosed starts a program while one layer fails, each in turn: none
// may run. Its control is the same start while nothing fails.
func (j *Jail) checkFailsClosed(ctx context.Context) posture.Finding {
	f := posture.Finding{Fix: "load no model with this version, and report this"}
	if err := j.greetWhile(ctx, nil); err != nil {
		return unknown(f, "A program could not be started even while nothing failed.", err)
	}
	f.Control = "while nothing failed, the program ran"
	var refused []string
	for name, nr := range j.tier.failures() {
		err := j.greetWhile(ctx, []rule{{nr: nr, do: refuse(unix.ENOSYS)}})
		if ctx.Err() != nil {
			return unknown(f, "The check was stopped.", ctx.Err())
		}
		if err == nil {
			f.Status, f.Summary, f.Evidence = posture.Fail, "A program ran although a layer of its jail failed.", name
			return f
		}
		refused = append(refused, name)
	}
	f.Status, f.Summary = posture.Pass, "With any one layer failing, nothing ran."
	f.Evidence = fmt.Sprintf("made to fail, each alone: %s", sorted(refused))
	return f
}

// greetWhile starts the greeting from a thread whose system calls, and those
// of all that it starts, are subject to rules. That cannot be undone, so it is
// a thread of its own, which ends with it.
func (j *Jail) greetWhile(ctx context.Context, rules []rule) error {
	prog, err := filter{rules: rules, otherwise: allow}.assemble()
	if err != nil {
		return err
	}
	k := newJail(j.cfg)
	k.tier, k.knobs, k.without = j.tier, j.knobs, j.without
	defer k.Close()
	var ferr error
	if err := k.onThread(func() {
		if ferr = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); ferr == nil {
			_, ferr = install(prog, 0)
		}
	}); err != nil {
		return err
	}
	if ferr != nil {
		return ferr
	}
	return k.greet(ctx, k.tier)
}

func unknown(f posture.Finding, summary string, err error) posture.Finding {
	f.Status, f.Summary = posture.Unknown, summary
	if err != nil {
		f.Evidence = err.Error()
	}
	return f
}
