package gateway

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"abaton.local/posture"
	"abaton.local/sandbox"
	"abaton.local/vault"
)

// A locked-down server answers at both doors, looks at its own listeners, and
// leaves nothing behind. Root never serves, so its tests ask another account's
// server.
func TestServesWhenLockedDown(t *testing.T) {
	uid, want := uint32(os.Geteuid()), 200
	if uid == 0 {
		uid, want = 65534, 403
	}
	live, stop := child(t, "serve-locked-down=", uid)
	if a := raw(t, "tcp", live.Address, request("GET", "/", live.Address, bearer(live.Token))); a.StatusCode != 200 || a.Header.Get("Reached") != "owner" {
		t.Errorf("tcp: %s %s", a.Status, a.body)
	}
	if a := raw(t, "unix", live.Socket, request("GET", "/", "localhost")); a.StatusCode != want {
		t.Errorf("socket: %s %s", a.Status, a.body)
	}
	if live.NET01 != string(posture.Pass) {
		t.Errorf("NET-01 seen from inside: %s", live.NET01)
	}
	// From beside only root can read its descriptors.
	beside := map[string]posture.Status{"NET-01": posture.Pass, "WEB-02": posture.Pass}
	if os.Geteuid() != 0 {
		beside["NET-01"] = posture.Unknown
	}
	for _, c := range Checks(Live{Address: live.Address, Socket: live.Socket}) {
		if f := c.Run(t.Context()); f.Status != beside[c.ID] {
			t.Errorf("%s seen from beside: %+v", c.ID, f)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(live.Socket), "*.sock")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// living is what a child server tells about itself.
type living struct{ Socket, Address, Token, NET01 string }

// child starts a copy of this test binary as another server.
func child(t *testing.T, verb string, uid uint32) (live living, stop func() error) {
	t.Helper()
	dir := privateDir(t)
	program := filepath.Join(dir, "test")
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, verb+dir)
	cmd.Dir, cmd.Stderr = "/", os.Stderr
	if int(uid) != os.Geteuid() {
		if err := os.Chown(dir, int(uid), int(uid)); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() error {
		ended = true
		in.Close()
		return cmd.Wait()
	}
	t.Cleanup(func() {
		if !ended {
			stop()
		}
	})
	if _, err := fmt.Fscan(out, &live.Socket, &live.Address, &live.Token, &live.NET01); err != nil {
		t.Fatal(err)
	}
	return live, stop
}

// serveUntilEOF is the child. It ends with its input.
func serveUntilEOF(dir string, lockDown bool) int {
	err := func() error {
		g, err := Listen(Config{Address: "127.0.0.1:0", Socket: filepath.Join(dir, "abaton.sock")})
		if err != nil {
			return err
		}
		tokens, err := vault.OpenTokens(dir)
		if err != nil {
			return err
		}
		token, _, err := tokens.First()
		if err != nil {
			return err
		}
		ctx, cancel := contextUntilEOF(os.Stdin)
		defer cancel()
		if lockDown {
			if err := sandbox.LockDown(); err != nil {
				return err
			}
		}
		f := g.Checks()[0].Run(ctx)
		fmt.Println(g.config.Socket, g.Addr(), token.Reveal(), f.Status)
		if f.Status != posture.Pass {
			fmt.Fprintf(os.Stderr, "%+v\n", f)
		}
		return g.Serve(ctx, tokens, hello)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// childMain runs the child where the last argument asks for one.
func childMain(argument string) (code int, is bool) {
	if dir, ok := strings.CutPrefix(argument, "serve-for-another-account="); ok {
		return serveUntilEOF(dir, false), true
	}
	if dir, ok := strings.CutPrefix(argument, "serve-locked-down="); ok {
		return serveUntilEOF(dir, true), true
	}
	if dir, ok := strings.CutPrefix(argument, "world-of-others="); ok {
		return worldOfOthers(dir), true
	}
	if dir, ok := strings.CutPrefix(argument, "serve-others="); ok {
		return serveOthers(dir), true
	}
	return 0, false
}

// The socket serves the account that runs the server, and root is another one.
func TestRootIsAnotherAccountAtTheSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		return // a real second account needs root; TestAnotherAccountIsRefusedAtTheSocket needs none
	}
	live, stop := child(t, "serve-for-another-account=", 65534)
	a := raw(t, "unix", live.Socket, request("GET", "/", "localhost", bearer(live.Token)))
	if a.StatusCode != 403 || !strings.Contains(a.body, "wrong_account") || a.Header.Get("Reached") != "" {
		t.Errorf("root at another account's socket: %s %s", a.Status, a.body)
	}
	if a := raw(t, "tcp", live.Address, request("GET", "/", live.Address, bearer(live.Token))); a.StatusCode != 200 {
		t.Errorf("root with the token: %s %s", a.Status, a.body)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A server that was killed leaves nothing in the next one's way.
func TestKilledServerIsFollowed(t *testing.T) {
	live, _ := child(t, "serve-for-another-account=", uint32(os.Geteuid()))
	if _, err := Listen(Config{Socket: live.Socket}); !errors.Is(err, ErrRunning) {
		t.Fatalf("while it lives: %v", err)
	}
	pid, err := Live{Socket: live.Socket}.askPID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for { // until the kernel has let go
		h, err := Listen(Config{Socket: live.Socket, Address: live.Address})
		if err == nil {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			return
		}
		if !errors.Is(err, ErrRunning) && !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}
