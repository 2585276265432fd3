package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"abaton.local/internal/ggufgen"
)

func TestMain(m *testing.M) {
	becomeChildIfAsked()
	bindIfAsked()
	testscript.Main(m, map[string]func(){"abaton": main, "http": httpMain})
}

// storyRoot is a folder that the program can reach whatever account it becomes.
// Its name is short, for a Unix socket's path has to fit into 107 bytes.
func storyRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestStories runs the built program as a person would, each story with folders
// of its own. `make check` prepares the engine and the model for them.
func TestStories(t *testing.T) {
	root := storyRoot(t)
	home := preparedHome(t, root)
	testscript.Run(t, storyParams(t, "testdata", root, home))
}

// storyParams are those of the stories in a folder.
func storyParams(t *testing.T, dir, root, home string) testscript.Params {
	t.Helper()
	// The folder of the commands is testscript's and closed; the account that the
	// program becomes must get at them.
	commands, _, _ := strings.Cut(os.Getenv("PATH"), string(filepath.ListSeparator))
	if err := os.Chmod(filepath.Dir(commands), 0o755); err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Dir:                 dir,
		WorkdirRoot:         root,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			if err := os.Chmod(env.WorkDir, 0o755); err != nil {
				return err
			}
			env.Values[servedKey{}] = &current{}
			env.Setenv("HOME", env.WorkDir)
			for _, d := range []string{"CONFIG", "DATA", "STATE", "CACHE", "RUNTIME"} {
				env.Setenv("ABATON_"+d+"_DIR", filepath.Join(env.WorkDir, "its", strings.ToLower(d)))
			}
			env.Setenv("CHECK_MODELS", filepath.Join(home, "models"))
			env.Setenv("CHECK_ENGINES", filepath.Join(home, "engines"))
			env.Setenv("CHECK_MINILM", preparedMiniLM(home))
			env.Setenv("ABATON_TEMPERATURE", "0") // the same answer each time
			env.Setenv("ABATON_THREADS", "1")     // stories run side by side, and threads that wait spin
			env.Setenv("PATH", os.Getenv("PATH"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "tiny-model": tinyModel, "stocked": stocked, "wanting": wanting,
			"serving": serving, "ends": ends, "terminal": terminal, "json": jsonHas, "tiny-eye": tinyEye, "pictures": pictures, "built": built, "proxied": proxied, "scan": scan,
		},
	}
}

// TestStoriesAsOrdinaryAccount runs them all again as nobody in particular.
func TestStoriesAsOrdinaryAccount(t *testing.T) {
	if os.Getuid() != 0 {
		return // TestStories was it
	}
	root := storyRoot(t)
	copied := filepath.Join(root, "stories.test")
	copyFile(t, "/proc/self/exe", copied, 0o755)
	program := filepath.Join(root, "abaton")
	copyFile(t, os.Getenv("ABATON_BIN"), program, 0o755)
	account := &syscall.Credential{Uid: 65534, Gid: 65534}
	home := copyHome(t, root, 65534, 65534)
	copyMiniLM(t, home, 65534, 65534)
	temp := filepath.Join(root, "t")
	if err := errors.Join(os.Mkdir(temp, 0o755), os.Chown(temp, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testdata := filepath.Join(root, "testdata")
	if err := errors.Join(os.Mkdir(testdata, 0o755), os.CopyFS(testdata, os.DirFS(filepath.Join(wd, "testdata")))); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), copied, "-test.run", "^TestStories$", "-test.v=false")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "HOME="+temp, "ABATON_CHECK_HOME="+home, "ABATON_BIN="+program, "ABATON_USER=abaton")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// preparedHome is a folder with engines/ and models/ that the program may use:
// as root a copy for the account that it becomes.
func preparedHome(t *testing.T, root string) string {
	t.Helper()
	home := os.Getenv("ABATON_CHECK_HOME")
	if home == "" {
		t.Fatal("run `make check`, which prepares the engine and the model")
	}
	if os.Getuid() != 0 {
		return home
	}
	u, err := user.Lookup("abaton")
	if err != nil {
		t.Fatalf("%v: run `make check`, which makes the account", err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	to := copyHome(t, root, uid, gid)
	copyMiniLM(t, to, uid, gid)
	return to
}

// preparedMiniLM is the file of the embedding model of the tests.
func preparedMiniLM(home string) string {
	if copied := filepath.Join(home, "minilm.gguf"); exists(copied) {
		return copied
	}
	return filepath.Join(os.Getenv("ABATON_CHECK_CACHE"), "minilm", "minilm.gguf")
}

func copyMiniLM(t *testing.T, home string, uid, gid int) {
	t.Helper()
	to := filepath.Join(home, "minilm.gguf")
	copyFile(t, preparedMiniLM(os.Getenv("ABATON_CHECK_HOME")), to, 0o600)
	if err := os.Lchown(to, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func copyHome(t *testing.T, root string, uid, gid int) string {
	t.Helper()
	home := os.Getenv("ABATON_CHECK_HOME")
	if home == "" {
		t.Fatal("run `make check`, which prepares the engine and the model")
	}
	to := filepath.Join(root, "home")
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", filepath.Join(home, "engines"), filepath.Join(home, "models"), to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	err := filepath.WalkDir(to, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, mode); err != nil {
		t.Fatal(err)
	}
}

// exits CODE[|CODE] COMMAND...: the command ends with one of these exit codes.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = e.ExitCode()
	}
	if !slices.Contains(strings.Split(args[0], "|"), strconv.Itoa(code)) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// tiny-model FILE SEED: writes a sound model of a few kilobytes.
func tinyModel(ts *testscript.TestScript, _ bool, args []string) {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	b := ggufgen.TinyLlama(seed).Bytes()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

// stocked: the prepared engine and model are on this story's shelf.
func stocked(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.Getenv("ABATON_CONFIG_DIR")
	ts.Check(os.MkdirAll(dir, 0o755))
	text := fmt.Sprintf("[folders]\nmodels = %q\nengines = %q\n", ts.Getenv("CHECK_MODELS"), ts.Getenv("CHECK_ENGINES"))
	ts.Check(os.WriteFile(filepath.Join(dir, "abaton.toml"), []byte(strings.Join(args, "\n")+"\n"+text), 0o644))
}

// wanting: the prepared model is here and the engine is not. A pull of it waits
// for another one, which is this test: the steps of a terminal end that, with
// the engine in its place (fetched) or without (unfetched).
func wanting(ts *testscript.TestScript, _ bool, args []string) {
	stocked(ts, false, args)
	owner := syscall.Stat_t{}
	ts.Check(syscall.Stat(ts.Getenv("CHECK_ENGINES"), &owner))
	// Beside the prepared one: an engine cannot be read, so it comes as a link.
	dir, err := os.MkdirTemp(filepath.Dir(ts.Getenv("CHECK_ENGINES")), "wanting")
	ts.Check(err)
	ts.Defer(func() {
		packs, _ := filepath.Glob(filepath.Join(dir, "*/."))
		for _, pack := range packs {
			ts.Check(os.Chmod(pack, 0o700)) // else an ordinary account cannot remove it
		}
		ts.Check(os.RemoveAll(dir))
	})
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	ts.Check(err)
	ts.Defer(func() { f.Close() })
	ts.Check(syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	ts.Check(errors.Join(os.Chown(dir, int(owner.Uid), int(owner.Gid)), f.Chown(int(owner.Uid), int(owner.Gid))))
	path := filepath.Join(ts.Getenv("ABATON_CONFIG_DIR"), "abaton.toml")
	text := strings.Replace(ts.ReadFile(path), strconv.Quote(ts.Getenv("CHECK_ENGINES")), strconv.Quote(dir), 1)
	ts.Check(os.WriteFile(path, []byte(text), 0o644))
	ts.Value(servedKey{}).(*current).pull = f
}

// served is a running `abaton serve` of a story.
type served struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
	out  *bytes.Buffer // guarded by done
}

// serving [FLAGS]: starts `abaton serve` on a free port, waits for what it
// says, and sets URL, TOKEN and SERVE_PID. What it said is in serve.out.
func serving(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(lookPath(ts, "abaton"), append([]string{"serve", "--address", "127.0.0.1:0"}, args...)...)
	cmd.Env = storyEnv(ts)
	cmd.Dir = ts.MkAbs(".")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = w, w
	ts.Check(cmd.Start())
	w.Close()
	s := &served{cmd: cmd, done: make(chan struct{}), out: &bytes.Buffer{}}
	ready := make(chan bool, 1)
	go func() {
		defer close(s.done)
		buf := make([]byte, 4096)
		for {
			n, err := r.Read(buf)
			s.out.Write(buf[:n])
			if regexp.MustCompile(`token +\S+.*\n`).Match(s.out.Bytes()) {
				select {
				case ready <- true:
				default:
				}
			}
			if err != nil {
				break
			}
		}
		s.err = cmd.Wait()
		select {
		case ready <- false:
		default:
		}
	}()
	ts.Defer(func() { _ = cmd.Process.Kill(); <-s.done })
	ok := <-ready
	if !ok {
		ts.Fatalf("abaton serve ended (%v):\n%s", s.err, s.out)
	}
	said := s.out.String()
	ts.Check(os.WriteFile(ts.MkAbs("serve.out"), []byte(said), 0o600))
	ts.Setenv("URL", regexp.MustCompile(`http://[^/\s]+`).FindString(said))
	ts.Setenv("TOKEN", regexp.MustCompile(`abt_\w{43}`).FindString(said))
	ts.Setenv("SERVE_PID", strconv.Itoa(cmd.Process.Pid))
	ts.Value(servedKey{}).(*current).served = s
}

// current is the server of one story, and the pull that another one waits for;
// stories run side by side.
type current struct {
	served *served
	pull   *os.File // the lock that it waits for
}

type servedKey struct{}

// ends SIGNAL CODE: the server gets a signal and ends with this exit code.
func ends(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(servedKey{}).(*current).served
	if s == nil {
		ts.Fatalf("nothing is serving")
	}
	sig := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}[args[0]]
	ts.Check(s.cmd.Process.Signal(sig))
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		ts.Fatalf("abaton serve did not end:\n%s", ts.ReadFile("serve.out"))
	}
	code := 0
	if e, ok := errors.AsType[*exec.ExitError](s.err); ok {
		code = e.ExitCode()
	}
	ts.Check(os.WriteFile(ts.MkAbs("serve.out"), s.out.Bytes(), 0o600))
	if strconv.Itoa(code) != args[1] {
		ts.Fatalf("abaton serve ended with %d, want %s:\n%s", code, args[1], s.out)
	}
}

// json FILE KEY REGEXP: the value at a dotted path of a JSON file matches.
func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH REGEXP")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for key := range strings.SplitSeq(args[1], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i, err := strconv.Atoi(key)
			ts.Check(err)
			if i >= len(x) {
				ts.Fatalf("%s has %d entries", args[1], len(x))
			}
			v = x[i]
		default:
			ts.Fatalf("nothing below %q", key)
		}
	}
	if regexp.MustCompile(args[2]).MatchString(fmt.Sprint(v)) == neg {
		ts.Fatalf("%s is %v", args[1], v)
	}
}

func lookPath(ts *testscript.TestScript, name string) string {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), ":") {
		if p := filepath.Join(dir, name); exec.Command(p).Err == nil {
			if _, err := os.Stat(p); err == nil {
				return p
			}
		}
	}
	ts.Fatalf("%s is not found", name)
	return ""
}

// storyEnv is the environment of a story's programs.
func storyEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TERM", "NO_COLOR", "DISPLAY", "SSH_CONNECTION", "ABATON_CONFIG_DIR", "ABATON_DATA_DIR", "ABATON_STATE_DIR", "ABATON_CACHE_DIR", "ABATON_RUNTIME_DIR", "ABATON_USER", "ABATON_TEMPERATURE", "ABATON_THREADS", "ABATON_INSTRUCTION"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// httpMain is `http [--socket PATH] [--token T] [--host H] [--shape S] METHOD URL [BODY]`: prints the
// status, the shape where there is one, then the body. A small curl, for machines without one.
func httpMain() {
	client := &http.Client{Timeout: time.Minute}
	header := http.Header{"Content-Type": {"application/json"}}
	args, host := os.Args[1:], ""
	for len(args) > 1 && strings.HasPrefix(args[0], "--") {
		switch args[0] {
		case "--socket":
			path := args[1]
			client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			}}
		case "--token":
			header.Set("Authorization", "Bearer "+args[1])
		case "--origin":
			header.Set("Origin", args[1])
		case "--shape":
			header.Set("X-Abaton-Shape", args[1])
		case "--host":
			host = args[1]
		}
		args = args[2:]
	}
	var body io.Reader
	if len(args) > 2 {
		body = strings.NewReader(args[2])
	}
	req, err := http.NewRequest(args[0], args[1], body)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	req.Header = header
	if host != "" {
		req.Host = host
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	if shape := resp.Header.Get("X-Abaton-Shape"); shape != "" {
		fmt.Println("shape:", shape)
	}
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
