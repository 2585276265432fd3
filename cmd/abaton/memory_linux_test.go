package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"abaton.local/chat/history"
	"abaton.local/vault"
)

// lockAndLook counts what is in the memory of serve while somebody is logged in
// and after `abaton lock`. Only root may look at a program that is locked down,
// so another account's run of this test finds out that it may not, and stops
// there.
//
// What came over HTTP went through the buffers of net/http, which nobody can
// wipe: these counts are published and not asserted. Keys are looked for by
// TestServedMemoryHoldsNoKeysAfterLocking.
func (s *swept) lockAndLook(d *door) {
	s.t.Helper()
	p := s.people[4]
	here := map[string]string{p.passphrase: "passphrase", s.dirs.Socket()[:canarySize]: "sentinel"}
	if _, errs, code := s.run(p.passphrase, "login", "--person", p.name); code != 0 {
		s.t.Fatalf("login: %d: %s", code, errs)
	}
	session := d.login(p.name, p.passphrase)
	s.note("session", session, len("abs_"))
	here[session[len("abs_"):][:canarySize]] = "session"
	for _, c := range p.conversations {
		for _, word := range c.turns {
			here[word] = "kept turn"
		}
		here[c.instruction] = "kept instruction"
	}
	asked := s.put("question over HTTP")
	here[asked] = "question over HTTP"
	d.ask("POST", "/v1/chat/completions", session, asJSON(map[string]any{"max_tokens": 4, "messages": []map[string]string{{"role": "user", "content": asked}}}))
	// All that they kept passes through the server's memory once.
	for call, in := range map[string]string{"history/export": `{"format":"json","ids":[]}`, "history/search": asJSON(searchIn{Query: p.conversations[0].turns[0], Most: 3})} {
		if code, b := d.ask("POST", doPath+call, session, in); code != 200 || !strings.Contains(string(b), p.conversations[0].turns[0]) {
			s.t.Errorf("%s: status %d", call, code)
		}
	}
	needles := newSieve(here)
	before, size, err := memoryOf(d.pid, needles)
	if os.Getuid() != 0 {
		if err == nil {
			s.t.Error("the memory of a program that is locked down can be read by its own account")
		}
		return
	}
	s.must(err)
	if before["sentinel"] == 0 {
		s.t.Errorf("control: what is in memory for certain was not found in %d MB", size>>20)
	}
	if _, errs, code := s.run("", "lock", "--all"); code != 0 {
		s.t.Fatalf("lock: %d: %s", code, errs)
	}
	after, _, err := memoryOf(d.pid, needles)
	s.must(err)
	for range 2 { // each stretching of a passphrase collects garbage
		d.login(s.people[5].name, s.people[5].passphrase)
	}
	later, _, err := memoryOf(d.pid, needles)
	s.must(err)
	for _, what := range slices.Compact(slices.Sorted(maps.Values(here))) {
		s.t.Logf("memory of serve (%d MB): %s: %d copies before the lock, %d after it, %d after two logins of somebody else",
			size>>20, what, before[what], after[what], later[what])
	}
}

// memoryOf counts what is in a process's memory, by what it is.
func memoryOf(pid int, needles *sieve) (counts map[string]int, size int64, err error) {
	counts = map[string]int{}
	size, err = eachPage(pid, func(b []byte) { needles.search(b, func(x needle) { counts[x.what]++ }) })
	return counts, size, err
}

// eachPage shows a process's memory, mapping by mapping: all that a core image
// would hold, and what is marked to be left out of one.
func eachPage(pid int, look func([]byte)) (size int64, err error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return 0, err
	}
	defer mem.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uint64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil {
			return 0, err
		}
		if rights[0] != 'r' || strings.Contains(lines.Text(), "[v") { // the kernel's own pages
			continue
		}
		b := make([]byte, to-from)
		n, err := mem.ReadAt(b, int64(from))
		if err != nil && !errors.Is(err, io.EOF) && n == 0 {
			continue // secret memory (memfd_secret) is closed to root too
		}
		size += int64(n)
		look(b[:n])
	}
	return size, nil
}

// What a lock lets go of can be collected: neither the vault nor the
// conversations over it are held by anything else.
func TestLockedVaultIsCollected(t *testing.T) {
	o := newHouse(t).enter(time.Now)
	defer o.leave()
	rooms := &home{store: o.store, device: o.device, audit: o.log, people: o.people, histories: map[vault.PersonID]*kept{}}
	s, _ := o.join(vault.Session{}, vault.RoleOwner, "ada", "correct horse battery staple")
	conversations, opened := func() (weak.Pointer[history.History], weak.Pointer[vault.Vault]) {
		x, err := rooms.history(t.Context(), s)
		o.h.must(err)
		_, err = x.New(t.Context(), history.Start{}, history.Turn{Role: history.User, Text: "Hello"})
		o.h.must(err)
		v, err := s.Vault()
		o.h.must(err)
		return weak.Make(x), weak.Make(v)
	}()
	collected := func() (bool, bool) {
		runtime.GC()
		runtime.GC()
		return conversations.Value() == nil, opened.Value() == nil
	}
	if a, b := collected(); a || b {
		t.Error("control: what is open was collected")
	}
	s.End()
	rooms.forget(s.Person) // as the vault tells it to
	if a, b := collected(); !a || !b {
		t.Errorf("after the lock: conversations let go of: %t, vault: %t", a, b)
	}
}
