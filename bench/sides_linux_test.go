// Package bench measures what walls around the model cost: the built program
// and the bare engine, same pack, same model, same flags, in one run.
package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
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
	h := filepath.Join(home(b), "pulled")
	cmd := exec.Command(os.Getenv("ABATON_BIN"), args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "ABATON_CONFIG_DIR="+h+"/config", "ABATON_DATA_DIR="+h+"/data",
		"ABATON_STATE_DIR="+h+"/state", "ABATON_CACHE_DIR="+h+"/cache", "ABATON_RUNTIME_DIR="+h+"/run")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	return cmd
}

// side is one of the two things compared: something that speaks chat completions.
type side struct {
	name   string
	url    string
	client *http.Client
	token  string
	pid    int
	stop   func()
}

// serve starts `abaton serve` and waits for its address. A token is made by the
// first start only, so the home's token file is removed before.
func serve(b testing.TB) *side {
	b.Helper()
	_ = os.Remove(filepath.Join(home(b), "pulled", "data", "token.json"))
	cmd := program(b, "serve", "--address", "127.0.0.1:0")
	cmd.Stderr = nil
	out, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s := &side{name: "abaton serve", client: &http.Client{}, pid: cmd.Process.Pid}
	s.stop = sync.OnceFunc(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	b.Cleanup(s.stop)
	lines := bufio.NewScanner(out)
	address, token := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`), regexp.MustCompile(`abt_[A-Za-z0-9_-]{20,}`)
	var said []string
	for (s.url == "" || s.token == "") && lines.Scan() {
		said = append(said, lines.Text())
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			s.url = "http://" + m[1]
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
	argv = slices.Clone(argv)
	dir := b.TempDir()
	port := freePort(b)
	model, _ := filepath.Glob(filepath.Join(home(b), "own", "models", "*.gguf"))
	server, _ := filepath.Glob(filepath.Join(home(b), "own", "engines", "*", "llama-server"))
	if len(model) != 1 || len(server) != 1 {
		b.Fatalf("want one model and one engine below %s, got %q and %q", home(b), model, server)
	}
	if err := os.Mkdir(filepath.Join(dir, "slots"), 0o700); err != nil {
		b.Fatal(err)
	}
	for i, a := range argv {
		a = regexp.MustCompile(`^\S*/model\.gguf$`).ReplaceAllLiteralString(a, model[0])
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
	s := &side{name: "bare engine", url: "http://127.0.0.1:" + port, pid: cmd.Process.Pid, client: &http.Client{Transport: &http.Transport{
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

// engineArgs finds the engine below the server and reads its arguments.
func engineArgs(b testing.TB, server int) []string {
	b.Helper()
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
			return strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		}
	}
	b.Fatal("no engine process below the server")
	return nil
}

// answer is one streamed answer, timed at the client.
type answer struct {
	first  time.Duration // until the first piece of text
	decode time.Duration // from the first piece of text to the last
	pieces int           // pieces of text: the bare engine sends one per token, abaton all that came in a frame
	tokens int           // as the engine counted
}

func (s *side) ask(b testing.TB, prompt string, tokens int) answer {
	b.Helper()
	body, err := json.Marshal(map[string]any{
		"model": "smollm2-135m", "messages": []map[string]string{{"role": "user", "content": prompt}},
		"max_tokens": tokens, "temperature": 0, "seed": 1, "stream": true,
		"stream_options": map[string]bool{"include_usage": true},
	})
	if err != nil {
		b.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.url+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	start := time.Now()
	r, err := s.client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 4096))
		b.Fatalf("%s: %s: %s", s.name, r.Status, text)
	}
	var a answer
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
			Usage   *struct {
				CompletionTokens int `json:"completion_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			b.Fatalf("%s: %v in %q", s.name, err, data)
		}
		if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			if a.pieces++; a.pieces == 1 {
				a.first = time.Since(start)
			}
			a.decode = time.Since(start) - a.first
		}
		if chunk.Usage != nil {
			a.tokens = chunk.Usage.CompletionTokens
		}
	}
	if err := lines.Err(); err != nil || a.pieces < 2 || a.tokens < a.pieces {
		b.Fatalf("%s: answer broke off after %d pieces, %d tokens: %v", s.name, a.pieces, a.tokens, err)
	}
	return a
}

func rss(b testing.TB, pid int) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		b.Fatal("no VmRSS")
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n * 1024
}
