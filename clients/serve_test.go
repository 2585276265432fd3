// Package clients holds the built program against the official client
// libraries of the OpenAI interface, as people install them.
package clients

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Versions of the libraries, pinned so that a red test means a change of ours.
// The Go library's stands in go.mod.
const (
	pythonOpenAI = "3.54.0"
	nodeOpenAI   = "7.57.0"
)

// server is one running `abaton serve`, for all tests of the package.
type server struct {
	url   string // with /v1
	token string
	model string
}

// What is asked.
const (
	instruction = "Answer the question truthfully and in few words." // the model is very small
	question    = "What is the capital of France?"
)

var served server

func TestMain(m *testing.M) {
	code, err := withServer(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withServer(m *testing.M) (code int, err error) {
	bin, home := os.Getenv("ABATON_BIN"), os.Getenv("ABATON_CHECK_HOME")
	if bin == "" || home == "" {
		return 1, fmt.Errorf("run `make check` or `make clients`, which build the program and prepare engine and model")
	}
	work, err := os.MkdirTemp("", "abaton-clients-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil {
		return 1, err
	}
	if os.Getuid() == 0 { // the program becomes its own account, which must own what it runs
		if home, err = handOver(home, filepath.Join(work, "home")); err != nil {
			return 1, err
		}
	}
	conf := fmt.Sprintf("model = \"smollm2-135m\"\n[folders]\nmodels = %q\nengines = %q\n", filepath.Join(home, "models"), filepath.Join(home, "engines"))
	if err := os.Mkdir(filepath.Join(work, "config"), 0o755); err != nil {
		return 1, err
	}
	if err := os.WriteFile(filepath.Join(work, "config", "abaton.toml"), []byte(conf), 0o644); err != nil {
		return 1, err
	}
	cmd := exec.Command(bin, "serve", "--address", "127.0.0.1:0")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "ABATON_CONFIG_DIR="+work+"/config", "ABATON_DATA_DIR="+work+"/data",
		"ABATON_STATE_DIR="+work+"/state", "ABATON_CACHE_DIR="+work+"/cache", "ABATON_RUNTIME_DIR="+work+"/run")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		return 1, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	w.Close()
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	if served, err = announced(r); err != nil {
		return 1, err
	}
	go func() { _, _ = io.Copy(os.Stderr, r) }()
	return m.Run(), nil
}

// announced reads what serve says at its start.
func announced(r io.Reader) (server, error) {
	address, token := regexp.MustCompile(`http://127\.0\.0\.1:\d+`), regexp.MustCompile(`abt_[A-Za-z0-9]{43}`)
	s := server{model: "smollm2-135m"}
	var said []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		said = append(said, lines.Text())
		if m := address.FindString(lines.Text()); m != "" {
			s.url = m + "/v1"
		}
		if m := token.FindString(lines.Text()); m != "" {
			s.token = m
		}
		if s.url != "" && s.token != "" {
			return s, nil
		}
	}
	return s, fmt.Errorf("abaton serve said no address or no token:\n%s", strings.Join(said, "\n"))
}

// handOver copies engine and models for the account that the program becomes.
func handOver(from, to string) (string, error) {
	u, err := user.Lookup("abaton")
	if err != nil {
		return "", fmt.Errorf("%w: run `make check`, which makes the account", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Mkdir(to, 0o700); err != nil {
		return "", err
	}
	if out, err := exec.Command("cp", "-a", filepath.Join(from, "models"), filepath.Join(from, "engines"), to).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return to, filepath.WalkDir(to, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// cache is a folder that outlives a run, where packages are installed.
func cache(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("ABATON_CHECK_CACHE")
	if dir == "" {
		t.Fatal("ABATON_CHECK_CACHE names no folder: run `make clients`")
	}
	dir = filepath.Join(dir, "clients", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// command runs a program and gives its standard output; it must succeed.
func command(t *testing.T, dir string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}
