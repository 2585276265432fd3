package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// terminal FILE COMMAND...: runs a command on a terminal of its own and follows
// the file, line by line:
//
//	size COLUMNS ROWS     before the start
//	see REGEXP            wait until what came since the last see matches
//	type "TEXT"           a quoted Go string; \x03 is Ctrl-C, {} is what the last see matched
//	pause                 wait until nothing has come for a while
//	exit CODE             the command ends with this exit code
//	kill                  the command is killed
//	fetched, unfetched    the pull that another one waits for ends, see wanting
//	meanwhile COMMAND...  another command, which ends well
//
// Everything that came is in terminal.out.
func terminal(ts *testscript.TestScript, _ bool, args []string) {
	steps := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	master, slave := openTerminal(ts)
	defer master.Close()
	if fields := strings.Fields(steps[0]); fields[0] == "size" {
		cols, _ := strconv.Atoi(fields[1])
		rows, _ := strconv.Atoi(fields[2])
		ts.Check(unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(cols)}))
		steps = steps[1:]
	}
	cmd := exec.Command(lookPath(ts, args[1]), args[2:]...)
	cmd.Env = append(storyEnv(ts), "TERM="+orElse(ts.Getenv("TERM"), "xterm"))
	cmd.Dir = ts.MkAbs(".")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	ts.Check(cmd.Start())
	slave.Close()
	came := make(chan []byte)
	go func() {
		defer close(came)
		for {
			buf := make([]byte, 4096)
			n, err := master.Read(buf)
			if n > 0 {
				came <- buf[:n]
			}
			if err != nil {
				return // EIO: the last process on the terminal is gone
			}
		}
	}()
	t := talk{ts: ts, master: master, came: came}
	defer func() {
		_ = cmd.Process.Kill()
		for range came {
		}
		_ = cmd.Wait()
		ts.Check(os.WriteFile(ts.MkAbs("terminal.out"), []byte(t.all.String()), 0o600))
	}()
	for _, step := range steps {
		word, arg, _ := strings.Cut(strings.TrimSpace(step), " ")
		switch word {
		case "", "#":
		case "see":
			t.see(regexp.MustCompile(arg))
		case "type":
			text, err := strconv.Unquote(arg)
			ts.Check(err)
			_, err = master.WriteString(strings.ReplaceAll(text, "{}", t.seen))
			ts.Check(err)
		case "pause":
			t.pause()
		case "meanwhile":
			words := strings.Fields(arg)
			ts.Check(ts.Exec(words[0], words[1:]...))
		case "fetched":
			pull := ts.Value(servedKey{}).(*current).pull
			whole, err := filepath.Glob(filepath.Join(ts.Getenv("CHECK_ENGINES"), "[^.]*"))
			ts.Check(err)
			ts.Check(ts.Exec("cp", append([]string{"-al", "-t", filepath.Dir(pull.Name())}, whole...)...))
			pull.Close()
		case "unfetched":
			ts.Value(servedKey{}).(*current).pull.Close()
		case "kill":
			ts.Check(cmd.Process.Kill())
			t.drain()
		case "exit":
			t.drain()
			code := 0
			if e, ok := errors.AsType[*exec.ExitError](cmd.Wait()); ok {
				code = e.ExitCode()
			}
			if strconv.Itoa(code) != arg {
				ts.Fatalf("exit code %d, want %s; it said:\n%s", code, arg, t.all.String())
			}
		default:
			ts.Fatalf("unknown step %q", step)
		}
	}
}

// talk is what was said on a terminal.
type talk struct {
	ts     *testscript.TestScript
	master *os.File
	came   <-chan []byte
	all    strings.Builder
	fresh  string // since the last see
	seen   string // by the last see
}

// longestTalk bounds each wait; a model on a busy machine may take its time.
const longestTalk = 60 * time.Second

func (t *talk) see(want *regexp.Regexp) {
	limit := time.After(longestTalk)
	for {
		if at := want.FindStringIndex(t.fresh); at != nil {
			t.seen, t.fresh = t.fresh[at[0]:at[1]], t.fresh[at[1]:]
			return
		}
		select {
		case b, ok := <-t.came:
			if !ok {
				t.ts.Fatalf("it ended before %q came; it said:\n%q", want, t.all.String())
			}
			t.all.Write(b)
			t.fresh += string(b)
		case <-limit:
			t.ts.Fatalf("%q did not come; it said:\n%q", want, t.all.String())
		}
	}
}

func (t *talk) pause() {
	for {
		select {
		case b, ok := <-t.came:
			if !ok {
				return
			}
			t.all.Write(b)
			t.fresh += string(b)
		case <-time.After(300 * time.Millisecond):
			return
		}
	}
}

func (t *talk) drain() {
	limit := time.After(longestTalk)
	for {
		select {
		case b, ok := <-t.came:
			if !ok {
				return
			}
			t.all.Write(b)
		case <-limit:
			t.ts.Fatalf("it did not end; it said:\n%q", t.all.String())
		}
	}
}

// openTerminal makes a pseudoterminal (pty(7)).
func openTerminal(ts *testscript.TestScript) (master, slave *os.File) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	ts.Check(err)
	ts.Check(unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	ts.Check(err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	ts.Check(err)
	return master, slave
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
