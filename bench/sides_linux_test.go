// Package bench measures what walls around the model cost: the built program
// and the bare engine, same pack, same model, same flags, in one run.
package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// home is the folder that `make base` prepared; the program owns home/pulled.
func home(b testing.TB) string {
	b.Helper()
	own := os.Getenv("ABATON_CHECK_HOME")
	if own == "" || os.Getenv("ABATON_BIN") == "" {
		b.Fatal("run `make bench`, which builds the program and prepares engine and model")
	}
	return filepath.Dir(own)
}

// program is the built program with its folders below the prepared home.
func program(b testing.TB, args ...string) *exec.Cmd {
	return programIn(filepath.Join(home(b), "pulled"), args...)
}

// programIn is it with its folders below h.
func programIn(h string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Getenv("ABATON_BIN"), args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "ABATON_CONFIG_DIR="+h+"/config", "ABATON_DATA_DIR="+h+"/data",
		"ABATON_STATE_DIR="+h+"/state", "ABATON_CACHE_DIR="+h+"/cache", "ABATON_RUNTIME_DIR="+h+"/run")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	return cmd
}

// side is one of the things compared: something that answers.
type side struct {
	name    string
	dialect dialect
	model   string
	url     string
	client  *http.Client
	token   string
	others  string // address for other machines, by TLS
	pid     int
	stop    func()
}

// starter is the name of the model that was prepared.
const starter = "smollm2-135m"

// as is the same side by other words.
func (s side) as(d dialect) *side {
	s.name, s.dialect = s.name+", "+d.name, d
	return &s
}

// serve starts `abaton serve` and waits for its address. A token is made by the
// first start only, so the home's token file is removed before.
func serve(b testing.TB) *side {
	b.Helper()
	return serveIn(b, filepath.Join(home(b), "pulled"))
}

func serveIn(b testing.TB, h string, flags ...string) *side {
	b.Helper()
	_ = os.Remove(filepath.Join(h, "data", "token.json"))
	cmd := programIn(h, append([]string{"serve", "--address", "127.0.0.1:0"}, flags...)...)
	cmd.Stderr = nil
	out, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s := &side{name: "abaton serve", dialect: openAI, model: starter, client: &http.Client{}, pid: cmd.Process.Pid}
	s.stop = sync.OnceFunc(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	b.Cleanup(s.stop)
	lines := bufio.NewScanner(out)
	address, others, token := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`), regexp.MustCompile(`https://(127\.0\.0\.1:\d+)`), regexp.MustCompile(`abt_[A-Za-z0-9_-]{20,}`)
	var said []string
	for (s.url == "" || s.token == "") && lines.Scan() {
		said = append(said, lines.Text())
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			s.url = "http://" + m[1]
		}
		if m := others.FindStringSubmatch(lines.Text()); m != nil {
			s.others = m[1]
		}
		if m := token.FindString(lines.Text()); m != "" {
			s.token = m
		}
	}
	if s.url == "" || s.token == "" {
		b.Fatalf("abaton serve said no address or token:\n%s", strings.Join(said, "\n"))
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s
}

// bare starts the same engine binary with the very arguments that the jailed
// one got, read from the kernel, with only paths replaced.
func bare(b testing.TB, argv []string) (*side, time.Duration) {
	b.Helper()
	model, _ := filepath.Glob(filepath.Join(home(b), "own", "models", "*.gguf"))
	if len(model) != 1 {
		b.Fatalf("want one model below %s, got %q", home(b), model)
	}
	return bareOf(b, argv, model[0])
}

// bareOf is bare with a model of one's own.
func bareOf(b testing.TB, argv []string, model string) (*side, time.Duration) {
	b.Helper()
	argv = slices.Clone(argv)
	dir := b.TempDir()
	port := freePort(b)
	server, _ := filepath.Glob(filepath.Join(home(b), "own", "engines", "*", "llama-server"))
	if len(server) != 1 {
		b.Fatalf("want one engine below %s, got %q", home(b), server)
	}
	if err := os.Mkdir(filepath.Join(dir, "slots"), 0o700); err != nil {
		b.Fatal(err)
	}
	for i, a := range argv {
		a = regexp.MustCompile(`^\S*/model\.gguf$`).ReplaceAllLiteralString(a, model)
		a = regexp.MustCompile(`^\S*/engine\.sock$`).ReplaceAllLiteralString(a, "127.0.0.1")
		argv[i] = regexp.MustCompile(`^\S*/slots$`).ReplaceAllLiteralString(a, filepath.Join(dir, "slots"))
	}
	argv = append(argv, "--port", port)
	cmd := exec.Command(server[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = []string{"LANG=C.UTF-8"}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s := &side{name: "bare engine", dialect: openAI, model: starter, url: "http://127.0.0.1:" + port, pid: cmd.Process.Pid, client: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true}}} // the engine drops idle connections, in the middle of a request too
	s.stop = sync.OnceFunc(func() { s.client.CloseIdleConnections(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	b.Cleanup(s.stop)
	for range time.Tick(2 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			b.Fatal("the bare engine does not become healthy")
		}
		r, err := s.client.Get(s.url + "/health")
		if err != nil {
			continue
		}
		_ = r.Body.Close()
		if r.StatusCode == http.StatusOK {
			break
		}
	}
	return s, time.Since(start)
}

func freePort(b testing.TB) string {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// with is argv with another value of an option.
func with(argv []string, option, value string) []string {
	argv = slices.Clone(argv)
	if i := slices.Index(argv, option); i >= 0 && i+1 < len(argv) {
		argv[i+1] = value
		return argv
	}
	return append(argv, option, value)
}

// process is an engine as the kernel knows it.
type process struct {
	pid  int
	argv []string
}

// enginesOf finds the engines below the server.
func enginesOf(server int) (found []process) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range stats {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		rest := string(text[bytes.LastIndexByte(text, ')')+1:])
		if fields := strings.Fields(rest); len(fields) < 2 || fields[1] != strconv.Itoa(server) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline"))
		if err == nil && bytes.Contains(line, []byte("engine.sock")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			found = append(found, process{pid, strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")})
		}
	}
	return found
}

// engineArgs are the arguments of an engine below the server.
func engineArgs(b testing.TB, server int) []string {
	b.Helper()
	found := enginesOf(server)
	if len(found) == 0 {
		b.Fatal("no engine process below the server")
	}
	return found[0].argv
}

// rss is what a process holds of memory, in bytes.
func rss(b testing.TB, pid int) int { return memory(b, pid, "VmRSS") }

// memory reads a line of proc(5)'s status, in bytes.
func memory(b testing.TB, pid int, line string) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(line + `:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		b.Fatalf("no %s of process %d", line, pid)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n * 1024
}
