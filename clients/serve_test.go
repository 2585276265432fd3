// Package clients holds the built program against client libraries and
// programs of other people, as they come from the package registries.
package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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

// server is one running `abaton serve`, for all tests of the package.
type server struct {
	address string // 127.0.0.1:41234
	keyless string // the same, for programs that send no key
	token   string // of a person who is set up; it asks models and opens nothing
	work    string // folder with the sockets of the relays
	pid     int
	flags   []string // further ones; what is set here holds from the next start on
}

// Models that are asked. Both are very small.
const (
	model    = "smollm2-135m"
	embedder = "minilm"
)

var served server

// runVerb runs a verb of the program, with a line of standard input.
var runVerb func(line string, args ...string) (string, error)

// anew starts the server anew where it was: it gives a model up whose engine
// ended a few times in a short while, and tests make it end.
var anew func() error

func TestMain(m *testing.M) {
	if done, err := playedPart(); done {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
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
	h, err := newHouse(bin, home, work)
	if err != nil {
		return 1, err
	}
	runVerb = h.run
	id, token, err := h.person()
	if err != nil {
		return 1, err
	}
	served = server{token: token, work: work, address: "127.0.0.1:0", keyless: "127.0.0.1:0"}
	stop, err := h.serve(id)
	if err != nil {
		return 1, err
	}
	defer func() { stop() }()
	anew = func() error {
		stop()
		stop, err = h.serve(id)
		return err
	}
	stopRelays, err := relays(h.uid, h.gid)
	if err != nil {
		return 1, err
	}
	defer stopRelays()
	return m.Run(), nil
}

// house is where the program keeps its things, as an administrator lays them out.
type house struct {
	bin, work string
	env       []string
	uid, gid  int // that it runs as
}

func newHouse(bin, home, work string) (*house, error) {
	h := &house{bin: bin, work: work, uid: os.Getuid(), gid: os.Getgid()}
	if h.uid == 0 { // the program becomes an account of its own, which must own what it runs
		u, err := user.Lookup("abaton")
		if err != nil {
			return nil, fmt.Errorf("%w: run `make check`, which makes the account", err)
		}
		h.uid, _ = strconv.Atoi(u.Uid)
		h.gid, _ = strconv.Atoi(u.Gid)
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return nil, err
	}
	its := filepath.Join(work, "its")
	if out, err := exec.Command("cp", "-a", home, its).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	h.env = append(os.Environ(), "ABATON_CONFIG_DIR="+filepath.Join(work, "config"))
	if err := os.Mkdir(filepath.Join(work, "config"), 0o755); err != nil {
		return nil, err
	}
	for _, name := range []string{"data", "state", "cache", "runtime"} {
		h.env = append(h.env, "ABATON_"+strings.ToUpper(name)+"_DIR="+filepath.Join(its, name))
		if err := os.Mkdir(filepath.Join(its, name), 0o700); err != nil {
			return nil, err
		}
	}
	// One thread, for threads that wait for each other crawl where the machine does other things, too.
	conf := fmt.Sprintf("model = %q\nthreads = 1\n[folders]\nmodels = %q\nengines = %q\n", model, filepath.Join(its, "models"), filepath.Join(its, "engines"))
	if err := os.WriteFile(filepath.Join(work, "config", "abaton.toml"), []byte(conf), 0o644); err != nil {
		return nil, err
	}
	err := filepath.WalkDir(its, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, h.uid, h.gid)
	})
	if err != nil {
		return nil, err
	}
	// A prepared embedding model, taken as a person would take a file of theirs.
	b, err := os.ReadFile(filepath.Join(os.Getenv("ABATON_CHECK_CACHE"), "minilm", "minilm.gguf"))
	if err != nil {
		return nil, fmt.Errorf("%w: run `make base`, which prepares it", err)
	}
	file := filepath.Join(work, "minilm.gguf")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		return nil, err
	}
	_, err = h.run("", "pull", "file:"+file)
	return h, err
}

// run runs a verb with a line of standard input, and gives what it printed.
func (h *house) run(line string, args ...string) (string, error) {
	cmd := exec.Command(h.bin, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = h.env, "/", strings.NewReader(line+"\n")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("abaton %s: %w: %s", args[0], err, errs.String())
	}
	return string(out), nil
}

// person sets somebody up, with a token for programs.
func (h *house) person() (id, token string, err error) {
	const passphrase = "the passphrase of a person in a test"
	if _, err = h.run(passphrase, "setup", "--person", "ada"); err != nil {
		return "", "", err
	}
	if token, err = h.run(passphrase, "keys", "create", "clients", "--person", "ada"); err != nil {
		return "", "", err
	}
	list, err := h.run(passphrase, "keys", "--person", "ada", "--json")
	if err != nil {
		return "", "", err
	}
	var keys []struct{ ID string }
	if err := json.Unmarshal([]byte(list), &keys); err != nil || len(keys) != 1 {
		return "", "", fmt.Errorf("abaton keys --json: %w: %s", err, list)
	}
	return keys[0].ID, strings.TrimSpace(token), nil
}

// serve starts the server, with a door for programs that send no key.
func (h *house) serve(key string) (stop func(), err error) {
	cmd := exec.Command(h.bin, append([]string{"serve", "--address", served.address, "--keyless-key", key, "--keyless-address", served.keyless}, served.flags...)...)
	cmd.Env, cmd.Dir = h.env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w.Close()
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	if err := h.announced(r); err != nil {
		stop()
		return nil, err
	}
	served.pid = cmd.Process.Pid
	go func() { _, _ = io.Copy(os.Stderr, r) }()
	return stop, nil
}

// announced reads what serve says at its start.
func (h *house) announced(r io.Reader) error {
	address := regexp.MustCompile(`^  (address|keyless) +http://(127\.0\.0\.1:\d+)`)
	var said []string
	served.address, served.keyless = "", ""
	for lines := bufio.NewScanner(r); lines.Scan(); {
		said = append(said, lines.Text())
		switch m := address.FindStringSubmatch(lines.Text()); {
		case m == nil:
		case m[1] == "address":
			served.address = m[2]
		default:
			served.keyless = m[2]
		}
		if strings.HasPrefix(lines.Text(), "  token ") && served.address != "" && served.keyless != "" {
			return nil
		}
	}
	return fmt.Errorf("abaton serve did not say where it serves:\n%s", strings.Join(said, "\n"))
}

// breakWorkers ends the engine's processes as the kernel does where memory is
// short. Weaker signals do not reach the first process of a namespace.
func breakWorkers() error {
	parents := map[int]int{}
	workers := map[int]bool{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// "12 (name) S 11 …"; a name may hold anything
		i, j := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
		fields := strings.Fields(string(b[j+1:]))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:i])))
		parents[pid], _ = strconv.Atoi(fields[1])
		workers[pid] = string(b[i+1:j]) == "engine"
	}
	broken := 0
	for pid, is := range workers {
		ours := pid
		for ours > 1 && ours != served.pid {
			ours = parents[ours]
		}
		if is && ours == served.pid && syscall.Kill(pid, syscall.SIGKILL) == nil {
			broken++
		}
	}
	if broken == 0 {
		return fmt.Errorf("no worker of process %d is running", served.pid)
	}
	return nil
}

// breaker breaks workers for programs that cannot.
func breaker(w http.ResponseWriter, _ *http.Request) {
	if err := breakWorkers(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
