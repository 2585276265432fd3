package audit

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// childFolder tells this test program to be the one that is killed.
const childFolder = "AUDIT_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		if err := recordForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// recordForEver records numbers, and writes each to standard output when it was
// acknowledged.
func recordForEver(dir string) error {
	l, err := Open(dir, testKeys(), time.Now)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	next := uint32(l.tree.size)
	failed := make(chan error)
	for range 4 {
		go func() {
			for {
				mu.Lock()
				next++
				n := next
				mu.Unlock()
				if err := l.Record(Event{What: PolicyHit, Detail: n % 60000}); err != nil {
					failed <- err
					return
				}
				fmt.Println(n % 60000)
			}
		}()
	}
	return <-failed
}

// kills kills the writer count times, at random moments, its first ones
// included, and finds every acknowledged record each time.
func kills(t *testing.T, count int) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(9, 9))
	seen := int64(0) // records known to be there
	acknowledged := 0
	for k := range count {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childFolder+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		want := map[uint32]bool{}
		stop := rng.IntN(60)
		if k%10 == 0 { // while it opens
			stop = -1
			time.AfterFunc(time.Duration(rng.IntN(15))*time.Millisecond, func() { child.Process.Kill() })
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n, err := strconv.ParseUint(lines.Text(), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			if want[uint32(n)] = true; len(want) == stop+1 {
				child.Process.Kill()
			}
		}
		if err := child.Wait(); err == nil || child.ProcessState.Exited() {
			t.Fatalf("kill %d: the child ended by itself: %v", k, err)
		}
		acknowledged += len(want)
		there := int64(0)
		for r, err := range Records(os.DirFS(dir), seen) {
			if err != nil {
				break // the torn end; Open decides
			}
			there = r.Index + 1
			delete(want, r.Detail)
		}
		if len(want) > 0 {
			t.Fatalf("kill %d: %d acknowledged records are lost", k, len(want))
		}
		seen = max(seen, there-8) // an unacknowledged end may be cut
	}
	l := openLog(t, dir, time.Now)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := verifyDir(dir, Check{Key: testVkey()})
	if err != nil || r.Records < int64(acknowledged) {
		t.Fatalf("%+v, %v", r, err)
	}
	t.Logf("%d kills, %d records acknowledged, %d there", count, acknowledged, r.Records)
}

func TestKilledAtAnyMoment(t *testing.T) { kills(t, 100) }
