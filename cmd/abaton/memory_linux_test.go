package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// lockAndLook counts what is in the memory of serve while somebody is logged in
// and after `abaton lock`. Only root may look at a program that is locked down,
// so another account's run of this test finds out that it may not, and stops
// there.
//
// What came over HTTP went through the buffers of net/http, which nobody can
// wipe: these counts are published and not asserted. Keys cannot be looked for
// from outside: package vault scans for them in its own process.
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
	for _, what := range slices.Sorted(maps.Values(here)) {
		if _, ok := before[what]; !ok {
			before[what] = 0
		}
	}
	for _, what := range slices.Sorted(maps.Keys(before)) {
		s.t.Logf("memory of serve (%d MB): %s: %d copies before the lock, %d after", size>>20, what, before[what], after[what])
	}
}

// memoryOf counts what is in a process's memory, by what it is: all that a core
// image would hold, and what is marked to be left out of one.
func memoryOf(pid int, needles *sieve) (counts map[string]int, size int64, err error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, 0, err
	}
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, 0, err
	}
	defer mem.Close()
	counts = map[string]int{}
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uint64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil {
			return nil, 0, err
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
		needles.search(b[:n], func(x needle) { counts[x.what]++ })
	}
	return counts, size, nil
}
