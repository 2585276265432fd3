package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// ownProgram is this very program as a file for a jail: under the final policy
// it is the probe.
func (j *Jail) ownProgram() (program File, libraries []File, err error) {
	path, err := os.Executable()
	if err != nil {
		return File{}, nil, fmt.Errorf("find this program: %w", err)
	}
	opened, err := os.Open("/proc/self/exe")
	if err != nil {
		return File{}, nil, fmt.Errorf("open this program: %w", err)
	}
	libraries, err = libraryFiles(opened, path)
	if err != nil {
		_ = opened.Close()
		return File{}, nil, err
	}
	return File{Path: path, Inside: "/probe", Opened: opened}, libraries, nil
}

// OwnProgram gives this very program, and the libraries that it needs, for a jail
// that one of its children runs in. The caller closes Opened once that started.
func (j *Jail) OwnProgram() (program File, libraries []File, err error) { return j.ownProgram() }

// The sizes that probes are given, in bytes.
const (
	probeSpace = 1 << 20
	probeFile  = 256 << 10
)

// probeWithin is how long one probe may take.
const probeWithin = 15 * time.Second

// output starts a program in the jail and gives what it wrote, at most 4 KiB,
// and how it ended.
func (j *Jail) output(ctx context.Context, s Spec, t Tier) (string, Exit, error) {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return "", Exit{}, err
	}
	defer r.Close()
	s.Stdout = w
	p, err := j.start(ctx, s, t)
	_ = w.Close()
	if err != nil {
		return "", Exit{}, err
	}
	defer p.RunDir().Close()
	stop := context.AfterFunc(ctx, func() { _ = p.Kill() })
	defer stop()
	var out bytes.Buffer
	_, err = io.Copy(&out, io.LimitReader(r, 4096))
	_ = p.Kill() // it may still run, when it wrote more or closed its output
	<-p.Done()
	if ctx.Err() != nil {
		return "", Exit{}, fmt.Errorf("jail for %s: %w", s.Name, ctx.Err())
	}
	return out.String(), p.Exit(), err
}

// greet sees whether a tier can be had: a program must start there and say
// hello under the policy that is used most.
func (j *Jail) greet(ctx context.Context, t Tier) error {
	program, libraries, err := j.ownProgram()
	if err != nil {
		return err
	}
	defer program.Opened.Close()
	said, exit, err := j.output(ctx, Spec{
		Name: "greeting", Program: program, Files: libraries, Policy: Native, RunSize: probeSpace,
		// What reads PDF looks at its start which sizes of pages /sys names. Where it can open
		// that, it lists it: in tier D alone.
		ListDirs: t == TierD,
		Args:     func(func(string) string) []string { return []string{helloVerb} },
	}, t)
	if err != nil {
		return err
	}
	if said != sayHello {
		return fmt.Errorf("jail for greeting: the program started and could not run: %s", exit)
	}
	return nil
}

// EscapeError says that the escape probe got out of the jail, so that nothing
// may run in it. Acts names what succeeded.
type EscapeError struct {
	Tier   Tier
	Policy Policy
	Acts   []string
}

func (e *EscapeError) Error() string {
	return fmt.Sprintf("the jail does not hold on this kernel (%s, policy %s), so no model is loaded; please report it. A probe inside it could: %s",
		e.Tier, e.Policy, strings.Join(e.Acts, "; "))
}

// verify makes sure that the escape probe has found no way out under a policy,
// with this binary, on this kernel, in this boot, with these devices.
func (j *Jail) verify(ctx context.Context, policy Policy, devices ...device) error {
	j.verdicts.mu.Lock()
	defer j.verdicts.mu.Unlock()
	key, err := j.verdictKey(policy, devices)
	if err != nil {
		return err
	}
	if j.verdicts.holds(j.cfg.StateDir, key) {
		return nil
	}
	start := time.Now()
	n, err := j.probe(ctx, policy, devices...)
	if err != nil {
		return err
	}
	j.cfg.Log.Info("escape probe found no way out", "tier", string(j.tier), "policy", string(policy), "attempts", n, "took", time.Since(start))
	return j.verdicts.keep(j.cfg.StateDir, key)
}

// probe makes every attempt that this tier and policy claim to stop, each in a
// jailed child of its own, and gives their number.
func (j *Jail) probe(ctx context.Context, policy Policy, devices ...device) (int, error) {
	program, libraries, err := j.ownProgram()
	if err != nil {
		return 0, err
	}
	defer program.Opened.Close()
	if len(libraries) > 0 && policy != Native && policy != NativeGPU {
		return 0, fmt.Errorf("policy %s cannot be checked: this program is not static; build it with CGO_ENABLED=0", policy)
	}
	s, err := newStage(j.cfg.StateDir)
	if err != nil {
		return 0, fmt.Errorf("prepare the escape probe: %w", err)
	}
	defer s.clear()
	spec := s.spec(program, libraries, policy)
	spec.devices = devices
	var claimed []attempt
	for _, a := range attempts {
		if j.claims(spec, a) {
			claimed = append(claimed, a)
		}
	}
	if len(claimed) == 0 {
		return 0, errors.New("escape probe: nothing to try, so nothing is shown")
	}
	got := make([]bool, len(claimed))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i, a := range claimed {
		group.Go(func() (err error) {
			got[i], _, err = j.try(ctx, s, spec, a)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("escape probe: %w", err)
	}
	var acts []string
	for i, a := range claimed {
		if got[i] {
			acts = append(acts, a.name)
		}
	}
	if len(acts) > 0 {
		return 0, &EscapeError{j.tier, policy, acts}
	}
	return len(claimed), nil
}

// claims reports whether a jail for spec has a layer that stops a.
func (j *Jail) claims(spec Spec, a attempt) bool {
	o, err := newOrder(spec, j.tier, "")
	return err == nil && len(o.stops(a)) > 0
}

// try makes one attempt inside and reports whether it succeeded, and what the
// kernel said. A child that did not get as far as trying is an error: it showed
// nothing.
func (j *Jail) try(ctx context.Context, s *stage, spec Spec, a attempt) (succeeded bool, why string, err error) {
	spec.Name = "probe"
	spec.Args = func(at func(string) string) []string { return attemptArgs(a, s.mission(at)) }
	said, exit, err := j.output(ctx, spec, j.tier)
	if err != nil {
		return false, "", err
	}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := lines[len(lines)-1]
	refused, ok := strings.CutPrefix(last, sayRefused)
	switch {
	case lines[0] != sayBegun:
		return false, "", fmt.Errorf("%q was never tried: %s", a.name, exit)
	case last == saySucceeded:
		return true, "", nil
	case ok:
		return false, refused, nil
	case exit.Signal != 0 && !exit.Killed: // the filter's, or a limit's
		return false, exit.String(), nil
	}
	return false, "", fmt.Errorf("%q ended without a word: %s", a.name, exit)
}
