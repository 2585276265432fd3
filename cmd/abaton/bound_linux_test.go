package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"abaton.local/audit"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// bindUntilKilled as first argument makes the test program somebody who works
// and takes away again, without an end. The folder follows.
const bindUntilKilled = "bind-until-killed"

func bindIfAsked() {
	if len(os.Args) != 3 || os.Args[1] != bindUntilKilled {
		return
	}
	err := bindOn(os.Args[2])
	fmt.Println("ended:", err)
	os.Exit(1)
}

// openBare opens a home in one folder, with nothing in front of it.
func openBare(root string, serving bool) (*home, error) {
	ctx := context.Background()
	h := &home{histories: map[vault.PersonID]*kept{}}
	data, state := filepath.Join(root, "data"), filepath.Join(root, "state")
	err := errors.Join(os.MkdirAll(data, 0o700), os.MkdirAll(state, 0o700))
	if err == nil {
		h.device, err = vault.MakeDevice(filepath.Join(root, "config", "device"), data)
	}
	if err == nil {
		h.store, err = sqlite.Open(ctx, filepath.Join(data, "store.db"))
	}
	if err == nil {
		signing, pseudonyms := h.device.AuditKeys()
		h.audit, err = audit.Open(filepath.Join(state, "audit"), audit.Keys{Seed: signing[:], Pseudonym: pseudonyms[:]}, time.Now)
	}
	if err == nil {
		h.people, err = vault.OpenDirectory(ctx, vault.Config{Store: h.store, Device: h.device, StateDir: state,
			Audit: recorder{h.audit}, Now: time.Now, Cost: vault.FloorCost(), Serving: serving})
	}
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

const boundPass = "works until the very last moment"

func bindOn(root string) error {
	ctx := context.Background()
	h, err := openBare(root, rand.IntN(2) == 0)
	if err != nil {
		return err
	}
	var s vault.Session
	if h.people.Unclaimed() {
		claim, err := h.people.Claim()
		if err != nil {
			return err
		}
		s, err = h.people.Join(ctx, vault.Newcomer{Ticket: claim.Reveal(), Name: "Ada", Passphrase: []byte(boundPass)})
		if err != nil {
			return err
		}
	} else if s, err = h.people.Unlock(ctx, vault.Attempt{Name: "Ada", Way: vault.SlotPassphrase, Secret: []byte(boundPass)}); err != nil {
		return err
	}
	fmt.Println("in")
	for n := 0; ; n++ {
		_, info, err := h.people.MakeToken(ctx, s, "editor", vault.ScopeAsk, time.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		if err := h.people.RevokeToken(ctx, s, info.ID); err != nil { // written down and bound at once
			return err
		}
		if n%3 == 0 {
			if err := h.people.Remember(); err != nil {
				return err
			}
		}
		fmt.Println(n)
	}
}

// However often it is killed, while it writes down what to remember and puts
// that on the audit log, the next start has nothing to complain of. At the end,
// as a control, the heads of an earlier moment are put back.
func TestNoKillLooksLikeARollback(t *testing.T) {
	root := t.TempDir()
	heads := filepath.Join(root, "state", "heads")
	var early []byte
	runs, in, rounds := 50, 0, 0
	for i := range runs {
		cmd := exec.CommandContext(t.Context(), os.Args[0], bindUntilKilled, root)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		said := ""
		if i%5 != 4 { // else it is killed wherever it is, while it opens too
			for range 1 + rand.IntN(4) {
				line, err := lines.ReadString('\n')
				if said += line; err != nil {
					t.Fatalf("run %d: %v %s%s", i, err, said, errs.Bytes())
				}
			}
		}
		time.Sleep(time.Duration(rand.Int64N(int64(30 * time.Millisecond)))) // the random moment
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		said += string(rest)
		_ = cmd.Wait()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || strings.Contains(said, "ended:") {
			t.Fatalf("run %d of %d: %s%s", i, runs, said, errs.Bytes())
		}
		if strings.HasPrefix(said, "in\n") {
			in++
			rounds += strings.Count(said, "\n") - 1
		}
		if i == 0 {
			if early, err = os.ReadFile(heads); err != nil {
				t.Fatal(err)
			}
		}
	}
	if in < runs*4/5 || rounds < runs/2 {
		t.Errorf("%d of %d runs came in, and did %d rounds: too few to say anything", in, runs, rounds)
	}
	h, err := openBare(root, false)
	if err != nil {
		t.Fatalf("after the last kill: %v", err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(heads, early, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openBare(root, false); !errors.Is(err, vault.ErrRolledBack) {
		t.Errorf("the heads of an earlier moment: %v", err)
	}
	t.Logf("%d kills, %d of them while %d rounds were done", runs, in, rounds)
}
