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

// write goes on with the person's steps where the store ends, and says each
// head once it is acknowledged. It ends by an error or by force.
func write(ctx context.Context, path string) error {
	st, err := Open(ctx, path)
	if err != nil {
		return err
	}
	p := newPerson(killSeed)
	v, err := p.open(ctx, st)
	if errors.Is(err, vault.ErrNoVault) {
		v, err = p.create(ctx, st)
	}
	if err != nil {
		return err
	}
	count, _ := counter()
	b, err := v.Read(ctx, count)
	if err != nil && !errors.Is(err, vault.ErrNoRecord) {
		return err
	}
	for string(b) != strconv.Itoa(p.steps) && len(b) > 0 {
		p.next()
	}
	for {
		h := v.Head()
		fmt.Printf("%d %d %x\n", p.steps, h.Seq, h.Sum[:])
		if err := v.Write(ctx, p.next()); err != nil {
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
	p := newPerson(killSeed)
	steps, fresh := 0, 0
	for i := range n {
		if i%8 == 0 {
			path = filepath.Join(t.TempDir(), strconv.Itoa(i), "store.db")
			p.acked, p.created, p.head = 0, false, vault.Head{}
		}
		// The first of a store is killed early: it may not have made it yet.
		limit := 150 * time.Millisecond
		if i%8 < 2 {
			limit = 40 * time.Millisecond
		}
		before := p.acked
		if err := p.killed(path, time.Duration(r.Int64N(int64(limit)))); err != nil {
			t.Fatal(err)
		}
		steps += p.acked - before
		if !p.created {
			fresh++
		}
		for p.steps <= p.acked {
			p.next()
		}
		st, err := Open(ctx, path)
		if err != nil {
			t.Fatalf("run %d: %v", i, err)
		}
		found, err := p.judge(ctx, st)
		if err = errors.Join(err, st.Check(ctx), st.Close()); err != nil {
			t.Errorf("run %d: %v", i, err)
		}
		if found > p.acked+1 {
			t.Errorf("run %d: %d steps, %d acknowledged", i, found, p.acked)
		}
	}
	t.Logf("%d kills, %d of them before the vault was there, %d steps acknowledged", n, fresh, steps)
	if fresh == 0 || steps == 0 {
		t.Error("the moments were not well chosen")
	}
}

// killed runs a writer for that long and remembers what it acknowledged.
func (p *person) killed(path string, after time.Duration) error {
	c := exec.Command(os.Args[0], writeUntilKilled, path)
	var words strings.Builder
	c.Stderr = &words
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
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
			return err
		}
		var sum []byte
		if _, err := fmt.Sscanf(line, "%d %d %x\n", &p.acked, &p.head.Seq, &sum); err != nil {
			return err
		}
		p.created = true
		copy(p.head.Sum[:], sum)
	}
	if err := c.Wait(); c.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		return fmt.Errorf("the writer ended by itself: %w %s", err, &words)
	}
	return nil
}

func TestKill(t *testing.T) { kills(t, 100) }
