package engine

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// When the program is killed in the middle of an answer nothing of it stays: no
// engine, no link, no file. As this account, and as root also as an ordinary one.
func TestKilledParent(t *testing.T) {
	accounts := []*syscall.Credential{nil}
	if os.Geteuid() == 0 {
		accounts = append(accounts, &syscall.Credential{Uid: 65534, Gid: 65534})
	}
	for i, account := range accounts {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			dir, err := os.MkdirTemp("", "alone")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			work := filepath.Join(dir, "work")
			if err := os.Mkdir(work, 0o700); err != nil {
				t.Fatal(err)
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			program, server := copyTo(t, self, dir), copyTo(t, pack.Server, dir)
			if account != nil {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Chown(work, int(account.Uid), int(account.Gid)); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(program, aloneVerb, server)
			cmd.Dir, cmd.Stderr, cmd.Env = work, t.Output(), []string{"TMPDIR=" + work}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				t.Fatal(err)
			}
			number, tier, _ := strings.Cut(strings.TrimSpace(line), " ")
			t.Log(tier)
			pid, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			engine, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(engine)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			fds := []unix.PollFd{{Fd: int32(engine), Events: unix.POLLIN}}
			if n, err := unix.Poll(fds, int(time.Minute.Milliseconds())); n != 1 || err != nil {
				t.Errorf("the engine outlives its parent: %d %v", n, err)
			}
			left, err := os.ReadDir(work)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range left {
				if name := f.Name(); name != "models" && name != "tiny.gguf" && !(strings.HasPrefix(name, "jail-") && strings.HasPrefix(tier, "tier B")) {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
}

func copyTo(t *testing.T, path, dir string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}
