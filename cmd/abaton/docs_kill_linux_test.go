package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// onDiskLibraries are a person's documents in a home on disk, which seal and merge
// their index all the time.
func onDiskLibraries(ctx context.Context, dir string) (x *library.Libraries, closing func() error, err error) {
	h, err := openBare(dir, false)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	var s vault.Session
	if h.people.Unclaimed() {
		claim, err := h.people.Claim()
		if err != nil {
			return nil, nil, err
		}
		s, err = h.people.Join(ctx, vault.Newcomer{Ticket: claim.Reveal(), Name: "ada", Passphrase: []byte(testPassphrase)})
		if err != nil {
			return nil, nil, err
		}
	} else if s, err = h.people.Unlock(ctx, vault.Attempt{Name: "ada", Way: vault.SlotPassphrase, Secret: []byte(testPassphrase)}); err != nil {
		return nil, nil, err
	}
	v, err := s.Vault()
	if err != nil {
		return nil, nil, err
	}
	here := func(_ context.Context, src parse.Source) (d parse.Document, err error) {
		d.Result, err = parse.Parse(src, parse.Limits{}, d.Collect())
		return d, err
	}
	x, err = library.Open(ctx, v, library.Config{Parse: here, Embed: summed{}, SealEvery: 3, MaxSegment: 40, EmbedAtOnce: 2, SealVectors: 3})
	return x, func() error { return errors.Join(x.Close(ctx), h.close()) }, err
}

// summed is an embedder in this process: each text points somewhere of its own.
type summed struct{}

func (summed) Model(context.Context) (library.Model, error) {
	return library.Model{Digest: [32]byte{1}, Dims: 32}, nil
}

func (summed) Embed(ctx context.Context, _ library.Model, texts []string, _ bool) (all [][]float32, err error) {
	for _, text := range texts {
		v := make([]float32, 32)
		for i, b := range sha256.Sum256([]byte(text)) {
			v[i] = float32(b) - 127.5
		}
		all = append(all, v)
	}
	return all, ctx.Err()
}

const killFolder = "ABATON_KILL_FOLDER"

// TestKilledInAMerge ends a process that adds documents, by kill -9 and again and
// again, mostly while it seals and merges its index of words, its vectors, or both.
// What it had acknowledged is there after each, whole and found, nothing is damaged,
// and embedding goes on until all of it has vectors: in every other life it does so
// only in the next one, which is killed in the middle of that.
func TestKilledInAMerge(t *testing.T) {
	if dir := os.Getenv(killFolder); dir != "" {
		addUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	r := mrand.New(mrand.NewPCG(33, 2026))
	var there []string
	for round := range killRounds {
		there = append(there, killedAdding(t, dir, r.IntN(25), time.Duration(r.IntN(4000))*time.Microsecond)...)
		x, closing, err := onDiskLibraries(t.Context(), dir)
		if err != nil {
			t.Fatalf("after kill %d: %v", round, err)
		}
		if err := x.Damage(); err != nil {
			t.Errorf("after kill %d: %v", round, err)
		}
		for more := round%2 == 0; more; {
			if more, err = x.Embed(t.Context()); err != nil {
				t.Fatalf("after kill %d: %v", round, err)
			}
		}
		if list, err := x.List(); err != nil || len(list) != 1 || list[0].Documents < len(there) || round%2 == 0 && list[0].Meanings != list[0].Passages {
			t.Fatalf("after kill %d: %+v, %v", round, list, err)
		}
		for _, word := range there {
			found, err := x.Search(t.Context(), nil, word, 3)
			found = slices.DeleteFunc(found, func(f library.Found) bool { return !f.Words })
			if err != nil || len(found) != 1 || found[0].Document.Path != "/"+word+".txt" {
				t.Fatalf("after kill %d %s, which was acknowledged, is found %d times: %v", round, word, len(found), err)
			}
		}
		if err := closing(); err != nil {
			t.Fatal(err)
		}
	}
	if len(there) < 2*killRounds {
		t.Errorf("%d documents were added in %d lives: too few to have been merged", len(there), killRounds)
	}
}

// untilKilled has a process of this program run a test in a folder, which variable
// tells it, and ends it a moment after it has said enough. It gives how it ended.
func untilKilled(t *testing.T, test, variable, dir string, moment time.Duration, enough func(line string) bool) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), variable+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if enough(lines.Text()) {
			time.AfterFunc(moment, func() { _ = cmd.Process.Kill() }) // where it is by then is for chance
		}
	}
	return cmd.Wait()
}

// killedAdding has a process add until some are acknowledged, and ends it a moment
// later. It gives all that were.
func killedAdding(t *testing.T, dir string, after int, moment time.Duration) (acknowledged []string) {
	t.Helper()
	err := untilKilled(t, "TestKilledInAMerge", killFolder, dir, moment, func(line string) bool {
		word, kept := strings.CutPrefix(line, "kept ")
		if kept {
			acknowledged = append(acknowledged, word)
		}
		return kept && len(acknowledged) == after+1
	})
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed: %v, after %d", err, len(acknowledged))
	}
	return acknowledged
}

func addUntilKilled(t *testing.T, dir string) {
	x, _, err := onDiskLibraries(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	go x.Run(t.Context())
	for {
		word := "w" + strings.ToLower(rand.Text())
		if _, err := x.Add(t.Context(), library.File{Library: "all", Path: "/" + word + ".txt", Name: word + ".txt", Data: []byte("The word is " + word + ".")}); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("kept %s\n", word)
	}
}
