package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// prepared finds the real engine and the real model that `make base` prepared.
func prepared(t testing.TB) (server, model string) {
	t.Helper()
	home := os.Getenv("ABATON_CHECK_HOME")
	if home == "" {
		t.Fatal("no real engine: run `make check`, which sets ABATON_CHECK_HOME")
	}
	_ = filepath.WalkDir(home, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if d.Name() == "llama-server" {
			server = p
		}
		if f, err := os.Open(p); err == nil {
			magic := make([]byte, 4)
			if _, err := io.ReadFull(f, magic); err == nil && string(magic) == "GGUF" {
				model = p
			}
			_ = f.Close()
		}
		return nil
	})
	if server == "" || model == "" {
		t.Fatalf("no llama-server or no model below %s: run `make base`", home)
	}
	return server, model
}

// engineSpec is a spec for the real engine, as the engine room would write it.
func engineSpec(t testing.TB) Spec {
	t.Helper()
	server, model := prepared(t)
	opened, err := os.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	program, err := os.Open(server)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	libraries, err := libraryFiles(program, server)
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, l := range libraries {
		dirs = append(dirs, filepath.Dir(l.Path))
	}
	return Spec{
		Name: "engine", Policy: Native, Program: File{Path: server, Inside: "/engine"},
		Files:  append([]File{{Path: model, Inside: "/model.gguf", Opened: opened}}, libraries...),
		Memory: 1 << 30, RunSize: 64 << 20, FileSize: 64 << 20, RunDirs: []string{"slots"},
		Env: []string{"LANG=C.UTF-8", "GGML_NO_BACKTRACE=1", "HOME=/nonexistent", "LD_LIBRARY_PATH=" + strings.Join(dirs, ":")},
		Args: func(at func(string) string) []string {
			return []string{"-m", at("/model.gguf"), "--host", at("/run/engine.sock"), "--slot-save-path", at("/run/slots"),
				"--offline", "--no-ui", "--cache-ram", "0", "-c", "512", "-np", "1", "-t", "1", "-tb", "1", "--threads-http", "4", "--log-verbosity", "1"}
		},
	}
}

// speak makes one request to the engine behind a jail's /run. It uses no
// package net, so that this test binary stays static and can run as a program
// under every policy.
func speak(run *os.File, method, path, body string) (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(fd), "engine")
	defer f.Close()
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/engine.sock", run.Fd())}); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(f, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body); err != nil {
		return "", err
	}
	b, err := io.ReadAll(f)
	head, text, _ := strings.Cut(string(b), "\r\n\r\n")
	if err == nil && !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		err = errors.New(strings.SplitN(head, "\r\n", 2)[0] + " " + text)
	}
	return text, err
}

// healthy waits until the engine answers.
func healthy(t testing.TB, p *Process) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case <-p.Done():
			t.Fatalf("the engine ended: %s", p.Exit())
		default:
		}
		if _, err := speak(p.RunDir(), "GET", "/health", ""); err == nil {
			return
		}
	}
	t.Fatal("the engine never became healthy")
}

// TestEngine lets the real engine answer a question and save its memory, in
// every tier.
func TestEngine(t *testing.T) {
	for _, tier := range []Tier{TierA, TierB, TierC, TierD} {
		t.Run(string(tier), func(t *testing.T) { engineWorks(t, jailAt(t, tier)) })
	}
}

func engineWorks(t *testing.T, j *Jail) {
	s := engineSpec(t)
	var complaints bytes.Buffer
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { _, _ = io.Copy(&complaints, r); close(read) }()
	s.Stderr = w
	p, err := j.start(t.Context(), s, j.tier)
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer p.RunDir().Close()
	defer func() {
		_ = p.Kill()
		<-p.Done()
		<-read
		if e := p.Exit(); !e.Killed || e.PolicyHit {
			t.Errorf("the engine ended by itself: %+v\n%s", e, complaints.String())
		}
	}()
	healthy(t, p)
	text, err := speak(p.RunDir(), "POST", "/v1/chat/completions",
		`{"messages":[{"role":"user","content":"What is the capital of France?"}],"max_tokens":8,"temperature":0,"id_slot":0}`)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Choices) != 1 || answer.Choices[0].Message.Content == "" {
		t.Errorf("answered %q (%v)", text, err)
	}
	text, err = speak(p.RunDir(), "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"Name a colour."}],"max_tokens":8,"temperature":0,"stream":true,
		"response_format":{"type":"json_schema","json_schema":{"name":"c","schema":{"type":"object","properties":{"colour":{"type":"string"}},"required":["colour"]}}}}`)
	if err != nil || !strings.Contains(text, "data: ") {
		t.Errorf("streamed %q (%v)", text, err)
	}
	for _, action := range []string{"save", "erase", "restore"} {
		if text, err := speak(p.RunDir(), "POST", "/slots/0?action="+action, `{"filename":"s"}`); err != nil {
			t.Errorf("%s a slot: %v %s", action, err, text)
		}
	}
	if fi, err := os.Stat(fmt.Sprintf("/proc/self/fd/%d/slots/s", p.RunDir().Fd())); err != nil || fi.Size() < 1000 {
		t.Errorf("the saved slot cannot be seen from outside: %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	var st unix.Siginfo
	if err := unix.Waitid(unix.P_PID, p.PID(), &st, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Errorf("it was not stopped: %v", err)
	}
	if err := p.Continue(); err != nil {
		t.Error(err)
	}
	if _, err := speak(p.RunDir(), "GET", "/slots", ""); err != nil {
		t.Errorf("after it went on: %v", err)
	}
}
