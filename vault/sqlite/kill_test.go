package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"abaton.local/vault"
)

// writeUntilKilled as first argument makes the test program a writer.
const writeUntilKilled = "write-until-killed"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == writeUntilKilled {
		err := write(context.Background(), os.Args[2])
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const killSeed = 31

// write goes on with the workload where the store ends, and says the number of
// each step once it is acknowledged. It ends by an error or by force.
func write(ctx context.Context, path string) error {
	st, err := Open(ctx, path)
	if err != nil {
		return err
	}
	id := vault.ID{9}
	l, err := openLedger(ctx, st, id, mark{})
	if errors.Is(err, vault.ErrNoVault) {
		l, err = createLedger(ctx, st, id)
	}
	if err != nil {
		return err
	}
	w := newWorkload(killSeed)
	w.keep = false
	for range l.seq {
		w.next()
	}
	for {
		fmt.Printf("%d %x\n", l.seq, l.head)
		s := w.next()
		if err := l.write(ctx, s.put, s.del); err != nil {
			return err
		}
	}
}

// kills starts writers and kills each at a random moment, the moments of making
// the store included, then opens what is left.
func kills(t *testing.T, n int) {
	ctx := t.Context()
	r := rand.New(rand.NewPCG(killSeed, 3))
	var path string
	var acked mark
	created := false
	lost, broken, steps, fresh := 0, 0, 0, 0
	w := newWorkload(killSeed)
	for i := range n {
		if i%8 == 0 {
			path = filepath.Join(t.TempDir(), strconv.Itoa(i), "store.db")
			acked, created = mark{}, false
		}
		// The first of a store is killed early: it may not have made it yet.
		limit := 150 * time.Millisecond
		if i%8 < 2 {
			limit = 40 * time.Millisecond
		}
		last, err := killOne(path, time.Duration(r.Int64N(int64(limit))))
		if err != nil {
			t.Fatal(err)
		}
		if last != nil {
			steps += int(last.seq - acked.seq)
			acked, created = *last, true
		} else if !created {
			fresh++
		}
		for uint64(len(w.past)) < acked.seq+2 {
			w.next()
		}
		st, err := Open(ctx, path)
		if err != nil {
			t.Fatalf("run %d: %v", i, err)
		}
		seq, err := w.judge(ctx, st, vault.ID{9}, acked, created)
		if err = errors.Join(err, st.Check(ctx), st.Close()); err != nil {
			t.Errorf("run %d: %v", i, err)
			if errors.Is(err, errLost) {
				lost++
			} else {
				broken++
			}
		}
		if seq > acked.seq+1 {
			t.Errorf("run %d: %d steps, %d acknowledged", i, seq, acked.seq)
		}
	}
	t.Logf("%d kills, %d of them before the vault was there, %d steps acknowledged, %d lost, %d stores broken", n, fresh, steps, lost, broken)
	if fresh == 0 || steps == 0 {
		t.Error("the moments were not well chosen")
	}
}

// killOne runs a writer for that long and gives what it acknowledged last.
func killOne(path string, after time.Duration) (last *mark, err error) {
	c := exec.Command(os.Args[0], writeUntilKilled, path)
	var words strings.Builder
	c.Stderr = &words
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	timer := time.AfterFunc(after, func() { c.Process.Kill() })
	defer timer.Stop()
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			break // half a line acknowledges nothing
		}
		if err != nil {
			return nil, err
		}
		m := new(mark)
		var head []byte
		if _, err := fmt.Sscanf(line, "%d %x\n", &m.seq, &head); err != nil {
			return nil, err
		}
		m.head, last = [32]byte(head), m
	}
	if err := c.Wait(); c.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		return nil, fmt.Errorf("the writer ended by itself: %w %s", err, &words)
	}
	return last, nil
}

func TestKill(t *testing.T) { kills(t, 100) }
