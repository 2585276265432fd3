package twins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// cluster is a PostgreSQL of its own for the tests: in a temporary folder, on a
// Unix socket in it, reached by nobody else.
type cluster struct {
	dir string
	n   atomic.Int64 // databases made
}

// serverFolder is where Debian and its like put PostgreSQL 15.
const serverFolder = "/usr/lib/postgresql/15/bin"

// program is a program of PostgreSQL 15, wherever it is.
func program(name string) (string, error) {
	path := filepath.Join(serverFolder, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath(name); err == nil {
		out, err := exec.Command(path, "--version").Output()
		if err == nil && strings.Contains(string(out), " 15.") {
			return path, nil
		}
	}
	return "", errors.New("PostgreSQL 15 is not installed: sudo apt-get install postgresql-15")
}

// startCluster starts a server. stop ends it and removes its folder; when the
// tests die first, the end of their pipe ends it.
func startCluster(ctx context.Context) (c *cluster, stop func(), err error) {
	initdb, err := program("initdb")
	if err != nil {
		return nil, nil, err
	}
	server, err := program("postgres")
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "twins")
	if err != nil {
		return nil, nil, err
	}
	c = &cluster{dir: dir}
	remove := func() { os.RemoveAll(dir) }
	as, err := account(dir)
	if err != nil {
		remove()
		return nil, nil, err
	}
	data := filepath.Join(dir, "data")
	setup := exec.CommandContext(ctx, initdb, "-D", data, "-U", "abaton", "-A", "trust", "--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions")
	setup.SysProcAttr, setup.Dir = as, dir
	if out, err := setup.CombinedOutput(); err != nil {
		remove()
		return nil, nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	const script = `"$0" "$@" & server=$!; read end; kill -INT $server; wait $server`
	run := exec.Command("sh", "-c", script, server, "-D", data, "-k", dir, "-c", "listen_addresses=")
	run.SysProcAttr, run.Dir = as, dir
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		remove()
		return nil, nil, err
	}
	defer log.Close()
	run.Stdout, run.Stderr = log, log
	pipe, err := run.StdinPipe()
	if err == nil {
		err = run.Start()
	}
	if err != nil {
		remove()
		return nil, nil, err
	}
	stop = func() {
		pipe.Close()
		run.Wait()
		remove()
	}
	if err := c.await(ctx); err != nil {
		said, _ := os.ReadFile(log.Name())
		stop()
		return nil, nil, fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, said)
	}
	return c, stop, nil
}

// account gives the folder to the account that the server runs under: PostgreSQL
// refuses to run as root.
func account(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var u *user.User
	var err error
	for _, name := range []string{"postgres", "nobody"} {
		if u, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2, os.Chown(dir, uid, gid)); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

func (c *cluster) at(database string) string {
	return fmt.Sprintf("host=%s user=abaton dbname=%s", c.dir, database)
}

// await connects as soon as the server lets it.
func (c *cluster) await(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, c.at("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if ctx.Err() != nil {
			return err
		}
	}
}

// store gives an empty database of its own.
func (c *cluster) store(t *testing.T) *Postgres {
	t.Helper()
	name := fmt.Sprintf("test%d", c.n.Add(1))
	conn, err := pgx.Connect(t.Context(), c.at("postgres"))
	if err == nil {
		_, err = conn.Exec(t.Context(), "CREATE DATABASE "+name)
		err = errors.Join(err, conn.Close(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := OpenPostgres(t.Context(), c.at(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}
