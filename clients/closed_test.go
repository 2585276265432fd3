package clients

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// door is a way in.
type door int

const (
	byKey     door = iota // the key in a header, as each client sends it
	byAddress             // the key in the address
	byNone                // no key at all
)

// Where the doors are for a program that runs closed: the addresses that people
// have them at.
const (
	keyedAddress   = "127.0.0.1:8226"
	keylessAddress = "127.0.0.1:11434"
	breakerAddress = "127.0.0.1:9"
)

// brief are the checks by the other doors than the key's: behind the door all is
// the same.
var brief = []string{"chat", "chat, streamed", "generate", "messages", "messages, streamed", "responses", "embeddings", "embed, embeddings",
	"models", "list, show, ps", "heartbeat", "error: unknown model", "started and signed up"}

func (d door) tries(name string) bool { return d == byKey || slices.Contains(brief, name) }

// word is what the page calls it.
func (d door) word() string { return []string{"key", "address", "none"}[d] }

// base is the address to give to a client, without /v1.
func (d door) base() string {
	switch d {
	case byAddress:
		return "http://" + keyedAddress + "/c/" + served.token
	case byNone:
		return "http://" + keylessAddress
	}
	return "http://" + keyedAddress
}

// key is the key to give to a client. Many insist on one; where none is needed
// they are given what people write there.
func (d door) key() string {
	if d == byKey {
		return served.token
	}
	return "none"
}

// way is the Unix socket behind it.
func (d door) way() string {
	if d == byNone {
		return filepath.Join(served.work, "ways", "keyless")
	}
	return filepath.Join(served.work, "ways", "keyed")
}

// ran is how a program ended that ran closed.
type ran struct {
	out, errs string
	err       error
	sought    []string // host names that it looked for, each once
}

// closed runs a program where the server is and no network. Nothing that it
// sends can leave; whom it looks for is noted.
func closed(t *testing.T, limit time.Duration, dir string, env []string, argv ...string) ran {
	t.Helper()
	own := t.TempDir()
	p := part{Name: closedPart, Argv: argv, Names: filepath.Join(own, "names"), Resolv: filepath.Join(own, "resolv.conf"),
		Doors: map[string]string{keyedAddress: byKey.way(), keylessAddress: byNone.way(), breakerAddress: filepath.Join(served.work, "ways", "breaker")}}
	if err := os.WriteFile(p.Resolv, []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd, err := as(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		cmd.Env = append(cmd.Env, name+"=")
	}
	cmd.Env, cmd.Dir = append(append(cmd.Env, "HOME="+own), env...), dir
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS
	cmd.SysProcAttr.Setpgid = true
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(limit, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	if !late.Stop() {
		err = errors.Join(fmt.Errorf("not done within %s", limit), err)
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whom it left behind
	b, _ := os.ReadFile(p.Names)
	sought := strings.Fields(string(b))
	slices.Sort(sought)
	return ran{out.String(), errs.String(), err, slices.Compact(sought)}
}
