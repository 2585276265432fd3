package main

import (
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"abaton.local/library"
	"abaton.local/vault"
)

const removeFolder = "ABATON_KILL_REMOVAL"

// TestKilledInARemoval ends a process that removes documents, by kill -9 and again
// and again. What it said is removed is gone with every word of it, from what the
// keys open, too; what it was about to remove is whole or gone; and nothing is damaged.
func TestKilledInARemoval(t *testing.T) {
	if dir := os.Getenv(removeFolder); dir != "" {
		removeUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	r := mrand.New(mrand.NewPCG(36, 2026))
	x, closing, err := onDiskLibraries(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for range 12 * killRounds {
		word := newCanary()
		if _, err := x.Add(t.Context(), library.File{Library: "all", Path: "/" + word + ".txt", Name: word + ".txt", Data: []byte("The word is " + word + ".")}); err != nil {
			t.Fatal(err)
		}
		there[word] = true
	}
	if err := closing(); err != nil {
		t.Fatal(err)
	}
	removed, torn := 0, 0
	for round := range killRounds {
		said, about := killedRemoving(t, dir, r.IntN(8), time.Duration(r.IntN(4000))*time.Microsecond)
		x, closing, err := onDiskLibraries(t.Context(), dir)
		if err != nil {
			t.Fatalf("after kill %d: %v", round, err)
		}
		if err := x.Damage(); err != nil {
			t.Errorf("after kill %d: %v", round, err)
		}
		list, err := x.Documents(vault.ID{})
		if err != nil {
			t.Fatal(err)
		}
		left := map[string]bool{}
		for _, d := range list {
			left[strings.TrimSuffix(d.Name, ".txt")] = true
		}
		for _, word := range said {
			delete(there, word)
			removed++
		}
		if about != "" && !left[about] {
			delete(there, about) // it was done, and nobody was told
			torn++
		}
		gone := map[string]string{}
		for _, word := range append(slices.Clone(said), about) {
			if word != "" && !there[word] {
				gone[word] = "removed"
			}
		}
		for word := range there {
			found, err := x.Search(t.Context(), nil, word, 3)
			if err != nil || len(found) != 1 || !left[word] {
				t.Fatalf("after kill %d a document that nobody removed is found %d times: %v", round, len(found), err)
			}
		}
		if len(left) != len(there) {
			t.Errorf("after kill %d there are %d documents, and %d are known", round, len(left), len(there))
		}
		if err := closing(); err != nil {
			t.Fatal(err)
		}
		opened := openedRecords(t, dir)
		for what, n := range hitsIn(newSieve(gone), opened) {
			t.Errorf("after kill %d: %d hits of what was %s in what the keys open", round, n, what)
		}
		some := map[string]string{}
		for word := range there {
			some[word] = "kept"
		}
		if n := hitsIn(newSieve(some), opened)["kept"]; n < 2*len(there) {
			t.Fatalf("control: %d hits of %d documents that are kept", n, len(there))
		}
	}
	if removed < killRounds {
		t.Errorf("%d documents were removed in %d lives", removed, killRounds)
	}
	t.Logf("%d kills: %d documents removed, %d of them without a word; %d left", killRounds, removed+torn, torn, len(there))
}

// openedRecords are the payloads of all that is kept, as the keys open them.
func openedRecords(t *testing.T, dir string) (list [][]byte) {
	t.Helper()
	h, err := openBare(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	}()
	s, err := h.people.Unlock(t.Context(), vault.Attempt{Name: "ada", Way: vault.SlotPassphrase, Secret: []byte(testPassphrase)})
	if err != nil {
		t.Fatal(err)
	}
	return payloadsOf(t, s)
}

func payloadsOf(t *testing.T, s vault.Session) (list [][]byte) {
	t.Helper()
	v, err := s.Vault()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	for _, r := range v.List(0, vault.ID{}) {
		b, err := v.Read(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

// hitsIn counts what is found, by what it was.
func hitsIn(needles *sieve, list [][]byte) map[string]int {
	n := map[string]int{}
	x := &sweeper{sieve: needles}
	for i, b := range list {
		x.bytesAt(fmt.Sprint("record ", i), b)
	}
	for _, f := range x.found {
		n[f.what]++
	}
	return n
}

// killedRemoving has a process remove until some are acknowledged, and ends it a
// moment later. It gives those that were, and the one that it was at.
func killedRemoving(t *testing.T, dir string, after int, moment time.Duration) (removed []string, at string) {
	t.Helper()
	_ = untilKilled(t, "TestKilledInARemoval", removeFolder, dir, moment, func(line string) bool {
		if word, ok := strings.CutPrefix(line, "removing "); ok {
			at = word
		}
		word, ok := strings.CutPrefix(line, "removed ")
		if ok {
			removed, at = append(removed, word), ""
		}
		return ok && len(removed) == after+1
	}) // killed, or done with all that there was
	return removed, at
}

func removeUntilKilled(t *testing.T, dir string) {
	x, _, err := onDiskLibraries(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x.Documents(vault.ID{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		word := strings.TrimSuffix(filepath.Base(d.Path), ".txt")
		fmt.Printf("removing %s\n", word)
		if _, err := x.Remove(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("removed %s\n", word)
	}
}
