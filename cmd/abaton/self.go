package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync/atomic"

	"abaton.local/models"
)

// self is this very program, started once more with other arguments, whatever
// has become of the name of its file. Its standard input is empty: what a
// person types ahead stays for us.
func self(ctx context.Context, args ...string) (*exec.Cmd, error) {
	path := "/proc/self/exe"
	if runtime.GOOS != "linux" {
		var err error
		if path, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("cannot find this program's own file: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Args[0] = "abaton"
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd, nil
}

// fetchMissing runs `abaton pull` for what is missing, as a process of its own
// and before this one is locked down: it is the only one with a way out.
func fetchMissing(ctx context.Context, p *program, what ...string) error {
	cmd, err := self(ctx, append([]string{"pull", "--user", p.cfg.User}, what...)...)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = p.screen.errs, p.screen.errs
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return told{errNotPulled, max(exit.ExitCode(), failed)}
	}
	return err
}

// fetchBeside starts `abaton pull` for what is missing and does not wait for it. It
// ends with ctx, and says what it has to say line by line, for this process writes
// to the same terminal.
func fetchBeside(ctx context.Context, p *program, going *atomic.Bool, what ...string) error {
	cmd, err := self(ctx, append([]string{"pull", "--user", p.cfg.User}, what...)...)
	if err != nil {
		return err
	}
	cmd.Env = append(environment(), "TERM=dumb")
	cmd.Stdout, cmd.Stderr = p.screen.errs, p.screen.errs
	if err := cmd.Start(); err != nil {
		return tell(fmt.Errorf("cannot start `abaton pull`: %w", err))
	}
	going.Store(true)
	go func() {
		_ = cmd.Wait() // it said what went wrong
		going.Store(false)
	}()
	return nil
}

// ownDigest is the SHA-256 of this program's file.
func ownDigest() (digest [sha256.Size]byte, err error) {
	path := "/proc/self/exe" // the file that runs, whatever has become of its name
	if runtime.GOOS != "linux" {
		if path, err = os.Executable(); err != nil {
			return digest, err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return digest, err
	}
	h.Sum(digest[:0])
	return digest, nil
}

// systemDigest names a program and its engine, by all their files; zero where
// there is no engine yet.
func systemDigest(program [sha256.Size]byte, engine map[string]models.Digest) (digest [sha256.Size]byte) {
	if len(engine) == 0 {
		return digest
	}
	h := sha256.New()
	h.Write(program[:])
	for _, name := range slices.Sorted(maps.Keys(engine)) {
		fmt.Fprintf(h, "%s %s\n", engine[name], name)
	}
	h.Sum(digest[:0])
	return digest
}
