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

// writeUntilKilled as first argument makes the test program a writer; the path
// of the store follows, and how it speaks.
const (
	writeUntilKilled = "write-until-killed"
	honest           = "honest"
	boasting         = "boasting" // acknowledges before it writes
)

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == writeUntilKilled {
		err := write(context.Background(), os.Args[2], os.Args[3] == boasting)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const killSeed = 31

func killedPerson() *person {
	p := newPerson(killSeed)
	p.large = 40
	return p
}

// write goes on with the person's steps where the store ends, and says each
// head once it is acknowledged. It ends by an error or by force.
func write(ctx context.Context, path string, boasts bool) error {
	st, err := Open(ctx, path)
	if err != nil {
		return err
	}
	p := killedPerson()
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
		e, h := p.next(), v.Head()
		written := p.steps - 1
		if boasts {
			written++
		}
		fmt.Printf("%d %d %x\n", written, h.Seq, h.Sum[:])
		if err := v.Write(ctx, e); err != nil {
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
	p := killedPerson()
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
		if err := p.killed(path, honest, time.Duration(r.Int64N(int64(limit)))); err != nil {
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
func (p *person) killed(path, how string, after time.Duration) error {
	c := exec.Command(os.Args[0], writeUntilKilled, path, how)
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

// TestKillSees is the control: a writer that acknowledges before it writes is
// found out.
func TestKillSees(t *testing.T) {
	r := rand.New(rand.NewPCG(killSeed, 6))
	for i := range 200 {
		p := killedPerson()
		path := filepath.Join(t.TempDir(), strconv.Itoa(i), "store.db")
		if err := p.killed(path, boasting, 50*time.Millisecond+time.Duration(r.Int64N(int64(50*time.Millisecond)))); err != nil {
			t.Fatal(err)
		}
		for p.steps <= p.acked {
			p.next()
		}
		_, err := p.judge(t.Context(), openAt(t, path))
		if errors.Is(err, errLost) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("nothing acknowledged too early was seen to be lost")
}
