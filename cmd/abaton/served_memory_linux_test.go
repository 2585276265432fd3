package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"abaton.local/chat/history"
	"abaton.local/vault"
)

// openSlots derives, from docs/formats/slots.md and with no code of ours, the
// keys that a passphrase and a recovery code come to: what to look for in the
// memory of a program that has no hooks for tests.
func openSlots(t *testing.T, set, device []byte, passphrase, recovery string) map[string][]byte {
	t.Helper()
	expand := func(key []byte, info string, n int) []byte {
		b, err := hkdf.Expand(sha256.New, key, info, n)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	id, generation, n, rest := set[1:17], binary.BigEndian.Uint32(set[25:]), set[29], set[30:]
	found := map[string][]byte{}
	for range n {
		kind, slot, since := rest[0], rest[1:17], binary.BigEndian.Uint64(rest[17:])
		field := func(b []byte) ([]byte, []byte) { n := binary.BigEndian.Uint16(b); return b[2 : 2+n], b[2+n:] }
		params, after := field(rest[25:])
		var sealed, secret, salt []byte
		sealed, rest = field(after)
		mixed, name := "\x00", "key of the recovery code's slot"
		switch kind {
		case 1:
			mixed, salt, name = "\x01", device, "key of the passphrase's slot"
			secret = argon2.IDKey([]byte(passphrase), params[10:26], binary.BigEndian.Uint32(params[5:]), binary.BigEndian.Uint32(params[1:]), params[9], 32)
			found["stretched passphrase"] = secret
		case 4:
			for group := range strings.SplitSeq(recovery, "-") {
				secret = append(secret, group[:4]...)
			}
		default:
			continue
		}
		prk, err := hkdf.Extract(sha256.New, secret, salt)
		if err != nil {
			t.Fatal(err)
		}
		kek := expand(prk, "abaton.local/vault/kek/v1\x00"+mixed+string(kind)+string(id)+string(slot), 32)
		found[name] = kek
		place := slices.Concat(id, slot, []byte{0x40 + kind}, binary.BigEndian.AppendUint64(nil, since), binary.BigEndian.AppendUint32(nil, generation))
		once := expand(kek, "abaton.local/vault/record/v1\x00\x01"+string(sealed[13:37])+string(place), 76)
		block, err := aes.NewCipher(once[:32])
		if err != nil {
			t.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		padded, err := gcm.Open(nil, once[32:44], sealed[69:], nil)
		if err != nil {
			t.Fatalf("a slot of kind %d: %v", kind, err)
		}
		root := padded[4 : 4+binary.BigEndian.Uint32(padded)]
		if other := found["root key"]; other != nil && !bytes.Equal(other, root) {
			t.Fatal("two slots give two root keys")
		}
		found["root key"] = root
	}
	return found
}

// countIn counts each secret in the memory of a running process, and the words.
func countIn(t *testing.T, pid int, secrets map[string][]byte, words [][]byte) (counts map[string]int, size int64) {
	t.Helper()
	counts = map[string]int{}
	size, err := eachPage(pid, func(b []byte) {
		for name, secret := range secrets {
			counts[name] += bytes.Count(b, secret)
		}
		for _, w := range words {
			counts["words"] += bytes.Count(b, w)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return counts, size
}

// The built server, in its own account, seen by root from outside: while
// somebody is logged in their root key is found in its memory, which shows that
// the search sees; after `abaton lock` no copy is left of it, nor of a key that
// opens a slot. The words that it handled are counted and published.
//
// Another account's run of this test finds that it may not look.
func TestServedMemoryHoldsNoKeysAfterLocking(t *testing.T) {
	h := newHouse(t)
	passphrase := newCanary()
	o := h.enter(time.Now)
	s, _ := o.join(vault.Session{}, vault.RoleOwner, "ada", passphrase)
	code, err := o.people.NewRecovery(s)
	h.must(err)
	recovery := string(code.Reveal())
	h.must(o.people.ConfirmRecovery(t.Context(), s, code.Reveal()))
	x := o.history(s)
	var words [][]byte
	for range 60 {
		word := newCanary()
		words = append(words, []byte(word))
		_, err := x.New(t.Context(), history.Start{}, history.Turn{Role: history.User, Text: "So it is: " + word}, history.Turn{Role: history.Assistant, Text: "Yes."})
		h.must(err)
	}
	h.must(x.Close(t.Context()))
	id, err := vault.ParseID(string(s.Person))
	h.must(err)
	shell, err := o.store.Shell(t.Context(), id)
	h.must(err)
	device, err := os.ReadFile(h.dirs.Device())
	h.must(err)
	s.End()
	o.leave()
	secrets := openSlots(t, shell.Slots, device, passphrase, recovery)
	if len(secrets) != 4 {
		t.Fatalf("%d secrets to look for", len(secrets))
	}
	secrets["passphrase"] = []byte(passphrase)

	d := h.serve()
	defer d.end(syscall.SIGTERM)
	if _, errs, code := h.run(passphrase, "login", "--person", "ada"); code != 0 {
		t.Fatalf("login: %d: %s", code, errs)
	}
	session := d.login("ada", passphrase)
	for call, in := range map[string]string{"history/export": `{"format":"json","ids":[]}`, "history/search": asJSON(searchIn{Query: string(words[0]), Most: 3})} {
		if code, b := d.ask("POST", doPath+call, session, in); code != 200 || !bytes.Contains(b, words[0]) {
			t.Errorf("%s: status %d", call, code)
		}
	}
	if os.Getuid() != 0 {
		if _, err := eachPage(d.pid, func([]byte) {}); err == nil {
			t.Error("the memory of a program that is locked down can be read by its own account")
		}
		return
	}
	before, _ := countIn(t, d.pid, secrets, words)
	if before["root key"] < 1 || before["words"] < len(words) {
		t.Fatalf("control: unlocked, and not found: %v", before)
	}
	if _, errs, code := h.run("", "lock", "--all"); code != 0 {
		t.Fatalf("lock: %d: %s", code, errs)
	}
	after, size := countIn(t, d.pid, secrets, words)
	t.Logf("%d MB. Unlocked: %v. Locked: %v", size>>20, before, after)
	for name, n := range after {
		if n > 0 && name != "words" && name != "passphrase" { // those came over HTTP
			t.Errorf("%d copies of the %s are left", n, name)
		}
	}
}

// coresBelow lists what may be core images.
func (h *house) coresBelow() (found []string) {
	h.must(filepath.WalkDir(h.root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.Contains(e.Name(), "core") {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// The kernel writes no core image of a server that holds an open vault,
// whatever kills it and however large a core image may be: its own word, in the
// status that the server ends with, whether the image would be a file or go to
// a handler. A shell of the same account in the same folder leaves one.
func TestKernelLeavesNoCoreOfAServer(t *testing.T) {
	h := newHouse(t)
	h.direct = true // root's start drops the variable that makes the Go runtime die of signals
	o := h.enter(time.Now)
	s, _ := o.join(vault.Session{}, vault.RoleOwner, "ada", "correct horse battery staple")
	s.End()
	o.leave()
	known := h.coresBelow()
	for _, sig := range []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGQUIT, syscall.SIGSYS} {
		d := h.serve()
		d.login("ada", "correct horse battery staple")
		d.end(sig)
		status, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || !status.Signaled() { // with GOTRACEBACK=crash the Go runtime dies of a signal, as a C program would
			t.Errorf("%v: it ended otherwise: %v", sig, d.cmd.ProcessState)
		}
		if status.CoreDump() {
			t.Errorf("%v: the kernel wrote a core image", sig)
		}
		if got := h.coresBelow(); !slices.Equal(got, known) {
			t.Errorf("%v: left %v", sig, got)
		}
	}
	control := exec.CommandContext(t.Context(), "/bin/sh", "-c", "ulimit -c unlimited; kill -ABRT $$")
	control.Dir = h.dirs.Runtime
	if os.Getuid() == 0 {
		control.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(h.uid), Gid: uint32(h.gid)}}
	}
	err := control.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || !exit.Sys().(syscall.WaitStatus).CoreDump() {
		t.Errorf("control: a shell that may leave a core image left none, so this machine shows nothing (`ulimit -Hc`, kernel.core_pattern): %v", err)
	}
}
