package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/models"
	"abaton.local/posture"
	"abaton.local/sandbox"
	"abaton.local/vault"
)

func auditVerb() verb {
	return verb{
		name: "audit", short: "is this machine locked as promised?",
		about: "Looks whether the walls stand: it tries what must not be possible, on the running `abaton serve` or, where none " +
			"is running, on one that it starts for the purpose, and prints what it saw. Each probe comes with a control that " +
			"shows that the probe can see. A warning is shown and is no failure; what cannot be measured never passes.",
		examples: []string{"abaton audit", "abaton audit --json | jq '.results[] | select(.finding.status != \"pass\")'"},
		settings: roomSettings,
		codes:    []int{failed, unprotected, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			asJSON := fs.Bool("json", false, "print one JSON object")
			return func(ctx context.Context, p *program, args []string) error {
				if err := wantNothing("audit", args); err != nil {
					return err
				}
				return auditAll(ctx, p, *asJSON)
			}
		},
	}
}

// longestAudit bounds all checks together.
const longestAudit = 3 * time.Minute

func auditAll(ctx context.Context, p *program, asJSON bool) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	context.AfterFunc(ctx, release)
	ctx, cancel := context.WithTimeout(ctx, longestAudit)
	defer cancel()
	c, err := connect(ctx, p.cfg.Folders.Socket())
	if err != nil {
		return err
	}
	if c == nil {
		p.screen.say("No abaton serve is running: starting one for the checks.")
		end, err := startServe(ctx, p)
		if err != nil {
			return stoppedOr(ctx, err)
		}
		defer end()
		c = newClient(p.cfg.Folders.Socket())
	}
	now, err := c.status(ctx)
	if err != nil {
		return stoppedOr(ctx, tell(err))
	}
	seen, err := c.posture(ctx)
	if err != nil {
		return stoppedOr(ctx, tell(err))
	}
	report, err := lookFromOutside(ctx, p, now, seen.Engines)
	if err != nil {
		return stoppedOr(ctx, err)
	}
	report.Results = append(report.Results, seen.Report.Results...)
	slices.SortStableFunc(report.Results, func(a, b posture.Result) int { return strings.Compare(a.ID, b.ID) })
	if asJSON {
		err = report.JSON(p.screen.out)
	} else {
		err = report.Text(p.screen.out, p.screen.width(), p.screen.color)
	}
	if err != nil {
		return err
	}
	if report.ExitCode() != done {
		return checksFailed{}
	}
	return nil
}

// lookFromOutside runs the checks that a locked-down process cannot: their
// controls make the very sockets that it gave up. engines are the process
// numbers of the server's engines.
func lookFromOutside(ctx context.Context, p *program, now status, engines []int) (posture.Report, error) {
	shelf, err := models.OpenShelf(p.cfg.Folders.Models)
	if err != nil {
		return posture.Report{}, tell(err)
	}
	jail, err := sandbox.Open(ctx, sandbox.Config{StateDir: p.cfg.Folders.State, RuntimeDir: p.cfg.Folders.Runtime, Log: p.log})
	if _, none := errors.AsType[*sandbox.NoJail](err); err != nil && !none {
		return posture.Report{}, tell(err)
	}
	if jail != nil {
		defer jail.Close()
	}
	checks := slices.Concat(
		sandbox.Checks(jail, func() []int { return engines }),
		models.Checks(shelf),
		onlyID(gateway.Checks(gateway.Live{Address: now.Address, Socket: p.cfg.Folders.Socket()}), "WEB-02"),
	)
	return posture.Run(ctx, checks), nil
}

func onlyID(checks []posture.Check, id string) []posture.Check {
	return slices.DeleteFunc(checks, func(c posture.Check) bool { return c.ID != id })
}

// startServe runs `abaton serve` for as long as the checks take. It makes no
// token: nobody would see it.
func startServe(ctx context.Context, p *program) (end func(), err error) {
	args := []string{"serve", "--no-token", "--address", "127.0.0.1:0", "--user", p.cfg.User}
	if p.cfg.Engine != "" {
		args = append(args, "--engine", p.cfg.Engine)
	}
	if p.cfg.Model != "" {
		args = append(args, "--model", p.cfg.Model)
	}
	if p.cfg.Isolation != ownEngine {
		args = append(args, "--isolation", p.cfg.Isolation, "--slots", strconv.Itoa(p.cfg.Slots))
	}
	if p.cfg.AcceptUnjailed {
		args = append(args, "--accept-unjailed-engine")
	}
	cmd, err := self(ctx, args...)
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start abaton serve: %w", err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), readyWord) {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return func() {
				_ = cmd.Process.Signal(os.Interrupt)
				_ = cmd.Wait()
			}, nil
		}
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, told{fmt.Errorf("abaton serve does not start:\n%s", strings.TrimSpace(complaints.String())), exit.ExitCode()}
	}
	return nil, tell(errors.New("abaton serve ended by itself"))
}

// postureJSON is what serve tells of how it is locked.
type postureJSON struct {
	Report  posture.Report `json:"report"`
	Engines []int          `json:"engines"` // process numbers
}

// look is what can be seen inside serve. A worker is started first, for without
// one there would be nothing to look at.
func (r *rooms) look(ctx context.Context, door *gateway.Gateway) (postureJSON, error) {
	if err := r.engine.Warm(ctx, engine.Person(vault.Owner), r.model.Digest); err != nil {
		return postureJSON{}, fmt.Errorf("no engine can be started to be looked at: %w", err)
	}
	seen := postureJSON{Report: posture.Run(ctx, slices.Concat(onlyID(door.Checks(), "NET-01"), r.engine.Checks()))}
	for _, w := range r.engine.Workers() {
		if !slices.Contains(seen.Engines, w.PID) { // one that people share is told for each of them
			seen.Engines = append(seen.Engines, w.PID)
		}
	}
	return seen, nil
}
